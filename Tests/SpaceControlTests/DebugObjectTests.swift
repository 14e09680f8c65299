import ObjectModel
import Posix
import SpaceControl
import SpaceProtocol
import TestSupport
import Testing

@Suite struct DebugObjectTests {
    private let base: UInt64 = 0x1000_0000

    /// An object with a symbol of that name in `.text`, at the image's first byte.
    private func object(_ symbol: String) throws -> [UInt8] {
        let directory = try ScratchDirectory()
        try directory.write("object.s", Array(".globl \(symbol)\n.type \(symbol),@function\n\(symbol): ret\n".utf8))
        let path = directory.path
        try Tool.output("gcc", ["-c", "-o", "\(path)/object.o", "\(path)/object.s"])
        try Tool.output("objcopy", ["--set-section-flags", ".text=alloc,code,load", "\(path)/object.o"])
        try Tool.output(
            "ld", ["-Ttext=0x\(String(base, radix: 16))", "-e", "0", "-o", "\(path)/object", "\(path)/object.o"])
        return try directory.read("object")
    }

    private func file(_ objects: [[UInt8]]) throws -> Descriptor {
        var file = DebugObjects(count: objects.count)
        for object in objects { file.append(object, object.indices) }
        return try file.file(name: "test")
    }

    /// What gdb finds at the image's first byte.
    private func symbol(_ process: Int32) throws -> String {
        let result = try Tool.run(
            "gdb", ["-q", "-nx", "-batch", "-p", "\(process)", "-ex", "info symbol \(base)"])
        return String(
            result.output.split(separator: "\n").last { $0.contains("ymbol") || $0.contains("section") } ?? "")
    }

    @Test("objects that come with an image are known as long as it is mapped")
    func mapped() throws {
        var test = try TestSpace()
        let image = try Image.common.get()
        let process = test.space.information.process
        let none = try test.space.map(image: image.file.descriptor, segments: image.segments)
        #expect(none == 0)
        try test.space.unmap(address: base, size: image.size)
        let objects = try file([try object("gurka")])
        let place = try test.space.map(
            image: image.file.descriptor, segments: image.segments, objects: objects.number)
        #expect(place % 4096 == 0 && place > 0)
        #expect(try symbol(process) == "gurka in section .text of <in-memory@0x\(String(place + 64, radix: 16))>")
        try test.space.unmap(address: base, size: image.size)
        #expect(try symbol(process) == "No symbol matches 268435456.")
    }

    @Test("objects that are registered later take the place of those that were there")
    func replaced() throws {
        var test = try TestSpace()
        let image = try Image.common.get()
        _ = try test.load(image)
        let process = test.space.information.process
        try test.space.register(try file([try object("gurka")]), ofImage: base)
        try test.space.register(try file([try object("tomat")]), ofImage: base)
        #expect(try symbol(process).hasPrefix("tomat in section"))
        try test.space.unmap(address: base, size: image.size)
        #expect(try symbol(process).hasPrefix("No symbol"))
    }

    @Test("what is no file of objects, or is for no image, is refused, and an image that came with it is not mapped")
    func refused() throws {
        var test = try TestSpace()
        let image = try Image.common.get()
        let object = try object("gurka")
        let good = try file([object])
        let bytes = try File.read(good, at: 0, count: 64 + object.count)
        let refusal = "space: register with debugger: invalid argument (EINVAL)"
        #expect(
            message { () throws(SpaceError) in try test.space.register(good, ofImage: base) } == refusal)
        // Header: count; then of the one object its offset and its size.
        let size = UInt64(bytes.count)
        let cases: [(place: Int, value: UInt64)] = [
            (0, 0), (0, 1 << 60), (16, size - UInt64(object.count) + 1), (16, UInt64.max), (24, 0), (24, size),
            (24, .max),
        ]
        for (place, value) in cases {
            var wrong = bytes
            for byte in 0..<8 { wrong[place + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte))) }
            let file = try MemoryFile.create(name: "wrong")
            try File.writeAll(file, wrong)
            #expect(
                message { () throws(SpaceError) in
                    try test.space.map(
                        image: image.file.descriptor, segments: image.segments, objects: file.number)
                } == "space: map: invalid argument (EINVAL)", "\(place): \(value)")
        }
        let symbols = try test.load(image)
        let short = try MemoryFile.create(name: "short")
        try File.writeAll(short, [UInt8](repeating: 0, count: 15))
        #expect(message { () throws(SpaceError) in try test.space.register(short, ofImage: base) } == refusal)
        #expect(
            message { () throws(SpaceError) in try test.space.register(good, ofImage: base + 4096) } == refusal)
        let result = try test.space.call(symbols["words"], [1])
        #expect(result == 1)
    }

    // MARK: Time

    private static let slow = """
        #include <time.h>
        long variable = 42, zeros[20];
        const long constant = 7;
        static long spent(void) {
            struct timespec t;
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
            return t.tv_sec * 1000 + t.tv_nsec / 1000000;
        }
        long works(long milliseconds) { long start = spent(); while (spent() - start < milliseconds); return 7; }
        long sleeps(long milliseconds) {
            struct timespec t = {milliseconds / 1000, milliseconds % 1000 * 1000000};
            while (nanosleep(&t, &t) != 0);
            return 7;
        }
        """

    @Test("time in which a space stands still is not its module's")
    func standstill() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image(Self.slow))
        let process = test.space.information.process
        let stopper = try RunningTool(
            executable: "/bin/sh", ["-c", "sleep 0.1; kill -STOP \(process); sleep 3.5; kill -CONT \(process)"],
            environment: [])
        let result = try test.space.call(symbols["works"], [200], timeout: .seconds(3))
        #expect(result == 7)
        _ = try stopper.wait()
        // The same time at work is too much.
        let late = try test.failure(calling: symbols["works"], arguments: [4000], timeout: .milliseconds(500))
        guard case .timedOut(.call, _) = late else { throw late }
    }

    @Test("no call is late while a debugger has the space")
    func traced() throws {
        guard Tool.find("strace") != nil else { return print("skipped: strace is not installed") }
        var test = try TestSpace()
        let symbols = try test.load(try Image(Self.slow))
        let process = test.space.information.process
        let tracer = try RunningTool(
            executable: "/usr/bin/env", ["strace", "-f", "-qq", "-e", "trace=none", "-p", "\(process)"],
            environment: Tool.englishEnvironment())
        #expect(try eventually { try TaskStates(ofProcess: process).isRunningTraced })
        let result = try test.space.call(symbols["sleeps"], [1500], timeout: .milliseconds(500))
        #expect(result == 7)
        try tracer.process.signal(15)
        _ = try tracer.wait()
        let late = try test.failure(calling: symbols["sleeps"], arguments: [1500], timeout: .milliseconds(500))
        guard case .timedOut(.call, _) = late else { throw late }
    }
}
