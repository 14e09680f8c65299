import Glibc
import Posix
import TestSupport
import Testing

/// What happens when the one who asked goes away.
@Suite struct InterruptTests {
    private static let interruptSignal: Int32 = 2

    /// Starts loading a module whose init does not return, and waits until it runs.
    private func startHanging(_ session: Session, _ body: String) throws -> RunningTool {
        try session.compile("hang.o", Sources.initialize(body), ["-O1"])
        let tool = try session.start("modload", ["hang.o"])
        #expect(try eventually { try isLoading(session) })
        return tool
    }

    private func isLoading(_ session: Session) throws -> Bool {
        try session.output("modstat").contains("loading")
    }

    @Test("an interrupted load whose init does not return is undone, and the daemon is free for the next")
    func interrupted() throws {
        let session = try Session()
        let tool = try startHanging(session, "for (;;) ;")
        try tool.process.signal(Self.interruptSignal)
        #expect(try tool.wait().status == .signaled(Self.interruptSignal))
        #expect(try eventually { try !isLoading(session) })
        try session.compile("gurka.o", Sources.gurka)
        #expect(try session.run("modload", "gurka.o").status == .exited(0))
        #expect(try session.names() == ["gurka"])
        let log = try session.runtimeText("log")
        #expect(log.contains("load failed: hang: init_module: interrupted in hang:init_module+0x"), "\(log)")
    }

    @Test("a load that waits for its turn is not begun when its caller has gone")
    func queued() throws {
        let session = try Session()
        let tool = try startHanging(session, "for (;;) ;")
        try session.compile("gurka.o", Sources.gurka)
        let waiting = try session.start("modload", ["gurka.o"])
        // Its request is with the daemon when it waits for the answer; nothing shows that but time.
        usleep(500_000)
        try waiting.process.signal(Self.interruptSignal)
        _ = try waiting.wait()
        // The daemon looks ten times a second whether a caller is still there.
        usleep(500_000)
        try tool.process.signal(Self.interruptSignal)
        _ = try tool.wait()
        #expect(try eventually { try !isLoading(session) })
        #expect(try session.names().isEmpty)
    }
}
