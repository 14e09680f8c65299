import ArgumentParser
import Logging
import ModlinkInterface
import Posix
import ToolSupport
import Varlink

/// The daemon's command line.
@main
struct ModlinkDaemon: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "modlinkd",
        abstract: "Holds the symbol tables and the module table of the spaces, and links modules into them.",
        discussion: """
            The tools start it when no one listens; so does systemd, by socket activation. Without options it starts a daemon \
            in the background and returns when that is ready.
            """,
        version: Product.version(of: "modlinkd"))

    @Flag(name: .long, help: "Stay in the foreground, and log to standard error.")
    var foreground = false

    @Flag(name: .long, help: "End the daemon that is running, and its spaces.")
    var stop = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Log what is at least that grave: trace, debug, info, notice, warning, error or critical.",
            valueName: "LEVEL"),
        transform: { text in
            guard let level = Logger.Level(rawValue: text) else {
                throw ValidationError("'\(text)' is no level: trace, debug, info, notice, warning, error, critical")
            }
            return level
        })
    var logLevel: Logger.Level = .info

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Every so many seconds, unload what was loaded to go and is not used ('modunload -a').",
            valueName: "SECONDS"))
    var autoclean: Int?

    @Flag(name: .long, help: .hidden)
    var detachWhenReady = false

    func validate() throws {
        if stop, foreground { throw ValidationError("--stop and --foreground exclude each other") }
        if let autoclean, !(1...Self.longestInterval).contains(autoclean) {
            throw ValidationError("--autoclean takes 1 to \(Self.longestInterval) seconds, which is a year")
        }
        if stop, autoclean != nil { throw ValidationError("--stop and --autoclean exclude each other") }
    }

    private static let longestInterval = 31_536_000

    func run() {
        ToolOutput.run("modlinkd") { () throws(Failure) in
            let directory = RuntimeDirectory.standard()
            if stop {
                try Self.stop(directory)
            } else if foreground {
                try Server.run(
                    directory, level: logLevel, detaches: detachWhenReady, autocleanSeconds: autoclean)
            } else {
                try Self.start(directory, options: options)
            }
        }
    }

    /// What is passed on to the daemon in the background.
    private var options: [String] {
        ["--log-level", logLevel.rawValue] + (autoclean.map { ["--autoclean", "\($0)"] } ?? [])
    }

    private static func start(_ directory: RuntimeDirectory, options: [String]) throws(Failure) {
        try directory.prepare()
        if (try? DaemonConnection.open(directory, starts: false)) != nil {
            throw Failure(
                .systemFailure, subject: directory.socket,
                reason: "a daemon is running already; end it with 'modlinkd --stop'")
        }
        if let warning = directory.warning { ToolOutput.warn(warning) }
        try DaemonConnection.start(directory, options: options)
    }

    /// Asks the daemon to end, and waits until it has.
    private static func stop(_ directory: RuntimeDirectory) throws(Failure) {
        var client = try DaemonConnection.open(directory, starts: false)
        let process: ChildProcess
        let ended: SharedDescriptor
        do {
            let status = try client.call(StatusMethod.self, SpaceParameters()).reply
            process = ChildProcess(process: Int32(truncatingIfNeeded: status.process))
            // It is not this process's child. While it runs, its number is no other's.
            ended = SharedDescriptor(try process.processDescriptor())
            _ = try client.call(StopMethod.self, Empty())
        } catch let error as VarlinkError {
            throw Failure(error)
        } catch {
            throw Failure(.systemFailure, subject: "modlinkd", reason: "cannot be waited for: \(error)")
        }
        guard (try? Poll.waitReadable(ended.number, timeout: 10_000)) != false else {
            throw Failure(
                .systemFailure, subject: "modlinkd", reason: "process \(process.process) has not ended after 10 seconds"
            )
        }
    }
}
