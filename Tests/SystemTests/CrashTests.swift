import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

/// What is kept of a crash, and what goes on after it.
@Suite struct CrashTests {
    /// A module with a way to crash for each kind of fault: `crash(kind)` is called, and faults in `slice`, of which line 18 is told.
    private static let crashing = """
        #define _GNU_SOURCE
        #include <pthread.h>
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/mman.h>
        #include <unistd.h>
        int counter = 41;
        static volatile int zero;
        static volatile char *past_the_end(void)
        {
            FILE *empty = tmpfile();
            return mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(empty), 0);
        }
        static volatile int deep(volatile char *p) { volatile char room[4096]; room[0] = p[0]; return deep(room) + room[1]; }
        __attribute__((noinline)) static int slice(int kind, volatile int portions)
        {
            switch (kind) {
            case 0: *(volatile int *)16 = portions; break;
            case 1: *past_the_end() = 1; break;
            case 2: __builtin_trap(); break;
            case 3: return portions / zero;
            case 4: __asm__ volatile("int3"); break;
            case 5: abort();
            case 6: return deep((volatile char *)&portions);
            case 7: exit(7);
            case 8: _exit(8);
            case 9: return strlen((const char *)(long)(portions - 32));
            }
            return portions;
        }
        int crash(int kind)
        {
            counter++;
            return slice(kind, 40) + 1;
        }
        static void *work(void *kind) { crash((int)(long)kind); return 0; }
        int crash_in_thread(int kind)
        {
            pthread_t thread;
            return pthread_create(&thread, 0, work, (void *)(long)kind);
        }
        """

    /// Another module, with state.
    private static let keeping = "static int kept = 5; int keep(void) { return kept++; }"

    private struct Kind: Sendable, CustomTestStringConvertible {
        let number: Int
        let signal: String
        let line: String
        let kind: String
        var testDescription: String { signal }
    }

    private static let kinds = [
        Kind(number: 0, signal: "SIGSEGV", line: "SIGSEGV at 0x10 in crash:slice+0x", kind: "fault"),
        Kind(number: 1, signal: "SIGBUS", line: "SIGBUS at 0x", kind: "fault"),
        Kind(number: 2, signal: "SIGILL", line: "SIGILL in crash:slice+0x", kind: "fault"),
        Kind(number: 3, signal: "SIGFPE", line: "SIGFPE in crash:slice+0x", kind: "fault"),
        Kind(number: 4, signal: "SIGTRAP", line: "SIGTRAP in crash:slice+0x", kind: "fault"),
        Kind(number: 5, signal: "SIGABRT", line: "SIGABRT in ", kind: "fault"),
        Kind(number: 6, signal: "SIGSEGV", line: "SIGSEGV at 0x", kind: "fault"),
        Kind(number: 7, signal: "exit(7)", line: "called exit(7) in crash:slice+0x", kind: "exit"),
        Kind(number: 8, signal: "exit(8)", line: "called exit(8) in crash:slice+0x", kind: "exit"),
        Kind(number: 9, signal: "SIGSEGV", line: "SIGSEGV at 0x8 in ", kind: "fault"),
    ]

    private func prepare() throws -> Session {
        let session = try Session()
        try session.compile("crash.o", "#line 1 \"crash.c\"\n" + Self.crashing, ["-g", "-O0"])
        try session.compile("keep.o", Self.keeping)
        try session.output("modload", "crash.o", "keep.o")
        let first = try call(session, "keep")
        #expect(first == 5)
        return session
    }

    private func call(_ session: Session, _ function: String, _ arguments: [Int] = []) throws -> Int {
        var client = try DaemonConnection.open(RuntimeDirectory(path: session.runtime), starts: false)
        return try client.call(CallMethod.self, CallMethod.Parameters(function: function, arguments: arguments))
            .reply.result
    }

    private func refusal(_ session: Session, _ function: String, _ arguments: [Int] = []) throws -> Failure {
        do {
            let result = try call(session, function, arguments)
            throw ToolFailure(description: "\(function) returned \(result)")
        } catch let error as VarlinkError {
            return Failure(error)
        }
    }

    private func fault(_ session: Session, _ number: Int = 1) throws -> CrashFault {
        let text = try session.runtimeText("crash/\(number)/fault.json")
        return try #require(CrashJSON.decode(CrashFault.self, Array(text.utf8)))
    }

    /// The other module has kept its state, and the next load works.
    private func checkSurvivors(_ session: Session, space: Int32) throws {
        #expect(try session.space() == space)
        let kept = try call(session, "keep")
        #expect(kept == 6)
        try session.compile("next.o", Sources.initialize("puts(\"next\"); return 0;"))
        let result = try session.run("modload", "next.o")
        #expect(result.output.hasPrefix("next\nModule loaded as ID "), "\(result)")
        let refused = try refusal(session, "crash", [99])
        #expect(
            refused.problems.map(\.description)
                == ["crash: has faulted and is not called any more; 'modunload -f crash' discards it"])
        #expect(try session.output("modstat").contains(" crash  faulted "))
        #expect(try session.run("modunload", "crash").status == .exited(1))
        try expect(session.run("modunload", "-f", "crash"), .done())
        #expect(try session.names() == ["keep", "next"])
        try expect(session.run("modunload", "keep", "next"), .done())
    }

    @Test("each kind of fault of a call is told, and its core file shows lines and variables in gdb", arguments: kinds)
    private func faults(kind: Kind) throws {
        let session = try prepare()
        let space = try session.space()
        let failure = try refusal(session, "crash", [kind.number])
        #expect(failure.kind == .moduleFaulted && failure.signal == kind.signal)
        let line = try #require(failure.problems.first?.description)
        #expect(line.hasPrefix("crash: crash: \(kind.line)"), "\(line)")
        let fault = try fault(session)
        #expect(fault.kind == kind.kind && fault.module == "crash" && fault.activity == "call")
        #expect(fault.request?.method == "Call" && fault.request?.process == Int(CurrentProcess.number))

        let text = try session.debugCrash(
            1, ["bt -12", "frame function slice", "p portions", "p counter", "info threads"])
        let isDeep = kind.number == 6
        #expect(
            text.contains(" in slice (kind=\(kind.number), portions=40) at crash.c:")
                || text.contains("  slice (kind=\(kind.number), portions=40) at crash.c:"), "\(text)")
        #expect(text.contains(" in crash (kind=\(kind.number)) at crash.c:36"), "\(text)")
        #expect(text.contains(" = 40\n") && text.contains(" = 42\n"), "\(text)")
        #expect(isDeep || !text.contains("corrupt"), "\(text)")
        // The initial thread, the server's and the one that was called on.
        #expect(text.split(separator: "\n").count { $0.contains("LWP ") && $0.contains("Thread") } >= 3, "\(text)")
        try checkSurvivors(session, space: space)
    }

    @Test("each kind of fault of a thread that a module made is told, and ends that thread alone", arguments: kinds)
    private func threads(kind: Kind) throws {
        let session = try prepare()
        let space = try session.space()
        #expect(try call(session, "crash_in_thread", [kind.number]) == 0)
        #expect(try eventually { (try? self.fault(session)) != nil })
        let fault = try fault(session)
        #expect(fault.kind == kind.kind && fault.module == "crash" && fault.activity == "thread")
        #expect(fault.request == nil)
        let text = try session.debugCrash(1, ["bt -12", "frame function slice", "p portions", "p counter"])
        #expect(text.contains(" in crash (kind=\(kind.number)) at crash.c:36"), "\(text)")
        #expect(text.contains(" = 40\n") && text.contains(" = 42\n"), "\(text)")
        let told = "modlinkd: crash: thread \(try #require(fault.thread)): \(kind.line)"
        // After the report, which follows the folder.
        #expect(try eventually { try session.output("modstat", "--console").contains(told) })
        let task = "/proc/\(space)/task/\(try #require(fault.thread))"
        #expect(try eventually { (try? File.status(path: task)) == nil })
        try checkSurvivors(session, space: space)
    }

    // MARK: What hangs

    private static let hanging = """
        #include <signal.h>
        #include <sys/prctl.h>
        #include <unistd.h>
        static volatile int forever = 1;
        __attribute__((noinline)) static int spin(int turns) { while (forever) turns++; return turns; }
        int init_module(void) { return 0; }
        int hang(void) { return spin(3); }
        int hang_blocked(void) { sigset_t all; sigfillset(&all); sigprocmask(SIG_SETMASK, &all, 0); return spin(4); }
        /* A parent waits for its child of vfork(2), whatever signals come. */
        int hang_waits(void)
        {
            if (vfork() == 0) { prctl(PR_SET_PDEATHSIG, SIGKILL); for (;;) pause(); }
            return 0;
        }
        int quick(void) { return 6; }
        """

    @Test("a call that is not back in time has faulted, and its trace shows where it hung")
    func hung() throws {
        let session = try prepare()
        let space = try session.space()
        try session.compile("hang.o", "#line 1 \"hang.c\"\n" + Self.hanging, ["-g", "-O0"])
        try session.output("modload", "--timeout", "1", "hang.o")
        #expect(try call(session, "quick") == 6)
        let failure = try refusal(session, "hang")
        let line = failure.problems.first?.description ?? ""
        #expect(line.hasPrefix("hang: hang: hung: not back in time, in hang:spin+0x"), "\(line)")
        #expect(failure.signal == "deadline")
        let fault = try fault(session)
        #expect(fault.kind == "hung" && fault.module == "hang" && fault.signal == 0)
        let text = try session.debugCrash(1, ["bt"])
        #expect(text.contains("spin (turns=") && text.contains(") at hang.c:5"), "\(text)")
        #expect(text.contains(" in hang () at hang.c:7"), "\(text)")
        #expect(try session.space() == space)
        try expect(session.run("modunload", "-f", "hang"), .done())
        #expect(try call(session, "keep") == 6)
    }

    @Test("a function that blocks all signals hangs like others, and the trace shows where")
    func hungBlocked() throws {
        let session = try prepare()
        try session.compile("hang.o", Self.hanging, ["-g", "-O0"])
        try session.output("modload", "--timeout", "1", "hang.o")
        let line = try refusal(session, "hang_blocked").problems.first?.description ?? ""
        #expect(line.hasPrefix("hang: hang_blocked: hung: not back in time, in hang:spin+0x"), "\(line)")
        #expect(try fault(session).kind == "hung")
        #expect(try session.debugCrash(1, ["thread apply all bt"]).contains("spin (turns="))
        #expect(try call(session, "keep") == 6)
    }

    @Test("a function that waits for what no signal ends is left, and the space goes on without it")
    func hungWaiting() throws {
        let session = try prepare()
        try session.compile("hang.o", Self.hanging, ["-g", "-O0"])
        try session.output("modload", "--timeout", "1", "hang.o")
        let line = try refusal(session, "hang_waits").problems.first?.description
        #expect(line == "hang: hang_waits: hung: not back in time, and goes on: no signal ends what it waits for")
        #expect(try fault(session).kind == "hung")
        #expect(try call(session, "keep") == 6)
    }

    @Test("an init that is not back in time is undone; 0 seconds are no limit, and more than a year is refused")
    func timeouts() throws {
        let session = try Session()
        try session.compile(
            "slow.o", Sources.initialize("usleep(1500000); puts(\"done\"); return 0;"), ["-include", "unistd.h"])
        let result = try session.run("modload", "--timeout", "1", "slow.o")
        #expect(result.errors.hasPrefix("modload: slow: init_module: hung: not back in time, in "), "\(result.errors)")
        #expect(try session.names() == [])
        #expect(try session.run("modload", "--timeout", "0", "slow.o").output.hasPrefix("done\n"))
        #expect(try session.run("modload", "--timeout", "31536001", "slow.o").status == .exited(64))
    }

    // MARK: The folder

    @Test(
        "a crash's folder has the images and the objects by which debuggers know them, and all modules of that moment")
    func folder() throws {
        let session = try prepare()
        _ = try refusal(session, "crash", [0])
        let folder = session.runtime + "/crash/1"
        let text = try session.runtimeText("crash/1/modules.json")
        let modules = try #require(CrashJSON.decode(CrashModules.self, Array(text.utf8)))
        // It says which program it is of.
        let said = try session.debugCrash(1, ["bt"])
        #expect(!said.contains("warning") && said.contains("crash.c:"), "\(said)")
        let space = try session.space()
        #expect(modules.architecture == "x86-64" && modules.space?.process == Int(space))
        #expect(modules.modules?.map(\.name) == ["crash", "keep"])
        #expect(modules.modules?.map(\.isFaulty) == [true, false])
        #expect(modules.modules?.map(\.state) == ["running", "running"])
        let images = try File.list(folder + "/images")
        #expect(images.sorted() == (["space"] + (modules.modules ?? []).compactMap(\.buildID)).sorted())
        let note = try Tool.output("readelf", ["-n", folder + "/images/space"])
        #expect(note.contains("Build ID: \(modules.space?.buildID ?? "none")"), "\(note)")
        #expect(try File.list(folder + "/objects") == ["crash", "keep"])
        let object = try Tool.output("readelf", ["-hS", folder + "/objects/crash"])
        #expect(object.contains("REL (Relocatable file)") && object.contains(".debug_info"), "\(object)")
        // It outlives the module.
        try session.output("modunload", "-f", "crash")
        let later = try session.debugCrash(1, ["bt"])
        #expect(!later.contains("warning") && later.contains("crash.c:"), "\(later)")
        // The notes of our own, by their sizes: the list of modules, and the symbol table.
        let notes = try Tool.output("readelf", ["-n", folder + "/core"])
        #expect(notes.split(separator: "\n").count { $0.contains("modlink ") } == 2, "\(notes)")
        #expect(try session.runtimeText("crash/1/report").contains("crash:slice+0x"))
    }

    @Test("eu-stack names the functions of a core file")
    func elfutils() throws {
        let session = try prepare()
        _ = try refusal(session, "crash", [0])
        let folder = session.runtime + "/crash/1"
        let text = try Tool.run("eu-stack", ["--core", folder + "/core", "-e", folder + "/images/space"]).output
        #expect(text.contains("space_work"), "\(text)")
    }

    @Test("as many crashes are kept as are wanted, the newest, and the numbers go on")
    func limit() throws {
        let session = try Session()
        try expect(session.run("modlinkd", "--crashes", "2"), .done())
        try session.compile("crash.o", Sources.initialize("*(volatile int *)0 = 1; return 0;"))
        for _ in 0..<4 { #expect(try session.run("modload", "crash.o").status == .exited(1)) }
        let crashes = session.runtime + "/crash"
        #expect(try File.list(crashes).filter { !$0.hasPrefix(".") } == ["3", "4"])
        try expect(session.run("modlinkd", "--stop"), .done())
        // The newest is kept, however large it is.
        try expect(session.run("modlinkd", "--crash-bytes", "1K"), .done())
        #expect(try session.run("modload", "crash.o").status == .exited(1))
        #expect(try File.list(crashes).filter { Int($0) != nil } == ["5"])
        #expect(try File.list(crashes).count { $0.hasPrefix(".program-") } == 1)
        for wrong in [["--crashes", "0"], ["--crash-bytes", "0"], ["--crash-bytes", "x"], ["--on-fault", "x"]] {
            #expect(try session.run("modlinkd", wrong).status == .exited(64))
        }
    }

    // MARK: A fresh space

    @Test(
        "after a fault a fresh space has the others again, in order and with their parameters, three times in a minute")
    func restart() throws {
        let session = try Session()
        try expect(session.run("modlinkd", "--on-fault", "restart"), .done())
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad)
        try session.compile("crash.o", Self.crashing, ["-O0"])
        try session.compile("uses.o", "int crash(int); int uses(void) { return crash(99); }")
        try session.output("modload", "gurka.o", "gurka_count=8")
        try session.output("modload", "crash.o", "uses.o")
        try session.output("modload", "sallad.o")
        for round in 1...3 {
            let space = try session.space()
            _ = try refusal(session, "crash", [0])
            #expect(try eventually { (try? session.space()).map { $0 != space } ?? false })
            #expect(try eventually { try session.names() == ["gurka", "sallad"] })
            let console = Session.bare(try session.output("modstat", "--console").utf8)
            #expect(
                console.contains(
                    "modlinkd: space \(space) is replaced by space \(try session.space()), without crash\n"),
                "\(console)")
            #expect(console.contains("modlinkd: uses: cannot be loaded again: "), "\(console)")
            // Its init has run again, and found its parameter.
            #expect(console.split(separator: "\n").count { $0 == "sallad: 27 8" } == round + 1, "\(console)")
            #expect(!Session.isAlive(space))
            try session.output("modload", "crash.o", "uses.o")
        }
        _ = try refusal(session, "crash", [0])
        #expect(
            try eventually {
                try session.output("modstat", "--console").contains("has been started again 3 times in a minute")
            })
        #expect(try session.names() == [])
        try session.output("modload", "gurka.o")
        #expect(try session.names() == ["gurka"])
    }

    // MARK: Endurance

    @Test("200 faults in a row leave no descriptor, thread or mapping behind")
    func endurance() throws {
        let session = try Session()
        try expect(session.run("modlinkd", "--crashes", "1"), .done())
        // Every other one in a thread, which nobody can join.
        let source = """
            #include <pthread.h>
            static void *work(void *p) { *(volatile int *)0 = 1; return p; }
            int number;
            int init_module(void)
            {
                pthread_t thread;
                if (number % 2) *(volatile int *)0 = 1;
                if (pthread_create(&thread, 0, work, 0) == 0) pthread_detach(thread);
                return 0;
            }
            """
        try session.compile("crash.o", source)
        try session.compile("keep.o", Self.keeping)
        try session.output("modload", "keep.o")
        let space = try session.space()
        let daemon = try #require(session.daemon)
        var before: [Int] = []
        for number in 1...200 {
            let result = try session.run("modload", "crash.o", "number=\(number)")
            if number % 2 == 0 {
                #expect(result.status == .exited(0), "\(result.errors)")
                #expect(try eventually { try session.output("modstat").contains(" crash  faulted ") })
                try session.output("modunload", "-f", "crash")
            } else {
                #expect(result.status == .exited(1))
            }
            // What the C library keeps for later is there by then.
            if number == 40 { before = try usage(space, daemon) }
        }
        #expect(try eventually { zip(try usage(space, daemon), before).allSatisfy { $0 <= $1 + 2 } }, "\(before)")
        #expect(try session.space() == space)
        #expect(try call(session, "keep") == 5)
        #expect(try File.list(session.runtime + "/crash").filter { Int($0) != nil } == ["200"])
    }

    /// Descriptors, threads and mappings of the two processes; and how many megabytes those of the space are, since neighbours are one.
    private func usage(_ space: Int32, _ daemon: Int32) throws -> [Int] {
        let counts = try [space, daemon].flatMap { process in
            [
                try File.list("/proc/\(process)/fd").count, try ProcessFiles.threads(of: process).count,
                try ProcessFiles.mappings(of: process).count,
            ]
        }
        return counts + [try ProcessFiles.mappings(of: space).reduce(0) { $0 + $1.range.count } >> 20]
    }

    @Test("the core of a space of 100 MB holds all of it")
    func large() throws {
        let session = try Session()
        try session.compile(
            "large.o",
            """
            #include <stdlib.h>
            #include <string.h>
            static char *memory;
            int init_module(void)
            {
                memory = malloc(100 << 20);
                for (int i = 0; i < 100 << 20; i++) memory[i] = i * 7;
                return 0;
            }
            int crash(void) { return *(volatile int *)memory[0]; }
            """)
        try session.output("modload", "large.o")
        _ = try refusal(session, "crash")
        let status = try File.status(path: session.runtime + "/crash/1/core")
        #expect(status.allocatedSize >= 100 << 20)
    }
}
