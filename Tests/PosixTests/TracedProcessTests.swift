import Posix
import TestSupport
import Testing

/// Processes that stand still while they are looked at.
@Suite struct TracedProcessTests {
    private func start(_ seconds: String) throws -> RunningTool {
        try RunningTool(executable: "/usr/bin/env", ["sleep", seconds], environment: ["PATH=/usr/bin:/bin"])
    }

    private func state(_ process: Int32) throws -> String {
        let text = String(decoding: try File.read(path: "/proc/\(process)/stat", limit: 4096), as: UTF8.self)
        return String(text.split(separator: ")").last?.split(separator: " ").first ?? "")
    }

    @Test("a process stands still, has registers, and goes on") func stop() throws {
        let tool = try start("1000")
        let process = tool.process.process
        #expect(try eventually { try state(process) == "S" })
        do {
            let traced = try TracedProcess(stopping: process)
            #expect(traced.threads == [process])
            #expect(try state(process) == "t")
            #expect(traced.registers(of: process, set: 1)?.count == 27 * 8)
            #expect(traced.registers(of: process, set: 0x7777) == nil)
        }
        #expect(try eventually { try state(process) == "S" })
        try tool.process.signal(15)
        #expect(try tool.process.wait() == .signaled(15))
    }

    @Test("a process that has gone is ENOENT, one that is looked at already EPERM") func refused() throws {
        let error = #expect(throws: SystemError.self) { _ = try TracedProcess(stopping: 999_999_999) }
        #expect(error?.code == ErrorCode.noSuchFile)
        let tool = try start("1000")
        let first = try TracedProcess(stopping: tool.process.process)
        let second = #expect(throws: SystemError.self) { _ = try TracedProcess(stopping: tool.process.process) }
        #expect(second?.code == ErrorCode.notPermitted)
        #expect(first.threads.count == 1)
    }

    @Test("memory is copied to a file, pages of zeros as holes") func copy() throws {
        let page = 4096
        var bytes = [UInt8](repeating: 0, count: 64 * page)
        for index in [0, 1, 40, 63] { bytes[index * page + 9] = 1 }
        let directory = try ScratchDirectory()
        let path = try directory.write("copy", [])
        let file = try File.open(path, .readWrite)
        let (copied, whole) = try bytes.withUnsafeBufferPointer { buffer in
            let start = UInt64(UInt(bitPattern: buffer.baseAddress))
            let first = (start + UInt64(page) - 1) & ~(UInt64(page) - 1)
            let size = UInt64(62 * page)
            let range = ProcessMemory.Range(address: first, size: size, offset: UInt64(page), isAnonymous: true)
            let skipped = Int(first - start)
            return (
                try ProcessMemory.copy(CurrentProcess.number, [range], to: file),
                Array(buffer[skipped..<skipped + 62 * page])
            )
        }
        try File.truncate(file, size: UInt64(63 * page))
        let content = try File.readAll(file, limit: 1 << 20)
        #expect(Array(content.dropFirst(page)) == whole)
        #expect(copied <= UInt64(5 * page) && copied >= UInt64(page))
        #expect(try File.status(file).allocatedSize < UInt64(20 * page))
    }

    @Test("memory that is not there is read as far as it is") func read() throws {
        #expect(try ProcessMemory.read(CurrentProcess.number, at: 8, count: 100) == [])
        let mappings = try ProcessFiles.mappings(of: CurrentProcess.number)
        let last = try #require(mappings.last { $0.isReadable && $0.name == "[stack]" })
        let bytes = try ProcessMemory.read(CurrentProcess.number, at: last.range.upperBound - 8, count: 4096)
        #expect(bytes.count == 8)
    }
}
