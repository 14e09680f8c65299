import ArgumentParser
import ModlinkInterface
import ToolSupport
import Varlink

/// Takes modules out of the space.
@main
struct ModuleUnload: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "modunload",
        abstract: "Unload modules.",
        discussion: """
            Modules that are named together go together: those that only use each other can be unloaded this way. One that \
            another module uses, or that counts users itself, stays.
            """,
        version: Product.version(of: "modunload"))

    static let letters = "afi:n:rv"

    static let completion = CompletionRules(
        arguments: [.modules], options: ["--name": [.modules], "--id": [.moduleNumbers]])

    @Option(name: .shortAndLong, help: ArgumentHelp("The number of a module.", valueName: "ID"))
    var id: [Int] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("The name of a module.", valueName: "NAME"))
    var name: [String] = []

    @Argument(help: ArgumentHelp("Names of modules.", valueName: "NAME"))
    var names: [String] = []

    @Flag(
        name: [.customShort("a"), .long],
        help: "Unload what was loaded with 'modload -k' and is not used, and was not since the last time.")
    var autoclean = false

    @Flag(name: [.customShort("r"), .long], help: "Unload also all modules that refer to them, and show the order.")
    var recursive = false

    @Flag(
        name: .shortAndLong,
        help:
            "Discard modules that have faulted, without calling them, and those that refuse; end threads that run their code."
    )
    var force = false

    @Flag(name: .shortAndLong, help: "Say what modules have left open.")
    var verbose = false

    @Flag(help: "Only show what would go, in which order.")
    var dryRun = false

    @Flag(help: "Print JSON: what has gone, and what it printed.")
    var json = false

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
        let namesSome = !(id.isEmpty && name.isEmpty && names.isEmpty)
        if autoclean {
            if namesSome { throw ValidationError("-a chooses itself what goes: name nothing with it") }
            if recursive || dryRun || force { throw ValidationError("-a goes alone, without -f, -r and --dry-run") }
        } else if !namesSome {
            throw ValidationError("name a module, or number one with -i")
        }
    }

    func run() {
        ToolOutput.run("modunload", json: json) { () throws(Failure) in
            if autoclean {
                try clean()
            } else {
                try unload()
            }
        }
    }

    private func unload() throws(Failure) {
        var request = UnloadMethod.Parameters(names: name + names, ids: id, force: force)
        if recursive || dryRun {
            let plan = UnloadMethod.Parameters(
                names: request.names, ids: request.ids, dependents: recursive, dryRun: true, force: force)
            let reply = try daemon.call(UnloadMethod.self, plan).reply
            let order = reply.modules
            if json, dryRun { return try ToolOutput.printJSON(reply) }
            if !json {
                ToolOutput.print("\(dryRun ? "would unload" : "unloading"): \(order.joined(separator: ", "))\n")
            }
            if dryRun { return }
            // Those that were shown, and no others: one that came meanwhile and refers to them is a refusal.
            request = UnloadMethod.Parameters(names: order, force: force)
        }
        let reply = try daemon.showing(UnloadMethod.self, request, interrupted: Self.interrupted, isQuiet: json)
        if json {
            try ToolOutput.printJSON(reply)
        } else {
            ToolOutput.printModules(reply.output)
        }
        for warning in reply.warnings ?? [] { ToolOutput.warn("\(warning)") }
        if verbose, !json { for note in reply.notes ?? [] { ToolOutput.print("\(note)\n") } }
        guard let problems = reply.problems, !problems.isEmpty else { return }
        // With JSON, standard output has the reply already.
        ToolOutput.end("modunload", problems)
    }

    private static let interrupted =
        "the unload is given up; 'modstat' shows which modules are left, and 'modstat --console' how it ended"

    private func clean() throws(Failure) {
        let reply = try daemon.showing(AutocleanMethod.self, Empty(), interrupted: Self.interrupted, isQuiet: json)
        if json { return try ToolOutput.printJSON(reply) }
        ToolOutput.printModules(reply.output)
        // No failure: delete_module(NULL) knows none but EPERM.
        for problem in reply.problems { ToolOutput.warn("\(problem)") }
    }
}
