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

    @Test("a thread of a module that prints without end does not keep the daemon from answering")
    func endlessPrinting() throws {
        let session = try Session()
        let body = "pthread_t thread; return pthread_create(&thread, 0, print, 0);"
        let source = """
            #include <pthread.h>
            #include <stdio.h>
            static void *print(void *unused) { for (;;) puts("gurka gurka gurka gurka gurka gurka gurka"); return unused; }
            int init_module(void) { \(body) }
            """
        try session.compile("loud.o", source)
        #expect(try session.run("modload", "loud.o").status == .exited(0))
        for _ in 0..<5 { #expect(try session.names() == ["loud"]) }
        try session.compile("gurka.o", Sources.gurka)
        #expect(try session.run("modload", "gurka.o").status == .exited(0))
        // Nothing that is said without end is kept for ever.
        let size = try File.status(path: session.runtime + "/console").size
        #expect(size < 6 << 20)
    }
}
