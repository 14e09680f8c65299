import ELFFormat
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SymbolTable

extension ModuleService {
    /// All modules in the order in which they were loaded.
    public func list() -> [ModuleInformation] {
        // Under a debugger a space answers nobody: what it alone knows is left out then.
        let stopped = state.withLock { $0.spaces.hosts }.filter(\.isStopped).map(\.architecture.name)
        if stopped.isEmpty { askForState() }
        let modules = state.withLock { state in
            state.modules.all.compactMap { information(of: $0.id, in: state) }
        }
        return modules.map { module in
            var module = module
            if !stopped.contains(module.space) { module.useCount = useCount(module.id) }
            return module
        }
    }

    /// The names of the spaces that run, the native one first.
    func runningSpaces() -> [String] {
        state.withLock { $0.spaces.hosts }.map(\.architecture.name)
    }

    /// What is known of a module without asking the space.
    func information(of id: Int, in state: borrowing State) -> ModuleInformation? {
        guard let module = state.modules[id], let loaded = state.loaded[id] else { return nil }
        return ModuleInformation(
            id: id, name: module.name, space: loaded.architecture.name, state: module.state.rawValue,
            address: Int(module.range.lowerBound),
            size: Int(module.range.upperBound - module.range.lowerBound), useCount: nil,
            uses: module.uses.sorted { $0.key < $1.key }.compactMap { used, symbols in
                state.modules[used].map { ModuleUse(module: $0.name, symbols: symbols) }
            },
            usedBy: state.modules.holders(of: id).map(\.name), autoclean: module.isAutoclean,
            dependency: module.isDependency, owner: loaded.flat?.owner,
            dialect: loaded.linked.dialect, type: loaded.registration?.type ?? loaded.linked.declaration?.className,
            offset: loaded.registration?.offset, info: loaded.registration?.information)
    }

    /// The symbols of a space that have these names and addresses.
    public func lookUp(_ queries: [String], in architecture: Architecture = .native) -> [LookUpAnswer] {
        let table = state.withLock { state in
            LookUpTable(
                sets: state.spaces[architecture].symbols.snapshot, departed: state.spaces[architecture].departed)
        }
        return queries.map { LookUpAnswer(query: $0, symbols: table.find($0)) }
    }

    /// The symbol table of a space as a file, as it is now: a later load makes another file.
    func symbolFile(_ architecture: Architecture) throws(Failure) -> Descriptor {
        let path = directory.symbols(of: architecture)
        return try Failure.naming(path) { () throws(SystemError) in try File.open(path, .read) }
    }

    /// The machine of a space that can be asked about.
    ///
    /// - Parameter name: nil is the native one.
    func runningSpace(_ name: String?) throws(Failure) -> Architecture {
        let architecture = try Architecture(space: name)
        guard architecture == .native || state.withLock({ $0.spaces[architecture].host != nil }) else {
            throw Failure(
                .noSuchSpace, subject: architecture.name,
                reason: "no such space runs; it starts with the first object that is made for it")
        }
        return architecture
    }

    /// The daemon and a space.
    func status(_ architecture: Architecture) throws(Failure) -> StatusMethod.Reply {
        try state.withLock { (state) throws(Failure) in
            let record = state.spaces[architecture]
            guard let space = record.host?.information else {
                throw Failure(.systemFailure, subject: "space", reason: "cannot be started")
            }
            return StatusMethod.Reply(
                version: Product.version, process: Int(CurrentProcess.number), space: Int(space.process),
                architecture: architecture.name, windowStart: Int(space.window.lowerBound),
                windowEnd: Int(space.window.upperBound), modules: state.modules(in: architecture).count,
                symbols: record.symbols.symbolCount, generation: Int(record.symbols.generation))
        }
    }
}

/// A space's table as it was at one moment, to look things up in without the lock.
private struct LookUpTable {
    let sets: [SymbolSet]
    /// Who has been there.
    let departed: DepartedOwners

    /// A name, `module:name`, or an address: `0x…`, 16 digits as in the table, decimal, or what can only be a hexadecimal number.
    func find(_ query: String) -> [SymbolInformation] {
        if let number = Self.address(query) { return describe(number) }
        var name = Substring(query)
        var owner: Substring?
        if let colon = query.firstIndex(of: ":") {
            owner = query[..<colon]
            name = query[query.index(after: colon)...]
        }
        let found = named(String(name), owner.map(String.init))
        if found.isEmpty, owner == nil, query.utf8.count >= 5, let number = Self.number(query[...], radix: 16) {
            return describe(number)
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
        for set in sets where owner == nil || owner == set.owner {
            for (index, entry) in set.symbols.entries.enumerated()
            where sameName(set.symbols.names, entry.name, bytes, range) {
                found.append(Self.information(set, index, offset: 0))
            }
        }
        // What modules get when they ask for the name stands first.
        return found.filter(\.exported) + found.filter { !$0.exported }
    }

    private func describe(_ address: UInt64) -> [SymbolInformation] {
        guard let set = sets.first(where: { $0.range.contains(address) }) else {
            return departed.describe(address).map { [SymbolInformation(address, $0, now: Clock.nanoseconds())] } ?? []
        }
        if let index = set.symbol(at: address) {
            return [Self.information(set, index, offset: Int(address - set.symbols.entries[index].address))]
        }
        guard let section = set.sections.first(where: { $0.contains(address) }) else { return [] }
        return [
            SymbolInformation(
                module: set.owner, name: section.name, address: Int(section.address), size: Int(section.size),
                offset: Int(address - section.address), kind: "section", exported: false)
        ]
    }

    private static func information(_ set: SymbolSet, _ index: Int, offset: Int) -> SymbolInformation {
        let entry = set.symbols.entries[index]
        return SymbolInformation(
            module: set.owner, name: set.name(index), address: Int(truncatingIfNeeded: entry.address),
            size: Int(truncatingIfNeeded: entry.size), offset: offset, kind: SymbolInformation.kind(of: entry.type),
            exported: entry.isExported)
    }
}
