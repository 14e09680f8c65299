import ObjectModel

/// Which modules a load brings in, in the order in which they start, and why.
public struct LoadPlan: Sendable, Equatable {
    /// Where a module comes from.
    public enum Member: Sendable, Hashable {
        /// It was named: an index into the planner's roots.
        case root(Int)
        /// It is a dependency: a folder and one of its files.
        case file(folder: Int, file: Int)
    }

    /// Why a module is wanted by another one.
    public struct Reason: Sendable, Equatable {
        /// The module that wants it.
        public var user: String
        /// The symbols that it takes from it.
        public var symbols: [String] = []
        /// Whether it asks for it by name.
        public var isRequired = false
        /// Whether its builder found it to be needed (`depends=`).
        public var isListed = false
    }

    /// One module.
    public struct Step: Sendable, Equatable {
        /// Where it comes from.
        public var member: Member
        /// Its name.
        public var module: String
        /// Why it is loaded, by user; of a module that was named, who uses it too.
        public var reasons: [Reason]
        /// The modules that it asks for by name, and that it holds.
        public var required: [String]
    }

    /// The modules, each after those that it needs, but for cycles.
    public internal(set) var steps: [Step] = []
    /// What stands in the way.
    public internal(set) var problems: [Problem] = []
}

/// A module that was named, as far as a plan has to know it.
public struct PlanRoot: Sendable {
    /// Its name.
    public var name: String
    /// What MODULE() calls it, if that is there: others may ask for it so.
    public var declaredName: String?
    /// The bytes that the names of its needs are ranges of.
    public var names: [[UInt8]] = []
    /// What it needs and the modules that are named do not define: the range, and of which of `names`.
    public var needs: [(bytes: Int, name: NameRange)] = []
    /// The modules that it asks for by name.
    public var required: [String] = []
    /// The modules that its builder found to be needed.
    public var depends: [String] = []

    /// Makes a module that needs nothing.
    public init(name: String) {
        self.name = name
    }
}

/// What there is besides the folders.
public struct PlanSurroundings {
    /// Whether the space has a symbol of that name for all.
    let isExported: (_ bytes: [UInt8], _ name: NameRange) -> Bool
    /// The name of the loaded module with that key (`ModuleFile.key`), if there is one.
    let loaded: (_ key: String) -> String?
    /// Which of the roots defines a name for others.
    let root: (_ bytes: [UInt8], _ name: NameRange) -> Int?

    /// Makes surroundings that answer so.
    public init(
        isExported: @escaping ([UInt8], NameRange) -> Bool, loaded: @escaping (String) -> String?,
        root: @escaping ([UInt8], NameRange) -> Int?
    ) {
        self.isExported = isExported
        self.loaded = loaded
        self.root = root
    }
}

extension LoadPlan {
    /// Plans a load: whatever the roots need and neither the space nor they themselves have is looked for in the folders, and what
    /// those modules need in turn.
    ///
    /// - Parameters:
    ///   - architecture: the machine of the space; files for others are passed over.
    ///   - folders: in the order in which they are looked at. Of modules with names that mean the same, the first counts.
    public init(
        _ roots: [PlanRoot], for architecture: Architecture, folders: [FolderIndex], in surroundings: PlanSurroundings
    ) {
        var planner = Planner(
            roots: roots, architecture: architecture, folders: folders, surroundings: surroundings)
        planner.run()
        steps = planner.steps()
        problems = planner.problems
    }
}

/// A search from the roots over all that is needed.
private struct Planner {
    let roots: [PlanRoot]
    let architecture: Architecture
    let folders: [FolderIndex]
    let surroundings: PlanSurroundings
    private(set) var problems: [Problem] = []

    private var nodes: [Node] = []
    private var numbers: [LoadPlan.Member: Int] = [:]
    /// The nodes of modules by key.
    private var byKey: [String: Int] = [:]
    /// Names that several files define, for later: another need may settle which.
    private var undecided: [(node: Int, symbol: String, candidates: [LoadPlan.Member])] = []

    private struct Node {
        let member: LoadPlan.Member
        let module: String
        /// The nodes that it needs, in the order in which that was found; those by name first.
        var needs: [Int] = []
        /// Those of them that it asks for by name: they start before it even where both are roots.
        var requiredNodes: Set<Int> = []
        /// For each node that uses it, the place of the reason.
        var reasonOf: [Int: Int] = [:]
        var reasons: [LoadPlan.Reason] = []
        var required: [String] = []
    }

    init(
        roots: [PlanRoot], architecture: Architecture, folders: [FolderIndex], surroundings: PlanSurroundings
    ) {
        self.roots = roots
        self.architecture = architecture
        self.folders = folders
        self.surroundings = surroundings
        for (index, root) in roots.enumerated() { _ = add(.root(index), root.name) }
        for (index, root) in roots.enumerated() {
            guard let key = root.declaredName.map(ModuleFile.key), byKey[key] == nil else { continue }
            byKey[key] = numbers[.root(index)]
        }
    }

    private mutating func add(_ member: LoadPlan.Member, _ module: String) -> Int {
        if let number = numbers[member] { return number }
        nodes.append(Node(member: member, module: module))
        numbers[member] = nodes.count - 1
        let key = ModuleFile.key(module)
        if byKey[key] == nil { byKey[key] = nodes.count - 1 }
        return nodes.count - 1
    }

    mutating func run() {
        var next = 0
        while next < nodes.count {
            expand(next)
            next += 1
            if next == nodes.count { decide() }
        }
        for (node, symbol, candidates) in undecided { refuse(node, symbol, candidates) }
    }

    // MARK: What a module needs

    private mutating func expand(_ node: Int) {
        switch nodes[node].member {
        case .root(let index):
            let root = roots[index]
            requireModules(node, root.required, root.depends, root.name)
            for need in root.needs { provide(root.names[need.bytes], need.name, for: node) }
        case .file(let folder, let file):
            let index = folders[folder]
            let entry = index.files[file]
            requireModules(node, entry.required, entry.depends, index.path(of: file))
            for need in index.needs[entry.needs] { provide(index.names, need, for: node) }
        }
    }

    private mutating func requireModules(_ node: Int, _ required: [String], _ depends: [String], _ subject: String) {
        for name in required {
            let key = ModuleFile.key(name)
            if let loaded = surroundings.loaded(key) {
                nodes[node].required.append(loaded)
            } else if let found = self.module(key) {
                guard found != node else { continue }
                use(found, by: node) { $0.isRequired = true }
                nodes[node].requiredNodes.insert(found)
                nodes[node].required.append(nodes[found].module)
            } else {
                problems.append(Problem(subject: subject, reason: "requires module '\(name)', \(reasonMissing(key))"))
            }
        }
        // That one is not there says nothing: symbols tell what is needed.
        for name in depends {
            let key = ModuleFile.key(name)
            guard surroundings.loaded(key) == nil, let found = self.module(key), found != node else { continue }
            use(found, by: node) { $0.isListed = true }
        }
    }

    /// The node of the module with that key: one of the plan, or the first in the folders.
    private mutating func module(_ key: String) -> Int? {
        if let known = byKey[key] { return known }
        for (folder, index) in folders.enumerated() {
            guard let file = index.file(ofKey: key) else { continue }
            guard index.files[file].architecture == architecture else { continue }
            let number = add(.file(folder: folder, file: file), index.files[file].module)
            // It may only call itself so.
            byKey[key] = number
            return number
        }
        return nil
    }

    private func reasonMissing(_ key: String) -> String {
        for index in folders {
            guard let file = index.file(ofKey: key) else { continue }
            if let problem = index.files[file].problem { return "and that is no object: \(problem)" }
            if let other = index.files[file].architecture {
                return "and \(index.path(of: file)) is made for \(other.name), not \(architecture.name)"
            }
        }
        let places = folders.isEmpty ? "" : " (\(folders.map(\.path).joined(separator: ":")))"
        return "which is neither loaded nor in the module path\(places)"
    }

    private mutating func use(_ provider: Int, by user: Int, _ change: (inout LoadPlan.Reason) -> Void) {
        let place: Int
        if let known = nodes[provider].reasonOf[user] {
            place = known
        } else {
            place = nodes[provider].reasons.count
            nodes[provider].reasons.append(LoadPlan.Reason(user: nodes[user].module))
            nodes[provider].reasonOf[user] = place
            nodes[user].needs.append(provider)
        }
        change(&nodes[provider].reasons[place])
    }

    // MARK: Symbols

    /// Finds out who defines a name for a module: nobody has to be found, the linker says so better.
    private mutating func provide(_ bytes: [UInt8], _ whole: NameRange, for node: Int) {
        var forms = [whole]
        // A reference to `name@VERSION` is one to just that, or to the name.
        if let at = bytes[whole.indices].firstIndex(of: UInt8(ascii: "@")), at > Int(whole.offset) {
            forms.append(NameRange(offset: whole.offset, count: UInt32(at) - whole.offset))
        }
        for name in forms {
            if surroundings.isExported(bytes, name) { return }
            if let root = surroundings.root(bytes, name) {
                if root != node { use(root, by: node) { $0.symbols.append(printable(bytes, name)) } }
                return
            }
            let candidates = candidates(bytes, name)
            guard let first = candidates.first else { continue }
            let symbol = printable(bytes, name)
            if candidates.count == 1 {
                take(first, symbol, for: node)
            } else {
                undecided.append((node, symbol, candidates))
            }
            return
        }
    }

    private mutating func take(_ member: LoadPlan.Member, _ symbol: String, for node: Int) {
        guard case .file(let folder, let file) = member else { return }
        let provider = add(member, folders[folder].files[file].module)
        if provider != node { use(provider, by: node) { $0.symbols.append(symbol) } }
    }

    /// The files that define a name, those where it is strong if there is one; without those that another of their module's name hides, and
    /// those of modules that are loaded or named themselves: in what is there the name is not.
    private func candidates(_ bytes: [UInt8], _ name: NameRange) -> [LoadPlan.Member] {
        var strong: [LoadPlan.Member] = []
        var weak: [LoadPlan.Member] = []
        var seen = Set<String>()
        for (folder, index) in folders.enumerated() {
            for provider in index.providers(bytes, name) {
                let file = index.files[provider.file]
                let key = ModuleFile.key(file.module)
                guard file.architecture == architecture, isFirst(folder, provider.file, key),
                    seen.insert(key).inserted, !isTaken(key, folder, provider.file)
                else { continue }
                let member = LoadPlan.Member.file(folder: folder, file: provider.file)
                if provider.isWeak { weak.append(member) } else { strong.append(member) }
            }
        }
        return strong.isEmpty ? weak : strong
    }

    private func isFirst(_ folder: Int, _ file: Int, _ key: String) -> Bool {
        guard folders[folder].file(ofKey: key) == file else { return false }
        return !folders[..<folder].contains { index in
            index.file(ofKey: key).map { index.files[$0].architecture == architecture } ?? false
        }
    }

    private func isTaken(_ key: String, _ folder: Int, _ file: Int) -> Bool {
        if surroundings.loaded(key) != nil { return true }
        guard let known = byKey[key] else { return false }
        return nodes[known].member != .file(folder: folder, file: file)
    }

    /// Settles names that several files define and of which one is loaded for another reason.
    private mutating func decide() {
        var rest: [(node: Int, symbol: String, candidates: [LoadPlan.Member])] = []
        for (node, symbol, candidates) in undecided {
            if let member = candidates.first(where: { numbers[$0] != nil }) {
                take(member, symbol, for: node)
            } else {
                rest.append((node, symbol, candidates))
            }
        }
        undecided = rest
    }

    private mutating func refuse(_ node: Int, _ symbol: String, _ candidates: [LoadPlan.Member]) {
        let paths = candidates.compactMap { member -> String? in
            guard case .file(let folder, let file) = member else { return nil }
            return folders[folder].path(of: file)
        }
        let shown = paths.prefix(4).joined(separator: ", ")
        let more = paths.count > 4 ? " and \(paths.count - 4) more" : ""
        problems.append(
            Problem(
                subject: nodes[node].module,
                reason:
                    "symbol '\(symbol)' is defined by \(shown)\(more); name the one that is meant on the command line"))
    }

    // MARK: The order

    /// Each module after those that it needs. Those that were named keep their order, unless one asks for another by its name.
    func steps() -> [LoadPlan.Step] {
        var order: [Int] = []
        var visited = [Bool](repeating: false, count: nodes.count)
        for root in roots.indices {
            // A stack instead of recursion: a chain may be as long as there are modules.
            guard !visited[root] else { continue }
            visited[root] = true
            var stack = [(node: root, next: 0)]
            while let (node, next) = stack.last {
                guard next < nodes[node].needs.count else {
                    order.append(node)
                    stack.removeLast()
                    continue
                }
                stack[stack.count - 1].next += 1
                let other = nodes[node].needs[next]
                let isOrdered = other >= roots.count || nodes[node].requiredNodes.contains(other)
                if isOrdered, !visited[other] {
                    visited[other] = true
                    stack.append((other, 0))
                }
            }
        }
        return order.map { number in
            let node = nodes[number]
            return LoadPlan.Step(
                member: node.member, module: node.module, reasons: node.reasons, required: node.required)
        }
    }
}
