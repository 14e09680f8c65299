import ELFFormat
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SymbolQueries
import SymbolTable

extension ModuleService {
    /// All modules in the order in which they were loaded.
    public func list() -> [ModuleInformation] {
        askForState()
        let modules = state.withLock { state in
            state.modules.all.compactMap { information(of: $0.id, in: state) }
        }
        return modules.map { module in
            var module = module
            module.useCount = useCount(module.id)
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
        let table = SymbolLookUp(state.withLock { $0.spaces[architecture].symbols.snapshot })
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
