import ArgumentParser
import ModlinkInterface
import ObjectModel
import ToolSupport
import Varlink

/// Shows the symbol table.
@main
struct KernelSymbols: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ksyms",
        abstract: "Show the symbols of a space and its modules.",
        discussion: """
            Without arguments all symbols are printed in the order of address: address, type as nm(1) has it, name, and the \
            module in brackets. An address as argument is answered with module:symbol+offset.
            """,
        version: Product.version(of: "ksyms"))

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Write the symbol table to an ELF file, for nm, gdb and perf.", valueName: "FILE"))
    var output: String?

    @Flag(name: .shortAndLong, help: "Print a line for each module too, before its symbols.")
    var modules = false

    @Flag(help: "Print JSON: one object a symbol.")
    var json = false

    @Option(help: ArgumentHelp("The space whose symbols are shown.", valueName: "NAME"))
    var space: Architecture = .native

    @Argument(help: ArgumentHelp("Names or addresses to look up.", valueName: "NAME|ADDRESS"))
    var queries: [String] = []

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
        if output != nil, !queries.isEmpty || json || modules {
            throw ValidationError("-o writes the whole table: it goes with nothing else")
        }
        if modules, !queries.isEmpty || json { throw ValidationError("-m belongs to the whole table as text") }
    }

    func run() {
        ToolOutput.run("ksyms") { () throws(Failure) in
            if !queries.isEmpty {
                try LookUp.print(
                    try daemon.call(
                        LookUpMethod.self, LookUpMethod.Parameters(queries: queries, space: space.name)
                    ).reply.answers, json: json)
                return
            }
            let table = try SymbolListing(try daemon.symbolTable(of: space))
            if let output {
                try table.write(to: output)
            } else if json {
                try ToolOutput.printJSON(table.rows)
            } else {
                var list: [ModuleInformation] = []
                if modules { _ = try daemon.list(brief: true) { list += $0.filter { $0.space == space.name } } }
                ToolOutput.print(table.text(modules: list))
            }
        }
    }
}
