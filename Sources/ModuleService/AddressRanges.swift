/// Which addresses of a window are taken.
///
/// What is free is listed, not what is taken: with ten thousand modules one behind the other that is one range, and a look costs what
/// there are gaps. What has been given back can rest: it is taken again when nothing else is free, the longest rested first, so that
/// old pointers point to nothing.
struct AddressRanges: Sendable {
    /// In the order of address; none touches the next.
    private var gaps: [Range<UInt64>]
    /// The sizes of what is taken, by start.
    private var taken: [UInt64: UInt64] = [:]
    /// What rests, the longest rested first, from `firstResting` on.
    private var resting: [Range<UInt64>] = []
    private var firstResting = 0
    /// How many ranges rest, at most: what is more is free like all else.
    private let restingLimit: Int

    init(window: Range<UInt64>, restingLimit: Int = 0) {
        gaps = window.isEmpty ? [] : [window]
        self.restingLimit = restingLimit
    }

    /// Takes the lowest free range of that size, 1 at least, whose start is a multiple of `alignment`, a power of two; nil when there
    /// is none.
    mutating func reserve(size: UInt64, alignment: UInt64) -> UInt64? {
        repeat {
            if let start = take(size: size, alignment: alignment) { return start }
        } while wakeOldest()
        return nil
    }

    private mutating func take(size: UInt64, alignment: UInt64) -> UInt64? {
        let mask = alignment - 1
        for (index, gap) in gaps.enumerated() {
            let (sum, wraps) = gap.lowerBound.addingReportingOverflow(mask)
            let start = sum & ~mask
            guard !wraps, start <= gap.upperBound, gap.upperBound - start >= size else { continue }
            let rest = [gap.lowerBound..<start, start + size..<gap.upperBound].filter { !$0.isEmpty }
            gaps.replaceSubrange(index...index, with: rest)
            taken[start] = size
            return start
        }
        return nil
    }

    /// Gives back the range that starts there; nothing happens when none does.
    ///
    /// - Parameter rests: something has been there that others may still have pointers to.
    mutating func release(_ start: UInt64, rests: Bool = false) {
        guard let size = taken.removeValue(forKey: start) else { return }
        guard rests, restingLimit > 0 else { return free(start..<start + size) }
        if resting.count - firstResting == restingLimit { _ = wakeOldest() }
        resting.append(start..<start + size)
    }

    /// Makes what has rested longest free; false when nothing rests.
    private mutating func wakeOldest() -> Bool {
        guard firstResting < resting.count else { return false }
        free(resting[firstResting])
        firstResting += 1
        // Moved together now and then, so that each move is paid for by many that woke.
        if firstResting * 2 > resting.count {
            resting.removeFirst(firstResting)
            firstResting = 0
        }
        return true
    }

    private mutating func free(_ range: Range<UInt64>) {
        var gap = range
        // The first gap behind it.
        var low = 0
        var high = gaps.count
        while low < high {
            let middle = (low + high) / 2
            if gaps[middle].lowerBound < gap.lowerBound { low = middle + 1 } else { high = middle }
        }
        var replaced = low..<low
        if low < gaps.count, gaps[low].lowerBound == gap.upperBound {
            gap = gap.lowerBound..<gaps[low].upperBound
            replaced = low..<low + 1
        }
        if low > 0, gaps[low - 1].upperBound == gap.lowerBound {
            gap = gaps[low - 1].lowerBound..<gap.upperBound
            replaced = low - 1..<replaced.upperBound
        }
        gaps.replaceSubrange(replaced, with: [gap])
    }

    /// How many bytes are free, or will be when they are needed.
    var free: UInt64 {
        (gaps + resting[firstResting...]).reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
    }
}
