import ArgumentParser
import ModlinkInterface
import ObjectModel
import Posix
import ToolSupport
import Varlink

/// Shows which modules there are.
@main
struct ModuleStatus: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "modstat",
        abstract: "Show the modules that are loaded, and who uses whom.",
        version: Product.version(of: "modstat"))

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

    @Flag(name: .shortAndLong, help: "With --tree and --dot: also the symbols that are used.")
    var verbose = false

    @Flag(help: "Print the process number of the space, for a debugger.")
    var pid = false

    @Flag(help: "Print what modules have printed.")
    var console = false

    @Flag(help: "With --console: go on printing as more comes.")
    var follow = false

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
        if verbose, !tree, !dot { throw ValidationError("-v belongs to --tree and --dot") }
    }

    func run() {
        ToolOutput.run("modstat") { () throws(Failure) in
            if console {
                try ConsoleReader.print(RuntimeDirectory.standard(), follows: follow)
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
            let reply = try daemon.call(ListMethod.self, Empty()).reply
            let all = reply.modules.filter { space == nil || $0.space == space?.name }
            let modules = try selected(all)
            if tree || dot {
                draw(ModuleGraph(all).below(modules.map(\.name)))
                return
            }
            if json {
                try ToolOutput.printJSON(modules)
            } else if classic {
                ToolOutput.print(ModuleListing.classic(modules))
            } else {
                ToolOutput.print(ModuleListing.table(modules, showsSpaces: reply.spaces.count > 1))
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

    private func draw(_ graph: ModuleGraph) {
        let style = Terminal.showsUnicode ? ModuleGraph.Style.unicode : .ascii
        ToolOutput.print(
            tree ? graph.tree(style, showsSymbols: verbose) : graph.dot(showsSymbols: verbose))
    }

    private func selected(_ modules: [ModuleInformation]) throws(Failure) -> [ModuleInformation] {
        if let id {
            let found = modules.filter { $0.id == id }
            guard !found.isEmpty else {
                throw Failure(.noSuchModule, subject: "module \(id)", reason: "no such module (ENOENT)")
            }
            return found
        }
        guard let wanted = name ?? module else { return modules }
        let found = modules.filter { $0.name == wanted }
        guard !found.isEmpty else { throw Failure(.noSuchModule, subject: wanted, reason: "no such module (ENOENT)") }
        return found
    }
}
