import Glibc
import ModlinkInterface
import Posix
import Synchronization
import TestSupport
import Testing
import Varlink

/// The daemon's life: start, stop, what it leaves, and who may reach it.
@Suite struct DaemonTests {
    @Test("the first tool starts a daemon; --no-autostart does not")
    func autostart() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        for (tool, arguments) in [
            ("modload", ["gurka.o"]), ("modload", ["-n", "gurka.o"]), ("modunload", ["gurka"]), ("modstat", []),
            ("ksyms", []), ("ksyms", ["printf"]),
        ] {
            try expect(session.run(tool, ["--no-autostart"] + arguments), session.nobodyListens(tool))
        }
        #expect(throws: SystemError.self) { try File.status(path: session.runtime) }
        try session.output("modstat")
        #expect(try session.run("modstat", "--no-autostart").status == .exited(0))
        let daemon = try #require(session.daemon)
        #expect(Session.isAlive(daemon))
        #expect(try File.status(path: session.runtime).mode & 0o777 == 0o700)
    }

    @Test("modlinkd starts one in the background, says when one runs, and --stop ends it with its space and its files")
    func startStop() throws {
        let session = try Session()
        try expect(session.run("modlinkd"), .done())
        let daemon = try #require(session.daemon)
        let space = try session.space()
        let socket = session.runtime + "/socket"
        try expect(
            session.run("modlinkd"),
            .failed(1, "modlinkd: \(socket): a daemon is running already; end it with 'modlinkd --stop'\n"))
        try expect(
            session.run("modlinkd", "--foreground"),
            .failed(1, "modlinkd: \(socket): a daemon is running already; end it with 'modlinkd --stop'\n"))
        #expect(session.daemon == daemon && Session.isAlive(daemon))
        try expect(session.run("modlinkd", "--stop"), .done())
        #expect(!Session.isAlive(daemon) && !Session.isAlive(space))
        #expect(try File.list(session.runtime).sorted() == ["console", "images", "lock", "log"])
        try expect(session.run("modlinkd", "--stop"), session.nobodyListens("modlinkd"))
    }

    @Test("--foreground logs to standard error and ends on SIGTERM, SIGINT and SIGHUP", arguments: [15, 2, 1])
    func foreground(signal: Int32) throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        let daemon = try session.start("modlinkd", ["--foreground"])
        #expect(try eventually { session.daemon == daemon.process.process })
        #expect(try eventually { try session.run("modload", "--no-autostart", "gurka.o").status == .exited(0) })
        let space = try session.space()
        try daemon.process.signal(signal)
        let result = try daemon.wait()
        #expect(result.status == .exited(0))
        #expect(result.output == "")
        let lines = result.errors.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 1).last ?? "" }
        #expect(
            lines.map { $0.replacing(/[0-9]+ symbols/, with: "N symbols") } == [
                "info: space \(space) started: N symbols",
                "info: modlinkd (modlink) 0.1.0 listens at \(session.runtime)/socket",
                "info: gurka loaded as 1 at 0x10000000", "info: ending: \(signalName(signal))", "info: ending",
                "info: ended",
            ])
        #expect(!Session.isAlive(space))
        #expect(try File.list(session.runtime).sorted() == ["console", "images", "lock"])
    }

    @Test("--log-level leaves out what is less")
    func logLevel() throws {
        let session = try Session()
        let daemon = try session.start("modlinkd", ["--foreground", "--log-level", "error"])
        #expect(try eventually { try session.run("modstat", "--no-autostart").status == .exited(0) })
        try session.output("modlinkd", "--stop")
        try expect(daemon.wait(), .done())
    }

    @Test("a daemon in the background logs at the level that it was started with")
    func backgroundLogLevel() throws {
        let session = try Session()
        try expect(session.run("modlinkd", "--log-level", "error"), .done())
        try session.output("modlinkd", "--stop")
        #expect(try session.runtimeText("log") == "")
    }

    @Test("who asks the daemon to end gets the answer, each time")
    func stopIsAnswered() throws {
        let session = try Session()
        for _ in 1...20 {
            try expect(session.run("modlinkd"), .done())
            try expect(session.run("modlinkd", "--stop"), .done())
        }
    }

    @Test("in the background the log is a file, with the time and level of each line")
    func logFile() throws {
        let session = try Session()
        try session.compile("bad.o", "extern int qqzzxx(void); int init_module(void) { return qqzzxx(); }")
        try session.output("modstat")
        #expect(try session.run("modload", "bad.o").status == .exited(1))
        try session.output("modlinkd", "--stop")
        let lines = try session.runtimeText("log").split(separator: "\n")
        #expect(
            lines.allSatisfy { $0.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (info|notice): .*/) != nil },
            "\(lines)")
        #expect(lines.contains { $0.contains(" notice: load failed: bad.o: .text+0x") })
        #expect(lines.last?.hasSuffix(" info: ended") == true)
    }

    @Test("the background daemon is in a session of its own and holds nobody's standard descriptors")
    func detached() throws {
        let session = try Session()
        try session.output("modlinkd")
        let daemon = try #require(session.daemon)
        #expect(getsid(daemon) == daemon)
        let links = try Tool.output(
            "readlink", (0...2).map { "/proc/\(daemon)/fd/\($0)" })
        #expect(links == "/dev/null\n/dev/null\n\(session.runtime)/log\n")
    }

    @Test("a socket that a killed daemon has left is taken over")
    func leftovers() throws {
        let session = try Session()
        try session.output("modlinkd")
        let daemon = try #require(session.daemon)
        let space = try session.space()
        try ChildProcess(process: daemon).signal(9)
        #expect(try eventually { !Session.isAlive(daemon) && !Session.isAlive(space) })
        _ = try File.status(path: session.runtime + "/socket")
        #expect(try session.run("modstat").status == .exited(0))
        #expect(session.daemon != daemon)
    }

    @Test(
        "what a killed daemon has left of the symbol table is zeros, or the table that was read; a new daemon makes it right"
    )
    func symbolTable() throws {
        for isRead in [false, true] {
            let session = try Session()
            try session.compile("gurka.o", Sources.quiet("gurka_count"))
            try session.output("modload", "gurka.o")
            let path = session.runtime + "/ksyms"
            if isRead { #expect(try Tool.output("nm", [path]).contains(" gurka_count\n")) }
            let daemon = try #require(session.daemon)
            try ChildProcess(process: daemon).signal(9)
            #expect(try eventually { !Session.isAlive(daemon) })
            let left = try File.read(path: path, limit: 1 << 26)
            #expect(left.count > 10_000 && left.allSatisfy { $0 == 0 } != isRead)
            #expect(try session.run("modstat").status == .exited(0))
            let names = try Tool.output("nm", [path])
            #expect(names.contains(" T printf\n") && !names.contains(" gurka_count\n"))
        }
    }

    @Test("a daemon that cannot start is told: no modspace, no modlinkd, a space that is none")
    func cannotStart() throws {
        let session = try Session()
        let missing = session.path + "/nowhere/modspace"
        try expect(
            session.run("modstat", [], ["MODLINK_SPACE": missing]),
            .failed(
                69,
                "modstat: modlinkd: cannot be started: space: \(missing): execve: no such file or directory (ENOENT)\n")
        )
        #expect(throws: SystemError.self) { try File.status(path: session.runtime + "/socket") }
        try expect(
            session.run("modstat", [], ["MODLINK_SPACE": "/bin/true"]),
            .failed(69, "modstat: modlinkd: cannot be started: space: start: process exited with status 0\n"))
        try Tool.output("cp", ["\(Session.programs)/modstat", session.path + "/modstat"])
        let alone = try RunningTool(executable: session.path + "/modstat", [], environment: session.environment())
        try expect(
            alone.wait(),
            .failed(
                69, "modstat: modlinkd: \(session.path)/modlinkd: find: no such file or directory (ENOENT)\n"))
        try session.output("modstat")
    }

    @Test("the daemon finds modspace beside itself, and says where it looked")
    func modspaceMissing() throws {
        let session = try Session()
        for name in ["modstat", "modlinkd"] {
            try Tool.output("cp", ["\(Session.programs)/\(name)", session.path])
        }
        let alone = try RunningTool(executable: session.path + "/modstat", [], environment: session.environment())
        let result = try alone.wait()
        #expect(result.status == .exited(69))
        #expect(
            result.errors
                == "modstat: modlinkd: cannot be started: \(session.path)/modspace: no such program; Scripts/build-space makes it, and MODLINK_SPACE names one elsewhere\n"
        )
    }

    @Test("a socket path of 107 bytes is used; one of 108 is too long, and is told")
    func socketPath() throws {
        let session = try Session()
        let room = 107 - "/socket".utf8.count - session.path.utf8.count - 1
        for (count, fits) in [(room, true), (room + 1, false)] {
            let runtime = session.path + "/" + String(repeating: "r", count: count)
            let variables = ["MODLINK_RUNTIME_DIR": runtime]
            if fits {
                try expect(session.run("modlinkd", [], variables), .done())
                try expect(session.run("modlinkd", ["--stop"], variables), .done())
            } else {
                let told =
                    "\(runtime)/socket: 108 bytes, and a socket's path may have 107; choose another directory with MODLINK_RUNTIME_DIR\n"
                for tool in ["modstat", "modlinkd"] {
                    try expect(session.run(tool, [], variables), .failed(69, "\(tool): \(told)"))
                }
                #expect(throws: SystemError.self) { try File.status(path: runtime) }
            }
        }
    }

    @Test("a runtime directory of another user is refused")
    func otherDirectory() throws {
        let user = try OtherUser()
        // Root's, for whoever is not root.
        let reason = "belongs to user 0, not to you (\(OtherUser.number)); choose another with MODLINK_RUNTIME_DIR"
        for tool in ["modstat", "modlinkd"] {
            try expect(
                user.run(tool, [], ["MODLINK_RUNTIME_DIR": "/usr"]), .failed(77, "\(tool): /usr: \(reason)\n"))
        }
    }

    @Test("a runtime directory that others may write to, that is a file or that cannot be made is refused")
    func unsafeDirectory() throws {
        let session = try Session()
        try File.createDirectory(session.runtime, permissions: 0o700)
        try File.changeMode(session.runtime, 0o770)
        try expect(
            session.run("modstat"),
            .failed(77, "modstat: \(session.runtime): others may write there; 'chmod 700' it\n"))
        let file = try session.write("file", [])
        try expect(
            session.run("modstat", [], ["MODLINK_RUNTIME_DIR": file + "/run"]),
            .failed(69, "modstat: \(file)/run/socket: cannot connect: not a directory (ENOTDIR)\n"))
        try expect(
            session.run("modstat", [], ["MODLINK_RUNTIME_DIR": file]),
            .failed(69, "modstat: \(file)/socket: cannot connect: not a directory (ENOTDIR)\n"))
    }

    @Test("another user may look, not change", .enabled(if: User.effective == 0, "only root can be another user"))
    func otherUser() throws {
        let user = try OtherUser()
        try user.session.compile("gurka.o", Sources.gurka)
        try File.changeMode(user.session.path + "/gurka.o", 0o644)
        try user.session.output("modlinkd")
        // Closed, it is as if it belonged to another.
        try expect(
            user.run("modstat", []),
            .failed(
                77,
                "modstat: \(user.session.runtime)/socket: the daemon of another user; choose a directory of your own with MODLINK_RUNTIME_DIR\n"
            ))
        try File.changeMode(user.session.runtime, 0o755)
        try File.changeMode(user.session.runtime + "/socket", 0o777)
        try expect(user.run("modstat", []), .done("ID  NAME  STATE  REFS  SIZE  ADDRESS  USED BY\n"))
        let refusal = "user \(OtherUser.number): may look, not change: the daemon belongs to user 0\n"
        try expect(user.run("modload", ["gurka.o"]), .failed(77, "modload: \(refusal)"))
        try expect(user.run("modlinkd", ["--stop"]), .failed(77, "modlinkd: \(refusal)"))
        #expect(try user.session.names() == [])
    }
}
