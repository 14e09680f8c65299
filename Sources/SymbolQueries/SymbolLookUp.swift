import ModlinkInterface
import ObjectModel
import SymbolTable

/// Looks things up in a table as it was at one moment, whether it is the daemon's or out of a file.
public struct SymbolLookUp: Sendable {
    private let sets: [SymbolSet]
    private let others: @Sendable (UInt64) -> [SymbolInformation]

    /// - Parameters:
    ///   - sets: those of the table in the order of address.
    ///   - others: what there is to say about an address that is nobody's.
    public init(_ sets: [SymbolSet], others: @escaping @Sendable (UInt64) -> [SymbolInformation] = { _ in [] }) {
        self.sets = sets
        self.others = others
    }

    /// The symbols that a query means: a name, `module:name`, or an address: `0x…`, 16 digits as in the table, decimal, or what can
    /// only be a hexadecimal number.
    ///
    /// - Parameter module: whose symbols are looked at; nil: everyone's, `""`: the space's own.
    public func find(_ query: String, of module: String? = nil) -> [SymbolInformation] {
        if let number = Self.address(query) { return describe(number, module) }
        var name = Substring(query)
        var owner = module
        if module == nil, let colon = query.firstIndex(of: ":") {
            owner = String(query[..<colon])
            name = query[query.index(after: colon)...]
        }
        let found = named(String(name), owner)
        let isPlain = owner == module
        if found.isEmpty, isPlain, query.utf8.count >= 5, let number = Self.number(query[...], radix: 16) {
            return describe(number, module)
        }
        return found
    }

    private static func address(_ query: String) -> UInt64? {
        if query.hasPrefix("0x") || query.hasPrefix("0X") { return number(query.dropFirst(2), radix: 16) }
        // As the table prints it.
        if query.hasPrefix("0"), query.utf8.count == 16 { return number(query[...], radix: 16) }
        return number(query[...], radix: 10)
    }

    /// A number of digits alone: no sign stands before an address.
    private static func number(_ digits: Substring, radix: Int) -> UInt64? {
        digits.hasPrefix("+") ? nil : UInt64(digits, radix: radix)
    }

    private func named(_ name: String, _ owner: String?) -> [SymbolInformation] {
        let bytes = Array(name.utf8)
        let range = NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count))
        var found: [SymbolInformation] = []
        for set in sets where owner.map({ isSameModule($0, set.owner) }) != false {
            for (index, entry) in set.symbols.entries.enumerated()
            where sameName(set.symbols.names, entry.name, bytes, range) {
                found.append(SymbolInformation(set, index))
            }
        }
        // What modules get when they ask for the name stands first.
        return found.filter(\.exported) + found.filter { !$0.exported }
    }

    private func describe(_ address: UInt64, _ module: String?) -> [SymbolInformation] {
        guard let set = sets.first(where: { $0.range.contains(address) }) else {
            return others(address).filter { other in module.map { isSameModule($0, other.module) } != false }
        }
        guard module.map({ isSameModule($0, set.owner) }) != false else { return [] }
        if let index = set.symbol(at: address) {
            return [
                SymbolInformation(
                    set, index, offset: Int(truncatingIfNeeded: address - set.symbols.entries[index].address))
            ]
        }
        guard let section = set.sections.first(where: { $0.contains(address) }) else { return [] }
        return [
            SymbolInformation(
                module: set.owner, name: section.name, address: Int(truncatingIfNeeded: section.address),
                size: Int(truncatingIfNeeded: section.size),
                offset: Int(truncatingIfNeeded: address - section.address), kind: "section",
                letter: section.letter.lowercased(), exported: false)
        ]
    }
}

extension SymbolInformation {
    /// What is said of a symbol of a set.
    public init(_ set: SymbolSet, _ index: Int, offset: Int = 0) {
        let entry = set.symbols.entries[index]
        self.init(
            module: set.owner, name: set.name(index), address: Int(truncatingIfNeeded: entry.address),
            size: Int(truncatingIfNeeded: entry.size), offset: offset, kind: Self.kind(of: entry.type),
            letter: set.letter(index),
            exported: entry.isExported)
    }

    /// What a symbol of a type is called.
    public static func kind(of type: SymbolType) -> String {
        switch type {
        case .function, .indirectFunction: "function"
        case .object: "object"
        case .threadLocal: "threadLocal"
        case .section: "section"
        case .none, .file: "label"
        }
    }
}

extension SymbolSet {
    /// A symbol's type as nm(1) has it: code, data, constants, weak, one in the process (u); small letters for what is local.
    public func letter(_ index: Int) -> String {
        let entry = symbols.entries[index]
        if entry.binding == .weak { return entry.type == .object ? "V" : "W" }
        if entry.binding == .unique { return "u" }
        var letter = entry.type == .threadLocal ? "D" : "A"
        if let section = entry.section, sections.indices.contains(Int(section)) {
            letter = sections[Int(section)].letter
        }
        return entry.binding == .local ? letter.lowercased() : letter
    }
}

extension ImageSection {
    fileprivate var letter: String {
        protection.contains(.execute) ? "T" : protection.contains(.write) ? "D" : "R"
    }
}
