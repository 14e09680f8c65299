import Posix
import TestSupport
import Testing

/// Options of the daemon, and what it needs to start.
@Suite struct DaemonOptionTests {
    @Test("--log-level holds for a daemon in the background", arguments: [("info", true), ("notice", false)])
    func logLevel(level: String, isLogged: Bool) throws {
        let session = try Session()
        try session.output("modlinkd", "--log-level", level)
        #expect(try session.runtimeText("log").contains(" listens at \(session.runtime)/socket\n") == isLogged)
    }

    @Test("a word that is no level is a mistake in the command line")
    func unknownLevel() throws {
        let result = try Session().run("modlinkd", "--log-level", "loud")
        #expect(result.status == .exited(64))
        #expect(result.errors.contains("'loud' is no level: trace, debug, info, notice, warning, error, critical"))
    }

    @Test("where the runtime directory cannot be made, no daemon can be reached")
    func noDirectory() throws {
        let session = try Session(["MODLINK_RUNTIME_DIR": "/nonexistent/run"])
        try expect(
            session.run("modstat"),
            .failed(69, "modstat: /nonexistent/run: cannot be made: no such file or directory (ENOENT)\n"))
    }
}
