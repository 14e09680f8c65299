import TestSupport
import Testing

/// Modules with thread-local variables, as compilers make them without being told anything.
@Suite struct ThreadLocalTests {
    /// Two threads that live as long as the module, and call what they are told to.
    static let threads = """
        #include <pthread.h>
        #include <unistd.h>
        static pthread_t workers[2];
        static void *volatile job; static volatile long results[2]; static volatile int number, done[2], ends;
        static void *work(void *which)
        {
            for (int seen = 0; !ends; usleep(100))
                if (number != seen) { seen = number; results[(long)which] = ((long (*)(void))job)(); done[(long)which] = seen; }
            return which;
        }
        /* What a function returns in a thread that was there before. */
        long in_old_thread(long (*function)(void), int which)
        {
            job = function; number++;
            while (done[0] != number || done[1] != number) usleep(100);
            return results[which];
        }
        static void *once(void *function) { return (void *)((long (*)(void))function)(); }
        /* What it returns in a thread of its own. */
        long in_new_thread(long (*function)(void))
        {
            pthread_t it; void *result;
            if (pthread_create(&it, 0, once, (void *)function) != 0) return -1;
            pthread_join(it, &result);
            return (long)result;
        }
        int init_module(void)
        {
            for (long i = 0; i < 2; i++) if (pthread_create(&workers[i], 0, work, (void *)i) != 0) return 1;
            return 0;
        }
        void cleanup_module(void) { ends = 1; for (int i = 0; i < 2; i++) pthread_join(workers[i], 0); }
        """

    /// Counts in each of them, and prints `answer` first.
    static let variables = """
        #include <stdio.h>
        #include <stdlib.h>
        long in_old_thread(long (*)(void), int), in_new_thread(long (*)(void));
        static int plain = 7; static __thread int first = 40; static __thread long zeroes[100]; static __thread int *where = &plain;
        __thread short shared_by_name = 5; __thread char last __attribute__((aligned(64))) = 1;
        static long next(void) { zeroes[99]++; last++; return ++first * 100 + zeroes[99] * 10 + *where + last - 2 + shared_by_name - 5; }
        int init_module(void)
        {
            long here = next(); here = next();
            long old = in_old_thread(next, 0), again = in_old_thread(next, 1), new = in_new_thread(next);
            printf("%ld %ld %ld %ld %s\\n", here, old, again, new, (unsigned long)&last % 64 ? "unaligned" : "aligned");
            return 0;
        }
        """
    static let answer = "4228 4117 4228 4117 aligned\n"

    @Test(
        "variables have their first values in threads that were there before the module and in threads made after, for each compiler, model and level"
    )
    func models() throws {
        let session = try Session()
        try session.compile("threads.o", Self.threads)
        try session.output("modload", "threads.o")
        for compiler in Compiler.available {
            for options in [
                ["-fno-pie"], ["-fPIC"], ["-fPIC", "-fno-plt"], ["-fPIC", "-mcmodel=large"],
                ["-fPIC", "-ftls-model=local-dynamic"],
                ["-fPIC", "-ftls-model=initial-exec"], ["-ftls-model=local-exec"],
            ] + (compiler == .gcc ? [["-fPIC", "-mtls-dialect=gnu2"]] : []) {
                for level in ["-O0", "-O2"] {
                    try session.write("variables.o", try compiler.object(Self.variables, [level] + options))
                    let result = try session.run("modload", "variables.o")
                    #expect(
                        result.output.hasPrefix(Self.answer) && result.status == .exited(0),
                        "\(compiler) \(level) \(options): \(result.errors)\(result.output)")
                    try session.output("modunload", "variables")
                }
            }
        }
    }

    /// Adds 10 to a variable of another module, twice here and once in two other threads, and prints it each time.
    static let sharer = """
        #include <stdio.h>
        extern __thread int shared; int *owner_address(void); long in_new_thread(long (*)(void)), in_old_thread(long (*)(void), int);
        static long add(void) { shared += 10; return &shared == owner_address() ? *owner_address() : -1; }
        int init_module(void) 
        {
            long first = add(), second = add();
            printf("%ld %ld %ld %ld\\n", first, second, in_new_thread(add), in_old_thread(add, 1));
            return 0;
        }
        """

    @Test("two modules share a variable: each thread has one, and the one that defines it is held") func shared() throws
    {
        let session = try Session()
        try session.compile("threads.o", Self.threads)
        try session.compile("owner.o", "__thread int shared = 3; int *owner_address(void) { return &shared; }")
        try session.compile("user.o", Self.sharer, ["-O2", "-fPIC"])
        try session.output("modload", "threads.o", "owner.o")
        #expect(try session.output("modload", "user.o").hasPrefix("13 23 13 13\n"))
        let refused = try session.run("modunload", "owner")
        #expect(
            refused.errors == "modunload: owner: in use by user, which refers to owner_address and shared (EBUSY)\n")
        #expect(try session.output("ksyms", "shared").contains("D shared"))
    }

    /// Compares and sets errno both ways.
    static let errnoUser = """
        #include <unistd.h>
        #include <stdio.h>
        #include <errno.h>
        #undef errno
        extern __thread int errno;
        int init_module(void)
        {
            errno = 0; int before = *__errno_location();
            close(-1); int after = errno;
            errno = ENOENT; perror("gurka");
            printf("%d %d %d\\n", before, after == EBADF, &errno == __errno_location());
            return 0;
        }
        """

    @Test("errno of a module is errno of the C library, by the function and by the variable") func errno() throws {
        let session = try Session()
        try session.compile("variable.o", Self.errnoUser, ["-O2", "-fPIC"])
        #expect(
            try session.output("modload", "variable.o").contains("gurka: No such file or directory\n0 1 1\n"))
    }

    @Test(
        "the room is given back: more loads than it could hold; and the next module in it finds its own values and zeroes"
    )
    func reclaim() throws {
        let session = try Session()
        try session.compile("threads.o", Self.threads)
        try session.output("modload", "threads.o")
        for round in 0..<4 {
            try session.compile(
                "large.o",
                """
                #include <stdio.h>
                #include <string.h>
                long in_old_thread(long (*)(void), int), in_new_thread(long (*)(void));
                static __thread int first = \(round + 1); static __thread unsigned char zeroes[40000];
                static long sum(void) { long sum = 0; for (int i = 0; i < 40000; i++) sum += zeroes[i]; memset(zeroes, 255, 40000); return sum * 100 + first; }
                int init_module(void) { printf("%ld %ld %ld\\n", sum(), in_old_thread(sum, 1), in_new_thread(sum)); return 0; }
                """)
            let value = round + 1
            #expect(try session.output("modload", "large.o").hasPrefix("\(value) \(value) \(value)\n"))
            try session.output("modunload", "large")
        }
        // One whose init fails gives it back as well.
        try session.compile(
            "fails.o", "static __thread char room[40000]; int init_module(void) { room[0]++; return room[0]; }")
        for _ in 0..<3 { #expect(try session.run("modload", "fails.o").errors.contains("init_module returned 1")) }
    }

    @Test("a module for which there is no room is refused with the sizes, and nothing is loaded") func exhausted()
        throws
    {
        let session = try Session()
        try session.compile("first.o", "__thread char first[40000];")
        try session.compile("second.o", "__thread char second[25536];")
        try session.compile("third.o", "__thread char third = 1;")
        try session.output("modload", "first.o")
        try session.compile("second.o", "__thread char second[25537];")
        try expect(
            session.run("modload", "second.o"),
            .failed(
                1,
                "modload: second: needs 25537 bytes in each thread for its thread-local variables: 25536 of 65536 are free; unload a module that has some, or make them smaller\n"
            ))
        #expect(try session.names() == ["first"])
        try session.compile("second.o", "__thread char second[25536];")
        try session.output("modload", "second.o")
        try expect(
            session.run("modload", "third.o"),
            .failed(
                1,
                "modload: third: needs 1 bytes in each thread for its thread-local variables: 0 of 65536 are free; unload a module that has some, or make them smaller\n"
            ))
        try session.output("modunload", "first")
        try session.output("modload", "third.o")
        // Together, or not at all.
        try session.compile("fourth.o", "__thread char fourth[30000];")
        try session.compile("fifth.o", "__thread char fifth[30000];")
        #expect(try session.run("modload", "fourth.o", "fifth.o").status == .exited(1))
        #expect(try session.names() == ["second", "third"])
        try session.compile("aligned.o", "__thread char aligned[8] __attribute__((aligned(512)));")
        try expect(
            session.run("modload", "aligned.o"),
            .failed(
                1,
                "modload: aligned: thread-local variables aligned to 512 bytes: a thread has them aligned to 256 at most\n"
            ))
        try session.compile("aligned.o", "__thread char aligned[8] __attribute__((aligned(256)));")
        try session.output("modload", "aligned.o")
    }

    private static let destroyed = """
        #include <stdio.h>
        #include <pthread.h>
        #include <unistd.h>
        struct Tomat { int n; Tomat(int n) : n(n) {} ~Tomat() { printf("destroyed %d\\n", n); fflush(stdout); } };
        static thread_local Tomat tomat(5);
        static volatile int state; static pthread_t thread;
        static void *work(void *unused) { tomat.n = 6; state = 1; while (state == 1) usleep(100); return unused; }
        extern "C" int start(void) { pthread_create(&thread, 0, work, 0); while (!state) usleep(100); return 0; }
        extern "C" void stop(void) { state = 2; pthread_join(thread, 0); }
        """

    @Test("destructors of thread_local variables run: in a thread that ends, and of the thread of calls at unload")
    func destructors() throws {
        let session = try Session()
        try session.compile(
            "cxx.o",
            Self.destroyed
                + "extern \"C\" int init_module(void) { printf(\"%d\\n\", tomat.n); return start(); }\nextern \"C\" void cleanup_module(void) { stop(); }",
            ["-O2", "-fno-exceptions"], language: .cxx)
        #expect(try session.output("modload", "cxx.o").hasPrefix("5\n"))
        #expect(try session.output("modunload", "cxx") == "destroyed 6\ndestroyed 5\n")
    }

    @Test("a module stays while a thread that it does not end has such a variable") func kept() throws {
        let session = try Session()
        try session.compile("library.o", Self.destroyed, ["-O2", "-fno-exceptions"], language: .cxx)
        try session.compile(
            "user.o",
            "int start(void); void stop(void); int init_module(void) { return start(); } void cleanup_module(void) { stop(); }"
        )
        try session.output("modload", "library.o")
        try session.output("modload", "user.o")
        // The user goes without ending the thread.
        try session.compile("other.o", "int start(void); int init_module(void) { return 0; }")
        try session.output("modunload", "user")
        try session.compile("user.o", "int start(void); int init_module(void) { return start(); }")
        try session.compile("stop.o", "void stop(void); int init_module(void) { stop(); return 0; }")
        try session.output("modunload", "library")
        try session.output("modload", "library.o")
        try session.output("modload", "user.o")
        try session.output("modunload", "user")
        let refused = try session.run("modunload", "library")
        #expect(refused.status == .exited(1) && refused.output == "")
        #expect(refused.errors.hasPrefix("modunload: library: in use: thread "), "\(refused.errors)")
        #expect(try session.output("modload", "stop.o").hasPrefix("destroyed 6\n"))
        try session.output("modunload", "stop")
        try session.output("modunload", "library")
    }

    @Test("a cleanup function that does not end its threads is called once, and the module goes when they have ended")
    func cleanedUp() throws {
        let session = try Session()
        try session.compile(
            "cxx.o",
            Self.destroyed.split(separator: "while (state == 1)").joined(
                separator: "for (int i = 0; state == 1 || i < 50000; i++)")
                + "extern \"C\" int init_module(void) { return start(); }\nextern \"C\" void cleanup_module(void) { puts(\"cleanup\"); state = 2; }",
            ["-O2", "-fno-exceptions"], language: .cxx)
        try session.output("modload", "cxx.o")
        let refused = try session.run("modunload", "cxx")
        #expect(
            refused.output == "cleanup\n" && refused.errors.contains("in use: thread ")
        )
        #expect(try session.names() == ["cxx"])
        var last = refused
        #expect(
            try eventually {
                last = try session.run("modunload", "cxx")
                return last.status == .exited(0)
            }, "\(last)")
        #expect(!last.output.contains("cleanup"))
        #expect(try session.names() == [])
    }
}
