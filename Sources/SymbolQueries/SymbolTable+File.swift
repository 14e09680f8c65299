import ELFFormat
import ObjectModel
import SymbolTable

extension SymbolTable {
    /// The symbols of a file, by owner: those that its notes tell apart; in a file without, those that the names of its sections do
    /// (`gurka.text`), and the rest as the space itself. When the file lists what it offers, only that is exported.
    public init(_ file: SymbolFile) {
        self.init()
        let owners = FileOwners(file)
        var lists = owners.names.map { _ in [SymbolEntry]() }
        let resident = file.resident
        for (index, entry) in file.symbols.entries.enumerated() {
            var entry = entry
            let owner = owners.owner(ofSymbol: index, section: entry.section)
            if let resident, owners.names[owner].isEmpty {
                let isOffered = resident.contains(Array(file.symbols.names[entry.name.indices]))
                entry.binding = !isOffered ? .local : entry.binding == .local ? .global : entry.binding
            }
            entry.section = entry.section.flatMap { owners.ownSections[Int($0)] }
            lists[owner].append(entry)
        }
        for owner in owners.names.indices.sorted(by: { owners.names[$0] < owners.names[$1] }) {
            guard !lists[owner].isEmpty || owners.isDeclared(owner) else { continue }
            var symbols = file.symbols
            symbols.entries = lists[owner]
            lists[owner] = []
            let sections = owners.sections[owner].map { file.sections[$0] }
            _ = insert(
                SymbolSet(
                    owner: owners.names[owner], symbols: symbols, sections: sections,
                    range: owners.ranges[owner] ?? Self.range(of: sections), buildID: owners.buildIDs[owner]))
        }
    }

    private static func range(of sections: [ImageSection]) -> Range<UInt64> {
        let used = sections.filter { $0.size > 0 }
        let start = used.map(\.address).min() ?? 0
        let end = used.map { $0.address &+ $0.size }.max() ?? start
        return start..<max(start, end)
    }
}

/// Whose the symbols and sections of a file are.
private struct FileOwners {
    private(set) var names: [String] = []
    /// What the notes say.
    private(set) var ranges: [Range<UInt64>?] = []
    private(set) var buildIDs: [[UInt8]] = []
    /// For each owner, the file's sections that are its; for each of the file's sections, its place among those.
    private(set) var sections: [[Int]] = []
    private(set) var ownSections: [UInt16?] = []
    private var numbers: [String: Int] = [:]
    private var sectionOwners: [Int] = []
    private let symbolOwners: [Int]?
    private let nobody: Int

    init(_ file: SymbolFile) {
        symbolOwners = file.ownerIndices
        nobody = file.owners.count
        for owner in file.owners {
            numbers[owner.name] = numbers[owner.name] ?? names.count
            add(owner.name, owner.range, owner.buildID)
        }
        // Also that of symbols of nobody.
        let space = number("")
        sectionOwners = file.sections.map { section in
            let name = SymbolSections.owner(ofSection: section.name)
            // A section of the space may have any name; the notes say which modules there are.
            return nobody > 0 ? numbers[name] ?? space : number(name)
        }
        for (index, owner) in sectionOwners.enumerated() {
            ownSections.append(UInt16(exactly: sections[owner].count))
            sections[owner].append(index)
        }
    }

    private mutating func add(_ name: String, _ range: Range<UInt64>?, _ buildID: [UInt8]) {
        names.append(name)
        ranges.append(range)
        buildIDs.append(buildID)
        sections.append([])
    }

    private mutating func number(_ name: String) -> Int {
        if let known = numbers[name] { return known }
        numbers[name] = names.count
        add(name, nil, [])
        return names.count - 1
    }

    /// Whether the notes speak of it.
    func isDeclared(_ owner: Int) -> Bool { ranges[owner] != nil }

    func owner(ofSymbol index: Int, section: UInt16?) -> Int {
        if let symbolOwners, symbolOwners[index] < nobody { return symbolOwners[index] }
        return section.map { sectionOwners[Int($0)] } ?? numbers[""] ?? 0
    }
}
