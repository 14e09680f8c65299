import ArgumentParser
import Linking
import ModlinkInterface
import ModulePath
import ObjectModel
import Posix
import ToolSupport
import Varlink

/// Loads modules into a space.
@main
struct ModuleLoad: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "modload",
        abstract: "Link objects into a running space as modules.",
        discussion: """
            Each FILE is an object as 'cc -c' makes it, and becomes a module of the file's name. Several are loaded together or \
            not at all, and may refer to one another; with --name they become one module. Of a FILE that is an archive, the \
            members that are needed become part of the module of the object before it. NAME=VALUE sets a variable of the \
            module of the FILE before it. A NAME without folder and '.o' is that of a module in the folders of MODLINK_PATH, \
            and what is missing is taken from there.
            """,
        version: Product.version(of: "modload"))

    static let letters = "A:b:de:fF:i:knp:o:sSv"

    static let completion = CompletionRules(
        arguments: [.objects, .made(Completions.modules), .made(Completions.parameters)],
        options: ["--space": [.spaces], "-A": [.files], "-p": [.files], "--output": [.files]])

    @Flag(name: .short, help: "Say what is being done, to standard error.")
    var debug = false

    @Flag(name: [.customShort("n"), .customLong("dry-run")], help: "Link and report, without loading.")
    var dryRun = false

    @Flag(help: "List the parameters that the modules declare, without loading.")
    var parameters = false

    @Flag(help: "Print what the files say of themselves, without loading and without a daemon.")
    var info = false

    @Option(
        name: [.customShort("F"), .customLong("field")],
        help: ArgumentHelp("With --info: only the values of that field, such as license.", valueName: "FIELD"))
    var field: String?

    @Flag(help: "Print JSON: the modules that were loaded and what they printed; with --info, what the files say.")
    var json = false

    @Flag(name: .shortAndLong, help: "Say how long each phase took.")
    var verbose = false

    @Flag(name: .customShort("s"), help: "Load the symbol table of the module: always done.")
    var loadsSymbols = false

    @Flag(name: .customShort("S"), help: "Keep the symbols in the linked output: always done.")
    var keepsSymbols = false

    @Option(
        name: .customShort("A"),
        help: ArgumentHelp(
            "With -n: resolve against the symbols of this file, ELF or System.map, without a daemon.",
            valueName: "KERNEL"))
    var kernel: String?

    @Option(name: .shortAndLong, help: ArgumentHelp("The function to call, in the classic way.", valueName: "NAME"))
    var entry: String?

    @Option(
        name: .customShort("p"),
        help: ArgumentHelp("Run this program afterwards, with ID, type and offset as arguments.", valueName: "PROGRAM"))
    var postinstall: String?

    @Option(name: .shortAndLong, help: ArgumentHelp("Write the linked image there, as ELF.", valueName: "FILE"))
    var output: String?

    @Option(help: ArgumentHelp("The module's name: all FILEs become this one module.", valueName: "NAME"))
    var name: String?

    @Option(
        help: ArgumentHelp(
            "The space to load into, which the objects have to be made for: else that is found out.", valueName: "NAME")
    )
    var space: Architecture?

    @Flag(name: .customLong("whole-archive"), help: "Take all members of archives, not only those that are needed.")
    var wholeArchives = false

    @Option(
        name: .customShort("b"), parsing: .singleValue,
        help: ArgumentHelp("A property of the module: true or false.", valueName: "NAME=VALUE"),
        transform: { try LoadArguments.property($0, .boolean) })
    var booleans: [String] = []

    @Option(
        name: .customShort("i"), parsing: .singleValue,
        help: ArgumentHelp("A property of the module: a number.", valueName: "NAME=VALUE"),
        transform: { try LoadArguments.property($0, .integer) })
    var integers: [String] = []

    @Option(
        name: .customLong("string"), parsing: .singleValue,
        help: ArgumentHelp("A property of the module: a text.", valueName: "NAME=VALUE"),
        transform: { try LoadArguments.property($0, .string) })
    var strings: [String] = []

    @Flag(name: [.customShort("k"), .long], help: "Let 'modunload -a' unload it when it is not used.")
    var autoclean = false

    @Flag(name: .shortAndLong, help: "Keep symbols to the module that another module exports already.")
    var force = false

    @Option(
        help: ArgumentHelp("With -n: the address to link at, a multiple of the page size.", valueName: "ADDRESS"),
        transform: Self.address)
    var address: UInt64?

    @Flag(
        name: .customLong("wait-debugger"),
        help: "Before anything runs, wait until a debugger has attached and continued.")
    var waitsForDebugger = false

    @Option(
        help: ArgumentHelp(
            "How long each call into the modules may take, now and later; 0: as long as it wants. 30 seconds by default.",
            valueName: "SECONDS"))
    var timeout: Int?

    @Argument(
        help: ArgumentHelp(
            "Objects or archives, each followed by values for its variables.", valueName: "FILE|NAME=VALUE"))
    var arguments: [String]

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
        if kernel != nil, !dryRun {
            throw ValidationError("-A belongs to -n: what is loaded is resolved against the space")
        }
        if address != nil, !dryRun {
            throw ValidationError("--address belongs to -n: what is loaded goes where there is room")
        }
        if let timeout, !(0...LoadMethod.Parameters.longestTimeout).contains(timeout) {
            throw ValidationError(
                "--timeout takes 0 to \(LoadMethod.Parameters.longestTimeout) seconds, which is a year")
        }
        if timeout != nil, dryRun || parameters {
            throw ValidationError("--timeout is for what runs, and nothing is loaded")
        }
        if kernel != nil, space != nil { throw ValidationError("-A names the symbols: --space goes without it") }
        if dryRun || parameters, waitsForDebugger {
            throw ValidationError("--wait-debugger waits before what is loaded runs, and nothing is loaded")
        }
        if dryRun, postinstall != nil { throw ValidationError("-p runs after loading, and -n does not load") }
        let modules = try self.modules()
        if parameters, dryRun || output != nil || modules.contains(where: { !$0.parameters.isEmpty }) {
            throw ValidationError("--parameters only lists: -n, -o and values go without it")
        }
        if field != nil, !info { throw ValidationError("-F belongs to --info") }
        if info, dryRun || parameters || output != nil || modules.contains(where: { !$0.parameters.isEmpty }) {
            throw ValidationError("--info only reads: -n, -o, --parameters and values go without it")
        }
        if json, dryRun || parameters || verbose {
            throw ValidationError("--json goes with a load and with --info, and without -v")
        }
        if output != nil, modules.count != 1 {
            throw ValidationError("-o takes one module; give them one name with --name")
        }
    }

    func run() {
        ToolOutput.run("modload", json: json) { () throws(Failure) in
            let modules: [LoadArguments.Module]
            do {
                modules = try self.modules()
            } catch {
                // What was found sound before: a file has changed meanwhile.
                throw Failure(.usage, subject: "arguments", reason: Self.message(for: error))
            }
            do throws(Failure) {
                try perform(modules)
            } catch {
                throw Cures(modules: modules).added(to: error)
            }
        }
    }

    private func perform(_ modules: [LoadArguments.Module]) throws(Failure) {
        if info {
            let files = try FileInformation.all(modules.flatMap(\.files))
            try json ? ToolOutput.printJSON(files) : ToolOutput.print(FileInformation.text(files, field: field))
        } else if parameters {
            ToolOutput.print(ParameterListing.text(try sources(modules)))
        } else if dryRun {
            try dryLink(modules)
        } else {
            try load(modules)
        }
    }

    private func modules() throws -> [LoadArguments.Module] {
        try LoadArguments(
            arguments, name: name, properties: booleans + integers + strings, wholeArchives: wholeArchives || info
        ).modules
    }

    private static func address(_ text: String) throws -> UInt64 {
        let number = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
        // Those between the two halves are no addresses of x86-64 (AMD64 Architecture, "Canonical Address Form").
        guard let number, number % 4096 == 0, number > 0, number < 1 << 47 || number >= UInt64.max << 47 else {
            throw ValidationError(
                "'\(text)' is no address: a multiple of 4096 below 0x800000000000, or from 0xffff800000000000 on")
        }
        return number
    }

    private func say(_ text: String) {
        guard debug else { return }
        ToolOutput.endLine()
        try? Standard.error.write("modload: debug: \(text)\n")
    }

    // MARK: Loading

    private func load(_ modules: [LoadArguments.Module]) throws(Failure) {
        let start = Clock.nanoseconds()
        // Opened here, with this user's rights; the daemon gets descriptors.
        var files: [SharedDescriptor] = []
        var requests: [ModuleRequest] = []
        for module in modules {
            var objects: [ObjectFile] = []
            for path in module.files {
                if ObjectFiles.isModuleName(path) {
                    objects.append(ObjectFile(name: path))
                    say("\(path): looked for in the module path")
                    continue
                }
                objects.append(ObjectFile(name: path, descriptor: files.count))
                files.append(try ObjectFiles.open(path))
                say("\(path): object of module \(module.name)")
            }
            requests.append(
                ModuleRequest(
                    name: name, objects: objects,
                    entry: entry, parameters: module.parameters,
                    autoclean: autoclean, private: force, wholeArchives: wholeArchives))
        }
        guard files.count <= LocalSocket.maximumDescriptors else {
            throw Failure(
                .usage, subject: "\(files.count) files",
                reason: "at most \(LocalSocket.maximumDescriptors) go in one load")
        }
        say("asking \(RuntimeDirectory.standard().socket)")
        // Not a warning, and said whether or not anyone asked for more words: without it the wait has no end.
        let debuggee = { (process: Int) in
            _ = try? Standard.error.write(
                "modload: waiting for a debugger to attach and continue: gdb -p \(process) /proc/\(process)/exe\n")
        }
        let reply = try daemon.showing(
            LoadMethod.self,
            LoadMethod.Parameters(
                modules: requests, space: space?.name, modulePath: try ModuleFolders.named(),
                debugger: waitsForDebugger ? true : nil, timeout: timeout),
            descriptors: files.map(\.number),
            interrupted: "the load is given up and undone; 'modstat --console' says how it ended",
            isQuiet: json, debuggee: waitsForDebugger ? debuggee : nil)
        if !json { ToolOutput.printModules(reply.output) }
        reply.warnings?.forEach { ToolOutput.warn($0.description) }
        let named = reply.modules.filter { !$0.dependency }
        if let output, let module = named.first { try copyImage(of: module, to: output) }
        if json { try ToolOutput.printJSON(reply) } else { report(reply, since: start) }
        for module in named { try runPostinstall(module) }
    }

    private func report(_ reply: LoadMethod.Reply, since start: UInt64) {
        for module in reply.modules {
            say("\(module.name): \(module.size) bytes at 0x\(String(module.address, radix: 16))")
            for use in module.uses { say("\(module.name): uses \(use.module): \(use.symbols.joined(separator: ", "))") }
            ToolOutput.print(
                module.dependency
                    ? "Dependency \(module.name) loaded as ID \(module.id)\n" : "Module loaded as ID \(module.id)\n")
        }
        if verbose { ToolOutput.print(PhaseReport.text(reply.phases, total: Clock.nanoseconds() - start)) }
    }

    /// Writes the image as it was loaded. Where that fails the module goes again: what fails changes nothing.
    private func copyImage(of module: ModuleInformation, to path: String) throws(Failure) {
        let image = RuntimeDirectory.standard().images + "/" + module.name
        do throws(Failure) {
            let bytes = try Failure.naming(image) { () throws(SystemError) in try File.read(path: image, limit: 1 << 31)
            }
            try ObjectFiles.write(bytes, to: path)
        } catch {
            let answer = try daemon.call(UnloadMethod.self, UnloadMethod.Parameters(ids: [module.id]))
            ToolOutput.printModules(answer.reply.output)
            throw error
        }
    }

    /// As NetBSD's modload does: the number, the type (LM_MISC is 6; what is no LKM is that) and the offset.
    private func runPostinstall(_ module: ModuleInformation) throws(Failure) {
        guard let postinstall else { return }
        let path = postinstall.contains("/") ? postinstall : "./" + postinstall
        let status = try Failure.naming(path) { () throws(SystemError) in
            try ChildProcess.spawn(
                executable: path,
                arguments: ["\(module.id)", "0x\(String(module.classicType ?? 6, radix: 16))", "\(module.offset ?? 0)"]
            )
            .wait()
        }
        guard status == .exited(0) else {
            throw Failure(.systemFailure, subject: path, reason: "\(status); module \(module.id) stays loaded")
        }
    }

    // MARK: Linking only

    private func sources(_ modules: [LoadArguments.Module]) throws(Failure) -> [ModuleSource] {
        try DryLink.sources(
            modules, name: name, entry: entry, keepsDuplicatesPrivate: force, wholeArchives: wholeArchives)
    }

    private func dryLink(_ modules: [LoadArguments.Module]) throws(Failure) {
        let start = Clock.nanoseconds()
        for module in modules { module.files.forEach { say("\($0): object of module \(module.name)") } }
        var clock = PhaseClock()
        let sources = try sources(modules)
        clock.end("read")
        say("resolving against \(kernel ?? RuntimeDirectory.standard().socket)")
        var link = try DryLink(sources, kernel: kernel, address: address, space: space, daemon: daemon)
        let plan = link.plan
        let images = try link.run(after: clock.phases, explains: debug)
        for image in images { image.decisions.forEach { say(printableLines($0)) } }
        plan.warnings.forEach { ToolOutput.warn($0.description) }
        if plan.hasDependencies || modules.contains(where: { $0.files.contains(where: ObjectFiles.isModuleName) }) {
            ToolOutput.print(PlanReport.text(plan))
        }
        for image in images { ToolOutput.print(image.report) }
        let named = zip(images, plan.members).first { $0.1.root != nil }?.0
        if let output, let image = named { try ObjectFiles.write(image.file, to: output) }
        if verbose { ToolOutput.print(PhaseReport.text(link.phases, total: Clock.nanoseconds() - start)) }
    }
}
