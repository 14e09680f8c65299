import Posix
import TestSupport
import Testing

/// Modules whose code a thread runs while they are to go.
@Suite struct ThreadInsideTests {
    /// A thread that waits for ever, one that never leaves the processor, and one that waits to be told to end.
    private static let waiting = """
        #include <pthread.h>
        #include <unistd.h>
        static void *wait_loop(void *unused) { for (;;) pause(); return unused; }
        int init_module(void) { pthread_t it; return pthread_create(&it, 0, wait_loop, 0); }
        void cleanup_module(void) { }
        """
    private static let spinning = """
        #include <pthread.h>
        static volatile long turns;
        static void *spin(void *unused) { for (;;) turns++; return unused; }
        int init_module(void) { pthread_t it; return pthread_create(&it, 0, spin, 0); }
        """
    private static let joining = """
        #include <pthread.h>
        #include <stdio.h>
        #include <unistd.h>
        static pthread_t it; static volatile int ends;
        static void *run(void *unused) { while (!ends) usleep(100); return unused; }
        int init_module(void) { return pthread_create(&it, 0, run, 0); }
        void cleanup_module(void) { ends = 1; pthread_join(it, 0); puts("joined"); }
        """

    /// The number of threads of the session's space.
    private func threads(_ session: Session) throws -> Int { try ProcessFiles.threads(of: try session.space()).count }

    @Test(
        "a module whose thread is in its code is kept, by thread and place; -f ends the thread first",
        arguments: [
            (waiting, "wait_loop", [] as [String]), (spinning, "spin", []), (waiting, "wait_loop", ["-m32"]),
            (spinning, "spin", ["-m32"]),
        ])
    func kept(source: String, function: String, options: [String]) throws {
        let session = try Session()
        try session.compile("thr.o", source, ["-O1"] + options)
        try session.output("modload", "thr.o")
        let start = "modunload: thr: in use: thread "
        let end = "; wait until it has ended, or end it with -f (EBUSY)\n"
        for arguments in [["thr"], ["--dry-run", "thr"]] {
            let refused = try session.run("modunload", arguments)
            #expect(refused.status == .exited(1) && refused.output == "", "\(refused)")
            #expect(refused.errors.hasPrefix(start) && refused.errors.hasSuffix(end), "\(refused.errors)")
            #expect(refused.errors.contains(" runs in \(function)+0x"), "\(refused.errors)")
        }
        #expect(try session.output("modstat").contains(" running "))
        let forced = try session.run("modunload", "-f", "thr")
        #expect(forced.status == .exited(0) && forced.output == "", "\(forced)")
        #expect(forced.errors.hasPrefix("modunload: warning: thr: thread "), "\(forced.errors)")
        #expect(forced.errors.contains(", in \(function)+0x") && forced.errors.hasSuffix(", is ended\n"))
        #expect(try session.names() == [])
        #expect(try session.output("modstat", "--crashes").split(separator: "\n").count <= 1)
    }

    @Test(
        "all threads are ended, also those of a module that has faulted, and a module that comes later has none of them"
    )
    func many() throws {
        let session = try Session()
        try session.compile(
            "crew.o",
            """
            #include <pthread.h>
            #include <unistd.h>
            static void *run(void *unused) { for (;;) pause(); return unused; }
            int init_module(void)
            {
                for (int i = 0; i < 30; i++) { pthread_t it; if (pthread_create(&it, 0, run, 0)) return 1; if (i % 2) pthread_detach(it); }
                return 0;
            }
            int fails(void) { return *(volatile int *)8; }
            """, ["-O1"])
        try session.output("modload", "crew.o")
        let before = try threads(session)
        let refused = try session.run("modunload", "crew").errors
        #expect(refused.contains("; and 22 more; wait until it has ended"), "\(refused)")
        #expect(throws: (any Error).self) { try session.callFunction("fails") }
        let forced = try session.run("modunload", "-f", "crew")
        #expect(forced.status == .exited(0), "\(forced)")
        #expect(forced.errors.split(separator: "\n").count == 30)
        #expect(try threads(session) == before - 30)
        try session.compile("next.o", Self.joining)
        try session.output("modload", "next.o")
        try expect(session.run("modunload", "next"), .done("joined\n"))
    }

    @Test("a module whose cleanup or whose destructors end its threads goes as before")
    func ended() throws {
        let session = try Session()
        try session.compile("joins.o", Self.joining)
        try session.output("modload", "joins.o")
        try expect(session.run("modunload", "joins"), .done("joined\n"))
        try session.compile(
            "late.o",
            Self.joining.replacing(
                "void cleanup_module(void)", with: "__attribute__((destructor)) static void end(void)"))
        try session.output("modload", "late.o")
        try expect(session.run("modunload", "late"), .done("joined\n"))
        try session.compile(
            "atexit.o",
            Self.joining.replacing("void cleanup_module(void)", with: "static void end(void)")
                .replacing(
                    "int init_module(void) {",
                    with: "int atexit(void (*)(void)); static void end(void);\nint init_module(void) { atexit(end);"))
        try session.output("modload", "atexit.o")
        try expect(session.run("modunload", "atexit"), .done("joined\n"))
    }

    /// Calls back what it is given, on a thread of its own, and waits there.
    private static let caller = """
        #include <pthread.h>
        static void (*what)(void);
        static void *run(void *unused) { what(); __asm__ volatile(""); return unused; }
        int call_back(void (*function)(void)) { pthread_t it; what = function; return pthread_create(&it, 0, run, 0); }
        """

    @Test("a thread of another module that is in its code keeps a module before anything of it is called")
    func foreign() throws {
        let session = try Session()
        try session.compile("caller.o", Self.caller, ["-O1"])
        try session.compile(
            "called.o",
            """
            #include <stdio.h>
            #include <unistd.h>
            int call_back(void (*)(void));
            static volatile int entered;
            static void answer(void) { entered = 1; for (;;) pause(); }
            int init_module(void) { int error = call_back(answer); while (!error && !entered) usleep(100); return error; }
            void cleanup_module(void) { puts("cleaned up"); fflush(stdout); }
            """, ["-O1"])
        try session.output("modload", "caller.o")
        try session.output("modload", "called.o")
        let refused = try session.run("modunload", "called")
        #expect(refused.status == .exited(1) && refused.output == "", "\(refused)")
        #expect(refused.errors.contains(" runs in answer+0x"), "\(refused.errors)")
        let forced = try session.run("modunload", "-f", "called")
        #expect(forced.status == .exited(0) && forced.output == "cleaned up\n", "\(forced)")
        try expect(session.run("modunload", "caller"), .done())
    }

    @Test(
        "a thread that has returned from a module's code does not keep it by what it has left on the stack",
        arguments: [[], ["-m32"]] as [[String]], ["-O0", "-O2"])
    func old(machine: [String], level: String) throws {
        let session = try Session()
        try session.compile(
            "caller.o",
            """
            #include <poll.h>
            #include <pthread.h>
            #include <semaphore.h>
            #include <time.h>
            static sem_t never, begun;
            static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
            static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
            static void (*volatile what)(int);
            static volatile int way;
            static void *run(void *unused)
            {
                struct timespec long_time = {1000, 0};
                int mine = way;
                what(300);
                sem_post(&begun);
                switch (mine) {
                case 0: sem_wait(&never); break;
                case 1: pthread_mutex_lock(&lock); pthread_cond_wait(&condition, &lock); break;
                case 2: poll(0, 0, 1000000); break;
                case 3: nanosleep(&long_time, 0); break;
                }
                return unused;
            }
            int call_all(void (*function)(int))
            {
                what = function;
                for (way = 0; way < 4; way++) {
                    pthread_t it;
                    if (pthread_create(&it, 0, run, 0) || sem_wait(&begun)) return 1;
                }
                return 0;
            }
            """, [level] + machine)
        // Each way on writes less of the stack than that.
        try session.compile(
            "called.o",
            """
            int call_all(void (*)(int));
            __attribute__((noipa)) static void deep(int levels) { if (levels) deep(levels - 1); __asm__ volatile(""); }
            int init_module(void) { return call_all(deep); }
            """, [level, "-fno-optimize-sibling-calls"] + machine)
        try session.output("modload", "caller.o")
        try session.output("modload", "called.o")
        try expect(session.run("modunload", "called"), .done())
        let kept = try session.run("modunload", "caller").errors
        #expect(kept.contains(" runs in run+0x"), "\(kept)")
    }

    /// While a child that vfork(2) made lives, no signal reaches the thread that called it.
    private static let deaf = """
        #include <unistd.h>
        int init_module(void) { if (vfork() == 0) for (;;) pause(); return 0; }
        """

    /// Ends the processes that the space has started.
    private func endChildren(_ session: Session) throws {
        let space = try session.space()
        for thread in try ProcessFiles.threads(of: space) {
            let text = try File.read(path: "/proc/\(space)/task/\(thread)/children", limit: 4096)
            for number in String(decoding: text, as: UTF8.self).split(separator: " ") {
                if let number = Int32(number) { try ChildProcess(process: number).signal(9) }
            }
        }
    }

    @Test("what a thread still runs that heeds no signal stays, faulted, until the thread has gone; -f tries again")
    func deaf() throws {
        let session = try Session()
        try session.compile("other.o", Sources.quiet("other_function"))
        try session.compile("deaf.o", Self.deaf, ["-O1"])
        try session.output("modload", "other.o")
        let space = try session.space()
        let load = try session.run("modload", "--timeout", "1", "deaf.o")
        #expect(load.status == .exited(1))
        #expect(load.firstError.hasPrefix("modload: deaf: init_module: hung: not back in time"), "\(load.errors)")
        let stays = ", and does not end; the module stays, and 'modunload -f deaf' tries again (EBUSY)\n"
        #expect(load.errors.contains(stays), "\(load.errors)")
        #expect(try session.output("modstat").contains(" deaf   faulted "))
        let again = try session.run("modunload", "-f", "deaf")
        #expect(again.status == .exited(1) && again.errors.hasSuffix(stays), "\(again)")
        try endChildren(session)
        #expect(try session.run("modunload", "-f", "deaf").status == .exited(0))
        #expect(try session.names() == ["other"])
        #expect(try session.space() == space)
    }

    @Test("threads of a load that fails are ended, and nothing of it stays")
    func undone() throws {
        let session = try Session()
        try session.compile(
            "fails.o",
            Self.waiting.replacing("return pthread_create", with: "pthread_create").replacing(
                "wait_loop, 0); }", with: "wait_loop, 0); return 5; }"),
            ["-O1"])
        let result = try session.run("modload", "fails.o")
        #expect(result.status == .exited(1))
        #expect(result.firstError == "modload: fails: init_module returned 5 (EIO); everything is undone")
        #expect(result.errors.contains("modload: fails: thread ") && result.errors.contains(", is ended\n"))
        #expect(try session.names() == [])
        #expect(try threads(session) == 3)
    }
}
