import ObjectModel
import Synchronization
import Testing

@Suite struct WorkersTests {
    /// Four that do the last part first.
    private let backwards = Workers(count: 4) { parts, body in
        for part in (0..<parts).reversed() { body(part) }
    }

    @Test("what becomes of the parts stands in their order, whoever does them first")
    func map() {
        #expect(backwards.map(5) { "\($0)" } == ["0", "1", "2", "3", "4"])
        #expect(Workers.alone.map(3) { $0 * 2 } == [0, 2, 4])
        #expect(backwards.map(0) { $0 } == [])
    }

    @Test("of two pieces of work each has what becomes of it, whichever is done first")
    func both() {
        let done = Mutex<[Int]>([])
        for workers in [backwards, .alone] {
            let (one, other) = workers.both {
                done.withLock { $0.append(1) }
                return 7
            } _: {
                done.withLock { $0.append(2) }
                return "gurka"
            }
            #expect(one == 7 && other == "gurka")
        }
        #expect(done.withLock { $0 } == [2, 1, 1, 2])
    }

    @Test("of an array each element is in one piece, and is what it was before unless it is set")
    func array() {
        for count in [0, 1, 8191, 8192, 100_003] {
            let made = backwards.array(count, of: -1) { range, elements in
                for (index, number) in range.enumerated() where number % 2 == 0 { elements[index] += number + 1 }
            }
            #expect(made == (0..<count).map { $0 % 2 == 0 ? $0 : -1 })
        }
    }

    @Test("an array is divided from 8,192 elements on, and not for one who is alone")
    func pieces() {
        func pieces(_ workers: Workers, _ count: Int) -> Int {
            let pieces = Atomic(0)
            _ = workers.array(count, of: UInt8(0)) { _, _ in pieces.add(1, ordering: .relaxed) }
            return pieces.load(ordering: .relaxed)
        }
        #expect(pieces(backwards, 8191) == 1)
        #expect(pieces(backwards, 8192) == 2)
        #expect(pieces(backwards, 1_000_000) == 16)
        #expect(pieces(.alone, 1_000_000) == 1)
    }

    @Test("bytes are changed where they are")
    func change() {
        var bytes = [UInt8](repeating: 7, count: 4)
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        backwards.change(&raw, parts: 3) { part, bytes in
            bytes.storeBytes(of: UInt8(part), toByteOffset: part, as: UInt8.self)
        }
        #expect(bytes == [0, 1, 2, 7])
    }

    @Test("no bytes can be worked on too")
    func changeNothing() {
        var bytes: [UInt8] = []
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        let sizes = Mutex<[Int]>([])
        backwards.change(&raw, parts: 2) { _, bytes in
            let size = bytes.byteCount
            sizes.withLock { $0.append(size) }
        }
        #expect(sizes.withLock { $0 } == [0, 0])
    }

    @Test("from four things for each worker on, each is done by one; fewer are divided")
    func split() {
        #expect(backwards.split(over: 16).outer.count == 4)
        #expect(backwards.split(over: 16).inner.count == 1)
        #expect(backwards.split(over: 15).outer.count == 1)
        #expect(backwards.split(over: 15).inner.count == 4)
    }
}
