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
            throw DaemonConnection.failure(error)
        }
    }

    /// Calls a method, and prints what modules print, at once; shows how far it is where standard error is a terminal.
    ///
    /// - Parameters:
    ///   - interrupted: what becomes of the work when a signal such as that of ^C ends this program; nil: nothing is said then.
    ///   - isQuiet: whether what modules print stands in the reply alone, as for a reader of JSON.
    ///   - debuggee: told the process, when a debugger is waited for; nil where none can be.
    public func showing<M: Method>(
        _ method: M.Type, _ parameters: M.Parameters, descriptors: [Int32] = [], interrupted: String? = nil,
        isQuiet: Bool = false, debuggee: ((Int) -> Void)? = nil
    ) throws(Failure) -> M.Reply where M.Reply: ProgressReply {
        var line = ProgressLine()
        // Without them it ends all the same.
        if let interrupted { try? PartingWords.set("\(ToolOutput.tool): interrupted: \(interrupted)\n") }
        defer { if interrupted != nil { try? PartingWords.set(nil) } }
        var client = try DaemonConnection.open(starts: !noAutostart, warn: ToolOutput.warn)
        var last: M.Reply?
        var output = ""
        defer { line.clear() }
        do throws(VarlinkError) {
            try client.callMany(method, parameters, descriptors: descriptors) { answer in
                if let process = answer.reply.progress?.debuggee {
                    line.clear()
                    debuggee?(process)
                } else if let progress = answer.reply.progress {
                    if isQuiet {
                        output += answer.reply.output
                    } else if !answer.reply.output.isEmpty {
                        line.clear()
                        ToolOutput.printModules(answer.reply.output)
                    }
                    // It would be drawn over what a module has begun to print.
                    if !progress.activity.isEmpty, !ToolOutput.isInsideLine { line.draw(progress) }
                } else {
                    last = answer.reply
                }
                return true
            }
        } catch {
            var failure = DaemonConnection.failure(error)
            failure.output = output + failure.output
            throw failure
        }
        guard var last else { throw Failure(.unavailable, subject: "modlinkd", reason: "sent no answer") }
        last.output = output + last.output
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
            throw DaemonConnection.failure(error)
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
