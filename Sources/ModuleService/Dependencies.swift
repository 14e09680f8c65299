import Linking
import ModlinkInterface
import ModuleIndex
import ModulePath
import ModuleTable
import ObjectModel
import Posix
import Synchronization
import Varlink

extension ModuleService {
    /// The folders that modules of a request are found in: none for callers who are not the daemon's own user, since the daemon opens
    /// the files there with its rights.
    func folders(
        _ parameters: LoadMethod.Parameters, _ peer: LocalSocket.Credentials
    ) throws(Failure) -> [String] {
        guard peer.user == User.effective else { return [] }
        guard let folders = parameters.modulePath else { return self.folders }
        if let folder = folders.first(where: { !$0.hasPrefix("/") || $0.utf8.contains(0) }) {
            throw Failure(.systemFailure, subject: folder, reason: "not an absolute path; modulePath has those alone")
        }
        return folders
    }

    /// An object that is given by the name of a module becomes one with a path.
    func found(
        _ object: ObjectFile, _ folders: [String], _ peer: LocalSocket.Credentials
    ) throws(Failure) -> ObjectFile {
        guard object.descriptor == nil, object.path == nil else { return object }
        guard peer.user == User.effective else {
            throw Failure(
                .permissionDenied, subject: object.name,
                reason: "a module is looked for by name for user \(User.effective) only; pass a descriptor")
        }
        let path = try ModuleFolders.find(object.name, in: folders)
        return ObjectFile(name: path, path: path)
    }

    /// The request with what its modules need and nobody has. On the linker's thread: what is loaded does not change meanwhile.
    func withDependencies(_ request: LoadRequest, _ space: SpaceHost) throws(Failure) -> LoadRequest {
        let names = state.withLock { state in LoadedNames(state.modules, state.loaded) }
        let table = state.withLock { $0.spaces[space.architecture].symbols }
        let plan = try indexes.plan(
            request.sources, for: space.architecture, folders: request.folders, against: table,
            loaded: { names[$0] }, progress: request.progress.set)
        var planned = request
        planned.sources = plan.members.map(\.source)
        planned.autoclean = plan.members.map { $0.root.map { request.autoclean[$0] } ?? true }
        planned.isDependency = plan.members.map { $0.root == nil }
        planned.required = plan.members.map(\.required)
        planned.warnings = plan.warnings
        for warning in plan.warnings {
            log.warning("\(warning)")
            console.note("warning: \(warning)")
        }
        for (source, isDependency) in zip(planned.sources, planned.isDependency) where isDependency {
            try ModuleName.check(source.name)
        }
        return planned
    }
}

/// The loaded modules by the key of their name, put together when the first is asked for.
private final class LoadedNames {
    private let table: ModuleTable
    private let loaded: [Int: ModuleService.LoadedModule]
    /// Their own names, and what MODULE() calls them.
    private lazy var names: [String: String] = {
        let modules = table.all
        let own = modules.map { (ModuleFile.key($0.name), $0.name) }
        let declared = modules.compactMap { module in
            loaded[module.id]?.linked.declaration.map { (ModuleFile.key($0.name), module.name) }
        }
        return Dictionary(own + declared, uniquingKeysWith: { first, _ in first })
    }()

    init(_ table: ModuleTable, _ loaded: [Int: ModuleService.LoadedModule]) {
        self.table = table
        self.loaded = loaded
    }

    subscript(key: String) -> String? { names[key] }
}

extension ModuleService.State {
    /// Marks the modules that came in for others, and notes whom they ask for by name.
    mutating func noteDependencies(_ request: LoadRequest, _ ids: [Int]) {
        for (id, isDependency) in zip(ids, request.isDependency) where isDependency { modules.setDependency(id) }
        for (id, names) in zip(ids, request.required) {
            for name in names {
                if let used = modules.module(named: name) { modules.require(used.id, by: id) }
            }
        }
    }
}
