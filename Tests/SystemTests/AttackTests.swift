import ModlinkInterface
import Posix
import TestSupport
import Testing

/// Modules that harm the space itself: its descriptors, its process, its data.
@Suite struct AttackTests {
    private static let head = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <signal.h>
        #include <spawn.h>
        #include <stdio.h>
        #include <string.h>
        #include <sys/ptrace.h>
        #include <sys/socket.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>
        #include <unistd.h>

        """

    /// A session with a module `gurka`, and an object whose init has that body.
    private func session(_ body: String, _ options: [String] = []) throws -> Session {
        let session = try Session()
        try session.compile("gurka.o", Sources.quiet("slice"), options + ["-O1"])
        try session.compile(
            "attack.o", Self.head + "int init_module(void) { \(body); return 0; }", options + ["-O1", "-w"])
        try session.output("modload", "gurka.o")
        return session
    }

    /// The next module is loaded, whatever has happened, and these are there then.
    private func check(_ session: Session, _ modules: [String]) throws {
        try session.compile("next.o", Sources.quiet("next"))
        #expect(try session.run("modload", "next.o").status == .exited(0))
        #expect(try session.names() == modules + ["next"])
    }

    // MARK: Descriptors

    @Test(
        "a module that closes, replaces or shuts down all descriptors does not reach those of the space",
        arguments: [
            "return close_range(3, ~0U, 0)", "closefrom(3)", "return close_range(3, ~0U, CLOSE_RANGE_CLOEXEC)",
            "for (int fd = 3; fd < 65536; fd++) close(fd)", "for (int fd = 3; fd < 65536; fd++) shutdown(fd, 2)",
            "for (int fd = 3; fd < 20000; fd++) { dup2(0, fd); close(fd); dup3(0, fd, 0); close(fd); }",
            // What the daemon gave the space as 3 and 4 is not there any more.
            "return write(3, \"junk\", 4) != -1 || write(4, \"junk\", 4) != -1 || dup2(0, 3) != 3 || close(3)",
        ], [[], ["-m32"]])
    func closes(body: String, options: [String]) throws {
        guard options.isEmpty || Compiler.makesI386Programs else {
            return print("skipped: \(Compiler.noI386Programs)")
        }
        let session = try session(body, options)
        try expect(session.run("modload", "attack.o"), .done("Module loaded as ID 2\n"))
        try check(session, ["gurka", "attack"])
    }

    @Test("closed standard descriptors are given back after the call, and the console says so")
    func standard() throws {
        let session = try session("puts(\"before\"); fflush(stdout); close(0); close(1); close(2); puts(\"lost\")")
        let note = "modspace: descriptors 0 1 2: closed or replaced by a module; given back after its call\n"
        try expect(session.run("modload", "attack.o"), .done("before\n\(note)Module loaded as ID 2\n"))
        try session.compile("talks.o", Sources.initialize("puts(\"talks\"); return 0;"))
        try expect(session.run("modload", "talks.o"), .done("talks\nModule loaded as ID 3\n"))
        // One that is replaced, by another that is open.
        try session.compile(
            "replaces.o", Self.head + "int init_module(void) { return dup2(open(\"/dev/null\", O_WRONLY), 1) != 1; }")
        try expect(
            session.run("modload", "replaces.o"),
            .done(
                "modspace: descriptor 1: closed or replaced by a module; given back after its call\nModule loaded as ID 4\n"
            ))
    }

    @Test(
        "a control connection that is closed, shut down or written to by system calls is told, with the module under way",
        arguments: [
            ("syscall(SYS_close_range, 3, ~0U, 0)", "something has closed it"),
            ("for (int fd = 3; fd < 65536; fd++) syscall(SYS_shutdown, fd, 2)", "something has closed it"),
            ("for (int fd = 3; fd < 65536; fd++) write(fd, \"junk\", 4)", "packet of 4 bytes is no reply"),
            (
                "static char zeros[728]; for (int fd = 3; fd < 65536; fd++) write(fd, zeros, sizeof zeros)",
                "reply 0 came to request"
            ),
            (
                "static char zeros[730]; for (int fd = 3; fd < 65536; fd++) write(fd, zeros, sizeof zeros)",
                "packet is longer than a reply"
            ),
        ])
    func connection(body: String, told: String) throws {
        let session = try session(body)
        let space = try session.space()
        let result = try session.run("modload", "attack.o")
        #expect(result.status == .exited(1))
        let start = "modload: attack: init_module: ended the space: it was killed: its control connection was damaged ("
        #expect(result.errors.hasPrefix(start + told), "\(result.errors)")
        #expect(result.errors.hasSuffix("); all its modules are lost\n"), "\(result.errors)")
        let console = try session.output("modstat", "--console")
        let line = "modlinkd: space \(space) was killed: its control connection was damaged (\(told)"
        #expect(console.contains(line) && console.contains("; lost with it: gurka\n"), "\(console)")
        try check(session, [])
    }

    @Test("what is written to the connection for events is told once, and faults of threads are still told")
    func events() throws {
        // The event connection is the second of the space's own descriptors.
        let session = try session(
            """
            int found = 0;
            for (int fd = 3; fd < 65536; fd++) {
                int type; socklen_t size = sizeof type;
                if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && found++ == 1)
                    return write(fd, "junk", 4) + write(fd, "junk", 4) != 8;
            }
            return 1
            """)
        let space = try session.space()
        try expect(session.run("modload", "attack.o"), .done("Module loaded as ID 2\n"))
        try session.compile(
            "thread.o",
            """
            #include <pthread.h>
            static void *work(void *unused) { *(volatile int *)8 = 1; return unused; }
            int init_module(void) { pthread_t t; pthread_create(&t, 0, work, 0); return pthread_join(t, 0); }
            """)
        #expect(try session.run("modload", "thread.o").firstError.contains("SIGSEGV at 0x8 in thread:work+0x"))
        let console = try session.output("modstat", "--console")
        let line = "modlinkd: space \(space): a module has written 4 bytes to the space's connection for events"
        #expect(console.components(of: line) == 1, "\(console)")
        try check(session, ["gurka", "attack"])
    }

    @Test("a space without free descriptors whose limit cannot be raised says so")
    func descriptors() throws {
        let session = try session(
            "long limit[2] = {300, 300}; syscall(SYS_prlimit64, 0, 7, limit, 0); while (open(\"/dev/null\", 0) >= 0)")
        try session.output("modload", "attack.o")
        try session.compile("next.o", Sources.quiet("next"))
        try expect(
            session.run("modload", "next.o"),
            .failed(
                1,
                "modload: next: cannot be mapped: modules have all descriptors open that the space may have; unload the one that does not close them (EMFILE)\n"
            ))
    }

    // MARK: The process

    @Test("a signal to the process group reaches neither the daemon nor another space")
    func group() throws {
        let session = try session("signal(SIGUSR1, SIG_IGN); return kill(0, SIGUSR1)")
        let daemon = try #require(session.daemon)
        let space = try session.space()
        try expect(session.run("modload", "attack.o"), .done("Module loaded as ID 2\n"))
        #expect(session.daemon == daemon && Session.isAlive(daemon))
        #expect(try session.space() == space)
        let status = String(decoding: try File.read(path: "/proc/\(space)/stat", limit: 4096), as: UTF8.self)
        // `number (name) state parent group session terminal`: its own group and session, and no terminal.
        let fields = status.split(separator: ")").last?.split(separator: " ") ?? []
        #expect(fields.count > 4 && fields[2...4] == ["\(space)", "\(space)", "0"], "\(status)")
    }

    @Test("execve and its like are faults of the module, and the space goes on", arguments: [[], ["-m32"]])
    func execute(options: [String]) throws {
        guard options.isEmpty || Compiler.makesI386Programs else {
            return print("skipped: \(Compiler.noI386Programs)")
        }
        let calls = [
            "execl(\"/bin/true\", \"true\", NULL)", "char *a[] = {\"true\", 0}; execvp(\"true\", a)",
            "char *a[] = {\"true\", 0}; execve(\"/bin/true\", a, a + 1)",
            "char *a[] = {\"true\", 0}; fexecve(open(\"/bin/true\", O_RDONLY), a, a + 1)",
            "char *a[] = {\"true\", 0}; execveat(AT_FDCWD, \"/bin/true\", a, a + 1, 0)",
        ]
        let session = try session("", options)
        for call in calls {
            try session.compile(
                "attack.o", Self.head + "int init_module(void) { \(call); return 0; }", options + ["-O1", "-w"])
            let result = try session.run("modload", "attack.o")
            #expect(result.status == .exited(1))
            #expect(
                result.firstError.hasPrefix("modload: attack: init_module: called execve in attack:init_module+0x"),
                "\(call): \(result.errors)")
        }
        #expect(try session.output("modstat", "--crashes").contains(" execve was called  attack:init_module+0x"))
        try check(session, ["gurka"])
    }

    @Test(
        "a child that a module makes executes what it wants", arguments: [[], ["-m32"]],
        [
            "int s; if (!vfork()) { execl(\"/bin/true\", \"true\", NULL); _exit(3); } wait(&s); return s",
            "int s; if (!fork()) { char *a[] = {\"true\", 0}; execvp(\"true\", a); _exit(3); } wait(&s); return s",
            "int s; pid_t p; char *a[] = {\"true\", 0}; posix_spawnp(&p, \"true\", 0, 0, a, a + 1); waitpid(p, &s, 0); return s",
            "extern int system(const char *); return system(\"exec true\")",
        ])
    func children(options: [String], body: String) throws {
        guard options.isEmpty || Compiler.makesI386Programs else {
            return print("skipped: \(Compiler.noI386Programs)")
        }
        let session = try session(body, options)
        try expect(session.run("modload", "attack.o"), .done("Module loaded as ID 2\n"))
    }

    @Test(
        "a space that another program has replaced by a system call is told, with the program and the module under way")
    func replaced() throws {
        let session = try session("char *a[] = {\"sleep\", \"1000\", 0}; syscall(SYS_execve, \"/bin/sleep\", a, a + 2)")
        let space = try session.space()
        // Where /bin is a link to /usr/bin, that is what the kernel says.
        let sleeping = try ChildProcess.spawn(executable: "/bin/sleep", arguments: ["1000"])
        let program = try ProcessFiles.executable(of: sleeping.process)
        try sleeping.signal(9)
        _ = try sleeping.wait()
        try expect(
            session.run("modload", "attack.o"),
            .failed(
                1,
                "modload: attack: init_module: ended the space: it was replaced by the program \(program) (execve); all its modules are lost\n"
            ))
        let console = try session.output("modstat", "--console")
        #expect(
            console.contains(
                "modlinkd: space \(space) was replaced by the program \(program) (execve); lost with it: gurka\n"),
            "\(console)")
        #expect(!Session.isAlive(space))
        try check(session, [])
    }

    @Test("a space that a module ends by a system call is told; where system calls are filtered, it does not end")
    func exits() throws {
        let session = try session("syscall(SYS_exit_group, 7)")
        if User.effective == 0 {
            let line = try session.run("modload", "attack.o").firstError
            #expect(line.hasPrefix("modload: attack: init_module: called exit(7) in attack:init_module+0x"), "\(line)")
            return try check(session, ["gurka"])
        }
        let space = try session.space()
        try expect(
            session.run("modload", "attack.o"),
            .failed(
                1, "modload: attack: init_module: ended the space by exit_group(7); all its modules are lost\n"))
        #expect(
            try session.output("modstat", "--console").contains(
                "modlinkd: space \(space) exited with status 7; lost with it: gurka\n"))
        try check(session, [])
    }

    @Test("a thread that a module ends by a system call is told before its time is up")
    func threadExits() throws {
        let session = try session("syscall(SYS_exit, 7)")
        let result = try session.run("modload", "--timeout", "300", "attack.o")
        expect(
            result,
            .failed(
                1, "modload: attack: init_module: ended its thread instead of returning\n"))
        try check(session, ["gurka"])
    }

    // MARK: SIGSTOP

    @Test("a space that stops itself is let go on when its time is up, and the console says so")
    func stops() throws {
        let session = try session("raise(SIGSTOP)")
        let space = try session.space()
        try expect(session.run("modload", "--timeout", "1", "attack.o"), .done("Module loaded as ID 2\n"))
        let console = try session.output("modstat", "--console")
        #expect(
            console.contains(
                "modlinkd: space \(space), busy with the load of attack: stopped (SIGSTOP) while it was to answer: it has been let go on (SIGCONT)\n"
            ), "\(console)")
        try check(session, ["gurka", "attack"])
    }

    @Test("a call that stops its space and does not come back then is late; another space answers meanwhile")
    func stopsAndHangs() throws {
        let session = try session("puts(\"stops\"); fflush(stdout); raise(SIGSTOP); for (;;) pause()")
        let space = try session.space()
        let load = try session.start("modload", ["--timeout", "1", "attack.o"])
        #expect(try eventually { ProcessCondition(ofProcess: space) == .stopped })
        #expect(try session.names() == ["gurka", "attack"])
        let result = try load.wait()
        #expect(result.status == .exited(1) && result.output == "stops\n")
        #expect(
            result.firstError.hasPrefix(
                "modload: attack: init_module: hung: stopped the space (SIGSTOP), and was not back in time, in "),
            "\(result.errors)")
        #expect(try session.space() == space)
        try check(session, ["gurka"])
    }

    @Test("a space that somebody has stopped is let go on by what it is asked, and the daemon can be ended")
    func stoppedFromOutside() throws {
        let session = try session("")
        let space = try session.space()
        try ChildProcess(process: space).signal(19)
        #expect(try eventually { ProcessCondition(ofProcess: space) == .stopped })
        try expect(session.run("modload", "attack.o"), .done("Module loaded as ID 2\n"))
        try ChildProcess(process: space).signal(19)
        #expect(try eventually { ProcessCondition(ofProcess: space) == .stopped })
        try expect(
            session.run("modlinkd", "--stop"), .done("modlinkd: space \(space) did not end by itself, and was killed\n")
        )
        #expect(!Session.isAlive(space))
    }

    @Test("a module that lets the daemon trace it keeps neither the daemon from ending nor another from starting")
    func traceMe() throws {
        let session = try session("ptrace(PTRACE_TRACEME, 0, 0, 0); raise(SIGTRAP)")
        #expect(try session.run("modload", "--timeout", "1", "attack.o").status == .exited(1))
        try expect(session.run("modlinkd", "--stop"), .done())
        #expect(try session.names() == [])
    }

    // MARK: Data

    @Test("a wild write over what the space notes of the call's thread is told in time")
    func overwritten() throws {
        let session = try session("")
        // rbx is the worker of workers.c, which begins with its state.
        try session.compile(
            "attack.o",
            "__asm__(\".globl init_module\\ninit_module: movl $0x41414141, (%rbx)\\nxorl %eax, %eax\\nret\");")
        try expect(
            session.run("modload", "--timeout", "300", "attack.o"),
            .failed(
                1,
                "modload: attack: init_module: data of the space's own has been overwritten meanwhile; its thread is left to itself\n"
            ))
        try check(session, ["gurka"])
    }
}

extension String {
    /// How often a text is in it.
    fileprivate func components(of text: String) -> Int {
        split(separator: "\n").count { $0.contains(text) }
    }
}
