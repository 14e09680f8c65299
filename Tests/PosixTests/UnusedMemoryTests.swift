import Posix
import Testing

@Suite struct UnusedMemoryTests {
    /// The resident memory of this process, in kB.
    private func resident() throws -> Int {
        let text = String(decoding: try File.read(path: "/proc/self/status", limit: 1 << 16), as: UTF8.self)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("VmRSS") })
        return try #require(Int(line.filter(\.isNumber)))
    }

    @Test("what threads have used, which have heaps of their own, goes back too") func heaps() throws {
        var pieces: [[UInt8]] = []
        for _ in 0..<4 {
            let made = Promise<[[UInt8]]>()
            try Threads.start(name: "heap") {
                made.fulfil((0..<1 << 14).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: 1000) })
            }
            pieces += made.wait()
        }
        #expect(pieces.count == 1 << 16)
        let full = try resident()
        pieces = []
        UnusedMemory.giveBack(moreThan: 0)
        try #expect(resident() < full - 48 << 10)
    }

    @Test("memory that was used and is not any more goes back to the system") func giveBack() throws {
        // Small pieces: a large one would be a mapping of its own, which ends with it. The last one keeps the rest from the heap's end.
        var pieces = (0..<1 << 16).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: 1000) }
        #expect(pieces.count == 1 << 16)
        let last = [UInt8](repeating: 1, count: 1000)
        pieces = []
        let unused = UnusedMemory.size
        #expect(unused > 60 << 20)
        let before = try resident()
        UnusedMemory.giveBack(moreThan: unused)
        #expect(UnusedMemory.size > 32 << 20, "at the limit nothing is done")
        UnusedMemory.giveBack(moreThan: 0)
        try #expect(resident() < before - 32 << 10)
        #expect(last.count == 1000)
    }
}
