import TestSupport
import Testing

/// Nested functions of gcc whose address is taken: they are code on the stack, and their object says so.
@Suite struct ExecutableStackTests {
    private static let nested = """
        #include <stdio.h>
        long in_old_thread(long (*)(void), int), in_new_thread(long (*)(void));
        static __attribute__((noipa)) void each(void (*function)(int)) { for (int i = 1; i < 4; i++) function(i); }
        static long add(void)
        {
            long sum = 0;
            void one(int i) { sum += i; }
            each(one);
            return sum;
        }
        int init_module(void)
        {
            printf("%ld %ld %ld\\n", add(), in_old_thread(add, 0), in_new_thread(add));
            return 0;
        }
        void cleanup_module(void) { printf("%ld\\n", add()); }
        """

    @Test(
        "nested functions run in a call, in threads that were there before the module and in threads made after",
        arguments: DynamicLinkerTests.machines) func nested(_ options: [String]) throws
    {
        let session = try Session()
        try session.compile("threads.o", ThreadLocalTests.threads, ["-O2"] + options)
        try session.compile("nested.o", Self.nested, ["-O1"] + options)
        try session.output("modload", "threads.o")
        expect(try session.run("modload", "nested.o"), .done("6 6 6\nModule loaded as ID 2\n"))
        #expect(try session.output("modunload", "nested") == "6\n")
    }

    @Test("stacks are executable once a module has asked for it, and not because an object says nothing") func asking()
        throws
    {
        let session = try Session()
        let show = """
            #include <stdio.h>
            int init_module(void)
            {
                FILE *maps = fopen("/proc/self/maps", "r");
                unsigned long start, end;
                char mode[5];
                while (fscanf(maps, "%lx-%lx %4s%*[^\\n]", &start, &end, mode) == 3)
                    if ((unsigned long)&mode - start < end - start) puts(mode);
                fclose(maps);
                return 0;
            }
            """
        try session.compile("plain.o", show, ["-O1"])
        try session.compile("silent.o", show, ["-O1"])
        try Tool.output("objcopy", ["--remove-section=.note.GNU-stack", session.path + "/silent.o"])
        try session.compile("asking.o", show, ["-O1"])
        try Tool.output(
            "objcopy", ["--set-section-flags", ".note.GNU-stack=code,readonly", session.path + "/asking.o"])
        #expect(try session.output("modload", "plain.o") == "rw-p\nModule loaded as ID 1\n")
        #expect(try session.output("modload", "silent.o") == "rw-p\nModule loaded as ID 2\n")
        #expect(try session.output("modload", "asking.o") == "rwxp\nModule loaded as ID 3\n")
    }
}
