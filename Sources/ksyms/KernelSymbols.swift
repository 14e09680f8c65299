import ArgumentParser
import ModlinkInterface
import ObjectModel
import SymbolQueries
import SymbolTable
import ToolSupport
import Varlink

/// Shows the symbol table.
@main
struct KernelSymbols: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "ksyms",
        abstract: "Show the symbols of a space and its modules.",
        discussion: """
            Without arguments all symbols are printed in the order of address: address, type as nm(1) has it, name, and the \
            module in brackets. A name or a pattern as argument is answered with such lines, an address with module:symbol+offset.
            """,
        version: Product.version(of: "ksyms"))

    static let letters = "Cmno:S"

    static let completion = CompletionRules(
        options: [
            "--module": [.modules], "--space": [.spaces], "--undefined": [.objects], "--core": [.files],
            "--output": [.files],
        ])

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Write the symbol table to an ELF file, for nm, gdb and perf.", valueName: "FILE"))
    var output: String?

    @Flag(name: .shortAndLong, help: "Print a line for each module too, before its symbols.")
    var modules = false

    @Flag(name: [.customShort("n"), .customLong("numeric-sort")], help: "In the order of address, as without.")
    var byAddress = false

    @Flag(name: [.customShort("S"), .customLong("size-sort")], help: "In the order of size, and with sizes.")
    var bySize = false

    @Flag(name: [.customShort("C"), .customLong("demangle")], help: "Print C++ names as they are written.")
    var demangle = false

    @Option(help: ArgumentHelp("Only the symbols of that module.", valueName: "NAME"))
    var module: String?

    @Option(help: ArgumentHelp("Print who refers to that symbol, from where.", valueName: "SYMBOL"))
    var users: [String] = []

    @Option(
        help: ArgumentHelp("Print what that object needs of others, and who has it.", valueName: "OBJECT"))
    var undefined: [String] = []

    @Flag(help: "Print JSON: one object a symbol.")
    var json = false

    @Option(help: ArgumentHelp("Answer from the core file of a crash, without a daemon.", valueName: "FILE"))
    var core: String?

    @Option(help: ArgumentHelp("The space whose symbols are shown.", valueName: "NAME"))
    var space: Architecture?

    @Argument(help: ArgumentHelp("Names, patterns or addresses to look up.", valueName: "NAME|PATTERN|ADDRESS"))
    var queries: [String] = []

    @OptionGroup var daemon: DaemonOptions

    /// How names are printed.
    var style: NameStyle { NameStyle(demangles: demangle) }

    private var hasOrder: Bool { byAddress || bySize }

    func validate() throws {
        if output != nil, !queries.isEmpty || json || modules || hasOrder || demangle || module != nil {
            throw ValidationError("-o writes the whole table: it goes with nothing else")
        }
        if modules, !queries.isEmpty || json || bySize {
            throw ValidationError("-m belongs to the whole table as text, in the order of address")
        }
        if demangle, json { throw ValidationError("JSON has names as they are: -C goes without --json") }
        if byAddress, bySize { throw ValidationError("-n and -S exclude each other") }
        if core != nil, space != nil {
            throw ValidationError("--core says itself which space: it goes without --space")
        }
        let others = !queries.isEmpty || output != nil || modules || hasOrder || module != nil
        if !users.isEmpty, others || !undefined.isEmpty {
            throw ValidationError("--users goes with -C, --json, --core and --space only")
        }
        if !undefined.isEmpty, others {
            throw ValidationError("--undefined goes with -C, --json, --core and --space only")
        }
    }

    func run() {
        ToolOutput.run("ksyms") { () throws(Failure) in
            if !users.isEmpty {
                try UserReport.print(core == nil ? askForUsers() : SymbolSource(core: core ?? "").users(users), self)
            } else if !undefined.isEmpty {
                try UndefinedReport.print(undefined, self)
            } else if let output {
                try write(to: output)
            } else if core == nil, module == nil, !queries.isEmpty, !queries.contains(where: NamePattern.isPattern) {
                try LookUp(self, try askForSymbols()).print { () throws(Failure) in try source() }
            } else if !queries.isEmpty {
                let source = try source()
                try LookUp(self, SymbolListing(source, module: module).answers(to: queries)).print { source }
            } else {
                try printTable()
            }
        }
    }

    /// The table, out of the core file or as the daemon has it now.
    ///
    /// - Parameter wanted: the space that is meant where none is named.
    func source(of wanted: Architecture? = nil) throws(Failure) -> SymbolSource {
        if let core { return try SymbolSource(core: core) }
        return try SymbolSource(daemon: daemon, space: space ?? wanted)
    }

    private func write(to path: String) throws(Failure) {
        if let core {
            try SymbolSource.write(core: core, to: path)
        } else {
            try daemon.writeSymbolTable(of: space, to: path)
        }
    }

    private func printTable() throws(Failure) {
        var listing = SymbolListing(try source(), module: module)
        try listing.checkModule()
        if bySize { listing.sortBySize() }
        if json {
            try ToolOutput.printJSON(listing.rows)
        } else {
            ToolOutput.print(listing.text(showsModules: modules, showsSizes: bySize, style: style))
        }
    }

    private func askForSymbols() throws(Failure) -> [LookUpAnswer] {
        try daemon.call(
            LookUpMethod.self, LookUpMethod.Parameters(queries: queries, space: space?.name)
        ).reply.answers
    }

    private func askForUsers() throws(Failure) -> [UsersAnswer] {
        try daemon.call(
            FindUsersMethod.self, FindUsersMethod.Parameters(queries: users, space: space?.name)
        ).reply.answers
    }
}
