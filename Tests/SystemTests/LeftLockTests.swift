import Posix
import TestSupport
import Testing

/// Locks of the C library that a module's fault leaves taken.
@Suite struct LeftLockTests {
    /// Faults while it has a lock: each in a function of its own.
    private static let faulty = """
        #define _GNU_SOURCE
        #include <pthread.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <time.h>
        extern char **environ;
        int kind, on_thread;
        static char *bad[] = {(char *)8, 0};
        static void *fault(void *unused)
        {
            switch (kind) {
            case 0: environ = bad; setenv("GURKA", "1", 1); break;
            case 1: { time_t now = 0; struct tm parts; environ = bad; tzset(); localtime_r(&now, &parts); break; }
            case 2: { FILE *file = fopen("/dev/null", "w"); flockfile(file); fprintf(file, "%s", (char *)8); break; }
            case 3: { char *a = malloc(5000), *b = malloc(5000), *c = malloc(5000); memset(b + 5000, 0xff, 24); free(a); free(b); free(c); abort(); }
            case 4: initstate(1, (char *)8, 128); break;
            }
            return unused;
        }
        int init_module(void)
        {
            pthread_t it;
            if (!on_thread) return fault(0) != 0;
            return pthread_create(&it, 0, fault, 0);
        }
        """

    /// Uses all of these, with an environment of its own.
    private static let healthy = """
        #include <stdio.h>
        #include <stdlib.h>
        #include <time.h>
        extern char **environ;
        static char *none[] = {0}, state[128];
        int init_module(void)
        {
            time_t now = 0; struct tm parts; void *pieces[200];
            char **before = environ; environ = none;
            setenv("GURKA", "1", 1); tzset(); localtime_r(&now, &parts);
            environ = before;
            FILE *file = fopen("/dev/null", "w"); fputs("x", file); fflush(NULL); fclose(file);
            for (int i = 0; i < 200; i++) pieces[i] = malloc(100 * i + 1);
            for (int i = 0; i < 200; i++) free(pieces[i]);
            puts("fine");
            return 0;
        }
        """

    @Test(
        "no later module waits for what a faulting one has locked: environment, time zone, streams, heap, random numbers",
        arguments: [[] as [String], ["-m32"]])
    func released(options: [String]) throws {
        let session = try Session()
        try session.compile("faulty.o", Self.faulty, ["-O1", "-w"] + options)
        try session.compile("healthy.o", Self.healthy, ["-O1", "-w"] + options)
        for kind in 0...4 {
            let result = try session.run("modload", "faulty.o", "kind=\(kind)")
            #expect(result.status == .exited(1) && result.errors.contains("SIG"), "\(kind): \(result.errors)")
            let next = try session.run("modload", "healthy.o")
            #expect(next.status == .exited(0) && next.output.hasPrefix("fine\n"), "\(kind): \(next)")
            try session.output("modunload", "healthy")
        }
    }

    @Test("nor for what a thread has locked that a faulting module has made") func thread() throws {
        let session = try Session()
        try session.compile("faulty.o", Self.faulty, ["-O1", "-w"])
        try session.compile("healthy.o", Self.healthy, ["-O1", "-w"])
        for kind in 0...2 {
            // The thread faults during the init, which that ends, or behind it.
            let isLoaded = try session.run("modload", "faulty.o", "kind=\(kind)", "on_thread=1").status == .exited(0)
            if isLoaded { #expect(try eventually { try session.output("modstat").contains(" faulted ") }) }
            let next = try session.run("modload", "healthy.o")
            #expect(next.status == .exited(0) && next.output.hasPrefix("fine\n"), "\(kind): \(next)")
            try session.output("modunload", "healthy")
            #expect(try !isLoaded || session.run("modunload", "-f", "faulty").status == .exited(0))
        }
    }

    @Test("what waits for a lock until its deadline is told which, and who may have left it taken") func told() throws {
        let session = try Session()
        try session.compile(
            "waiter.o",
            "#include <pthread.h>\n" + "pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;\n"
                + Sources.initialize("pthread_mutex_lock(&gate); pthread_mutex_lock(&gate); return 0;"), ["-O1"])
        let result = try session.run("modload", "--timeout", "1", "waiter.o")
        #expect(
            result.firstError.hasPrefix("modload: waiter: init_module: hung: not back in time, in ")
                && result.firstError.hasSuffix("; it waits for the lock 'gate' of waiter"), "\(result.firstError)")
    }
}
