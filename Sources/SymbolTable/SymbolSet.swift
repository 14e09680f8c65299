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
    /// The build ID of its image, 16 bytes; empty where it has none.
    public let buildID: [UInt8]
    /// Where each section lies; empty where it takes no memory.
    private let places: [Range<UInt64>]

    /// Makes the set of an owner. The symbols are put in the order of address, and at one address those first
    /// that people know it by: functions and variables before labels, global before weak before local, shorter before longer.
    public init(
        owner: String, symbols: SymbolList, sections: [ImageSection], range: Range<UInt64>, buildID: [UInt8] = []
    ) {
        self.owner = owner
        self.buildID = buildID
        places = sections.map { section in
            let (end, wraps) = section.address.addingReportingOverflow(section.size)
            return section.takesMemory && !wraps ? section.address..<end : 0..<0
        }
        self.sections = sections
        self.range = range
        var symbols = symbols
        // What is in each thread is at no address of its own.
        for index in symbols.entries.indices where symbols.entries[index].type == .threadLocal {
            symbols.entries[index].section = nil
        }
        symbols.sortByAddress()
        self.symbols = symbols
    }

    /// A symbol's name as text for people, whole: it can be asked for again.
    public func name(_ entry: Int) -> String {
        symbols.text(symbols.entries[entry].name, limit: .max)
    }

    private func section(at address: UInt64) -> Int? {
        let places = places
        for index in 0..<places.count where places[index].contains(address) { return index }
        return nil
    }

    /// The symbol that an address belongs to: the nearest one at or before it, in the same section; nil when there is none.
    public func symbol(at address: UInt64) -> Int? {
        guard let number = section(at: address) else { return nil }
        let all = symbols.entries
        let entries = all.span
        var low = 0
        var count = entries.count
        // Half of what is left each time: nothing depends on which half but `low`, so nothing has to be guessed.
        while count > 0 {
            let half = count / 2
            let isBefore = entries[low &+ half].address <= address
            low = isBefore ? low &+ half &+ 1 : low
            count = isBefore ? count &- half &- 1 : half
        }
        let belongs = { (entry: SymbolEntry) in entry.section.map(Int.init) == number }
        let start = places[number].lowerBound
        // Absolute values, and labels at the end of the section before, stand among the symbols of the section.
        while low > 0, entries[low - 1].address >= start, !belongs(entries[low - 1]) { low -= 1 }
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

extension ImageSection {
    /// Whether it has addresses: what is empty has none, nor have zeroes of threads.
    public var takesMemory: Bool {
        size > 0 && !(isThreadLocal && kind == .zeroFill)
    }

    /// Whether an address lies in the section.
    public func contains(_ address: UInt64) -> Bool {
        takesMemory && address >= self.address && address - self.address < size
    }
}
