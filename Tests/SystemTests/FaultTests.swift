import Posix
import TestSupport
import Testing

/// Modules that crash, end the space, or never stop talking.
@Suite struct FaultTests {
    /// After whatever has happened: the tables hold what they should, and the next load works.
    private func checkRecovery(_ session: Session, modules: [String] = []) throws {
        #expect(try session.names() == modules)
        try session.compile("next.o", Sources.initialize("puts(\"next\"); return 0;"))
        let result = try session.run("modload", "next.o")
        #expect(result.status == .exited(0) && result.output.hasPrefix("next\nModule loaded as ID "), "\(result)")
        try expect(session.run("modunload", "next"), .done())
    }

    @Test(
        "a fault in init is told with signal, address and place; nothing else is harmed",
        arguments: [
            ("*(volatile int *)0 = 1; return 0;", "SIGSEGV at 0x0"),
            ("*(volatile int *)0x10 = 1; return 0;", "SIGSEGV at 0x10"),
            ("volatile int zero = 0; return 100 / zero;", "SIGFPE"),
            ("__builtin_trap();", "SIGILL"),
        ])
    func fault(body: String, told: String) throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("crash.o", Sources.initialize("puts(\"before\"); \(body)"), ["-O0"])
        try session.output("modload", "gurka.o")
        let space = try session.space()
        let result = try session.run("modload", "crash.o")
        #expect(result.status == .exited(1))
        #expect(result.output == "before\n")
        let start = "modload: crash: init_module: \(told) in crash:init_module+0x"
        #expect(result.errors.hasPrefix(start) && result.errors.hasSuffix("\n"), "\(result.errors)")
        #expect(try session.space() == space)
        try checkRecovery(session, modules: ["gurka"])
        try expect(session.run("modunload", "gurka"), .done("gurka: bye\n"))
    }

    @Test("a fault in another module's function, and in the library, names that place")
    func faultElsewhere() throws {
        let session = try Session()
        try session.compile("store.o", "void store(int *p) { *p = 1; }")
        try session.compile("caller.o", "void store(int *p); int init_module(void) { store(0); return 0; }")
        try session.compile("library.o", Sources.initialize("return strlen((char *)8);"), ["-O1", "-fno-builtin"])
        try session.output("modload", "store.o")
        let result = try session.run("modload", "caller.o")
        #expect(result.status == .exited(1) && result.output.isEmpty)
        #expect(result.firstError == "modload: caller: init_module: SIGSEGV at 0x0 in store:store+0x0")
        let errors = try session.run("modload", "library.o").firstError
        #expect(errors.hasPrefix("modload: library: init_module: SIGSEGV at 0x8 in "), "\(errors)")
        #expect(!errors.contains("unknown code") && !errors.contains("library:init"), "\(errors)")
        try checkRecovery(session, modules: ["store"])
    }

    @Test("a stack that overflows is a fault like others")
    func stackOverflow() throws {
        let session = try Session()
        try session.compile(
            "deep.o",
            """
            int deep(volatile char *p) { volatile char room[4096]; room[0] = p[0]; return deep(room) + room[1]; }
            int init_module(void) { char c = 0; return deep(&c); }
            """, ["-O0"])
        let result = try session.run("modload", "deep.o")
        #expect(result.status == .exited(1))
        #expect(result.errors.hasPrefix("modload: deep: init_module: SIGSEGV at 0x"), "\(result.errors)")
        #expect(result.errors.contains(" in deep:deep+0x"))
        try checkRecovery(session)
    }

    @Test("a fault in a constructor undoes the load")
    func constructor() throws {
        let session = try Session()
        try session.compile(
            "crash.o", "__attribute__((constructor)) static void begin(void) { *(volatile int *)0 = 1; }", ["-O0"])
        let errors = try session.run("modload", "crash.o").errors
        #expect(errors.hasPrefix("modload: crash: constructor: SIGSEGV at 0x0 in crash:begin+0x"), "\(errors)")
        try checkRecovery(session)
    }

    @Test("abort() in init is a fault, and the space goes on")
    func abort() throws {
        let session = try Session()
        try session.compile("aborts.o", Sources.initialize("puts(\"before\"); abort();"))
        let result = try session.run("modload", "aborts.o")
        #expect(result.status == .exited(1))
        #expect(result.output == "before\n")
        #expect(result.errors.hasPrefix("modload: aborts: init_module: SIGABRT in "), "\(result.errors)")
        try checkRecovery(session)
    }

    @Test(
        "exit() and _exit() of a module are faults, and the space goes on",
        arguments: ["exit(3)", "_exit(3)", "_Exit(3)", "quick_exit(3)"])
    func exit(call: String) throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile(
            "exits.o",
            "#include <unistd.h>\n" + Sources.initialize("puts(\"before\"); fflush(stdout); \(call); return 0;"))
        try session.output("modload", "gurka.o")
        let space = try session.space()
        let result = try session.run("modload", "exits.o")
        #expect(result.status == .exited(1) && result.output == "before\n")
        #expect(result.firstError.hasPrefix("modload: exits: init_module: called exit(3) in exits:init_module+0x"))
        #expect(try session.space() == space)
        try checkRecovery(session, modules: ["gurka"])
        try expect(session.run("modunload", "gurka"), .done("gurka: bye\n"))
    }

    @Test("a space that is killed is replaced, and the console says what was lost")
    func killed() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.output("modload", "gurka.o")
        let space = try session.space()
        try ChildProcess(process: space).signal(9)
        #expect(try eventually { (try? session.space()).map { $0 != space } ?? false })
        let console = try session.output("modstat", "--console")
        #expect(console.contains("modlinkd: space \(space) ended by SIGKILL; lost with it: gurka\n"), "\(console)")
        try checkRecovery(session)
    }

    @Test("a fault in cleanup is told, the module stays, and an unload by force takes it out without calling it")
    func cleanup() throws {
        let session = try Session()
        try session.compile(
            "crash.o",
            """
            #include <stdio.h>
            int init_module(void) { return 0; }
            void cleanup_module(void) { puts("leaving"); *(volatile int *)0 = 1; }
            __attribute__((destructor)) static void end(void) { puts("end"); }
            """, ["-O0"])
        try session.output("modload", "crash.o")
        let result = try session.run("modunload", "crash")
        #expect(result.status == .exited(1))
        #expect(result.output == "leaving\n")
        #expect(
            result.errors.hasPrefix("modunload: crash: cleanup_module: SIGSEGV at 0x0 in crash:cleanup_module+0x"),
            "\(result.errors)")
        #expect(try session.names() == ["crash"])
        #expect(try session.output("modstat").contains(" crash  faulted "))
        try expect(
            session.run("modunload", "crash"),
            .failed(1, "modunload: crash: has faulted and is not used any more; 'modunload -f' discards it (EIO)\n"))
        try expect(session.run("modunload", "-f", "crash"), .done())
        try checkRecovery(session)
    }

    @Test("a module that prints without end while it loads holds nobody up, and its answer is cut")
    func endlessOutput() throws {
        let session = try Session()
        // Two megabytes while init runs: more than an answer has room for.
        try session.compile(
            "loud.o",
            Sources.initialize(
                "static char line[1024]; memset(line, 'x', 1023); line[1023] = '\\n'; for (int i = 0; i < 2048; i++) fwrite(line, 1, 1024, stdout); return 0;"
            ))
        let result = try session.run("modload", "loud.o")
        #expect(result.status == .exited(0))
        #expect(result.output.utf8.count >= 1 << 20)
        #expect(result.output.hasSuffix("Module loaded as ID 1\n"))
        #expect(try session.runtimeText("console").utf8.count > 2 << 20)
        // Two threads that go on for ever after init; the tables answer meanwhile.
        try session.compile(
            "forever.o",
            """
            #include <pthread.h>
            #include <stdio.h>
            static volatile int stop;
            static pthread_t thread;
            static void *talk(void *p) { while (!stop) puts("and on and on"); return p; }
            int init_module(void) { return pthread_create(&thread, 0, talk, 0); }
            void cleanup_module(void) { stop = 1; pthread_join(thread, 0); }
            """)
        let talking = try session.run("modload", "forever.o")
        #expect(talking.status == .exited(0), "\(talking.errors)")
        #expect(try session.names() == ["loud", "forever"])
        let sizes = ["console", "console.1"].map { (try? File.status(path: "\(session.runtime)/\($0)").size) ?? 0 }
        #expect(sizes.allSatisfy { $0 < 6 << 20 })
        #expect(try session.run("modunload", "forever").status == .exited(0))
        try checkRecovery(session, modules: ["loud"])
    }

    @Test("an init that never returns keeps neither the tables from answering nor the daemon from ending")
    func endlessInit() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("endless.o", "#include <stdio.h>\nint init_module(void) { for (;;) puts(\"again\"); }")
        try session.output("modload", "gurka.o")
        let space = try session.space()
        let daemon = try #require(session.daemon)
        let load = try session.start("modload", ["endless.o"])
        #expect(try eventually { try session.names() == ["gurka", "endless"] })
        #expect(try session.output("modstat").contains(" endless  loading "))
        try expect(session.run("ksyms", "qqzz"), .failed(1, "ksyms: qqzz: no such symbol\n"))
        try expect(
            session.run("modlinkd", "--stop"),
            .done("modlinkd: space \(space) did not end by itself, busy with the load of endless, and was killed\n"))
        #expect(!Session.isAlive(daemon) && !Session.isAlive(space))
        let result = try load.wait()
        #expect(result.status == .exited(1))
        #expect(
            result.errors
                == "modload: endless: init_module: ended the space: it ended by SIGKILL; all its modules are lost\n")
        #expect(result.output.hasPrefix("again\nagain\n"))
    }

    @Test("no memory of the space is writable and executable, and modules' code is mapped from their images")
    func protection() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad, ["-O2", "-fPIC"])
        try session.output("modload", "gurka.o", "sallad.o")
        let maps = String(
            decoding: try File.read(path: "/proc/\(try session.space())/maps", limit: 1 << 20), as: UTF8.self)
        let lines = maps.split(separator: "\n")
        for line in lines {
            let permissions = line.split(separator: " ")[1]
            #expect(!(permissions.contains("w") && permissions.contains("x")), "\(line)")
        }
        for name in ["gurka", "sallad"] {
            #expect(lines.contains { $0.contains(" r-xp ") && $0.hasSuffix("/images/\(name)") }, "\(maps)")
        }
        try session.output("modunload", "gurka", "sallad")
        let after = try File.read(path: "/proc/\(try session.space())/maps", limit: 1 << 20)
        #expect(!String(decoding: after, as: UTF8.self).contains("/images/"))
    }

    @Test("constants of a module cannot be written to")
    func constants() throws {
        let session = try Session()
        try session.compile(
            "writes.o", "const int constant = 1; int init_module(void) { *(volatile int *)&constant = 2; return 0; }",
            ["-O0"])
        let errors = try session.run("modload", "writes.o").errors
        #expect(errors.contains("init_module: SIGSEGV at 0x1000"), "\(errors)")
    }
}
