import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

/// A runtime directory of one test with the daemon that the tools start there, and a folder for files, in which the tools run. The
/// daemon ends with it, whatever the test has done.
final class Session: Sendable {
    /// Where the programs are: MODLINK_PROGRAMS, or beside the program that runs the tests.
    static let programs: String = {
        if let path = Environment.value("MODLINK_PROGRAMS") { return path }
        let own = (try? CurrentProcess.executable()) ?? ""
        return own.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    }()

    private let files: ScratchDirectory
    /// The runtime directory.
    let runtime: String
    private let variables: [String: String]

    /// The folder of the test's files.
    var path: String { files.path }

    /// Makes both directories; the daemon is started by the first tool.
    ///
    /// - Parameter variables: what all programs have in their environment.
    init(_ variables: [String: String] = [:]) throws {
        files = try ScratchDirectory()
        runtime = files.path + "/run"
        self.variables = variables
    }

    deinit {
        let daemon = daemon
        _ = try? run("modlinkd", "--stop")
        if let daemon, Self.isAlive(daemon) { try? ChildProcess(process: daemon).signal(9) }
    }

    // MARK: Programs

    /// The environment of the programs.
    func environment(_ more: [String: String] = [:]) -> [String] {
        let own = ["MODLINK_RUNTIME_DIR": runtime, "MODLINK_PATH": "", "TERM": "dumb"].merging(variables) { $1 }
            .merging(more) { $1 }
        return Tool.englishEnvironment(own).filter { variable in
            let name = String(variable.prefix { $0 != "=" })
            return own[name] != nil || !["NOTIFY_SOCKET", "JOURNAL_STREAM", "LISTEN_FDS", "LISTEN_PID"].contains(name)
        }
    }

    /// Runs one of the programs in the folder of the files.
    @discardableResult func run(_ program: String, _ arguments: String...) throws -> ToolResult {
        try run(program, arguments)
    }

    /// Runs one of the programs in the folder of the files.
    func run(_ program: String, _ arguments: [String], _ variables: [String: String] = [:]) throws -> ToolResult {
        try start(program, arguments, variables).wait()
    }

    /// Starts one of the programs in the folder of the files.
    func start(_ program: String, _ arguments: [String], _ variables: [String: String] = [:]) throws -> RunningTool {
        try RunningTool(
            executable: "/usr/bin/env", ["-C", path, "\(Self.programs)/\(program)"] + arguments,
            environment: environment(variables))
    }

    /// The output of one of the programs, which has to succeed.
    @discardableResult func output(_ program: String, _ arguments: String...) throws -> String {
        let result = try run(program, arguments)
        guard result.status == .exited(0), result.errors.isEmpty else {
            throw ToolFailure(
                description: "\(program) \(arguments): \(result.status)\n\(result.errors)\(result.output)")
        }
        return result.output
    }

    // MARK: Files

    /// Compiles a text into an object of that name.
    func compile(
        _ name: String, _ source: String, _ options: [String] = ["-O2"], language: Compiler.Language = .c
    ) throws {
        try files.write(name, try Compiler.gcc.object(source, options, language: language))
    }

    /// Writes a file and returns its path.
    @discardableResult func write(_ name: String, _ bytes: [UInt8]) throws -> String { try files.write(name, bytes) }

    /// The bytes of a file.
    func read(_ name: String) throws -> [UInt8] { try files.read(name) }

    /// The text of a file in the runtime directory; of the console without times, and without the names of modules.
    func runtimeText(_ name: String) throws -> String {
        let bytes = try File.read(path: "\(runtime)/\(name)", limit: 1 << 24)
        return name == "console" ? Self.bare(bytes) : String(decoding: bytes, as: UTF8.self)
    }

    /// Lines of the console without their times; those of modules without the names.
    static func bare(_ console: some Sequence<UInt8>) -> String {
        let lines = Array(console).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let texts = lines.map { (line: ArraySlice<UInt8>) -> ArraySlice<UInt8> in
            guard let parts = ConsoleLine(line) else { return line }
            let isDaemon = parts.speaker.elementsEqual(ConsoleLine.daemon.utf8)
            return (isDaemon ? Array("modlinkd: ".utf8) : [])[...] + parts.text
        }
        return String(decoding: Array(texts.joined(separator: [UInt8(ascii: "\n")])), as: UTF8.self)
    }

    /// The modules that have an image; the spare file beside them is no module's.
    func images() throws -> [String] { try File.list(runtime + "/images").filter { !$0.hasPrefix(".") } }

    // MARK: Processes

    /// The daemon's process number, as its pid file says.
    var daemon: Int32? {
        guard let text = try? runtimeText("pid") else { return nil }
        return Int32(text.filter { $0 != "\n" })
    }

    /// The process number of the space that runs now, as the daemon says.
    func space() throws -> Int32 {
        var client = try DaemonConnection.open(RuntimeDirectory(path: runtime), starts: false)
        let status = try client.call(StatusMethod.self, SpaceParameters()).reply
        return Int32(try #require(status.space, "the daemon has no space"))
    }

    /// Whether a process is there, and is not dead already.
    static func isAlive(_ process: Int32) -> Bool {
        guard let status = try? File.read(path: "/proc/\(process)/stat", limit: 4096) else { return false }
        // `number (name) state`: the name may contain anything.
        let rest = String(decoding: status, as: UTF8.self).split(separator: ")").last ?? ""
        return !rest.hasPrefix(" Z")
    }
}

/// Records an issue with both results unless a program left what is wanted.
func expect(_ result: ToolResult, _ wanted: ToolResult, sourceLocation: SourceLocation = #_sourceLocation) {
    guard result != wanted else { return }
    Issue.record("\(text(result))\nwanted: \(text(wanted))", sourceLocation: sourceLocation)
}

private func text(_ result: ToolResult) -> String {
    "\(result.status)\noutput: \(result.output.debugDescription)\nerrors: \(result.errors.debugDescription)"
}

extension ToolResult {
    /// The first line of its complaints: before the report of a crash.
    var firstError: Substring { errors.prefix { $0 != "\n" } }
}
