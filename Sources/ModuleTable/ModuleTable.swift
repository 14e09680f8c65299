/// Which modules there are, in which state, and who refers to whom.
public struct ModuleTable: Sendable {
    private var modules: [Int: Module] = [:]
    private var byName: [String: Int] = [:]
    /// For each module that others refer to, those others.
    private var users: [Int: Set<Int>] = [:]
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
        }
        let ids = entries.indices.map { nextID + $0 }
        nextID += entries.count
        for (index, entry) in entries.enumerated() {
            var uses = entry.uses
            for (peer, symbols) in entry.peers { uses[ids[peer]] = symbols }
            modules[ids[index]] = Module(
                id: ids[index], name: entry.name, state: .loading, range: entry.range, isAutoclean: entry.isAutoclean,
                uses: uses)
            byName[entry.name] = ids[index]
            for used in uses.keys { users[used, default: []].insert(ids[index]) }
        }
        return ids
    }

    /// Whether modules of these names could be entered now.
    public func check(names: [String]) throws(ModuleTableError) {
        var seen = Set<String>()
        for name in names where byName[name] != nil || !seen.insert(name).inserted {
            throw .exists(name: name)
        }
    }

    /// A module's init has succeeded.
    public mutating func setRunning(_ id: Int) {
        modules[id]?.state = .running
    }

    /// Begins to unload modules together. Whoever else uses one of them, prevents it.
    ///
    /// - Returns: them in the order in which they can go: each before those that it uses.
    public mutating func beginUnload(_ ids: [Int]) throws(ModuleTableError) -> [Module] {
        let leaving = Set(ids)
        for id in ids {
            guard let module = modules[id] else { throw .unknown(String(id)) }
            guard module.state == .running else { throw .changing(name: module.name, module.state) }
            let holders = moduleHolders(of: id, leaving: leaving)
            guard holders.isEmpty else { throw .held(name: module.name, by: holders) }
        }
        let order = unloadOrder(leaving)
        for module in order { modules[module.id]?.state = .unloading }
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
        for id in ids { _ = search(from: id, &visited) { users[$0] ?? [] } }
        return unloadOrder(visited)
    }

    /// Modules that are to go together: each before those that it uses.
    public func unloadOrder(_ ids: [Int]) -> [Module] { unloadOrder(Set(ids)) }

    /// Notes that a module is used, by somebody who may not hold it any more when the next pass of autoclean comes.
    public mutating func visit(_ id: Int) { setVisited(id, true) }

    mutating func setVisited(_ id: Int, _ isVisited: Bool) { modules[id]?.isVisited = isVisited }

    /// A module stays after all: it refused, or its cleanup failed.
    public mutating func cancelUnload(_ id: Int, isBroken: Bool = false) {
        modules[id]?.state = .running
        if isBroken { modules[id]?.isBroken = true }
    }

    /// Takes a module out.
    public mutating func remove(_ id: Int) {
        guard let module = modules.removeValue(forKey: id) else { return }
        byName[module.name] = nil
        users[id] = nil
        for used in module.uses.keys { users[used]?.remove(id) }
    }

    /// Who refers to a module, in the order in which they came.
    public func holders(of id: Int) -> [Module] {
        (users[id] ?? []).sorted().compactMap { modules[$0] }
    }

    /// A module by its number.
    public subscript(id: Int) -> Module? { modules[id] }

    /// A module by its name.
    public func module(named name: String) -> Module? {
        byName[name].flatMap { modules[$0] }
    }

    /// All modules in the order in which they came.
    public var all: [Module] {
        modules.values.sorted { $0.id < $1.id }
    }

    /// Users before those that they use; where modules use each other, the younger first.
    ///
    /// Modules that use each other, be it by way of others, are found with two searches (Kosaraju's algorithm): in the
    /// opposite order of the first, which follows users, each search for the used finds one such set.
    private func unloadOrder(_ leaving: Set<Int>) -> [Module] {
        var visited = Set<Int>()
        let finished = leaving.sorted(by: >).flatMap { start in
            search(from: start, &visited) { id in (users[id] ?? []).filter(leaving.contains) }
        }
        visited = []
        let sets = finished.reversed().map { start in
            search(from: start, &visited) { id in Set(modules[id]?.uses.keys.filter(leaving.contains) ?? []) }
        }
        return sets.reversed().flatMap { $0.sorted(by: >) }.compactMap { modules[$0] }
    }

    /// What is reached from a module and was not visited, each after all that it leads to.
    private func search(from start: Int, _ visited: inout Set<Int>, _ next: (Int) -> Set<Int>) -> [Int] {
        var finished: [Int] = []
        // A stack instead of recursion: a chain may be as long as there are modules.
        var stack = [(id: start, isDone: false)]
        while let (id, isDone) = stack.popLast() {
            if isDone {
                finished.append(id)
            } else if visited.insert(id).inserted {
                stack.append((id, true))
                for other in next(id).sorted() where !visited.contains(other) { stack.append((other, false)) }
            }
        }
        return finished
    }
}
