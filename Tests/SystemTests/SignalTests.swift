import ModlinkInterface
import Posix
import TestSupport
import Testing

/// Signals, however a module arranges them: a fault is its own, and only it suffers.
@Suite struct SignalTests {
    /// The options for each machine that modules can be made for.
    static let machines = Compiler.makesI386Programs ? [["-m64"], ["-m32"]] : [["-m64"]]

    /// A session with a module that must not suffer.
    private func prepare(_ machine: [String]) throws -> Session {
        let session = try Session()
        try session.compile("other.o", Sources.gurka, machine)
        try session.output("modload", "other.o")
        return session
    }

    /// The other module is there, and answers.
    private func checkOther(_ session: Session) throws {
        #expect(try session.names().contains("other"))
        try expect(session.run("modunload", "other"), .done("gurka: bye\n"))
        #expect(try !session.output("modstat", "--console").contains(" ended by "))
    }

    /// The line that refuses a module.
    private func refusal(
        of module: SignalSources.Case, _ session: Session, _ machine: [String]
    ) throws -> Substring {
        try session.compile("faults.o", module.source, ["-O1", "-w"] + machine)
        let result = try session.run("modload", "faults.o")
        #expect(result.status == .exited(1), "\(result)")
        return result.firstError
    }

    // MARK: Faults

    @Test("a fault is told of, and the others stay, when its signal is", arguments: machines, SignalSources.faults)
    func fault(machine: [String], module: SignalSources.Case) throws {
        let session = try prepare(machine)
        let line = try refusal(of: module, session, machine)
        #expect(line.hasPrefix("modload: faults: init_module: SIGSEGV"), "\(line)")
        try checkOther(session)
    }

    @Test(
        "a module that makes system calls itself cannot take the space its signals, nor end it",
        .enabled(if: isFiltered, "only root has system calls filtered"),
        arguments: machines, SignalSources.filtered)
    func filtered(machine: [String], module: SignalSources.Case) throws {
        let session = try prepare(machine)
        let line = try refusal(of: module, session, machine)
        #expect(line.hasPrefix("modload: faults: init_module: SIGSEGV at 0x"), "\(line)")
        try checkOther(session)
    }

    /// The kernel takes a filter of system calls from root only.
    static let isFiltered = User.effective == 0

    @Test(
        "exit_group by syscall(2) and by the instruction is an exit of the module's",
        .enabled(if: isFiltered, "only root has system calls filtered"),
        arguments: machines, ["syscall(SYS_exit_group, 3);", "enter(SYS_exit_group, 3, 0, 0, 0);"])
    func exitGroup(machine: [String], body: String) throws {
        let session = try prepare(machine)
        let line = try refusal(of: SignalSources.Case("", body), session, machine)
        #expect(line.hasPrefix("modload: faults: init_module: called exit(3) in faults:init_module+0x"), "\(line)")
        try checkOther(session)
    }

    @Test("abort ends the call once more after a handler that returned", arguments: machines)
    func abort(machine: [String]) throws {
        let session = try prepare(machine)
        let module = SignalSources.Case(
            "", "signal(SIGABRT, handle); abort();", "static void handle(int number) { puts(\"handled\"); }")
        for _ in 0..<2 {
            let line = try refusal(of: module, session, machine)
            #expect(line.hasPrefix("modload: faults: init_module: SIGABRT in "), "\(line)")
        }
        try checkOther(session)
    }

    @Test("signals do in a module what they do in a program:", arguments: machines, SignalSources.rules)
    func rule(machine: [String], module: SignalSources.Case) throws {
        let session = try Session()
        try session.compile("rule.o", module.source, ["-O1", "-w"] + machine)
        #expect(try session.output("modload", "rule.o").hasSuffix("Module loaded as ID 1\n"))
    }

    // MARK: Threads

    @Test(
        "a fault of a thread with a full mask is the thread's, however it got the mask", arguments: machines,
        [
            "sigset_t set = all(); pthread_sigmask(SIG_SETMASK, &set, 0); return pthread_create(&it, 0, work, 0);",
            "pthread_attr_t as; sigset_t set = all(); pthread_attr_init(&as); pthread_attr_setsigmask_np(&as, &set);"
                + " return pthread_create(&it, &as, work, 0);",
            "struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = tick}; timer_t timer;"
                + " struct itimerspec soon = {.it_value.tv_nsec = 1}; if (timer_create(CLOCK_MONOTONIC, &event, &timer)) return 1;"
                + " return timer_settime(timer, 0, &soon, 0);",
        ])
    func thread(machine: [String], body: String) throws {
        let session = try prepare(machine)
        let module = SignalSources.Case(
            "", body,
            """
            static pthread_t it; static void *work(void *unused) { FAULT(); return unused; }
            static void tick(union sigval unused)
            { sigset_t set = all(); pthread_sigmask(SIG_SETMASK, &set, 0); FAULT(); }
            """)
        try session.compile("worker.o", module.source, ["-O1", "-w"] + machine)
        try session.output("modload", "worker.o")
        #expect(try eventually { try session.output("modstat").contains("worker") && isFaulted("worker", session) })
        try checkOther(session)
    }

    private func isFaulted(_ module: String, _ session: Session) throws -> Bool {
        try session.output("modstat").split(separator: "\n").contains {
            $0.contains(" \(module) ") && $0.contains(" faulted ")
        }
    }

    // MARK: Signals that nobody handles

    @Test("a signal that a module sends to itself is its fault when nobody handles it", arguments: machines)
    func unhandled(machine: [String]) throws {
        let session = try prepare(machine)
        for name in SignalSources.fatal {
            for call in ["raise(\(name));", "kill(getpid(), \(name));"] {
                let line = try refusal(of: SignalSources.Case("", call), session, machine)
                #expect(line.hasPrefix("modload: faults: init_module: \(name) in "), "\(line)")
            }
        }
        try checkOther(session)
    }

    @Test("signals that end no process, stop one or break a pipe have no effect", arguments: machines)
    func harmless(machine: [String]) throws {
        let session = try prepare(machine)
        let body = SignalSources.harmless.map { "raise(\($0)); " }.joined()
        try session.compile("calm.o", SignalSources.Case("", body).source, ["-O1", "-w"] + machine)
        try session.output("modload", "calm.o")
        try checkOther(session)
    }

    @Test(
        "a signal that comes later is the fault of who asked for it", arguments: machines,
        [
            ("alarm(1);", "SIGALRM"),
            ("struct itimerval soon = {.it_value.tv_usec = 1}; setitimer(ITIMER_REAL, &soon, 0);", "SIGALRM"),
            (
                "struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2}; timer_t timer;"
                    + " struct itimerspec soon = {.it_value.tv_nsec = 1}; timer_create(CLOCK_MONOTONIC, &event, &timer);"
                    + " timer_settime(timer, 0, &soon, 0);", "SIGUSR2"
            ),
        ])
    func late(machine: [String], asks: (body: String, signal: String)) throws {
        let session = try prepare(machine)
        try session.compile("late.o", SignalSources.Case("", asks.body).source, ["-O1", "-w"] + machine)
        try session.output("modload", "late.o")
        #expect(try eventually { try isFaulted("late", session) })
        let crashes = try session.output("modstat", "--crashes")
        #expect(crashes.contains(asks.signal), "\(crashes)")
        try checkOther(session)
    }

    private static let limits = "#include <fcntl.h>\n#include <sys/resource.h>\n"

    @Test(
        "a limit that a module has set and exceeds is its fault, and ends nothing else", arguments: machines,
        [
            ("struct rlimit limit = {1, 2}; setrlimit(RLIMIT_CPU, &limit); for (;;) ;", "SIGXCPU"),
            (
                "struct rlimit limit = {10, 10}; setrlimit(RLIMIT_FSIZE, &limit); int file = memfd_create(\"full\", 0);"
                    + " for (;;) write(file, &limit, sizeof limit);", "SIGXFSZ"
            ),
        ])
    func limited(machine: [String], limit: (body: String, signal: String)) throws {
        let session = try prepare(machine)
        let line = try refusal(of: SignalSources.Case("", limit.body, Self.limits), session, machine)
        #expect(line.hasPrefix("modload: faults: init_module: ") && line.contains(limit.signal), "\(line)")
        try checkOther(session)
    }

    @Test("a module that leaves no descriptor to the space keeps no other from being loaded", arguments: machines)
    func noDescriptor(machine: [String]) throws {
        let session = try prepare(machine)
        let body = "struct rlimit none = {0, 0}; setrlimit(RLIMIT_NOFILE, &none);"
        let source = { (body: String) in SignalSources.Case("", body, Self.limits).source }
        try session.compile("none.o", source(body), ["-O1", "-w"] + machine)
        try session.compile(
            "next.o", source("if (open(\"/dev/null\", O_RDONLY) < 0) abort();"), ["-O1", "-w"] + machine)
        #expect(
            try session.output("modload", "none.o").hasPrefix(
                "modspace: limit of open files: a module left the space no descriptor; raised\n"))
        try session.output("modload", "next.o")
        try checkOther(session)
    }

    @Test("a signal of another process that no module handles is told of and ignored", arguments: machines)
    func foreign(machine: [String]) throws {
        let session = try prepare(machine)
        let space = try #require(Int32(session.output("modstat", "--pid").split(separator: "\n").last ?? ""))
        try ChildProcess(process: space).signal(10)
        let told = "SIGUSR1 of process \(CurrentProcess.number): no module handles it; ignored\n"
        #expect(try eventually { try session.output("modstat", "--console").contains(told) })
        try checkOther(session)
    }

    // MARK: Modules that go

    @Test(
        "timers and alarms of a module go with it", arguments: machines,
        [
            "struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2}; timer_t timer;"
                + " struct itimerspec often = {{0, 1000000}, {0, 1000000}}; signal(SIGUSR2, handle);"
                + " timer_create(CLOCK_MONOTONIC, &event, &timer); timer_settime(timer, 0, &often, 0);",
            "struct itimerval often = {{0, 1000}, {0, 1000}}; signal(SIGALRM, handle); setitimer(ITIMER_REAL, &often, 0);",
        ])
    func timers(machine: [String], body: String) throws {
        let session = try prepare(machine)
        let module = SignalSources.Case("", body, "static void handle(int number) { count++; }")
        try session.compile("ticks.o", module.source, ["-O1", "-w"] + machine)
        try session.output("modload", "ticks.o")
        try session.output("modunload", "ticks")
        // Nothing ticks: a module that waits for a signal of that kind gets none.
        let waits = SignalSources.Case(
            "",
            """
            sigset_t set = only(SIGUSR2); sigaddset(&set, SIGALRM); struct timespec patience = {0, 20000000};
            sigprocmask(SIG_BLOCK, &set, 0); if (sigtimedwait(&set, 0, &patience) != -1) return 1;
            """)
        try session.compile("waits.o", waits.source, ["-O1", "-w"] + machine)
        try session.output("modload", "waits.o")
        let console = try session.output("modstat", "--console")
        #expect(!console.contains("SIGUSR2") && !console.contains("SIGALRM"), "\(console)")
        try checkOther(session)
    }

    @Test("a handler works in later calls of others, and goes with its module; the one before is in force again")
    func handlers() throws {
        let session = try Session()
        let handler = { (name: String) in
            """
            #include <signal.h>
            #include <stdio.h>
            static void handle(int number) { printf("\(name)\\n"); fflush(stdout); }
            int init_module(void) { signal(SIGUSR1, handle); return 0; }
            """
        }
        try session.compile("first.o", handler("first"))
        try session.compile("second.o", handler("second"))
        try session.compile("raises.o", "#include <signal.h>\nint init_module(void) { return raise(SIGUSR1); }")
        let raise = { () throws -> ToolResult in
            defer { _ = try? session.run("modunload", "raises") }
            return try session.run("modload", "raises.o")
        }
        try session.output("modload", "first.o")
        #expect(try raise().output.hasPrefix("first\n"))
        try session.output("modload", "second.o")
        #expect(try raise().output.hasPrefix("second\n"))
        try session.output("modunload", "second")
        #expect(try raise().output.hasPrefix("first\n"))
        try session.output("modunload", "first")
        #expect(try raise().firstError.hasPrefix("modload: raises: init_module: SIGUSR1 in "))
    }

    @Test("programs that a module starts have the signals of programs, and ignore what the module ignores")
    func children() throws {
        let session = try Session()
        let body = { (ignored: String) in
            """
            unsigned long long ignored = 0; \(ignored)
            FILE *status = popen("sed -n 's/^SigIgn:.//p' /proc/self/status", "r");
            if (status == NULL || fscanf(status, "%llx", &ignored) != 1) return 1;
            pclose(status); printf("%llx\\n", ignored);
            """
        }
        try session.compile("plain.o", SignalSources.Case("", body("")).source, ["-w"])
        try session.compile("ignores.o", SignalSources.Case("", body("signal(SIGUSR1, SIG_IGN);")).source, ["-w"])
        try expect(session.run("modload", "plain.o"), .done("0\nModule loaded as ID 1\n"))
        try expect(session.run("modload", "ignores.o"), .done("200\nModule loaded as ID 2\n"))
    }
}
