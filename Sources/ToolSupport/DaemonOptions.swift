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
