import ArgumentParser
import ModlinkInterface
import ObjectModel
import Posix
import Varlink

/// What all tools that ask the daemon have in common.
public struct DaemonOptions: ParsableArguments {
    /// Whether a daemon is started when none listens.
    @Flag(name: .customLong("no-autostart"), help: "Do not start a daemon when no one listens.")
    public var noAutostart = false

    /// Takes the values of the command line.
    public init() {}

    /// Calls a method of the daemon once.
    public func call<M: Method>(
        _ method: M.Type, _ parameters: M.Parameters, descriptors: [Int32] = []
    ) throws(Failure) -> Answer<M.Reply> {
        var client = try DaemonConnection.open(starts: !noAutostart, warn: ToolOutput.warn)
        do throws(VarlinkError) {
            return try client.call(method, parameters, descriptors: descriptors)
        } catch {
            throw Failure(error)
        }
    }

    /// Calls a method, and shows how far it is where standard error is a terminal.
    ///
    /// - Parameter debuggee: told the process, when a debugger is waited for; nil where none can be.
    public func showing<M: Method>(
        _ method: M.Type, _ parameters: M.Parameters, descriptors: [Int32] = [], debuggee: ((Int) -> Void)? = nil
    ) throws(Failure) -> M.Reply where M.Reply: ProgressReply {
        var line = ProgressLine()
        guard line.isShown || debuggee != nil else {
            return try call(method, parameters, descriptors: descriptors).reply
        }
        var client = try DaemonConnection.open(starts: !noAutostart, warn: ToolOutput.warn)
        var last: M.Reply?
        defer { line.clear() }
        do throws(VarlinkError) {
            try client.callMany(method, parameters, descriptors: descriptors) { answer in
                if let process = answer.reply.progress?.debuggee {
                    line.clear()
                    debuggee?(process)
                } else if let progress = answer.reply.progress {
                    line.draw(progress)
                } else {
                    last = answer.reply
                }
                return true
            }
        } catch {
            throw Failure(error)
        }
        guard let last else { throw Failure(.unavailable, subject: "modlinkd", reason: "sent no answer") }
        return last
    }

    /// The modules that are loaded, and the names of the spaces that run.
    ///
    /// - Parameters:
    ///   - brief: whether what each module uses is left out.
    ///   - part: is given the modules, some hundred at a time: while it uses them the daemon writes the next.
    public func list(brief: Bool, part: ([ModuleInformation]) -> Void) throws(Failure) -> [String] {
        var client = try DaemonConnection.open(starts: !noAutostart, warn: ToolOutput.warn)
        var spaces: [String] = []
        do throws(VarlinkError) {
            try client.callMany(ListMethod.self, ListMethod.Parameters(brief: brief)) { answer in
                part(answer.reply.modules)
                spaces = answer.reply.spaces
                return true
            }
        } catch {
            throw Failure(error)
        }
        return spaces
    }

    /// All that is known of one module.
    public func describe(_ id: Int) throws(Failure) -> DescribeMethod.Reply {
        try call(DescribeMethod.self, DescribeMethod.Parameters(id: id)).reply
    }

    /// What messages call the file that ``symbolTable(of:)`` reads.
    public static let symbolTableName = "symbol table"

    /// The symbol table of a space: the bytes of an ELF file.
    ///
    /// - Parameter space: nil is the native one.
    public func symbolTable(of space: Architecture? = nil) throws(Failure) -> [UInt8] {
        let file = try symbolTableFile(of: space)
        return try Failure.naming(Self.symbolTableName) { () throws(SystemError) in
            try File.readAll(file, name: Self.symbolTableName, limit: 1 << 31)
        }
    }

    /// Writes the symbol table of a space to a path that the user has named.
    ///
    /// - Parameter space: nil is the native one.
    public func writeSymbolTable(of space: Architecture?, to path: String) throws(Failure) {
        let file = try symbolTableFile(of: space)
        try Failure.naming(path) { () throws(SystemError) in
            try File.writeOutput(path, copyOf: file, name: Self.symbolTableName)
        }
    }

    private func symbolTableFile(of space: Architecture?) throws(Failure) -> Descriptor {
        var answer = try call(SymbolsMethod.self, SpaceParameters(space: space?.name))
        guard let file = answer.descriptors.take(answer.reply.descriptor) else {
            throw Failure(.systemFailure, subject: "modlinkd", reason: "sent no descriptor of the symbol table")
        }
        return file
    }
}
