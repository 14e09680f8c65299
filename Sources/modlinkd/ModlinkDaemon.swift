import ArgumentParser
import Logging
import ModlinkInterface
import ModuleService
import Posix
import ToolSupport

/// The daemon's command line.
@main
struct ModlinkDaemon: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "modlinkd",
        abstract: "Holds the symbol tables and the module table of the spaces, and links modules into them.",
        discussion: """
            The tools start it when no one listens; so does systemd, by socket activation. Without options it starts a daemon \
            in the background and returns when that is ready.
            """,
        version: Product.version(of: "modlinkd"))

    static let completion = CompletionRules(
        options: [
            "--log-level": [.words(Logger.Level.allCases.map(\.rawValue))],
            "--on-fault": [.words(["keep", "restart"])],
        ])

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

    @Option(
        name: .long,
        help: ArgumentHelp("Keep what there is of so many crashes, 10 by default.", valueName: "N"))
    var crashes: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Keep so many bytes of crashes at the most, 512M by default; K, M and G behind a number are 1024 times as much each.",
            valueName: "BYTES"),
        transform: Self.bytes)
    var crashBytes: UInt64?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "After a fault of a module, 'keep' its space and the other modules, or 'restart': load them into a fresh one.",
            valueName: "WHAT"),
        transform: { text in
            guard let policy = FaultPolicy(rawValue: text) else {
                throw ValidationError("'\(text)' is neither 'keep' nor 'restart'")
            }
            return policy
        })
    var onFault: FaultPolicy = .keep

    @Option(
        name: .customLong("env"), parsing: .singleValue,
        help: ArgumentHelp(
            "A variable of the environment of spaces; may be given several times.", valueName: "NAME=VALUE"),
        transform: { text in
            guard text.first != "=", text.contains("=") else { throw ValidationError("'\(text)' is not NAME=VALUE") }
            return text
        })
    var environment: [String] = []

    @Flag(name: .long, help: .hidden)
    var detachWhenReady = false

    func validate() throws {
        if stop, foreground { throw ValidationError("--stop and --foreground exclude each other") }
        if let autoclean, !(1...Self.longestInterval).contains(autoclean) {
            throw ValidationError("--autoclean takes 1 to \(Self.longestInterval) seconds, which is a year")
        }
        if let crashes, !(1...Self.mostCrashes).contains(crashes) {
            throw ValidationError("--crashes takes 1 to \(Self.mostCrashes)")
        }
        if stop, crashes != nil || crashBytes != nil {
            throw ValidationError("--stop goes without --crashes and --crash-bytes")
        }
        if stop, !environment.isEmpty { throw ValidationError("--stop and --env exclude each other") }
        if stop, autoclean != nil { throw ValidationError("--stop and --autoclean exclude each other") }
    }

    private static let longestInterval = 31_536_000
    private static let mostCrashes = 1_000_000

    private static func bytes(_ text: String) throws -> UInt64 {
        let factors: [Character: UInt64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
        let factor = text.last.flatMap { factors[$0] }
        let (bytes, overflow) = (UInt64(factor == nil ? text : String(text.dropLast())) ?? 0)
            .multipliedReportingOverflow(by: factor ?? 1)
        guard bytes > 0, !overflow, !text.hasPrefix("+") else {
            throw ValidationError("'\(text)' is no number of bytes, such as 1000000 or 512M")
        }
        return bytes
    }

    private var limits: CrashLimits {
        let standard = CrashLimits()
        return CrashLimits(count: crashes ?? standard.count, bytes: crashBytes ?? standard.bytes)
    }

    func run() {
        ToolOutput.run("modlinkd") { () throws(Failure) in
            let directory = RuntimeDirectory.standard()
            if stop {
                try Stopping.run(directory)
            } else if foreground {
                try Server.run(
                    directory, level: logLevel, detaches: detachWhenReady, autocleanSeconds: autoclean,
                    environment: environment, crashes: limits, onFault: onFault)
            } else {
                try Self.start(directory, options: options)
            }
        }
    }

    /// What is passed on to the daemon in the background.
    private var options: [String] {
        ["--log-level", logLevel.rawValue, "--on-fault", onFault.rawValue]
            + (autoclean.map { ["--autoclean", "\($0)"] } ?? []) + (crashes.map { ["--crashes", "\($0)"] } ?? [])
            + (crashBytes.map { ["--crash-bytes", "\($0)"] } ?? []) + environment.flatMap { ["--env", $0] }
    }

    private static func start(_ directory: RuntimeDirectory, options: [String]) throws(Failure) {
        try directory.prepare()
        if (try? DaemonConnection.open(directory, starts: false)) != nil {
            let version = DaemonConnection.otherVersion(directory)
            let other = version.map { " of version \($0) (this is version \(Product.version))" } ?? ""
            throw Failure(
                .systemFailure, subject: directory.socket,
                reason: "a daemon\(other) is running already; end it with 'modlinkd --stop'")
        }
        if let warning = directory.warning { ToolOutput.warn(warning) }
        try DaemonConnection.start(directory, options: options, warn: ToolOutput.warn)
    }
}
