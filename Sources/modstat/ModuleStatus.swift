import ArgumentParser
import ModlinkInterface
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

    @Flag(help: "Print JSON: one object a module.")
    var json = false

    @Flag(help: "Print the columns of NetBSD's modstat(8).")
    var classic = false

    @Flag(help: "Print what modules have printed.")
    var console = false

    @Flag(help: "With --console: go on printing as more comes.")
    var follow = false

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
        if [id != nil, name != nil, module != nil].count(where: { $0 }) > 1 {
            throw ValidationError("one module is shown: give its number or its name")
        }
        if follow, !console { throw ValidationError("--follow belongs to --console") }
        if json, classic { throw ValidationError("--json and --classic exclude each other") }
    }

    func run() {
        ToolOutput.run("modstat") { () throws(Failure) in
            if console {
                try ConsoleReader.print(RuntimeDirectory.standard(), follows: follow)
                return
            }
            let modules = try selected(try daemon.call(ListMethod.self, Empty()).reply.modules)
            if json {
                try ToolOutput.printJSON(modules)
            } else {
                ToolOutput.print(classic ? ModuleListing.classic(modules) : ModuleListing.table(modules))
            }
        }
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
