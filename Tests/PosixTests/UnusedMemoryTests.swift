import Glibc
import Posix
import Testing

/// Each in a process of its own: here, others use memory too.
@Suite struct UnusedMemoryTests {
    @Test("what threads have used, which have heaps of their own, goes back to the system") func heaps() async {
        await #expect(processExitsWith: .success) {
            UnusedMemory.keep()
            var pieces: [[UInt8]] = []
            for _ in 0..<4 {
                let made = Promise<[[UInt8]]>()
                try Threads.start(name: "heap") {
                    made.fulfil((0..<1 << 14).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: 1000) })
                }
                pieces += made.wait()
            }
            guard pieces.count == 1 << 16 else { exit(2) }
            let full = try resident()
            pieces = []
            guard try resident() > full - 16 << 10 else { exit(3) }
            UnusedMemory.giveBack(moreThan: 0)
            guard try resident() < full - 48 << 10 else { exit(4) }
        }
    }

    @Test("memory that was used and is not any more goes back to the system") func giveBack() async {
        await #expect(processExitsWith: .success) {
            // Small pieces: a large one would be a mapping of its own, which ends with it. The last one keeps the rest from the heap's end.
            var pieces = (0..<1 << 16).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: 1000) }
            guard pieces.count == 1 << 16 else { exit(2) }
            let last = [UInt8](repeating: 1, count: 1000)
            pieces = []
            let unused = UnusedMemory.size
            guard unused > 60 << 20 else { exit(3) }
            let before = try resident()
            // At the limit nothing is done.
            UnusedMemory.giveBack(moreThan: unused)
            guard UnusedMemory.size > 32 << 20 else { exit(4) }
            UnusedMemory.giveBack(moreThan: 0)
            guard try resident() < before - 32 << 10 else { exit(5) }
            guard last.count == 1000 else { exit(6) }
        }
    }
}

/// The resident memory of this process, in kB.
private func resident() throws -> Int {
    let text = String(decoding: try File.read(path: "/proc/self/status", limit: 1 << 16), as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS") }
    return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
}
