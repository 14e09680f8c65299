/// Which addresses of a window are taken.
struct AddressRanges: Sendable {
    private let window: Range<UInt64>
    /// What is taken, in the order of address, without overlaps.
    private var taken: [Range<UInt64>] = []

    init(window: Range<UInt64>) {
        self.window = window
    }

    /// Takes the lowest free range of that size whose start is a multiple of `alignment`, a power of two; nil when there is none.
    mutating func reserve(size: UInt64, alignment: UInt64) -> UInt64? {
        var start = window.lowerBound
        for index in 0...taken.count {
            let limit = index < taken.count ? taken[index].lowerBound : window.upperBound
            let mask = alignment - 1
            let (sum, wraps) = start.addingReportingOverflow(mask)
            let aligned = sum & ~mask
            if !wraps, aligned <= limit, limit - aligned >= size {
                taken.insert(aligned..<aligned + size, at: index)
                return aligned
            }
            if index < taken.count { start = taken[index].upperBound }
        }
        return nil
    }

    /// Gives back a range that starts there.
    mutating func release(_ start: UInt64) {
        taken.removeAll { $0.lowerBound == start }
    }

    /// How many bytes are free.
    var free: UInt64 {
        taken.reduce(UInt64(window.upperBound - window.lowerBound)) { $0 - UInt64($1.upperBound - $1.lowerBound) }
    }
}
