import ArgumentParser
import ModlinkInterface
import ObjectModel
import Posix
import SymbolTable
import ToolSupport
import Varlink

/// Shows which modules there are.
@main
struct ModuleStatus: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "modstat",
        abstract: "Show the modules that are loaded, and who uses whom.",
        version: Product.version(of: "modstat"))

    static let letters = "i:n:v"

    static let completion = CompletionRules(
        arguments: [.modules],
        options: [
            "--name": [.modules], "--id": [.moduleNumbers], "--module": [.modules], "--space": [.spaces],
            "--crash": [
                .made { _ in
                    KeptCrashes(RuntimeDirectory.standard()).list().map { crash in
                        CompletionCandidate("\(crash.number)", crash.module ?? "")
                    }
                }
            ],
        ])

    @Option(name: .shortAndLong, help: ArgumentHelp("Only the module of that number.", valueName: "ID"))
    var id: Int?

    @Option(name: .shortAndLong, help: ArgumentHelp("Only the module of that name.", valueName: "NAME"))
    var name: String?

    @Argument(help: ArgumentHelp("Only the module of that name.", valueName: "NAME"))
    var module: String?

    @Option(help: ArgumentHelp("Only the modules of that space.", valueName: "NAME"))
    var space: Architecture?

    @Flag(help: "Print JSON: one object a module.")
    var json = false

    @Flag(help: "Print the columns of NetBSD's modstat(8).")
    var classic = false

    @Flag(help: "Draw who uses whom.")
    var tree = false

    @Flag(help: "Print who uses whom as a graph for Graphviz.")
    var dot = false

    @Flag(
        name: .shortAndLong,
        help: "Print all that is known of each module; with --tree and --dot: the symbols that are used.")
    var verbose = false

    @Flag(help: "Print the process number of the space, for a debugger.")
    var pid = false

    @Flag(help: "Print what modules have printed.")
    var console = false

    @Flag(help: "With --console: go on printing as more comes.")
    var follow = false

    @Option(
        name: [.customShort("m"), .customLong("module")],
        help: ArgumentHelp(
            "With --console: only what that module has printed, and what is said of it.", valueName: "NAME"))
    var speaker: String?

    @Option(
        help: ArgumentHelp(
            "With --console: only from that time on: 17:57, 2026-11-21 or both, in UTC; or 30s, 5m, 2h or 1d ago.",
            valueName: "TIME"),
        transform: { text in
            guard let time = ConsoleLine.time(since: text, now: WallClock.nanoseconds() / 1_000_000) else {
                throw ValidationError("'\(text)' is not a time: 17:57, 2026-11-21 17:57:19, or 5m for so long ago")
            }
            return time
        })
    var since: String?

    @Flag(help: "List the crashes that are kept.")
    var crashes = false

    @Option(help: ArgumentHelp("Print the report of the crash of that number.", valueName: "N"))
    var crash: Int?

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
        if [id != nil, name != nil, module != nil].count(where: { $0 }) > 1 {
            throw ValidationError("one module is shown: give its number or its name")
        }
        if follow, !console { throw ValidationError("--follow belongs to --console") }
        if speaker != nil || since != nil, !console { throw ValidationError("-m and --since belong to --console") }
        if [json, classic, tree, dot].count(where: { $0 }) > 1 {
            throw ValidationError("--json, --classic, --tree and --dot exclude each other")
        }
        if [console, crashes, crash != nil].count(where: { $0 }) > 1 {
            throw ValidationError("--console, --crashes and --crash exclude each other")
        }
        if crashes || crash != nil,
            id != nil || name != nil || module != nil || space != nil || pid
                || classic || tree || dot
        {
            throw ValidationError("--crashes and --crash show no modules: only --json goes with them")
        }
        if pid, json || classic || tree || dot || console || id != nil || name != nil || module != nil {
            throw ValidationError("--pid goes with --space alone: all modules of a space are in one process")
        }
        if verbose, classic || pid || console || crashes || crash != nil {
            throw ValidationError("-v goes with --json, --tree and --dot, and alone")
        }
    }

    func run() {
        ToolOutput.run("modstat") { () throws(Failure) in
            if console {
                try ConsoleReader.print(
                    RuntimeDirectory.standard(), follows: follow, ConsoleFilter(module: speaker, since: since))
                return
            }
            if crashes || crash != nil {
                try CrashListing.print(KeptCrashes(RuntimeDirectory.standard()), crash, json: json)
                return
            }
            if pid {
                try printProcess()
                return
            }
            if tree || dot {
                let all = try all(brief: false)
                let modules = all.filter(isWanted)
                try refuseNothing(modules.isEmpty)
                draw(ModuleGraph(all).below(modules.map(\.name)))
            } else if verbose {
                try printDetails()
            } else if json || classic {
                let modules = try all(brief: classic).filter(isWanted)
                try refuseNothing(modules.isEmpty)
                try json ? ToolOutput.printJSON(modules) : ToolOutput.print(ModuleListing.classic(modules))
            } else {
                try printTable()
            }
        }
    }

    private func printProcess() throws(Failure) {
        let status = try daemon.call(StatusMethod.self, SpaceParameters(space: space?.name)).reply
        guard let process = status.space else {
            throw Failure(.noSuchSpace, subject: space?.name ?? "space", reason: "does not run")
        }
        ToolOutput.print("\(process)\n")
    }

    /// Prints all that is known of the modules.
    private func printDetails() throws(Failure) {
        let modules = try all(brief: true).filter(isWanted)
        try refuseNothing(modules.isEmpty)
        var described: [DescribeMethod.Reply] = []
        for module in modules {
            do throws(Failure) {
                described.append(try daemon.describe(module.id))
            } catch {
                // One that went meanwhile is not there, unless it was the one that was asked for.
                guard error.kind == .noSuchModule, modules.count > 1 else { throw error }
            }
        }
        if json { return try ToolOutput.printJSON(described.map(DetailedModule.init)) }
        ToolOutput.print(described.map(ModuleDetailListing.text).joined(separator: "\n"))
    }

    /// Prints the modules as a table, which is made of them as they come.
    private func printTable() throws(Failure) {
        let wantsAll = id == nil && wantedName == nil && space == nil
        var listing = ModuleListing()
        var isEmpty = true
        // The column goes with the last module that is not in the native space, whether or not it is shown.
        var showsSpaces = false
        _ = try daemon.list(brief: true) { modules in
            showsSpaces = showsSpaces || modules.contains { $0.space != Architecture.native.name }
            let wanted = wantsAll ? modules : modules.filter { isIn($0) && isWanted($0) }
            isEmpty = isEmpty && wanted.isEmpty
            listing.add(wanted)
        }
        try refuseNothing(isEmpty)
        ToolOutput.print(listing.text(showsSpaces: showsSpaces))
    }

    /// The modules of the space that is asked for, or of all.
    ///
    /// - Parameter brief: whether what they use is left out.
    private func all(brief: Bool) throws(Failure) -> [ModuleInformation] {
        var all: [ModuleInformation] = []
        _ = try daemon.list(brief: brief) { all += space == nil ? $0 : $0.filter(isIn) }
        return all
    }

    private func isIn(_ module: ModuleInformation) -> Bool { space == nil || module.space == space?.name }

    private func draw(_ graph: ModuleGraph) {
        let style = Terminal.showsUnicode ? ModuleGraph.Style.unicode : .ascii
        ToolOutput.print(
            tree ? graph.tree(style, showsSymbols: verbose) : graph.dot(showsSymbols: verbose))
    }

    private var wantedName: String? { name ?? module }

    private func isWanted(_ module: ModuleInformation) -> Bool {
        if let id { return module.id == id }
        return wantedName.map { isSameModule($0, module.name) } ?? true
    }

    /// One that was asked for has to be there.
    private func refuseNothing(_ isEmpty: Bool) throws(Failure) {
        guard isEmpty, let subject = id.map({ "module \($0)" }) ?? wantedName else { return }
        let names = id == nil ? (try? all(brief: true))?.map(\.name) ?? [] : []
        throw Failure(
            .noSuchModule, subject: subject,
            reason: "no such module\(suggestion(similarModule(to: subject, among: names).map { [$0] } ?? [])) (ENOENT)")
    }
}
