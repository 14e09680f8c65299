import Linking
import ModlinkInterface
import ModuleIndex
import ObjectFormats
import ObjectModel
import Posix
import SymbolTable

/// What is loaded together: the modules that were named, and before each those of the module path that it needs.
public struct PlannedLoad: Sendable {
    /// One module.
    public struct Member: Sendable {
        /// What it is made of.
        public var source: ModuleSource
        /// Which of the named modules it is; nil: a dependency.
        public var root: Int?
        /// Why it is loaded.
        public var reasons: [LoadPlan.Reason]
        /// The modules that it asks for by name, and so holds.
        public var required: [String]
    }

    /// The modules in the order in which they start.
    public var members: [Member]
    /// What was found in the folders that cannot be used.
    public var warnings: [Problem] = []

    /// Whether anything comes in that was not named.
    public var hasDependencies: Bool { members.contains { $0.root == nil } }
}

extension ModuleIndexes {
    /// A file changed between the time that it was indexed and the time that it was read.
    private static let attempts = 3

    /// Plans a load, and reads the objects of the dependencies. Where nothing is missing no folder is looked at.
    ///
    /// - Parameters:
    ///   - folders: absolute paths.
    ///   - table: the symbols of the space.
    ///   - loaded: the name of the loaded module with a key (`ModuleFile.key`).
    public func plan(
        _ sources: [ModuleSource], for architecture: Architecture, folders: [String], against table: SymbolTable,
        loaded: @escaping (String) -> String?, progress: ProgressReport = { _, _, _ in }
    ) throws(Failure) -> PlannedLoad {
        let (roots, names) = RootNames.roots(sources, table)
        guard roots.contains(where: { !$0.needs.isEmpty || !$0.required.isEmpty || !$0.depends.isEmpty }) else {
            return PlannedLoad(
                members: sources.enumerated().map {
                    PlannedLoad.Member(source: $1, root: $0, reasons: [], required: [])
                })
        }
        let surroundings = PlanSurroundings(
            isExported: { table.exported($0, $1) != nil }, loaded: loaded, root: { names.exporter($0, $1) })
        var warnings: [Problem] = []
        for attempt in 1...Self.attempts {
            let (indexes, more) = refresh(folders, progress: progress)
            warnings += more
            let plan = LoadPlan(roots, for: architecture, folders: indexes, in: surroundings)
            guard plan.problems.isEmpty else { throw Failure(.linkFailed, plan.problems) }
            guard var load = try read(plan, sources, indexes, isLast: attempt == Self.attempts, progress) else {
                continue
            }
            load.warnings = warnings
            return load
        }
        // The last attempt takes what is there, so this is never reached.
        throw Failure(.systemFailure, subject: "module path", reason: "its files change all the time")
    }

    /// Reads what the plan brings in; nil when a file is another than the index says.
    private func read(
        _ plan: LoadPlan, _ sources: [ModuleSource], _ indexes: [FolderIndex], isLast: Bool, _ progress: ProgressReport
    ) throws(Failure) -> PlannedLoad? {
        var load = PlannedLoad(members: [])
        var problems: [Problem] = []
        for (number, step) in plan.steps.enumerated() {
            switch step.member {
            case .root(let root):
                load.members.append(
                    PlannedLoad.Member(
                        source: sources[root], root: root, reasons: step.reasons, required: step.required))
            case .file(let folder, let file):
                progress("reading", number, plan.steps.count)
                let path = indexes[folder].path(of: file)
                do throws(Problem) {
                    guard let object = try Self.object(path, indexes[folder].files[file], isLast: isLast) else {
                        return nil
                    }
                    load.members.append(
                        PlannedLoad.Member(
                            source: ModuleSource(name: step.module, objects: [object]), root: nil,
                            reasons: step.reasons, required: step.required))
                } catch {
                    problems.append(error)
                }
            }
        }
        guard problems.isEmpty else { throw Failure(.notAnObject, problems) }
        return load
    }

    private static func object(_ path: String, _ file: IndexedFile, isLast: Bool) throws(Problem) -> Object? {
        let bytes: [UInt8]
        do throws(SystemError) {
            let descriptor = try File.open(path, .read)
            let status = try File.status(descriptor, name: path)
            guard isLast || isUnchanged(status, file) else { return nil }
            bytes = try File.readAll(descriptor, name: path, limit: 1 << 30)
        } catch {
            if error.code == ErrorCode.noSuchFile, !isLast { return nil }
            throw Problem(subject: path, reason: "\(error.call): \(error.reason)")
        }
        return try ObjectReader.read(bytes, name: path)
    }
}
