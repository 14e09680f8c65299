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

    /// Loads, and shows how far it is where standard error is a terminal.
    ///
    /// - Parameter debuggee: told the process, when a debugger is waited for.
    public func load(
        _ parameters: LoadMethod.Parameters, descriptors: [Int32], debuggee: (Int) -> Void = { _ in }
    ) throws(Failure) -> LoadMethod.Reply {
        var line = ProgressLine()
        guard line.isShown || parameters.debugger == true else {
            return try call(LoadMethod.self, parameters, descriptors: descriptors).reply
        }
        var client = try DaemonConnection.open(starts: !noAutostart, warn: ToolOutput.warn)
        var last: LoadMethod.Reply?
        defer { line.clear() }
        do throws(VarlinkError) {
            try client.callMany(LoadMethod.self, parameters, descriptors: descriptors) { answer in
                if let process = answer.reply.progress?.debuggee {
                    line.clear()
                    debuggee(process)
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

    /// What messages call the file that ``symbolTable(of:)`` reads.
    public static let symbolTableName = "symbol table"

    /// The symbol table of a space: the bytes of an ELF file.
    ///
    /// - Parameter space: nil is the native one.
    public func symbolTable(of space: Architecture? = nil) throws(Failure) -> [UInt8] {
        var answer = try call(SymbolsMethod.self, SpaceParameters(space: space?.name))
        guard let file = answer.descriptors.take(answer.reply.descriptor) else {
            throw Failure(.systemFailure, subject: "modlinkd", reason: "sent no descriptor of the symbol table")
        }
        return try Failure.naming(Self.symbolTableName) { () throws(SystemError) in
            try File.readAll(file, name: Self.symbolTableName, limit: 1 << 31)
        }
    }
}
