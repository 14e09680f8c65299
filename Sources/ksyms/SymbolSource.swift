import ELFFormat
import ModlinkInterface
import ObjectModel
import Posix
import SymbolQueries
import SymbolTable
import ToolSupport

/// A symbol table out of the file that the daemon gives, or out of a core file.
struct SymbolSource {
    /// The machine of the space.
    let architecture: Architecture
    /// By owner.
    let table: SymbolTable
    private let core: CoreFile?

    /// The table as the daemon has it now.
    init(daemon: DaemonOptions, space: Architecture?) throws(Failure) {
        try self.init(try daemon.symbolTable(of: space), name: DaemonOptions.symbolTableName)
    }

    /// The table of the moment of a core file.
    init(core path: String) throws(Failure) {
        let (core, bytes) = try Self.read(path)
        try self.init(bytes, name: "\(path): \(DaemonOptions.symbolTableName)", core: core)
    }

    /// Reads the bytes of that file.
    init(_ bytes: [UInt8], name: String = DaemonOptions.symbolTableName, core: CoreFile? = nil) throws(Failure) {
        self.core = core
        do throws(Problem) {
            let file = try SymbolFile(bytes, name: name)
            architecture = file.architecture
            table = SymbolTable(file)
        } catch {
            throw Failure(core == nil ? .systemFailure : .notAnObject, [error])
        }
    }

    /// Writes the table of a core file to a file, as it is.
    static func write(core path: String, to output: String) throws(Failure) {
        let bytes = try read(path).bytes
        try Failure.naming(output) { () throws(SystemError) in try File.writeOutput(output, bytes) }
    }

    private static func read(_ path: String) throws(Failure) -> (core: CoreFile, bytes: [UInt8]) {
        let file = try Failure.naming(path, .notAnObject) { () throws(SystemError) in try PartialFile(path: path) }
        do throws(Problem) {
            let core = try CoreFile(file)
            return (core, try core.symbols())
        } catch {
            throw Failure(.notAnObject, [error])
        }
    }

    /// Who refers to symbols, as the memory in the core file says.
    func users(_ queries: [String]) throws(Failure) -> [UsersAnswer] {
        guard let core else { return [] }
        let sets = table.snapshot
        let list = DebuggerList(sets, architecture: architecture) { (address, count) throws(Problem) in
            try core.memory(at: address, count: count)
        }
        do throws(Problem) {
            return try SymbolUsers(sets, list).answers(to: queries)
        } catch {
            throw Failure(.notAnObject, [error])
        }
    }
}
