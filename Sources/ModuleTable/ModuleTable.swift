import ObjectModel

/// Which modules there are, in which state, and who refers to whom.
public struct ModuleTable: Sendable {
    private var modules: [Int: Module] = [:]
    private var order = SortedNumbers()
    /// By ``key(_:)``.
    private var byName: [String: Int] = [:]
    /// For each module that others refer to, those others.
    private var users: [Int: SortedNumbers] = [:]
    private var nextID = 1

    /// Makes an empty table.
    public init() {}

    /// Enters modules that are being loaded: names, addresses, and whom they use. All of them, or none.
    ///
    /// - Parameter uses: for each, modules of the table and the symbols taken from them.
    /// - Parameter peers: for each, the others of this list that it refers to, by index, and the symbols taken from them.
    public mutating func begin(
        _ entries: [(
            name: String, range: Range<UInt64>, isAutoclean: Bool, uses: [Int: [String]], peers: [Int: [String]]
        )]
    ) throws(ModuleTableError) -> [Int] {
        try check(names: entries.map(\.name))
        for used in entries.flatMap(\.uses.keys) {
            guard let module = modules[used] else { throw .unknown(String(used)) }
            if module.state == .unloading { throw .changing(name: module.name, .unloading) }
            if module.state == .faulted { throw .faulted(name: module.name) }
        }
        let ids = entries.indices.map { nextID + $0 }
        nextID += entries.count
        for (index, entry) in entries.enumerated() {
            var uses = entry.uses
            for (peer, symbols) in entry.peers { uses[ids[peer]] = symbols }
            modules[ids[index]] = Module(
                id: ids[index], name: entry.name, state: .loading, range: entry.range, isAutoclean: entry.isAutoclean,
                uses: uses)
            order.insert(ids[index])
            byName[Self.key(entry.name)] = ids[index]
            for used in uses.keys { users[used, default: SortedNumbers()].insert(ids[index]) }
        }
        return ids
    }

    /// Enters a module that has memory and nothing more: create_module of modules(2).
    public mutating func create(name: String, range: Range<UInt64>) throws(ModuleTableError) -> Int {
        let ids = try begin([(name: name, range: range, isAutoclean: false, uses: [:], peers: [:])])
        for id in ids { modules[id]?.state = .uninitialized }
        return ids[0]
    }

    /// A module refers to others from now on, too: those that a symbol table of modules(2) names.
    public mutating func refer(_ id: Int, to others: [Int]) {
        // One that held itself could never go.
        for other in others where other != id && modules[id] != nil && modules[other] != nil {
            modules[id]?.uses[other, default: []] += []
            users[other, default: SortedNumbers()].insert(id)
        }
    }

    /// A module goes when nobody uses it any more, or does not.
    public mutating func setAutoclean(_ id: Int, _ isAutoclean: Bool) {
        modules[id]?.isAutoclean = isAutoclean
    }

    /// Whether modules of these names could be entered now.
    public func check(names: [String]) throws(ModuleTableError) {
        var seen = Set<String>()
        for name in names where byName[Self.key(name)] != nil || !seen.insert(Self.key(name)).inserted {
            throw .exists(name: name)
        }
    }

    /// A module came in because another one needed it.
    public mutating func setDependency(_ id: Int) {
        modules[id]?.isDependency = true
    }

    /// A module asks for another one by name, and so holds it, with or without symbols that it takes from it.
    public mutating func require(_ used: Int, by user: Int) {
        guard used != user, modules[used] != nil, modules[user] != nil else { return }
        if modules[user]?.uses[used] == nil { modules[user]?.uses[used] = [] }
        users[used, default: SortedNumbers()].insert(user)
    }

    /// A module's init has succeeded.
    public mutating func setRunning(_ id: Int) {
        modules[id]?.state = .running
    }

    /// Begins to unload modules together. Whoever else uses one of them, prevents it.
    ///
    /// - Parameter discards: whether modules that have faulted may go, as they are.
    /// - Returns: them in the order in which they can go: each before those that it uses.
    public mutating func beginUnload(_ ids: [Int], discards: Bool = false) throws(ModuleTableError) -> [Module] {
        let leaving = Set(ids)
        for id in ids {
            guard let module = modules[id] else { throw .unknown(String(id)) }
            if module.state == .faulted, !discards { throw .faulted(name: module.name) }
            guard [.running, .uninitialized, .faulted].contains(module.state) else {
                throw .changing(name: module.name, module.state)
            }
            let holders = moduleHolders(of: id, leaving: leaving)
            guard holders.isEmpty else { throw .held(name: module.name, by: holders) }
        }
        let order = unloadOrder(leaving)
        for module in order where module.state == .running { modules[module.id]?.state = .unloading }
        return order
    }

    /// Who refers to a module beside those that leave with it, in the order in which they came, and what they took.
    public func moduleHolders(of id: Int, leaving: Set<Int>) -> [ModuleHolder] {
        holders(of: id).filter { !leaving.contains($0.id) }
            .map { ModuleHolder(name: $0.name, symbols: $0.uses[id] ?? []) }
    }

    /// Modules and all that refer to them, be it by way of others: each before those that it uses.
    public func withDependents(_ ids: [Int]) -> [Module] {
        var visited = Set<Int>()
        for id in ids { _ = search(from: id, &visited) { users[$0]?.numbers ?? [] } }
        return unloadOrder(visited)
    }

    /// Modules that are to go together: each before those that it uses.
    public func unloadOrder(_ ids: [Int]) -> [Module] { unloadOrder(Set(ids)) }

    /// Notes that a module is used, by somebody who may not hold it any more when the next pass of autoclean comes.
    public mutating func visit(_ id: Int) { setVisited(id, true) }

    mutating func setVisited(_ id: Int, _ isVisited: Bool) { modules[id]?.isVisited = isVisited }

    /// A module stays after all: it refused, or its cleanup was stopped in the middle.
    public mutating func cancelUnload(_ id: Int, hasFaulted: Bool = false) {
        if modules[id]?.state == .unloading { modules[id]?.state = hasFaulted ? .faulted : .running }
    }

    /// A running module has crashed.
    public mutating func setFaulted(_ id: Int) {
        if modules[id]?.state == .running { modules[id]?.state = .faulted }
    }

    /// A module cannot be taken out, and is not to be used any more.
    public mutating func keepFaulted(_ id: Int) {
        modules[id]?.state = .faulted
    }

    /// Takes a module out.
    public mutating func remove(_ id: Int) {
        guard let module = modules.removeValue(forKey: id) else { return }
        byName[Self.key(module.name)] = nil
        order.remove(id)
        users[id] = nil
        for used in module.uses.keys { users[used]?.remove(id) }
    }

    /// Who refers to a module, in the order in which they came.
    public func holders(of id: Int) -> [Module] {
        (users[id]?.numbers ?? []).compactMap { modules[$0] }
    }

    /// Their names.
    public func holderNames(of id: Int) -> [String] {
        (users[id]?.numbers ?? []).compactMap { modules[$0]?.name }
    }

    /// A module by its number.
    public subscript(id: Int) -> Module? { modules[id] }

    /// A module by its name.
    public func module(named name: String) -> Module? {
        byName[Self.key(name)].flatMap { modules[$0] }
    }

    /// What is the same in names that mean one module: `-` and `_` are (modprobe(8)).
    private static func key(_ name: String) -> String { moduleKey(name) }

    /// All modules in the order in which they came.
    public var all: [Module] { ids.compactMap { modules[$0] } }

    /// Their numbers, in that order, which is the numbers' own.
    public var ids: [Int] { order.numbers }

    /// Users before those that they use; where modules use each other, the younger first.
    ///
    /// Modules that use each other, be it by way of others, are found with two searches (Kosaraju's algorithm): in the
    /// opposite order of the first, which follows users, each search for the used finds one such set.
    private func unloadOrder(_ leaving: Set<Int>) -> [Module] {
        var visited = Set<Int>()
        let finished = leaving.sorted(by: >).flatMap { start in
            search(from: start, &visited) { id in (users[id]?.numbers ?? []).filter(leaving.contains) }
        }
        visited = []
        let sets = finished.reversed().map { start in
            search(from: start, &visited) { id in modules[id]?.uses.keys.filter(leaving.contains).sorted() ?? [] }
        }
        return sets.reversed().flatMap { $0.sorted(by: >) }.compactMap { modules[$0] }
    }

    /// What is reached from a module and was not visited, each after all that it leads to.
    ///
    /// - Parameter next: what a module leads to, in ascending order.
    private func search(from start: Int, _ visited: inout Set<Int>, _ next: (Int) -> [Int]) -> [Int] {
        var finished: [Int] = []
        // A stack instead of recursion: a chain may be as long as there are modules.
        var stack = [(id: start, isDone: false)]
        while let (id, isDone) = stack.popLast() {
            if isDone {
                finished.append(id)
            } else if visited.insert(id).inserted {
                stack.append((id, true))
                for other in next(id) where !visited.contains(other) { stack.append((other, false)) }
            }
        }
        return finished
    }
}
