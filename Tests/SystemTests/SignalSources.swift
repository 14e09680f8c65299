import TestSupport
import Testing

/// Modules that arrange signals in ways that programs do.
enum SignalSources {
    /// A module whose init does something, in a few lines.
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        /// Functions and variables before init.
        let before: String
        /// The init, which then returns 0.
        let body: String
        var testDescription: String { name }

        init(_ name: String, _ body: String, _ before: String = "") {
            (self.name, self.before, self.body) = (name, before, body)
        }

        /// The whole source.
        var source: String {
            """
            #define _GNU_SOURCE
            #include <pthread.h>
            #include <setjmp.h>
            #include <signal.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <string.h>
            #include <sys/mman.h>
            #include <sys/prctl.h>
            #include <sys/syscall.h>
            #include <sys/time.h>
            #include <time.h>
            #include <ucontext.h>
            #include <unistd.h>
            #define FAULT() (*(volatile int *)8 = 1)
            static volatile int count;
            static sigset_t all(void) { sigset_t set; sigfillset(&set); return set; }
            static sigset_t only(int number) { sigset_t set; sigemptyset(&set); sigaddset(&set, number); return set; }
            /* A system call by the instruction. */
            static long enter(long number, long a, long b, long c, long d)
            {
                long value;
            #ifdef __x86_64__
                register long fourth __asm__("r10") = d;
                __asm__ volatile("syscall" : "=a"(value) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                    : "rcx", "r11", "memory");
            #else
                __asm__ volatile("int $0x80" : "=a"(value) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
            #endif
                return value;
            }
            struct kernel_action { long handler, flags, restorer; unsigned long long mask; };
            \(before)
            int init_module(void) { (void)enter; (void)all; (void)only; \(body) return 0; }
            """
        }
    }

    private static let deep = """
        static int deep(volatile char *p) { volatile char room[4096]; room[0] = p[0]; return deep(room) + room[1]; }
        """
    private static let counts = "static void handle(int number) { count++; }"

    /// A SIGSEGV that the kernel would end a process for.
    static let faults = [
        Case("blocked by pthread_sigmask", "sigset_t set = all(); pthread_sigmask(SIG_SETMASK, &set, 0); FAULT();"),
        Case(
            "blocked by syscall(2)",
            "sigset_t set = all(); if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, 0, 8) == 0) FAULT();"),
        Case("blocked by sighold", "sighold(SIGSEGV); FAULT();"),
        Case("blocked by sigset", "sigset(SIGSEGV, SIG_HOLD); FAULT();"),
        Case("blocked by sigsetmask", "sigsetmask(-1); FAULT();"),
        Case(
            "blocked in a context",
            """
            static ucontext_t back, to; static char stack[65536];
            getcontext(&to); to.uc_stack.ss_sp = stack; to.uc_stack.ss_size = sizeof stack; sigfillset(&to.uc_sigmask);
            makecontext(&to, run, 0); swapcontext(&back, &to);
            """, "static void run(void) { FAULT(); }"),
        Case(
            "blocked behind a handler",
            """
            struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO}; sigset_t now;
            sigaction(SIGUSR1, &action, 0); raise(SIGUSR1); sigprocmask(SIG_BLOCK, 0, &now);
            if (sigismember(&now, SIGSEGV)) FAULT();
            """,
            """
            static void handle(int number, siginfo_t *info, void *it) { sigfillset(&((ucontext_t *)it)->uc_sigmask); }
            """),
        Case(
            "in a handler with a full mask",
            "struct sigaction action = {.sa_handler = handle, .sa_mask = all()}; sigaction(SIGUSR1, &action, 0); raise(SIGUSR1);",
            "static void handle(int number) { FAULT(); }"),
        Case("ignored", "signal(SIGSEGV, SIG_IGN); FAULT();"),
        Case(
            "with a stack for handlers that has gone",
            """
            stack_t stack = {.ss_size = 65536}; volatile char c = 0;
            stack.ss_sp = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (sigaltstack(&stack, 0) != 0) return 1;
            munmap(stack.ss_sp, 65536); return deep(&c);
            """, deep),
        Case("handled, and not cured", "signal(SIGSEGV, handle); FAULT();", counts),
        Case(
            "in its own handler", "signal(SIGSEGV, handle); FAULT();",
            "static void handle(int number) { *(volatile int *)16 = 1; }"),
        Case(
            "whose handler makes it default", "signal(SIGSEGV, handle); FAULT();",
            "static void handle(int number) { signal(number, SIG_DFL); }"),
        Case(
            "whose handler raises it again", "signal(SIGSEGV, handle); FAULT();",
            "static void handle(int number) { signal(number, SIG_DFL); raise(number); }"),
        Case(
            "blocked since its handler was left by longjmp",
            "signal(SIGSEGV, handle); if (sigsetjmp(place, 0) == 0) FAULT(); if (count == 1) FAULT();",
            "static sigjmp_buf place; static void handle(int number) { count++; siglongjmp(place, 1); }"),
        Case(
            "handled once",
            "struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESETHAND | SA_NODEFER};"
                + " sigaction(SIGSEGV, &action, 0); FAULT();", counts),
    ]

    /// The same by system calls that only a filter sees.
    static let filtered = [
        Case(
            "blocked by the system call",
            "sigset_t set = all(); if (enter(SYS_rt_sigprocmask, SIG_SETMASK, (long)&set, 0, 8) == 0) FAULT();"),
        Case(
            "default by the system call",
            "struct kernel_action action = {0}; if (enter(SYS_rt_sigaction, SIGSEGV, (long)&action, 0, 8) == 0) FAULT();"
        ),
        Case(
            "ignored by the system call",
            "struct kernel_action action = {1}; if (enter(SYS_rt_sigaction, SIGSEGV, (long)&action, 0, 8) == 0) FAULT();"
        ),
        Case(
            "with a stack for handlers by the system call that has gone",
            """
            stack_t stack = {.ss_size = 65536}; volatile char c = 0;
            stack.ss_sp = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (enter(SYS_sigaltstack, (long)&stack, 0, 0, 0) != 0) return 1;
            munmap(stack.ss_sp, 65536); return deep(&c);
            """, deep),
    ]

    /// Init returns 0 when signals do what POSIX, sigaction(2) and sigaltstack(2) say.
    static let rules = [
        Case(
            "a mask is what was asked for",
            """
            sigset_t set = all(), now; sigprocmask(SIG_SETMASK, &set, 0); sigprocmask(SIG_BLOCK, 0, &now);
            if (!sigismember(&now, SIGSEGV) || !sigismember(&now, SIGUSR1) || !sigismember(&now, SIGABRT)) return 1;
            sigemptyset(&set); sigprocmask(SIG_SETMASK, &set, &now); sigprocmask(SIG_BLOCK, 0, &now);
            if (sigismember(&now, SIGSEGV) || sigismember(&now, SIGUSR1)) return 2;
            if (pthread_sigmask(77, &set, 0) != 22) return 3;
            """),
        Case(
            "a disposition is what was asked for",
            """
            struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART, .sa_mask = all()}, now;
            if (sigaction(SIGSEGV, 0, &now) != 0 || now.sa_handler != SIG_DFL) return 1;
            sigaction(SIGSEGV, &action, 0); sigaction(SIGSEGV, 0, &now);
            if (now.sa_handler != handle || now.sa_flags != SA_RESTART || !sigismember(&now.sa_mask, SIGBUS)) return 2;
            if (sigaction(SIGKILL, &action, 0) == 0 || sigaction(0, 0, &now) == 0 || sigaction(65, 0, &now) == 0) return 3;
            """, counts),
        Case(
            "a fault is cured by its handler, again and again",
            """
            signal(SIGSEGV, handle);
            for (int i = 0; i < 50; i++) if (sigsetjmp(place, 1) == 0) { FAULT(); return 1; }
            if (count != 50) return 2;
            """, "static sigjmp_buf place; static void handle(int number) { count++; siglongjmp(place, 1); }"),
        Case(
            "the same instruction may meet many faults",
            """
            struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
            page = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); sigaction(SIGSEGV, &action, 0);
            for (int i = 0; i < 1000; i++) { mprotect((void *)page, 4096, PROT_READ); page[5]++; }
            if (count != 1000) return 1;
            """,
            """
            static volatile char *page;
            static void handle(int number, siginfo_t *info, void *context)
            { count++; mprotect((void *)page, 4096, PROT_READ | PROT_WRITE); }
            """),
        Case(
            "a signal that was sent while blocked comes when it is blocked no more",
            """
            sigset_t set = only(SIGABRT); signal(SIGABRT, handle); sigprocmask(SIG_BLOCK, &set, 0);
            raise(SIGABRT); if (count != 0) return 1;
            sigprocmask(SIG_UNBLOCK, &set, 0); if (count != 1) return 2;
            """, counts),
        Case("a signal of a fault that is sent may be ignored", "signal(SIGABRT, SIG_IGN); raise(SIGABRT);"),
        Case(
            "real-time signals up to SIGRTMAX are the module's",
            """
            if (SIGRTMAX - SIGRTMIN < 8) return 1;
            signal(SIGRTMAX, handle); raise(SIGRTMAX); if (count != 1) return 2;
            if (signal(SIGRTMAX + 1, handle) != SIG_ERR) return 3;
            """, counts),
        Case(
            "sigwait takes what is blocked",
            "sigset_t set = only(SIGUSR1); int taken; sigprocmask(SIG_BLOCK, &set, 0); raise(SIGUSR1);"
                + " if (sigwait(&set, &taken) != 0 || taken != SIGUSR1) return 1;"),
        Case(
            "sigsuspend lets in what its mask lets in",
            """
            sigset_t set = all(); sigset_t open = all(); sigdelset(&open, SIGUSR2); signal(SIGUSR2, handle);
            sigprocmask(SIG_SETMASK, &set, 0); raise(SIGUSR2); if (count != 0) return 1;
            sigsuspend(&open); if (count != 1) return 2;
            """, counts),
        Case(
            "a stack for handlers is what was asked for",
            """
            static char room[65536]; stack_t stack = {.ss_sp = room, .ss_size = sizeof room}, now;
            if (sigaltstack(0, &now) != 0 || now.ss_flags != SS_DISABLE) return 1;
            if (sigaltstack(&stack, 0) != 0 || sigaltstack(0, &now) != 0 || now.ss_sp != room) return 2;
            stack.ss_size = 2047; if (sigaltstack(&stack, 0) == 0) return 3;
            stack.ss_size = 2048; if (sigaltstack(&stack, 0) != 0) return 4;
            """),
        Case(
            "contexts are switched to with their arguments",
            """
            static ucontext_t back, to; static char stack[65536];
            getcontext(&to); to.uc_stack.ss_sp = stack; to.uc_stack.ss_size = sizeof stack; to.uc_link = &back;
            makecontext(&to, (void (*)(void))run, 2, 7, 9); swapcontext(&back, &to); if (count != 16) return 1;
            """, "static void run(int a, int b) { count = a + b; }"),
        Case(
            "alarm tells how long the one before had to go",
            "if (alarm(100) != 0 || alarm(0) != 100 || alarm(0) != 0) return 1;"),
    ]

    /// Signals whose default action ends a process, and signals that have none here.
    static let fatal = [
        "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTERM", "SIGVTALRM", "SIGPROF", "SIGPOLL",
        "SIGPWR",
        "SIGSTKFLT", "SIGXCPU", "SIGXFSZ", "SIGSYS", "SIGTRAP", "SIGSEGV", "SIGBUS", "SIGABRT", "SIGRTMIN",
    ]
    static let harmless = ["SIGPIPE", "SIGCHLD", "SIGWINCH", "SIGURG", "SIGCONT", "SIGTSTP", "SIGTTIN", "SIGTTOU"]
}
