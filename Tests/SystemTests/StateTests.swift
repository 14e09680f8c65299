import Posix
import TestSupport
import Testing

/// What one module's call changes, and the next module's must not find.
@Suite struct StateTests {
    private static let state = """
        #define _GNU_SOURCE
        #include <errno.h>
        #include <fenv.h>
        #include <locale.h>
        #include <pthread.h>
        #include <sched.h>
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/prctl.h>
        #include <sys/resource.h>
        #include <sys/stat.h>
        #include <unistd.h>
        #include <wchar.h>

        """

    /// Changes of a thread: they end with the call.
    private static let ofThread = """
        int old; cpu_set_t one; CPU_ZERO(&one); CPU_SET(sched_getcpu(), &one); sigset_t all; sigfillset(&all);
        fesetround(FE_UPWARD); feenableexcept(FE_DIVBYZERO); uselocale(newlocale(LC_ALL_MASK, "C.UTF-8", 0));
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old); pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
        prctl(PR_SET_NAME, "leaves"); sched_setaffinity(0, sizeof one, &one); sigprocmask(SIG_SETMASK, &all, 0); errno = 7;
        """
    /// Prints what the changes of a thread would show in.
    private static let findsThread = """
        volatile double zero = 0, one = 1, three = 3; int state, type, error = errno; char name[16]; sigset_t mask; cpu_set_t set;
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state); pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
        prctl(PR_GET_NAME, name); sigprocmask(SIG_BLOCK, 0, &mask); sched_getaffinity(0, sizeof set, &set);
        printf("%d %d %d %d %s %d %d %.17g %g\\n", error, state, type, (int)MB_CUR_MAX, name, CPU_COUNT(&set),
            sigismember(&mask, SIGUSR1), one / three, one / zero);
        """

    /// Changes of the process: they end with the module. And what shows them.
    private static let ofProcess = """
        struct rlimit limit; getrlimit(RLIMIT_NOFILE, &limit); limit.rlim_cur = 100;
        if (chdir("/tmp") != 0) return 1;
        umask(0177); setrlimit(RLIMIT_NOFILE, &limit); setenv("LEFT", "here", 1); putenv(own); setlocale(LC_ALL, "C.UTF-8");
        """
    private static let findsProcess = """
        char path[4096]; mode_t mask = umask(0); struct rlimit limit; umask(mask); getrlimit(RLIMIT_NOFILE, &limit);
        printf("%s %o %ld %s %s %d\\n", getcwd(path, sizeof path), mask, (long)limit.rlim_cur, getenv("LEFT") ?: "-",
            getenv("OWN") ?: "-", (int)MB_CUR_MAX);
        """

    private func module(_ session: Session, _ name: String, _ body: String, _ machine: [String]) throws {
        let source =
            Self.state + "static char own[] = \"OWN=1\";\nint init_module(void) { (void)own; \(body) return 0; }\n"
        try session.compile("\(name).o", source, ["-O1", "-w"] + machine)
    }

    /// What a module finds, which goes again.
    private func found(_ session: Session) throws -> Substring {
        let output = try session.output("modload", "finds.o")
        try session.output("modunload", "finds")
        return output.prefix { $0 != "\n" }
    }

    @Test("a call begins with the thread as the first one did", arguments: SignalTests.machines)
    func thread(machine: [String]) throws {
        let session = try Session()
        try module(session, "finds", Self.findsThread, machine)
        try module(session, "leaves", Self.ofThread, machine)
        let before = try found(session)
        #expect(before.hasSuffix(" 0.33333333333333331 inf"), "\(before)")
        try session.output("modload", "leaves.o")
        let after = try found(session)
        #expect(after == before)
    }

    @Test(
        "what a module changes of the process is so while it is there, and told of and undone when it goes",
        arguments: SignalTests.machines)
    func process(machine: [String]) throws {
        let session = try Session()
        try module(session, "finds", Self.findsProcess, machine)
        try module(session, "leaves", Self.ofProcess, machine)
        let before = try found(session)
        try session.output("modload", "leaves.o")
        let during = try found(session)
        #expect(during == "/tmp 177 100 here 1 6")
        try session.output("modunload", "leaves")
        let after = try found(session)
        #expect(after == before)
        let console = try session.output("modstat", "--console")
        let told =
            "leaves: left changed: working directory, umask, resource limits, environment, locale; restored"
        #expect(console.contains("modlinkd: \(told)\n"), "\(console)")
    }

    @Test(
        "a thread that ends calls nothing of a module that has gone, whose key it has a value of",
        arguments: SignalTests.machines)
    func threadKeys(machine: [String]) throws {
        let session = try Session()
        try session.compile(
            "keys.o",
            """
            #include <pthread.h>
            static pthread_key_t key;
            static void finish(void *unused) { }
            int take_value(void) { return pthread_setspecific(key, &key); }
            int init_module(void) { return pthread_key_create(&key, finish); }
            """, machine)
        try session.compile(
            "thread.o",
            """
            #include <pthread.h>
            #include <semaphore.h>
            int take_value(void);
            static sem_t taken, may_end;
            static pthread_t thread;
            static int (*volatile take)(void);
            static void *run(void *unused) { take(); sem_post(&taken); sem_wait(&may_end); return unused; }
            int begin(int (*function)(void))
            {
                take = function; sem_init(&taken, 0, 0); sem_init(&may_end, 0, 0);
                return pthread_create(&thread, 0, run, 0) || sem_wait(&taken);
            }
            int init_module(void) { return 0; }
            int finish_thread(void) { sem_post(&may_end); return pthread_join(thread, 0); }
            """, machine)
        try session.compile(
            "starts.o",
            "int begin(int (*)(void)); int take_value(void); int init_module(void) { return begin(take_value); }",
            machine)
        try session.compile(
            "ends.o", "int finish_thread(void); int init_module(void) { return finish_thread(); }", machine)
        try session.output("modload", "keys.o", "thread.o")
        try session.output("modload", "starts.o")
        try session.output("modunload", "starts")
        try session.output("modunload", "keys")
        try session.output("modload", "ends.o")
        #expect(try !session.output("modstat", "--crashes").contains(" SIG"))
    }

    @Test(
        "a call that leaves registers of the x87 in use, or alignment checked, harms no other",
        arguments: SignalTests.machines,
        [
            "pxor %mm0,%mm0", "fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1",
            "pushf; orl $0x40000,(%SP); popf",
        ])
    func registers(machine: [String], leaves: String) throws {
        let session = try Session()
        let code = leaves.replacing("%SP", with: machine == ["-m32"] ? "%esp" : "%rsp")
        try session.compile(
            "leaves.o", "int init_module(void) { __asm__ volatile(\"\(code)\"); return 0; }",
            ["-O1", "-mno-red-zone"] + machine)
        try session.compile(
            "divides.o",
            """
            #include <stdio.h>
            volatile double one = 1, three = 3; volatile long double wide = 1;
            int init_module(void) { printf("%g %Lg\\n", one / three, wide / 3); return 0; }
            """, machine)
        try session.output("modload", "leaves.o")
        try expect(session.run("modload", "divides.o"), .done("0.333333 0.333333\nModule loaded as ID 2\n"))
        try expect(session.run("modunload", "leaves"), .done())
    }

    @Test("random numbers go on when the module has gone that gave them a place", arguments: SignalTests.machines)
    func randomNumbers(machine: [String]) throws {
        let session = try Session()
        try session.compile(
            "place.o",
            """
            #include <stdlib.h>
            static char place[256];
            int init_module(void) { return initstate(5, place, sizeof place) == NULL; }
            """, machine)
        try session.compile("draws.o", "#include <stdlib.h>\nint init_module(void) { return random() < 0; }", machine)
        for _ in 0..<2 {
            try session.output("modload", "place.o")
            try session.output("modunload", "place")
            try session.output("modload", "draws.o")
            try session.output("modunload", "draws")
        }
    }

    @Test("a module that changes nothing of the process leaves nothing to tell")
    func unchanged() throws {
        let session = try Session()
        try session.compile("other.o", Sources.gurka)
        try session.output("modload", "other.o")
        try session.output("modunload", "other")
        #expect(try !session.output("modstat", "--console").contains("left changed"))
    }

    @Test(
        "a stream has the space's buffer again after a call that gave it another, or made it one of wide characters",
        arguments: [
            "setvbuf(stdout, room, _IOFBF, sizeof room); puts(\"first\");",
            "setvbuf(stdout, 0, _IONBF, 0); puts(\"first\");",
            "setvbuf(stderr, room, _IOFBF, sizeof room); puts(\"first\");", "wprintf(L\"first\\n\");",
        ])
    func streams(body: String) throws {
        let session = try Session()
        let source = Self.state + "static char room[8192];\nint init_module(void) { (void)room; \(body) return 0; }\n"
        try session.compile("buffer.o", source, ["-w"])
        try session.compile(
            "prints.o", Sources.initialize("puts(\"second\"); fprintf(stderr, \"third\\n\"); return 0;"))
        #expect(try session.output("modload", "buffer.o").hasPrefix("first\n"))
        try session.output("modunload", "buffer")
        #expect(try session.output("modload", "prints.o").hasPrefix("second\nthird\n"))
    }
}
