import Linking
import ModuleIndex
import ObjectFormats
import ObjectModel
import SymbolTable

/// The global names that the modules that were named define.
struct RootNames {
    private let sources: [ModuleSource]
    private var index = NameIndex()
    private var entries: [Entry] = []

    private struct Entry {
        let source: Int
        let object: Int
        let symbol: Int
        let hash: UInt64
        /// Whether other modules may refer to it.
        let isExported: Bool
    }

    /// What each module needs that neither it nor the space has.
    static func roots(_ sources: [ModuleSource], _ table: SymbolTable) -> (roots: [PlanRoot], names: RootNames) {
        var roots = sources.map { source in
            var root = PlanRoot(name: source.name)
            root.declaredName = source.declaredName
            for object in source.objects {
                let (required, depends) = ObjectSummaryReader.requirements(of: object)
                root.required += required
                root.depends += depends
                let missing = missing(in: object, table)
                guard !missing.isEmpty else { continue }
                root.needs += missing.map { (root.names.count, $0) }
                root.names.append(object.bytes)
            }
            return root
        }
        // Hardly ever anything is missing: then nobody has to know what the modules define.
        guard roots.contains(where: { !$0.needs.isEmpty }) else { return (roots, RootNames(sources: sources)) }
        var names = RootNames(sources: sources)
        names.enterAll()
        for number in roots.indices {
            let texts = roots[number].names
            var seen = Set<ArraySlice<UInt8>>()
            roots[number].needs.removeAll { need in
                let bytes = texts[need.bytes]
                return !seen.insert(bytes[need.name.indices]).inserted
                    || names.find(bytes, need.name) { $0.source == number } != nil
            }
        }
        return (roots, names)
    }

    /// The module that has a name for others.
    func exporter(_ bytes: [UInt8], _ name: NameRange) -> Int? {
        find(bytes, name) { $0.isExported }
    }

    private init(sources: [ModuleSource]) {
        self.sources = sources
    }

    /// What has to be defined elsewhere, and the space does not define.
    private static func missing(in object: Object, _ table: SymbolTable) -> [NameRange] {
        var missing: [NameRange] = []
        for symbol in object.symbols where symbol.binding == .global && symbol.place == .undefined {
            guard !symbol.isHidden, !ObjectSummary.isMadeByLinker(object.bytes, symbol.name) else { continue }
            if table.exported(object.bytes, symbol.name) != nil { continue }
            missing.append(object.versioned(symbol.name) ?? symbol.name)
        }
        return missing
    }

    private mutating func enterAll() {
        for (number, source) in sources.enumerated() {
            for (position, object) in source.objects.enumerated() {
                let isMember = source.firstMember.map { position >= $0 } ?? false
                for (symbolNumber, symbol) in object.symbols.enumerated()
                where symbol.binding != .local && symbol.place != .undefined {
                    entries.append(
                        Entry(
                            source: number, object: position, symbol: symbolNumber,
                            hash: nameHash(object.bytes, symbol.name),
                            isExported: !isMember && !symbol.isHidden
                                && !ObjectSummary.isOwn(object.bytes, symbol.name)))
                }
            }
        }
        index = NameIndex(minimumCapacity: entries.count)
        let entries = entries
        for (position, entry) in entries.enumerated() {
            index.insert(entry.hash, UInt64(position)) { entries[Int($0)].hash }
        }
    }

    private func find(_ bytes: [UInt8], _ name: NameRange, where isWanted: (Entry) -> Bool) -> Int? {
        var probe = index.probe(nameHash(bytes, name))
        while let payload = index.next(&probe) {
            let entry = entries[Int(payload)]
            guard isWanted(entry) else { continue }
            let object = sources[entry.source].objects[entry.object]
            if sameName(object.bytes, object.symbols[entry.symbol].name, bytes, name) { return entry.source }
        }
        return nil
    }
}
