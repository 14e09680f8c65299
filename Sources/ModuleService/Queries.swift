import ELFFormat
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SymbolQueries
import SymbolTable

extension ModuleService {
    /// All modules in the order in which they were loaded.
    ///
    /// - Parameter isBrief: whether what they use is left out.
    public func list(isBrief: Bool = false) -> [ModuleInformation] {
        // Under a debugger a space answers nobody: what it alone knows is left out then.
        let stopped = state.withLock { $0.spaces.hosts }.filter(\.isStopped).map(\.architecture.name)
        if stopped.isEmpty { askForState() }
        var modules: [ModuleInformation] = []
        var counters: [(index: Int, place: CounterPlace)] = []
        state.withLock { state in
            modules.reserveCapacity(state.modules.ids.count)
            for id in state.modules.ids {
                guard let module = information(of: id, in: state, isBrief: isBrief) else { continue }
                if !stopped.contains(module.space), let place = state.counterPlace(id) {
                    counters.append((modules.count, place))
                }
                modules.append(module)
            }
        }
        // Not under the lock: the space is asked.
        for (index, place) in counters { modules[index].useCount = place.count }
        return modules
    }

    /// The names of the spaces that run, the native one first.
    func runningSpaces() -> [String] {
        state.withLock { $0.spaces.hosts }.map(\.architecture.name)
    }

    /// What is known of a module without asking the space.
    func information(of id: Int, in state: borrowing State, isBrief: Bool = false) -> ModuleInformation? {
        guard let module = state.modules[id], let loaded = state.loaded[id] else { return nil }
        return ModuleInformation(
            id: id, name: module.name, space: loaded.architecture.name, state: module.state.rawValue,
            address: Int(module.range.lowerBound),
            size: Int(module.range.upperBound - module.range.lowerBound), useCount: nil,
            uses: isBrief ? [] : state.uses(of: module), usedBy: state.modules.holderNames(of: id),
            autoclean: module.isAutoclean,
            dependency: module.isDependency, owner: loaded.flat?.owner,
            dialect: loaded.linked.dialect, type: loaded.registration?.type ?? loaded.linked.declaration?.className,
            offset: loaded.registration?.offset, info: loaded.registration?.information)
    }

    /// The symbols of a space that have these names and addresses.
    public func lookUp(_ queries: [String], in architecture: Architecture = .native) -> [LookUpAnswer] {
        let (sets, departed) = state.withLock { state in
            (state.spaces[architecture].symbols.snapshot, state.spaces[architecture].departed)
        }
        let now = Clock.nanoseconds()
        let table = SymbolLookUp(sets) { address in
            departed.describe(address).map { [SymbolInformation(address, $0, now: now)] } ?? []
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

/// Where a module's use counter is.
struct CounterPlace {
    let address: UInt64
    let space: SpaceHost

    /// What it says; nil when the space is busy.
    var count: Int? {
        space.readUnlessBusy(address, count: space.useCountSize).map { UseCounter(littleEndian: $0).count }
    }
}

extension ModuleService.State {
    /// Where a module's use counter is; nil when it has none.
    func counterPlace(_ id: Int) -> CounterPlace? {
        guard let module = loaded[id], let address = module.linked.useCount,
            let space = spaces[module.architecture].host
        else { return nil }
        return CounterPlace(address: address, space: space)
    }

    /// Whom a module uses, for people.
    fileprivate func uses(of module: Module) -> [ModuleUse] {
        module.uses.sorted { $0.key < $1.key }.compactMap { used, symbols in
            modules[used].map { ModuleUse(module: $0.name, symbols: symbols) }
        }
    }
}
