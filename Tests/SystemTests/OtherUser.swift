import Posix
import TestSupport

/// The tools as a user sees them who is not root: one without a name, when these tests are run by root, with copies of the programs that nobody may run.
struct OtherUser {
    /// Where the user's files are; its daemon is the one of who runs the tests.
    let session: Session
    private let prefix: [String]
    private let programs: String

    /// The user's number.
    static let number: UInt32 = User.effective == 0 ? 60000 + UInt32(CurrentProcess.number) % 5000 : User.effective

    init() throws {
        session = try Session()
        guard User.effective == 0 else {
            (prefix, programs) = ([], Session.programs)
            return
        }
        prefix = ["setpriv", "--reuid=\(Self.number)", "--regid=\(Self.number)", "--clear-groups"]
        programs = session.path
        try File.changeMode(session.path, 0o755)
        for name in ["modlinkd", "modload", "modstat", "modspace"] {
            try Tool.output("cp", ["\(Session.programs)/\(name)", "\(programs)/\(name)"])
            try File.changeMode("\(programs)/\(name)", 0o755)
        }
    }

    /// Runs one of the programs as that user, in the folder of the session's files.
    func run(_ program: String, _ arguments: [String], _ variables: [String: String] = [:]) throws -> ToolResult {
        try RunningTool(
            executable: "/usr/bin/env", ["-C", session.path] + prefix + ["\(programs)/\(program)"] + arguments,
            environment: session.environment(variables)
        ).wait()
    }
}
