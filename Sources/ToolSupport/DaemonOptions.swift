import ArgumentParser
import ModlinkInterface
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
}
