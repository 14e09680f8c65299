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

    @Test("where parts cannot be done, all reasons are told in their order, and what became of others is given back")
    func failures() {
        final class Counted: Sendable {
            static let living = Atomic(0)
            init() { Self.living.add(1, ordering: .relaxed) }
            deinit { Self.living.subtract(1, ordering: .relaxed) }
        }
        struct Odd: Error, Equatable { let part: Int }
        func made(_ parts: Int, allowing allowed: Int) -> Result<[Counted], Workers.Failures<Odd>> {
            backwards.map(parts) { $0 % 2 == 0 || $0 < allowed ? .success(Counted()) : .failure(Odd(part: $0)) }
        }
        guard case .failure(let failures) = made(6, allowing: 2) else {
            Issue.record("no failure")
            return
        }
        #expect(failures.list == [Odd(part: 3), Odd(part: 5)])
        #expect(Counted.living.load(ordering: .relaxed) == 0)
        #expect((try? made(6, allowing: 6).get())?.count == 6)
        #expect((try? made(0, allowing: 0).get())?.count == 0)
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

    @Test(
        "rows of several things stand side by side, empty ones among them, and are what they were before unless they are set"
    )
    func rows() {
        for workers in [backwards, .alone] {
            let (first, second, sums) = workers.rows([0, 2, 2, 5], [0, 1, 3, 3], of: (UInt8(9), -1)) {
                row, first, second, _ in
                if first.count > 0 { first[0] = UInt8(row) }
                for index in second.indices { second[index] += index * 10 }
                return first.count * 10 + second.count
            }
            #expect(first == [0, 9, 2, 9, 9])
            #expect(second == [-1, -1, 9])
            #expect(sums == [21, 2, 30])
        }
    }

    @Test("of nothing there are no rows, and of rows without elements no elements")
    func noRows() {
        let nothing = backwards.rows([0], [0], of: (0, 0)) { row, _, _, _ in row }
        #expect(nothing.0 == [] && nothing.1 == [] && nothing.2 == [])
        let empty = backwards.rows([0, 0], [0, 0], [0, 0], of: (0, 0, 0)) { row, _, _, _, _ in row }
        #expect(empty.0 == [] && empty.1 == [] && empty.2 == [] && empty.3 == [0])
    }

    @Test("who makes a row of few has others to help, and of many none")
    func helpers() {
        for (count, helpers) in [(15, 4), (16, 1)] {
            let starts = [Int](repeating: 0, count: count + 1)
            let found = backwards.rows(starts, starts, of: (0, 0)) { _, _, _, inner in inner.count }.2
            #expect(found == [Int](repeating: helpers, count: count))
        }
    }

    @Test("elements are changed where they are, each in one piece")
    func fill() {
        for count in [0, 1, 8191, 100_003] {
            var (one, two, three) = (Array(0..<count), Array(0..<count), Array(0..<count))
            var first = one.mutableSpan
            var second = two.mutableSpan
            var third = three.mutableSpan
            backwards.fill(&first, &second, &third) { range, first, second, third in
                for (index, number) in range.enumerated() {
                    first[index] += 1
                    second[index] += number
                    third[index] += first[index] + second[index]
                }
            }
            var alone = three.mutableSpan
            backwards.fill(&alone) { range, elements in
                for index in elements.indices { elements[index] += range.lowerBound + index }
            }
            #expect(one == Array(1..<count + 1))
            #expect(two == (0..<count).map { $0 * 2 })
            #expect(three == (0..<count).map { $0 * 5 + 1 })
        }
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
