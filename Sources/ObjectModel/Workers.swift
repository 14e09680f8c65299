import Synchronization

/// Those who share a piece of work that falls into independent parts: the caller alone, or threads that somebody lends.
///
/// Large links ask for arrays by the thousand, so that all of it is specialized where it is used.
///
/// Targets that know nothing of threads take them as this value. What is done is the same however many there are; only the order
/// in which the parts are done is not.
public struct Workers: Sendable {
    /// How many parts are worked on at the same time, at most.
    public let count: Int
    @usableFromInline let perform: @Sendable (_ parts: Int, _ body: @Sendable (Int) -> Void) -> Void

    /// Makes workers of a function that calls `body` once for each number below `parts`, in any order, some at the same time,
    /// and returns when all of these calls have.
    public init(
        count: Int, perform: @escaping @Sendable (_ parts: Int, _ body: @Sendable (Int) -> Void) -> Void
    ) {
        self.count = count
        self.perform = perform
    }

    /// The caller itself.
    public static let alone = Workers(count: 1) { parts, body in
        for part in 0..<parts { body(part) }
    }

    /// Does all parts.
    @inlinable
    public func share(_ parts: Int, _ body: @Sendable (Int) -> Void) {
        if parts > 1 { perform(parts, body) } else if parts == 1 { body(0) }
    }

    /// What becomes of each part, in order.
    @inlinable
    public func map<Element: Sendable>(_ parts: Int, _ body: @Sendable (Int) -> Element) -> [Element] {
        unsafe Array(unsafeUninitializedCapacity: parts) { buffer, count in
            // Nil only where there is no part.
            guard let start = buffer.baseAddress else { return }
            let places = unsafe Places(start: start)
            share(parts) { part in unsafe places.start.advanced(by: part).initialize(to: body(part)) }
            count = parts
        }
    }

    /// What becomes of each part, in order; or, where that cannot be, why, in order too.
    @inlinable
    public func map<Element: Sendable, Failure: Error>(
        _ parts: Int, _ body: @Sendable (Int) -> Result<Element, Failure>
    ) -> Result<[Element], Failures<Failure>> {
        let failures = Mutex<[(part: Int, failure: Failure)]>([])
        let elements = unsafe [Element](unsafeUninitializedCapacity: parts) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            let places = unsafe Places(start: start)
            share(parts) { part in
                switch body(part) {
                case .success(let element): unsafe places.start.advanced(by: part).initialize(to: element)
                case .failure(let failure): failures.withLock { $0.append((part, failure)) }
                }
            }
            let failed = Set(failures.withLock { $0.map(\.part) })
            count = failed.isEmpty ? parts : 0
            if failed.isEmpty { return }
            for part in 0..<parts where !failed.contains(part) {
                unsafe places.start.advanced(by: part).deinitialize(count: 1)
            }
        }
        let found = failures.withLock { $0 }.sorted { $0.part < $1.part }
        return found.isEmpty ? .success(elements) : .failure(Failures(list: found.map(\.failure)))
    }

    /// Why parts could not be done; one at least.
    public struct Failures<Failure: Error>: Error {
        /// In the order of the parts.
        public let list: [Failure]

        @inlinable
        init(list: [Failure]) {
            self.list = list
        }
    }

    /// What becomes of two pieces of work that are done at the same time, where there are two workers.
    @inlinable
    public func both<First: Sendable, Second: Sendable>(
        _ first: @Sendable () -> First, _ second: @Sendable () -> Second
    ) -> (First, Second) {
        let done: [Either<First, Second>] = map(2) { $0 == 0 ? .first(first()) : .second(second()) }
        guard case .first(let one) = done[0], case .second(let other) = done[1] else { return (first(), second()) }
        return (one, other)
    }

    @usableFromInline enum Either<First: Sendable, Second: Sendable>: Sendable {
        case first(First)
        case second(Second)
    }

    /// An array whose pieces are made each by one worker.
    ///
    /// - Parameters:
    ///   - count: how many elements it has.
    ///   - initial: what each is before.
    ///   - fill: is given the indices of a piece, and its elements, of which the first is that of the first index.
    @inlinable
    public func array<Element: BitwiseCopyable & Sendable>(
        _ count: Int, of initial: Element, _ fill: @Sendable (Range<Int>, inout MutableSpan<Element>) -> Void
    ) -> [Element] {
        unsafe Array(unsafeUninitializedCapacity: count) { buffer, initialized in
            guard let start = buffer.baseAddress else { return }
            let places = unsafe Places(start: start)
            share(pieces(of: count)) { piece in
                let range = range(piece, of: count)
                var span = unsafe places.elements(range, initial).mutableSpan
                fill(range, &span)
            }
            initialized = count
        }
    }

    /// Two arrays of rows, one for each of several things, made each by one worker; and what else becomes of each.
    ///
    /// - Parameters:
    ///   - firstStarts: where each row of the first array begins, and behind the last one where that ends.
    ///   - secondStarts: the same of the second array, which has as many rows.
    ///   - initial: what the elements are before.
    ///   - fill: is given the number of a thing, its rows, and who else may work on it.
    @inlinable
    public func rows<First, Second, Other: Sendable>(
        _ firstStarts: [Int], _ secondStarts: [Int], of initial: (First, Second),
        _ fill: @Sendable (Int, inout MutableSpan<First>, inout MutableSpan<Second>, Workers) -> Other
    ) -> ([First], [Second], [Other])
    where First: BitwiseCopyable & Sendable, Second: BitwiseCopyable & Sendable {
        let (first, second, _, others) = rows(
            firstStarts, secondStarts, [Int](repeating: 0, count: firstStarts.count),
            of: (initial.0, initial.1, UInt8(0))
        ) { row, first, second, _, inner in fill(row, &first, &second, inner) }
        return (first, second, others)
    }

    /// Three arrays of rows.
    @inlinable
    public func rows<First, Second, Third, Other: Sendable>(
        _ firstStarts: [Int], _ secondStarts: [Int], _ thirdStarts: [Int], of initial: (First, Second, Third),
        _ fill:
            @Sendable (
                Int, inout MutableSpan<First>, inout MutableSpan<Second>, inout MutableSpan<Third>, Workers
            ) -> Other
    ) -> ([First], [Second], [Third], [Other])
    where
        First: BitwiseCopyable & Sendable, Second: BitwiseCopyable & Sendable, Third: BitwiseCopyable & Sendable
    {
        let things = firstStarts.count - 1
        let (outer, inner) = split(over: things)
        var (second, third): ([Second], [Third]) = ([], [])
        var others: [Other] = []
        let first = unsafe Self.array(firstStarts) { (firsts: Places<First>) in
            second = unsafe Self.array(secondStarts) { (seconds: Places<Second>) in
                third = unsafe Self.array(thirdStarts) { (thirds: Places<Third>) in
                    others = outer.map(things) { row in
                        var first = unsafe inner.elements(of: firsts, row, firstStarts, initial.0).mutableSpan
                        var second = unsafe inner.elements(of: seconds, row, secondStarts, initial.1).mutableSpan
                        var third = unsafe inner.elements(of: thirds, row, thirdStarts, initial.2).mutableSpan
                        return fill(row, &first, &second, &third, inner)
                    }
                }
            }
        }
        return (first, second, third, others)
    }

    /// The elements of a row, set to a value.
    @inlinable
    func elements<Element: BitwiseCopyable & Sendable>(
        of places: Places<Element>, _ row: Int, _ starts: [Int], _ initial: Element
    ) -> UnsafeMutableBufferPointer<Element> {
        let start = starts[row]
        let count = starts[row + 1] - start
        share(pieces(of: count)) { piece in
            let range = range(piece, of: count)
            _ = unsafe places.elements(start + range.lowerBound..<start + range.upperBound, initial)
        }
        return unsafe places.elements(start..<start + count)
    }

    /// An array of rows, which `fill` sets, all of them.
    @inlinable
    static func array<Element>(_ starts: [Int], _ fill: (Places<Element>) -> Void) -> [Element] {
        let count = starts[starts.count - 1]
        // Of an empty array there would be no address.
        return unsafe Array(unsafeUninitializedCapacity: max(count, 1)) { buffer, initialized in
            if let start = buffer.baseAddress { unsafe fill(Places(start: start)) }
            initialized = count
        }
    }

    /// Changes elements, each piece of them by one worker.
    ///
    /// - Parameter change: is given the indices of a piece, and its elements, of which the first is that of the first index.
    @inlinable
    public func fill<First, Second, Third>(
        _ first: inout MutableSpan<First>, _ second: inout MutableSpan<Second>, _ third: inout MutableSpan<Third>,
        _ change:
            @Sendable (Range<Int>, inout MutableSpan<First>, inout MutableSpan<Second>, inout MutableSpan<Third>)
            -> Void
    )
    where
        First: BitwiseCopyable & Sendable, Second: BitwiseCopyable & Sendable, Third: BitwiseCopyable & Sendable
    {
        let count = first.count
        precondition(second.count == count && third.count == count)
        unsafe first.withUnsafeMutableBufferPointer { firsts in
            unsafe second.withUnsafeMutableBufferPointer { seconds in
                unsafe third.withUnsafeMutableBufferPointer { thirds in
                    guard let first = firsts.baseAddress, let second = seconds.baseAddress,
                        let third = thirds.baseAddress
                    else { return }
                    let places = unsafe (Places(start: first), Places(start: second), Places(start: third))
                    share(pieces(of: count)) { piece in
                        let range = range(piece, of: count)
                        var first = unsafe places.0.elements(range).mutableSpan
                        var second = unsafe places.1.elements(range).mutableSpan
                        var third = unsafe places.2.elements(range).mutableSpan
                        change(range, &first, &second, &third)
                    }
                }
            }
        }
    }

    /// The same for one array.
    @inlinable
    public func fill<Element: BitwiseCopyable & Sendable>(
        _ elements: inout MutableSpan<Element>, _ change: @Sendable (Range<Int>, inout MutableSpan<Element>) -> Void
    ) {
        let count = elements.count
        unsafe elements.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            let places = unsafe Places(start: start)
            share(pieces(of: count)) { piece in
                let range = range(piece, of: count)
                var span = unsafe places.elements(range).mutableSpan
                change(range, &span)
            }
        }
    }

    /// The indices of a piece.
    @inlinable
    func range(_ piece: Int, of count: Int) -> Range<Int> {
        let pieces = pieces(of: count)
        return count * piece / pieces..<count * (piece + 1) / pieces
    }

    /// Into how many pieces that many elements are divided: small ones are not worth it, and several for each worker even out
    /// what they take.
    @inlinable
    func pieces(of count: Int) -> Int {
        self.count == 1 ? 1 : max(1, min(self.count * 4, count / 4096))
    }

    /// Changes bytes, each part others than all other parts: `body` may write only there, and read nothing that another writes.
    @inlinable
    public func change(
        _ bytes: inout MutableRawSpan, parts: Int, _ body: @Sendable (Int, inout MutableRawSpan) -> Void
    ) {
        let count = bytes.byteCount
        unsafe bytes.withUnsafeMutableBytes { buffer in
            guard let start = buffer.baseAddress else {
                var nothing = MutableRawSpan()
                for part in 0..<parts { body(part, &nothing) }
                return
            }
            let places = unsafe Places(start: start.assumingMemoryBound(to: UInt8.self))
            share(parts) { part in
                var span = unsafe MutableRawSpan(_unsafeStart: UnsafeMutableRawPointer(places.start), byteCount: count)
                body(part, &span)
            }
        }
    }

    /// For work on several things of which each can be divided too: who works on different ones at the same time, and who on one.
    /// Many things are better done one by each, with nothing to wait for.
    @inlinable
    public func split(over things: Int) -> (outer: Workers, inner: Workers) {
        things >= count * 4 ? (self, .alone) : (.alone, self)
    }
}

/// Where elements are to be, of which each belongs to one worker.
@unsafe @usableFromInline struct Places<Element>: @unchecked Sendable {
    @usableFromInline let start: UnsafeMutablePointer<Element>

    @inlinable
    init(start: UnsafeMutablePointer<Element>) {
        unsafe self.start = start
    }

    /// Some of them.
    @inlinable
    func elements(_ range: Range<Int>) -> UnsafeMutableBufferPointer<Element> {
        unsafe UnsafeMutableBufferPointer(start: start + range.lowerBound, count: range.count)
    }

    /// Some of them, set to a value.
    @inlinable
    func elements(_ range: Range<Int>, _ initial: Element) -> UnsafeMutableBufferPointer<Element> {
        let place = unsafe elements(range)
        unsafe place.initialize(repeating: initial)
        return unsafe place
    }
}
