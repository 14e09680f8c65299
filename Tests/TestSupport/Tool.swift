import Posix
import Synchronization

/// A directory for the files of one test, which goes with everything in it when nobody holds it any more.
public final class ScratchDirectory: Sendable {
    /// Its path.
    public let path: String

    private static let count = Atomic<Int>(0)

    /// Makes an empty directory.
    public init() throws(SystemError) {
        let parent = Environment.value("TMPDIR") ?? "/tmp"
        let number = Self.count.add(1, ordering: .relaxed).newValue
        path = "\(parent)/modlink-test-\(CurrentProcess.number)-\(Clock.nanoseconds())-\(number)"
        try File.createDirectory(path, permissions: 0o700)
    }

    deinit {
        Self.remove(path)
    }

    /// Removes a directory and what is in it; links are not followed.
    private static func remove(_ directory: String) {
        for name in (try? File.list(directory)) ?? [] {
            let path = "\(directory)/\(name)"
            if (try? File.status(path: path, followsLinks: false))?.isDirectory == true {
                remove(path)
            } else {
                try? File.remove(path)
            }
        }
        try? File.removeDirectory(directory)
    }

    /// Puts a file into it; returns the file's path.
    @discardableResult public func write(_ name: String, _ bytes: [UInt8]) throws(SystemError) -> String {
        try File.writeAtomically("\(path)/\(name)", bytes, permissions: 0o600)
        return "\(path)/\(name)"
    }

    /// The bytes of a file in it.
    public func read(_ name: String) throws(SystemError) -> [UInt8] {
        try File.read(path: "\(path)/\(name)", limit: 1 << 30)
    }
}

/// A program that failed, with all that it said.
public struct ToolFailure: Error, CustomStringConvertible {
    /// Which, how, and why.
    public let description: String

    /// Makes the failure of that description.
    public init(description: String) {
        self.description = description
    }
}

/// What a program left behind.
public struct ToolResult: Equatable, Sendable {
    /// How it ended.
    public let status: ExitStatus
    /// Its standard output.
    public let output: String
    /// Its standard error.
    public let errors: String

    /// Makes a result of the given parts.
    public init(status: ExitStatus, output: String, errors: String) {
        self.status = status
        self.output = output
        self.errors = errors
    }

    /// What a program leaves that has done its work and has nothing to complain of.
    public static func done(_ output: String = "") -> ToolResult {
        ToolResult(status: .exited(0), output: output, errors: "")
    }

    /// What a program leaves that ends with a status and says why.
    public static func failed(_ status: Int32, _ errors: String, output: String = "") -> ToolResult {
        ToolResult(status: .exited(status), output: output, errors: errors)
    }
}

/// Programs of the machine: compilers, and readers that judge what we write.
public enum Tool {
    /// The path of a program in PATH; nil when there is none.
    public static func find(_ name: String) -> String? {
        let path = Environment.value("PATH") ?? "/usr/bin:/bin"
        for directory in path.split(separator: ":") {
            let candidate = "\(directory)/\(name)"
            if (try? File.status(path: candidate))?.isRegular == true { return candidate }
        }
        return nil
    }

    /// Runs a program of PATH to its end, with messages in English.
    public static func run(_ name: String, _ arguments: [String]) throws -> ToolResult {
        guard let executable = find(name) else { throw ToolFailure(description: "\(name): not installed") }
        return try run(executable: executable, arguments, environment: englishEnvironment())
    }

    /// Runs a program to its end, and ends it when that takes longer than a minute.
    public static func run(executable: String, _ arguments: [String], environment: [String]) throws -> ToolResult {
        let running = try RunningTool(executable: executable, arguments, environment: environment)
        return try running.wait()
    }

    /// This process's environment, without what says in which language to speak, and with these variables.
    public static func englishEnvironment(_ variables: [String: String] = [:]) -> [String] {
        let kept = Environment.all().filter { variable in
            let name = variable.prefix { $0 != "=" }
            return !name.hasPrefix("LC_") && !name.hasPrefix("LANG") && variables[String(name)] == nil
        }
        return kept + ["LC_ALL=C"] + variables.map { "\($0.key)=\($0.value)" }
    }

    /// The output of a program that has to succeed.
    @discardableResult public static func output(_ name: String, _ arguments: [String]) throws -> String {
        let result = try run(name, arguments)
        guard result.status == .exited(0) else {
            throw ToolFailure(
                description: "\(name) \(arguments.joined(separator: " ")): \(result.status)\n\(result.errors)")
        }
        return result.output
    }
}

/// A program that is running, with its standard output and error going to files.
public final class RunningTool: Sendable {
    /// Its process.
    public let process: ChildProcess
    private let directory: ScratchDirectory
    private let command: String
    private let ended = Atomic<Bool>(false)

    /// Starts a program.
    ///
    /// - Parameter descriptors: what it gets beside the standard ones; a target of 1 or 2 is in place of a file.
    public init(
        executable: String, _ arguments: [String], environment: [String],
        descriptors: [(source: Int32, target: Int32)] = [], passesListenProcess: Bool = false
    ) throws {
        command = ([executable] + arguments).joined(separator: " ")
        directory = try ScratchDirectory()
        let mode = File.CreateMode(permissions: 0o600)
        let output = try File.open(directory.path + "/output", .write, create: mode)
        let errors = try File.open(directory.path + "/errors", .write, create: mode)
        let standard: [(source: Int32, target: Int32)] = [(output.number, 1), (errors.number, 2)]
        process = try ChildProcess.spawn(
            executable: executable, arguments: arguments, environment: environment,
            descriptors: standard.filter { one in !descriptors.contains { $0.target == one.target } } + descriptors,
            passesListenProcess: passesListenProcess)
    }

    deinit {
        if !ended.load(ordering: .relaxed) { end() }
    }

    private func end() {
        ended.store(true, ordering: .relaxed)
        try? process.signal(9)
        _ = try? process.wait()
    }

    /// What it has written so far.
    public func output() throws -> String { String(decoding: try directory.read("output"), as: UTF8.self) }

    /// What it has complained of so far.
    public func errors() throws -> String { String(decoding: try directory.read("errors"), as: UTF8.self) }

    /// Waits until it ends; one that takes longer than that many seconds is ended, and is a failure.
    public func wait(seconds: Int = 300) throws -> ToolResult {
        let descriptor = try process.processDescriptor()
        guard try Poll.waitReadable(descriptor.number, timeout: seconds * 1000) else {
            end()
            throw ToolFailure(
                description: "\(command): not done after \(seconds) seconds\n\(try output())\(try errors())")
        }
        ended.store(true, ordering: .relaxed)
        return ToolResult(status: try process.wait(), output: try output(), errors: try errors())
    }
}
