import ArgumentParser
import ModlinkInterface
import ToolSupport

/// Takes modules out of the space.
@main
struct ModuleUnload: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "modunload",
        abstract: "Unload modules.",
        discussion: """
            Modules that are named together go together: those that only use each other can be unloaded this way. One that \
            another module uses, or that counts users itself, stays.
            """,
        version: Product.version(of: "modunload"))

    @Option(name: .shortAndLong, help: ArgumentHelp("The number of a module.", valueName: "ID"))
    var id: [Int] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("The name of a module.", valueName: "NAME"))
    var name: [String] = []

    @Argument(help: ArgumentHelp("Names of modules.", valueName: "NAME"))
    var names: [String] = []

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
        if id.isEmpty, name.isEmpty, names.isEmpty { throw ValidationError("name a module, or number one with -i") }
    }

    func run() {
        ToolOutput.run("modunload") { () throws(Failure) in
            let answer = try daemon.call(UnloadMethod.self, UnloadMethod.Parameters(names: name + names, ids: id))
            ToolOutput.print(answer.reply.output)
        }
    }
}
