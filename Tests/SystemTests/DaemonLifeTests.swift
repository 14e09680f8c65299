import Glibc
import ModlinkInterface
import Posix
import TestSupport
import Testing

/// How a daemon ends: when it is told to in any state, when it is killed, and when its runtime directory goes.
@Suite struct DaemonLifeTests {
    /// Starts a tool with a module whose functions do not return, and waits until the module is in that state.
    private func start(
        _ tool: String, _ arguments: [String], until state: String, _ session: Session
    ) throws -> RunningTool {
        let running = try session.start(tool, arguments)
        #expect(try eventually { try session.output("modstat").contains(" \(state) ") })
        return running
    }

    // MARK: --stop

    @Test("--stop ends a daemon whose space has ended and stays down")
    func spaceIsDown() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.quiet("slice"))
        try session.output("modlinkd", "--on-fault", "restart")
        try session.output("modload", "gurka.o")
        let daemon = try #require(session.daemon)
        for _ in 0..<4 {
            guard let space = try? session.space() else { break }
            try ChildProcess(process: space).signal(SIGKILL)
            #expect(try eventually { (try? session.space()) != space })
        }
        #expect(throws: (any Error).self) { try session.space() }
        try expect(session.run("modlinkd", "--stop"), .done())
        #expect(!Session.isAlive(daemon))
        #expect(try File.list(session.runtime).sorted() == ["console", "images", "lock", "log"])
    }

    @Test(
        "--stop kills a space whose module does not return, and says what kept it",
        arguments: [
            ("int init_module(void) { for (;;) ; }", "load"),
            (
                """
                #include <signal.h>
                int init_module(void) { sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, 0); for (;;) ; }
                """, "load"
            ),
            (
                """
                int init_module(void) { return 0; }
                static void __attribute__((destructor)) leave(void) { for (;;) ; }
                """, "unload"
            ),
        ])
    func hangingModule(source: String, work: String) throws {
        let session = try Session()
        try session.compile("hang.o", source)
        try session.output("modlinkd")
        if work == "unload" { try session.output("modload", "hang.o") }
        let daemon = try #require(session.daemon)
        let space = try session.space()
        let tool =
            work == "load"
            ? try start("modload", ["hang.o"], until: "loading", session)
            : try start("modunload", ["hang"], until: "unloading", session)
        try expect(
            session.run("modlinkd", "--stop"),
            .done("modlinkd: space \(space) did not end by itself, busy with the \(work) of hang, and was killed\n"))
        #expect(!Session.isAlive(daemon) && !Session.isAlive(space))
        #expect(try File.list(session.runtime).sorted() == ["console", "images", "lock", "log"])
        #expect(try session.images().isEmpty)
        _ = try tool.wait()
    }

    @Test("--stop kills a space that is stopped")
    func stoppedSpace() throws {
        let session = try Session()
        try session.output("modlinkd")
        let space = try session.space()
        try ChildProcess(process: space).signal(SIGSTOP)
        try expect(
            session.run("modlinkd", "--stop"),
            .done("modlinkd: space \(space) did not end by itself, and was killed\n"))
        #expect(!Session.isAlive(space))
    }

    @Test("--stop kills a daemon that does not answer, with its space, and takes its files away")
    func stoppedDaemon() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.quiet("slice"))
        try session.output("modload", "gurka.o")
        let daemon = try #require(session.daemon)
        let space = try session.space()
        try ChildProcess(process: daemon).signal(SIGSTOP)
        try expect(
            session.run("modlinkd", "--stop"),
            .done(
                "modlinkd: process \(daemon) has not answered for 10 seconds: it was killed, and its spaces with it\n"))
        #expect(!Session.isAlive(daemon))
        #expect(try eventually { !Session.isAlive(space) })
        #expect(try File.list(session.runtime).sorted() == ["console", "images", "lock", "log"])
        #expect(try session.images().isEmpty)
    }

    @Test("--stop waits for a daemon that is only just starting, and finds that it has failed to")
    func starting() throws {
        let session = try Session()
        let space = try session.write("space", Array("#!/bin/sh\nexec sleep 1000\n".utf8))
        try File.changeMode(space, 0o700)
        let starting = try session.start("modlinkd", [], ["MODLINK_SPACE": space])
        #expect(try eventually { (try? File.status(path: session.runtime + "/socket")) != nil })
        #expect(try session.run("modlinkd", "--stop").status == .exited(0))
        let result = try starting.wait()
        #expect(result.status == .exited(69), "\(result)")
        #expect(try File.list(session.runtime).contains("socket") == false)
        try expect(session.run("modlinkd", "--stop"), session.nobodyListens("modlinkd"))
    }

    @Test("of two --stop at once both succeed")
    func twice() throws {
        let session = try Session()
        for _ in 0..<5 {
            try session.output("modlinkd")
            let first = try session.start("modlinkd", ["--stop"])
            let second = try session.run("modlinkd", "--stop")
            let results = [try first.wait(), second]
            #expect(results.contains { $0.status == .exited(0) })
            // Who comes when it is over finds nobody.
            #expect(results.allSatisfy { [.exited(0), .exited(69)].contains($0.status) }, "\(results)")
        }
    }

    // MARK: The files of another

    /// Starts a daemon, does something to its runtime directory, and returns it once it has ended.
    private func end(_ session: Session, by change: () throws -> Void) throws -> (daemon: Int32, space: Int32) {
        try session.compile("gurka.o", Sources.quiet("slice"))
        try session.output("modload", "gurka.o")
        let daemon = try #require(session.daemon)
        let space = try session.space()
        try change()
        #expect(try eventually { !Session.isAlive(daemon) && !Session.isAlive(space) })
        return (daemon, space)
    }

    @Test("a daemon whose runtime directory is removed ends with its space")
    func removed() throws {
        let session = try Session()
        _ = try end(session) { try Tool.output("rm", ["-r", session.runtime]) }
    }

    @Test("a daemon whose runtime directory is renamed ends with its space, says so, and takes its files away there")
    func renamed() throws {
        let session = try Session()
        let new = session.path + "/elsewhere"
        _ = try end(session) { try File.rename(session.runtime, to: new) }
        #expect(try File.list(new) == ["console", "images", "lock", "log"])
        #expect(try File.list(new + "/images").isEmpty)
        let log = String(decoding: try File.read(path: new + "/log", limit: 1 << 20), as: UTF8.self)
        #expect(
            log.contains(
                " error: \(session.runtime): the runtime directory has gone, and nobody can reach this daemon any more: it ends; lost with it: gurka\n"
            ), "\(log)")
    }

    @Test("a daemon whose socket is removed ends with its space, and says so")
    func socketRemoved() throws {
        let session = try Session()
        _ = try end(session) { try File.remove(session.runtime + "/socket") }
        let log = try session.runtimeText("log")
        #expect(log.contains(": the socket has gone, and nobody can reach this daemon any more: it ends; "), "\(log)")
    }

    @Test("a daemon that ends leaves what another one has put in its place")
    func another() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.quiet("slice"))
        try session.output("modlinkd")
        let first = try #require(session.daemon)
        // Stopped, the first one notices nothing before the second is there.
        try ChildProcess(process: first).signal(SIGSTOP)
        try Tool.output("rm", ["-r", session.runtime])
        try session.output("modload", "gurka.o")
        let second = try #require(session.daemon)
        try ChildProcess(process: first).signal(SIGCONT)
        #expect(try eventually { !Session.isAlive(first) })
        #expect(session.daemon == second)
        #expect(try session.names() == ["gurka"] && session.images() == ["gurka"])
        #expect(try Tool.output("nm", [session.runtime + "/ksyms"]).contains(" T slice\n"))
    }

    @Test("a daemon whose socket alone was replaced leaves the other's files, its process number among them")
    func anotherSocket() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.quiet("slice"))
        try session.output("modlinkd")
        let first = try #require(session.daemon)
        try ChildProcess(process: first).signal(SIGSTOP)
        try File.remove(session.runtime + "/socket")
        try session.output("modload", "gurka.o")
        let second = try #require(session.daemon)
        try ChildProcess(process: first).signal(SIGCONT)
        #expect(try eventually { !Session.isAlive(first) })
        #expect(session.daemon == second)
        #expect(try session.names() == ["gurka"] && session.images() == ["gurka"])
    }

    // MARK: Killed

    @Test("who starts a daemon after another was killed is told once what was lost; so are console and log")
    func killed() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.quiet("slice"))
        try session.compile("tomat.o", Sources.quiet("dice"))
        try session.output("modload", "gurka.o", "tomat.o")
        let daemon = try #require(session.daemon)
        try ChildProcess(process: daemon).signal(SIGKILL)
        #expect(try eventually { !Session.isAlive(daemon) })
        let told = "modlinkd \(daemon) was killed; lost with it: gurka, tomat\n"
        let result = try session.run("modstat")
        #expect(result.status == .exited(0) && result.errors == "modstat: warning: \(told)", "\(result)")
        #expect(try session.run("modstat").errors == "")
        #expect(try session.runtimeText("console").contains("modlinkd: \(told)"))
        #expect(try session.runtimeText("log").contains(" warning: \(told)"))
    }

    @Test("who starts a daemon after another ended in order is told nothing")
    func endedInOrder() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.quiet("slice"))
        try session.output("modload", "gurka.o")
        try session.output("modlinkd", "--stop")
        try session.output("modstat")
    }
}
