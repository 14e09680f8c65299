import ObjectModel

/// The symbols of one owner, a module or the space itself. Never changes once it is made, so whoever reads the
/// table holds on to the sets that it reads, and loads and unloads go on meanwhile.
public final class SymbolSet: Sendable {
    /// The module's name; empty for the resident symbols.
    public let owner: String
    /// The symbols in the order of address, and their names. `SymbolEntry.section` is an index into `sections`.
    public let symbols: SymbolList
    /// What the symbols belong to.
    public let sections: [ImageSection]
    /// Where the owner lies in memory.
    public let range: Range<UInt64>

    /// Makes the set of an owner. The symbols are put in the order of address, and at one address those first
    /// that people know it by: functions and variables before labels, global before weak before local, shorter before longer.
    public init(owner: String, symbols: SymbolList, sections: [ImageSection], range: Range<UInt64>) {
        self.owner = owner
        self.sections = sections
        self.range = range
        var symbols = symbols
        symbols.entries.sort { left, right in
            if left.address != right.address { return left.address < right.address }
            if (left.type == .none) != (right.type == .none) { return right.type == .none }
            if left.binding != right.binding { return left.binding.rank < right.binding.rank }
            if left.name.count != right.name.count { return left.name.count < right.name.count }
            return left.name.offset < right.name.offset
        }
        self.symbols = symbols
    }

    /// A symbol's name as text for people.
    public func name(_ entry: Int) -> String {
        symbols.text(symbols.entries[entry].name)
    }

    /// The symbol that an address belongs to: the nearest one at or before it, in the same section; nil when there is none.
    public func symbol(at address: UInt64) -> Int? {
        let entries = symbols.entries
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        guard let number = sections.firstIndex(where: { $0.contains(address) }) else { return nil }
        let belongs = { (entry: SymbolEntry) in entry.section.map(Int.init) == number }
        // Absolute values, and labels at the end of the section before, stand among the symbols of the section.
        while low > 0, entries[low - 1].address >= sections[number].address, !belongs(entries[low - 1]) { low -= 1 }
        guard low > 0, belongs(entries[low - 1]) else { return nil }
        // Several names of one address: the first is the best one.
        let nearest = entries[low - 1].address
        var found = low - 1
        for other in stride(from: low - 2, through: 0, by: -1) {
            guard entries[other].address == nearest else { break }
            if belongs(entries[other]) { found = other }
        }
        return found
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

extension ImageSection {
    /// Whether an address lies in the section.
    public func contains(_ address: UInt64) -> Bool {
        address >= self.address && address - self.address < size
    }
}
