import Posix
import TestSupport
import Testing

/// What i386 modules may have as those of x86-64 do: thread-local variables, C++, functions that are chosen when they are loaded.
@Suite(.enabled(if: Compiler.makesI386Programs, "\(Compiler.noI386Programs)"))
struct I386ModuleTests {
    @Test(
        "variables have their first values in threads that were there before the module and in threads made after, for each compiler, model and level"
    )
    func threadLocal() throws {
        let session = try Session()
        try session.compile("threads.o", ThreadLocalTests.threads, ["-m32", "-O2"])
        try session.output("modload", "threads.o")
        for compiler in Compiler.available {
            for options in [
                ["-fno-pie"], ["-fPIC"], ["-fPIC", "-fno-plt"], ["-fPIC", "-ftls-model=local-dynamic"],
                ["-fPIC", "-ftls-model=initial-exec"], ["-ftls-model=local-exec"],
            ] + (compiler == .gcc ? [["-fPIC", "-mtls-dialect=gnu2"]] : []) {
                for level in ["-O0", "-O2"] {
                    try session.write(
                        "variables.o", try compiler.object(ThreadLocalTests.variables, ["-m32", level] + options))
                    let result = try session.run("modload", "variables.o")
                    #expect(
                        result.output.hasPrefix(ThreadLocalTests.answer) && result.status == .exited(0),
                        "\(compiler) \(level) \(options): \(result.errors)\(result.output)")
                    try session.output("modunload", "variables")
                }
            }
        }
    }

    @Test("errno of a module is errno of the C library, by the function and by the variable") func errno() throws {
        let session = try Session()
        for options in [["-fno-pie"], ["-fPIC"]] {
            try session.compile("variable.o", ThreadLocalTests.errnoUser, ["-m32", "-O2"] + options)
            let output = try session.output("modload", "variable.o")
            #expect(output.contains("gurka: No such file or directory\n0 1 1\n"), "\(output)")
            try session.output("modunload", "variable")
        }
    }

    @Test("two modules share a variable, and the room is given back with its values") func shared() throws {
        let session = try Session()
        try session.compile("threads.o", ThreadLocalTests.threads, ["-m32", "-O2"])
        try session.compile("user.o", ThreadLocalTests.sharer, ["-m32", "-O2", "-fPIC"])
        try session.output("modload", "threads.o")
        for first in 1...3 {
            try session.compile(
                "owner.o",
                """
                #include <string.h>
                __thread int shared = \(first); static __thread char room[40000];
                int *owner_address(void) { return room[7] ? 0 : &shared; }
                int init_module(void) { return 0; }
                void cleanup_module(void) { memset(room, 1, sizeof room); }
                """, ["-m32", "-O1"])
            try session.output("modload", "owner.o")
            let output = try session.output("modload", "user.o")
            #expect(output.hasPrefix("1\(first) 2\(first) 1\(first) 1\(first)\n"), "\(output)")
            let refused = try session.run("modunload", "owner")
            #expect(
                refused.errors == "modunload: owner: in use by user, which refers to owner_address and shared (EBUSY)\n"
            )
            try session.output("modunload", "user", "owner")
        }
        try session.compile("large.o", "__thread char large[65536];", ["-m32"])
        try session.output("modload", "large.o")
        try session.compile("more.o", "__thread char more;", ["-m32"])
        let none = try session.run("modload", "more.o")
        #expect(none.errors.contains("0 of 65536 are free"), "\(none.errors)")
        // The other space has its own.
        try session.compile("native.o", "__thread char native[65536];")
        try session.output("modload", "native.o")
    }

    @Test(
        "functions that are chosen when they are loaded are chosen, and other modules call them",
        arguments: [["-fno-pie"], ["-fPIC"]])
    func indirect(_ options: [String]) throws {
        let session = try Session()
        for compiler in Compiler.available {
            for (name, text) in [
                ("chosen", IndirectFunctionTests.source), ("user", IndirectFunctionTests.user),
            ] {
                try session.write("\(name).o", try compiler.object(text, ["-m32", "-O2"] + options))
            }
            let result = try session.run("modload", "user.o", "chosen.o")
            #expect(result.status == .exited(0), "\(compiler): \(result.errors)")
            #expect(result.output.hasPrefix("2 6 1\n2 2 2 4 20 1\n"), "\(compiler): \(result.output)")
            try session.output("modunload", "user", "chosen")
        }
    }

    /// The path of the C++ library for i386; nil where there is none.
    private static let library: String? = {
        let path = try? Tool.output("g++", ["-m32", "-print-file-name=libstdc++.a"]).filter { $0 != "\n" }
        return path.flatMap { $0.hasPrefix("/") ? $0 : nil }
    }()

    @Test(
        "a module with libstdc++.a prints, throws, matches, starts threads; its statics end when it is unloaded",
        .enabled(if: library != nil, "no C++ library for i386: install g++-multilib"),
        arguments: [["-O2"], ["-O0", "-fPIC"]])
    func cxx(_ options: [String]) throws {
        let session = try Session()
        try session.compile("all.o", CxxTests.everything, ["-m32"] + options, language: .cxx)
        let result = try session.run("modload", ["--name", "all", "all.o", try #require(Self.library)])
        #expect(result.errors == "")
        #expect(result.output.hasPrefix(CxxTests.said), "\(result.output)")
        try expect(session.run("modunload", "all"), .done("ended local\nended second\nended first\n"))
    }

    @Test(
        "an exception of one module is caught in another, and destructors of thread_local variables run",
        .enabled(if: library != nil, "no C++ library for i386: install g++-multilib"))
    func exceptions() throws {
        let session = try Session()
        let library = try #require(Self.library)
        let result = try session.run("modload", ["--whole-archive", library])
        #expect(result.status == .exited(0), "\(result.errors)")
        try session.compile(
            "thrower.o",
            "#include <stdexcept>\nvoid fail(int n) { throw std::out_of_range(\"sallad \" + std::to_string(n)); }",
            ["-m32", "-O2"], language: .cxx)
        try session.compile(
            "catcher.o",
            """
            #include <cstdio>
            #include <stdexcept>
            #include <thread>
            void fail(int);
            struct Tomat { int n; Tomat(int n) : n(n) {} ~Tomat() { std::printf("destroyed %d\\n", n); std::fflush(stdout); } };
            static thread_local Tomat tomat(5);
            extern "C" int init_module() {
                try { fail(3); } catch (const std::logic_error &error) { std::printf("%s %d\\n", error.what(), tomat.n); }
                std::thread thread([] { tomat.n++; });
                thread.join();
                return 0;
            }
            """, ["-m32", "-O2"], language: .cxx)
        try session.output("modload", "thrower.o")
        #expect(try session.output("modload", "catcher.o").hasPrefix("sallad 3 5\ndestroyed 6\n"))
        try expect(session.run("modunload", "catcher"), .done("destroyed 5\n"))
        try expect(session.run("modunload", "thrower", "libstdc++"), .done())
    }
}
