/// Which addresses of a window are taken.
///
/// What is free is listed, not what is taken: with ten thousand modules one behind the other that is one range, and a look costs what
/// there are gaps.
struct AddressRanges: Sendable {
    /// In the order of address; none touches the next.
    private var gaps: [Range<UInt64>]
    /// The sizes of what is taken, by start.
    private var taken: [UInt64: UInt64] = [:]

    init(window: Range<UInt64>) {
        gaps = window.isEmpty ? [] : [window]
    }

    /// Takes the lowest free range of that size, 1 at least, whose start is a multiple of `alignment`, a power of two; nil when there
    /// is none.
    mutating func reserve(size: UInt64, alignment: UInt64) -> UInt64? {
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
    mutating func release(_ start: UInt64) {
        guard let size = taken.removeValue(forKey: start) else { return }
        var gap = start..<start + size
        // The first gap behind it.
        var low = 0
        var high = gaps.count
        while low < high {
            let middle = (low + high) / 2
            if gaps[middle].lowerBound < start { low = middle + 1 } else { high = middle }
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

    /// How many bytes are free.
    var free: UInt64 {
        gaps.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
    }
}
