import Posix
import TestSupport
import Testing

/// What compilers make of the same C in all the ways that matter to a linker.
@Suite struct CompilerTests {
    /// One way to compile, and a name for it.
    private struct Way {
        let compiler: Compiler
        let options: [String]
        let name: String
    }

    /// -O0 to -O3, with and without -fPIC, in three code models. No compiler makes position-independent code of the
    /// kernel model.
    private var ways: [Way] {
        var ways: [Way] = []
        for compiler in Compiler.available {
            for level in ["-O0", "-O1", "-O2", "-O3"] {
                for model in ["small", "kernel", "large"] {
                    for position in ["-fno-pie", "-fPIC", "-fPIE"] where model != "kernel" || position == "-fno-pie" {
                        ways.append(
                            Way(
                                compiler: compiler, options: [level, position, "-mcmodel=\(model)"],
                                name: "\(compiler.rawValue)\(level)_\(model)_\(position.dropFirst(2))"))
                    }
                }
            }
        }
        return ways
    }

    private func source(_ number: Int) -> String {
        """
        #include <errno.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        extern int shared_count; extern int shared(int); extern const char *const shared_names[]; extern int maybe(void) __attribute__((weak));
        static int own = 5; static int zeroes[64]; static const int table[] = { 3, 1, 4, 1, 5, 9, 2, 6 };
        int common_\(number)[8];
        static int twice(int n) { return n * 2; }
        static int thrice(int n) { return n * 3; }
        static int (*const functions[])(int) = { twice, thrice, shared };
        static int order(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
        static int *where = &zeroes[7];
        static __attribute__((noinline)) int choose(int n)
        {
            switch (n) {
            case 0: return own; case 1: return shared_count; case 2: return 20; case 3: return zeroes[3] + 30;
            case 4: return table[5]; case 5: return common_\(number)[1]; case 6: return (int)strlen(shared_names[1]);
            default: return -1;
            }
        }
        int init_module(void)
        {
            int sorted[8], sum = 0;
            memcpy(sorted, table, sizeof sorted);
            qsort(sorted, 8, sizeof *sorted, order);
            *where = 11; common_\(number)[1] = 13; errno = 0;
            for (int i = 0; i < 8; i++) sum = sum * 3 + sorted[i] + choose(i) + zeroes[i];
            for (int i = 0; i < 3; i++) sum += functions[i](i + 1);
            if (maybe) sum += 1000000;
            char text[32];
            snprintf(text, sizeof text, "%d %.2f", sum, (double)sum / own);
            fprintf(stdout, "%s %s\\n", text, shared_names[0]);
            return errno;
        }
        """
    }

    private let shared = """
        int shared_count = 42;
        const char *const shared_names[] = { "gurka", "sallad" };
        int shared(int n) { return n + shared_count; }
        """

    @Test("objects of each compiler, level, position and code model compute the same in the space as in a program")
    func matrix() throws {
        let session = try Session()
        try session.write("program.c", Array((source(0) + "\nint main(void) { return init_module(); }").utf8))
        try session.write("shared.c", Array(shared.utf8))
        try Tool.output(
            "gcc", ["-w", "-o", session.path + "/program", session.path + "/program.c", session.path + "/shared.c"])
        let answer = try Tool.run("env", [session.path + "/program"])
        #expect(answer.status == .exited(0) && answer.output.hasSuffix(" gurka\n"))

        try session.compile("shared.o", shared)
        try session.output("modload", "shared.o")
        let ways = ways
        #expect(ways.count == Compiler.available.count * 4 * 7)
        var arguments: [String] = []
        for (number, way) in ways.enumerated() {
            try session.write("\(way.name).o", try way.compiler.object(source(number), way.options))
            arguments.append("\(way.name).o")
        }
        // Each by itself, so that a failure has a name; then all together.
        for argument in arguments {
            let result = try session.run("modload", argument)
            #expect(
                result.status == .exited(0) && result.output.hasPrefix(answer.output),
                "\(argument): \(result.errors)\(result.output)")
        }
        let names = ways.map(\.name)
        #expect(try session.names() == ["shared"] + names)
        try expect(session.run("modunload", names), .done())
        let together = try session.run("modload", arguments)
        #expect(together.status == .exited(0), "\(together.errors)")
        #expect(together.output.hasPrefix(String(repeating: answer.output, count: ways.count)))
    }

    @Test("an unwinder finds its way through a module's frames")
    func unwinding() throws {
        let session = try Session()
        try session.compile(
            "frames.o",
            """
            #include <stdio.h>
            #include <unwind.h>
            static _Unwind_Reason_Code count(struct _Unwind_Context *context, void *depth) { ++*(int *)depth; return 0; }
            __attribute__((noinline)) int inner(void) { int depth = 0; _Unwind_Backtrace(count, &depth); return depth; }
            __attribute__((noinline)) int outer(void) { return inner() + 0 * printf(""); }
            int init_module(void) { printf("%d\\n", outer() >= 4); return 0; }
            """)
        try expect(session.run("modload", "frames.o"), .done("1\nModule loaded as ID 1\n"))
    }
}
