import ObjectModel

extension SymbolList {
    /// Puts the symbols into the order of address, and at one address those first that people know it by: functions and variables before
    /// labels, global before weak before local, shorter before longer.
    public mutating func sortByAddress() {
        if isSorted { return }
        guard entries.count >= Self.worthCounting else {
            entries.sort(by: Self.comesFirst)
            return
        }
        let ordered = Self.counted(entries.span)
        let unordered = entries
        let old = unordered.span
        entries = [SymbolEntry](capacity: old.count) { output in
            for index in ordered.indices { output.append(old[Int(ordered[index].index)]) }
        }
        sortWithinAddresses()
    }

    /// Whether somebody has sorted them before.
    private var isSorted: Bool {
        let entries = entries.span
        for index in 1..<max(entries.count, 1) where Self.comesFirst(entries[index], entries[index - 1]) {
            return false
        }
        return true
    }

    /// Fewer are compared: to count them takes longer.
    private static var worthCounting: Int { 256 }

    /// An address, and whose it is.
    private struct Key: BitwiseCopyable {
        var address: UInt64
        var index: UInt32
    }

    /// Bits of an address that are looked at together.
    private static var digitBits: UInt64 { 11 }

    /// The keys in the order of address, and those of one address as they were: sorted by digits, the last first. Addresses of one module
    /// differ in two or three of six digits, and a digit in which none differs needs no look.
    private static func counted(_ entries: Span<SymbolEntry>) -> [Key] {
        var keys = [Key](capacity: entries.count) { output in
            for index in entries.indices {
                output.append(Key(address: entries[index].address, index: UInt32(truncatingIfNeeded: index)))
            }
        }
        var other = keys
        var differing: UInt64 = 0
        for index in entries.indices { differing |= entries[index].address ^ entries[0].address }
        var counts = [Int](repeating: 0, count: 1 << digitBits)
        for shift in stride(from: 0, to: UInt64(64), by: Int(digitBits)) {
            guard differing >> shift & ((1 << digitBits) - 1) != 0 else { continue }
            distribute(keys.span, byDigitAt: shift, &counts, to: &other)
            swap(&keys, &other)
        }
        return keys
    }

    private static func distribute(
        _ keys: Span<Key>, byDigitAt shift: UInt64, _ counts: inout [Int], to ordered: inout [Key]
    ) {
        let mask = (UInt64(1) << digitBits) - 1
        var places = counts.mutableSpan
        for digit in places.indices { places[digit] = 0 }
        for index in keys.indices { places[Int(keys[index].address >> shift & mask)] += 1 }
        var next = 0
        for digit in places.indices { (places[digit], next) = (next, next + places[digit]) }
        var output = ordered.mutableSpan
        for index in keys.indices {
            let digit = Int(keys[index].address >> shift & mask)
            output[places[digit]] = keys[index]
            places[digit] += 1
        }
    }

    /// Sorts the symbols of each address, which stand together.
    private mutating func sortWithinAddresses() {
        var start = 0
        while start < entries.count {
            let address = entries[start].address
            var end = start + 1
            while end < entries.count, entries[end].address == address { end += 1 }
            if end - start > 1 { entries[start..<end].sort(by: Self.comesFirst) }
            start = end
        }
    }

    private static func comesFirst(_ left: SymbolEntry, _ right: SymbolEntry) -> Bool {
        if left.address != right.address { return left.address < right.address }
        if (left.type == .none) != (right.type == .none) { return right.type == .none }
        if left.binding != right.binding { return left.binding.rank < right.binding.rank }
        if left.name.count != right.name.count { return left.name.count < right.name.count }
        return left.name.offset < right.name.offset
    }
}

extension SymbolBinding {
    fileprivate var rank: UInt8 {
        switch self {
        case .global, .unique: 0
        case .weak: 1
        case .local: 2
        }
    }
}
