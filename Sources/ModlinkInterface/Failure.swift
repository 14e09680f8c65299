import ObjectModel
import Posix
import Varlink

/// The exit statuses of the tools (sysexits.h).
public enum ExitStatusCode {
    /// Done.
    public static let done: Int32 = 0
    /// Refused or failed.
    public static let failed: Int32 = 1
    /// Called in a way that makes no sense.
    public static let usage: Int32 = 64
    /// Not an acceptable object.
    public static let notAnObject: Int32 = 65
    /// The daemon cannot be reached.
    public static let unavailable: Int32 = 69
    /// Not permitted.
    public static let notPermitted: Int32 = 77
}

/// Why something that was asked for did not happen: one of the interface's errors, or what the tool itself found.
public struct Failure: Error, Sendable, Equatable {
    /// What kind it is.
    public enum Kind: String, Sendable, CaseIterable {
        /// A file is not an object that a space takes.
        case notAnObject = "NotAnObject"
        /// Objects and symbols do not go together.
        case linkFailed = "LinkFailed"
        /// There is no space of that name; or it does not run; or its program is missing.
        case noSuchSpace = "NoSuchSpace"
        /// There is a module of that name.
        case moduleExists = "ModuleExists"
        /// There is no module of that name or number.
        case noSuchModule = "NoSuchModule"
        /// There is no crash of that number.
        case noSuchCrash = "NoSuchCrash"
        /// It is in use.
        case moduleBusy = "ModuleBusy"
        /// Its init, or its cleanup, returned an error.
        case initFailed = "InitFailed"
        /// It crashed while it was called.
        case moduleFaulted = "ModuleFaulted"
        /// A call of modules(2) is refused, or a device is not opened; ``Failure/code`` says with which error number.
        case refused = "Refused"
        /// The caller may not do that.
        case permissionDenied = "PermissionDenied"
        /// The machine does not give what is needed.
        case systemFailure = "SystemFailure"
        /// The daemon cannot be reached, or is ending.
        case unavailable = "Unavailable"
        /// There is no file at a path that a client named, or it cannot be opened.
        case noSuchFile = "NoSuchFile"
        /// The tool was called in a way that makes no sense.
        case usage = "Usage"

        /// Whether the interface declares an error of that name; what is not, a tool finds out by itself.
        public var isOfInterface: Bool { self != .usage }

        /// The status that a tool ends with.
        public var exitStatus: Int32 {
            switch self {
            case .notAnObject, .noSuchFile: ExitStatusCode.notAnObject
            case .permissionDenied: ExitStatusCode.notPermitted
            case .unavailable: ExitStatusCode.unavailable
            case .usage: ExitStatusCode.usage
            case .linkFailed, .noSuchSpace, .moduleExists, .noSuchModule, .noSuchCrash, .moduleBusy, .initFailed,
                .moduleFaulted,
                .refused, .systemFailure:
                ExitStatusCode.failed
            }
        }
    }

    /// What kind it is.
    public var kind: Kind
    /// What stands in the way; one at least.
    public var problems: [Problem]
    /// What modules printed before it happened.
    public var output: String
    /// For `moduleBusy`: the modules that refer to it.
    public var holders: [String]
    /// For `moduleBusy`: all that keeps it, and why.
    public var holds: [Hold]
    /// For `initFailed`: what was returned.
    public var result: Int
    /// For `moduleFaulted`: the signal's name.
    public var signal: String
    /// For `moduleFaulted`: what is known of it, in lines; empty when nothing is.
    public var report = ""
    /// For `moduleFaulted`, in the daemon: the number of the crash that is kept of it; nil when nothing is.
    public var crash: Int?
    /// For `refused`: the name of the error number.
    public var code: String

    /// Makes a failure of the given parts.
    public init(
        _ kind: Kind, _ problems: [Problem], output: String = "", holders: [String] = [], holds: [Hold] = [],
        result: Int = 0, signal: String = "", code: String = ""
    ) {
        self.kind = kind
        self.problems = problems
        self.output = output
        self.holders = holders
        self.holds = holds
        self.result = result
        self.signal = signal
        self.code = code
    }

    /// Makes a failure with one problem.
    public init(_ kind: Kind, subject: String, place: String = "", reason: String) {
        self.init(kind, [Problem(subject: subject, place: place, reason: reason)])
    }

    private static let prefix = "org.modlink."

    private struct Parameters: Codable, Sendable {
        var problems: [Problem]
        var output: String?
        var holders: [String]?
        var holds: [Hold]?
        var result: Int?
        var signal: String?
        var report: String?
        var code: String?
    }

    /// The interface's error that says this; `SystemFailure` where it has none of that kind.
    public var methodError: MethodError {
        let kind = kind.isOfInterface ? kind : .systemFailure
        let runs = kind == .initFailed || kind == .moduleFaulted
        let mayRun = [.moduleBusy, .refused, .systemFailure].contains(kind)
        return MethodError(
            Self.prefix + kind.rawValue,
            parameters: Parameters(
                problems: problems, output: runs || mayRun && !output.isEmpty ? output : nil,
                holders: kind == .moduleBusy ? holders : nil, holds: kind == .moduleBusy ? holds : nil,
                result: kind == .initFailed ? result : nil, signal: kind == .moduleFaulted ? signal : nil,
                report: kind == .moduleFaulted && !report.isEmpty ? report : nil,
                code: kind == .refused ? code : nil))
    }

    /// What an error of a call to the daemon says.
    public init(_ error: VarlinkError) {
        guard case .remote(let remote) = error else {
            self.init(.unavailable, subject: "modlinkd", reason: "\(error)")
            return
        }
        guard remote.name.hasPrefix(Self.prefix),
            let kind = Kind(rawValue: String(remote.name.dropFirst(Self.prefix.count))), kind.isOfInterface,
            let parameters = try? remote.decode(Parameters.self)
        else {
            self.init(.systemFailure, subject: "modlinkd", reason: "\(remote)")
            return
        }
        self.init(
            kind, parameters.problems, output: parameters.output ?? "", holders: parameters.holders ?? [],
            holds: parameters.holds ?? [], result: parameters.result ?? 0, signal: parameters.signal ?? "",
            code: parameters.code ?? "")
        report = parameters.report ?? ""
    }
}

extension Failure {
    /// Does something, and turns the error of a system call into a failure that names `subject`.
    public static func naming<Result: ~Copyable>(
        _ subject: String, _ kind: Kind = .systemFailure, _ work: () throws(SystemError) -> Result
    ) throws(Failure) -> Result {
        do throws(SystemError) {
            return try work()
        } catch {
            // The error names its own subject; said twice it is noise.
            let reason = error.subject == subject ? "\(error.call): \(error.reason)" : "\(error)"
            throw Failure(kind, subject: subject, reason: reason)
        }
    }
}
