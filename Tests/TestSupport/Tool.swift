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
        for name in (try? File.list(path)) ?? [] { try? File.remove("\(path)/\(name)") }
        try? File.removeDirectory(path)
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
}

/// What a program left behind.
public struct ToolResult: Sendable {
    /// How it ended.
    public let status: ExitStatus
    /// Its standard output.
    public let output: String
    /// Its standard error.
    public let errors: String
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

    /// Runs a program to its end, with messages in English.
    public static func run(_ name: String, _ arguments: [String]) throws -> ToolResult {
        guard let executable = find(name) else { throw ToolFailure(description: "\(name): not installed") }
        let directory = try ScratchDirectory()
        let output = try File.open(
            directory.path + "/output", .write, create: File.CreateMode(permissions: 0o600))
        let errors = try File.open(
            directory.path + "/errors", .write, create: File.CreateMode(permissions: 0o600))
        let variables = Environment.all().filter { !$0.hasPrefix("LC_") && !$0.hasPrefix("LANG") } + ["LC_ALL=C"]
        let child = try ChildProcess.spawn(
            executable: executable, arguments: arguments, environment: variables,
            descriptors: [(output.number, 1), (errors.number, 2)])
        let status = try child.wait()
        return ToolResult(
            status: status, output: String(decoding: try directory.read("output"), as: UTF8.self),
            errors: String(decoding: try directory.read("errors"), as: UTF8.self))
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
