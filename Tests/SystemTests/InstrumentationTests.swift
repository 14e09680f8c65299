import Posix
import TestSupport
import Testing

/// Objects with what a compiler adds to find mistakes, or to count what has run.
@Suite struct InstrumentationTests {
    private static let overflow = """
        #include <stdio.h>
        int init_module(void)
        {
            volatile int big = 2147483647;
            int n = big + 1;
            printf("went on %d\\n", n < 0);
            return 0;
        }
        """

    @Test("the undefined behaviour sanitizer tells where it was, and the module goes on") func undefined() throws {
        let session = try Session()
        try session.compile("gurka.o", Self.overflow, ["-O0", "-fsanitize=undefined"])
        let result = try session.run("modload", "gurka.o", try Compiler.library("libubsan.a"))
        #expect(result.status == .exited(0) && result.errors == "", "\(result.errors)")
        let lines = result.output.split(separator: "\n")
        #expect(
            lines.first?.hasSuffix(
                "runtime error: signed integer overflow: 2147483647 + 1 cannot be represented in type 'int'") == true)
        #expect(lines.dropFirst() == ["went on 1", "Module loaded as ID 1"])
        try session.output("modunload", "gurka")
    }

    @Test("the same that traps needs no library, and is a fault of the module's") func trapping() throws {
        let session = try Session()
        try session.compile(
            "gurka.o", Self.overflow, ["-O0", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"])
        let result = try session.run("modload", "gurka.o")
        #expect(result.status == .exited(1))
        #expect(result.firstError.hasPrefix("modload: gurka: init_module: SIGILL in gurka:init_module+"))
    }

    @Test("what has run is counted for gcov, and written when the module is unloaded") func coverage() throws {
        let session = try Session()
        let source = try session.write(
            "gurka.c",
            Array(
                """
                int init_module(void)
                {
                    int sum = 0;
                    for (int i = 0; i < 7; i++)
                        sum += i;
                    return sum != 21;
                }
                """.utf8))
        try Tool.output(
            "gcc", ["--coverage", "-O0", "-c", "-o", session.path + "/gurka.o", source])
        try session.output("modload", "gurka.o", try Compiler.library("libgcov.a"))
        #expect(!(try File.list(session.path).contains("gurka.gcda")))
        try session.output("modunload", "gurka")
        let report = try Tool.output("gcov", ["--stdout", session.path + "/gurka.gcda"])
        #expect(report.contains("        7:    5:        sum += i;"), "\(report)")
    }

    @Test(
        "what has run is counted for llvm-cov, and written when the module is unloaded",
        .enabled(
            if: profileLibrary != nil, "clang with libclang_rt.profile.a is not installed; its counts are not tried"))
    func profile() throws {
        let session = try Session()
        let library = try #require(Self.profileLibrary)
        try session.write(
            "gurka.o",
            try Compiler.clang.object(
                "int init_module(void) { return 0; }", ["-fprofile-instr-generate", "-fcoverage-mapping"]))
        try session.compile(
            "where.o",
            """
            extern int __llvm_profile_runtime;
            int *wanted = &__llvm_profile_runtime;
            void __llvm_profile_set_filename(const char *);
            /* Where the library looks for a build ID. */
            __attribute__((weak, visibility("hidden"))) const char __ehdr_start[64];
            __attribute__((constructor)) static void choose(void)
            {
                __llvm_profile_set_filename("\(session.path)/gurka.profraw");
            }
            """)
        try session.output("modload", "--name", "gurka", "gurka.o", "where.o", library)
        try session.output("modunload", "gurka")
        #expect(try session.read("gurka.profraw").count > 100)
    }

    /// The run-time library that clang has for it.
    private static let profileLibrary: String? = {
        guard Compiler.available.contains(.clang) else { return nil }
        for name in ["libclang_rt.profile-x86_64.a", "libclang_rt.profile.a"] {
            let path = (try? Tool.output("clang", ["-print-file-name=\(name)"]))?.filter { $0 != "\n" } ?? ""
            if path.hasPrefix("/") { return path }
        }
        return nil
    }()
}
