import ModlinkInterface
import ObjectModel
import SymbolQueries
import SymbolTable
import ToolSupport

/// The whole symbol table, or that of one module, in some order.
struct SymbolListing {
    /// A line of the table, as JSON has it.
    struct Row: Encodable {
        let address: UInt64
        let size: UInt64
        let type: String
        let name: String
        let module: String
    }

    /// A symbol: its set, its place there, and what it is sorted by.
    private struct Item {
        let set: Int32
        let entry: Int32
        let address: UInt64
    }

    private let table: SymbolTable
    private let sets: [SymbolSet]
    private let module: String?
    private var items: [Item] = []

    /// In the order of address.
    ///
    /// - Parameter module: whose symbols are listed; nil: everyone's, `""`: the space's own.
    init(_ source: SymbolSource, module: String? = nil) {
        table = source.table
        sets = source.table.snapshot
        self.module = module
        items.reserveCapacity(table.symbolCount)
        for (number, set) in sets.enumerated() where module.map({ isSameModule($0, set.owner) }) != false {
            for (index, entry) in set.symbols.entries.enumerated() {
                items.append(Item(set: Int32(number), entry: Int32(index), address: entry.address))
            }
        }
        items.sort { ($0.address, $0.set, $0.entry) < ($1.address, $1.set, $1.entry) }
    }

    /// Refuses a module that is not there.
    func checkModule() throws(Failure) {
        guard let module, !sets.contains(where: { isSameModule($0.owner, module) }) else { return }
        let similar = nearestName(to: module, among: sets.map(\.owner).filter { !$0.isEmpty })
        throw Failure(
            .noSuchModule, subject: module,
            reason: "no such module\(suggestion(similar.map { [$0] } ?? [])) (ENOENT)")
    }

    /// The smallest first, as nm(1) has them; those of one size in the order of address.
    mutating func sortBySize() {
        let sets = sets
        let size = { (item: Item) in sets[Int(item.set)].symbols.entries[Int(item.entry)].size }
        items.sort { (size($0), $0.address, $0.set, $0.entry) < (size($1), $1.address, $1.set, $1.entry) }
    }

    var rows: [Row] {
        items.map { item in
            let set = sets[Int(item.set)]
            let entry = set.symbols.entries[Int(item.entry)]
            return Row(
                address: entry.address, size: entry.size, type: set.letter(Int(item.entry)),
                name: set.name(Int(item.entry)), module: set.owner)
        }
    }

    // MARK: Looking up

    /// What names, patterns and addresses mean; of the listing's module alone, if it is of one.
    func answers(to queries: [String]) throws(Failure) -> [LookUpAnswer] {
        try checkModule()
        let lookUp = SymbolLookUp(sets)
        return queries.map { query in
            LookUpAnswer(
                query: query,
                symbols: NamePattern.isPattern(query) ? matches(query) : lookUp.find(query, of: module))
        }
    }

    /// The symbols whose names a pattern means, `module:name` with a pattern for each, or a pattern for the name.
    private func matches(_ query: String) -> [SymbolInformation] {
        var name = query[...]
        var owner: NamePattern?
        if module == nil, let colon = query.firstIndex(of: ":") {
            owner = NamePattern(moduleKey(String(query[..<colon])))
            name = query[query.index(after: colon)...]
        }
        let pattern = NamePattern(String(name))
        let isMeant = sets.map { set in owner?.matches(Array(moduleKey(set.owner).utf8)[...]) ?? true }
        return items.compactMap { item in
            let set = sets[Int(item.set)]
            let range = set.symbols.entries[Int(item.entry)].name
            guard isMeant[Int(item.set)], pattern.matches(set.symbols.names[range.indices]) else { return nil }
            return SymbolInformation(set, Int(item.entry))
        }
    }

    // MARK: Text

    /// A line a symbol, with a line for each module before its symbols.
    func text(showsModules: Bool = false, showsSizes: Bool = false, style: NameStyle = NameStyle()) -> [UInt8] {
        var lines = SymbolLines(showsSizes: showsSizes, style: style)
        var pending =
            showsModules
            ? sets.filter { set in
                !set.owner.isEmpty && module.map { isSameModule($0, set.owner) } != false
            }[...] : []
        for item in items {
            while let next = pending.first, next.range.lowerBound <= item.address {
                lines.add(next)
                pending = pending.dropFirst()
            }
            lines.add(sets[Int(item.set)], Int(item.entry))
        }
        for set in pending { lines.add(set) }
        return lines.bytes
    }
}

/// Lines of the table in the making, as bytes: there may be a million.
struct SymbolLines {
    private(set) var bytes: [UInt8] = []
    private let showsSizes: Bool
    private let style: NameStyle

    init(showsSizes: Bool = false, style: NameStyle = NameStyle()) {
        self.showsSizes = showsSizes
        self.style = style
    }

    /// `0000000010000040 T slice	[gurka]`; with the size, as nm -S has it, behind the address.
    mutating func add(_ set: SymbolSet, _ index: Int) {
        let entry = set.symbols.entries[index]
        add(address: entry.address, size: entry.size, letter: set.letter(index))
        let name = entry.name
        let isPlain = set.symbols.names[name.indices].allSatisfy { (0x20..<0x7f).contains($0) }
        if let text = style.text(set.symbols.names[name.indices]) {
            bytes.append(contentsOf: text.utf8)
        } else if isPlain {
            bytes.append(contentsOf: set.symbols.names[name.indices])
        } else {
            bytes.append(contentsOf: set.name(index).utf8)
        }
        end(module: set.owner)
    }

    /// The same line for what an answer says.
    mutating func add(_ symbol: SymbolInformation) {
        add(
            address: symbol.unsignedAddress, size: UInt64(bitPattern: Int64(symbol.size)), letter: symbol.letter)
        bytes.append(contentsOf: style.text(symbol.name).utf8)
        end(module: symbol.module)
    }

    /// `0000000010000000 (12k)	[gurka]`, as modutils' ksyms -m prints it.
    mutating func add(_ set: SymbolSet) {
        addDigits(set.range.lowerBound)
        bytes.append(contentsOf: " (\((set.range.upperBound - set.range.lowerBound + 1023) / 1024)k)".utf8)
        end(module: set.owner)
    }

    mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func add(address: UInt64, size: UInt64, letter: String) {
        addDigits(address)
        bytes.append(UInt8(ascii: " "))
        if showsSizes {
            addDigits(size)
            bytes.append(UInt8(ascii: " "))
        }
        bytes.append(contentsOf: letter.utf8)
        bytes.append(UInt8(ascii: " "))
    }

    private mutating func end(module: String) {
        if !module.isEmpty { bytes.append(contentsOf: "\t[\(module)]".utf8) }
        bytes.append(UInt8(ascii: "\n"))
    }

    private mutating func addDigits(_ number: UInt64) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: number >> shift) & 15
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}
