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

    /// Three arrays of the same length whose pieces are made each by one worker.
    ///
    /// - Parameters:
    ///   - count: how many elements each has.
    ///   - initial: what each is before.
    ///   - fill: is given the indices of a piece, and its elements, of which the first is that of the first index.
    @inlinable
    public func arrays<First, Second, Third>(
        _ count: Int, of initial: (First, Second, Third),
        _ fill:
            @Sendable (Range<Int>, inout MutableSpan<First>, inout MutableSpan<Second>, inout MutableSpan<Third>)
            -> Void
    ) -> ([First], [Second], [Third])
    where
        First: BitwiseCopyable & Sendable, Second: BitwiseCopyable & Sendable, Third: BitwiseCopyable & Sendable
    {
        var (second, third): ([Second], [Third]) = ([], [])
        let first = unsafe [First](unsafeUninitializedCapacity: count) { firsts, initialized in
            second = unsafe [Second](unsafeUninitializedCapacity: count) { seconds, initialized in
                third = unsafe [Third](unsafeUninitializedCapacity: count) { thirds, initialized in
                    if let first = firsts.baseAddress, let second = seconds.baseAddress, let third = thirds.baseAddress
                    {
                        let places = unsafe (Places(start: first), Places(start: second), Places(start: third))
                        share(pieces(of: count)) { piece in
                            let range = range(piece, of: count)
                            var first = unsafe places.0.elements(range, initial.0).mutableSpan
                            var second = unsafe places.1.elements(range, initial.1).mutableSpan
                            var third = unsafe places.2.elements(range, initial.2).mutableSpan
                            fill(range, &first, &second, &third)
                        }
                    }
                    initialized = count
                }
                initialized = count
            }
            initialized = count
        }
        return (first, second, third)
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

    /// Some of them, set to a value.
    @inlinable
    func elements(_ range: Range<Int>, _ initial: Element) -> UnsafeMutableBufferPointer<Element> {
        let place = unsafe UnsafeMutableBufferPointer(start: start + range.lowerBound, count: range.count)
        unsafe place.initialize(repeating: initial)
        return unsafe place
    }
}
