import Glibc
import Posix
import TestSupport
import Testing

/// Modules with functions that are chosen when they are loaded.
@Suite struct IndirectFunctionTests {
    /// Prints `2 2 2 4 20 1`.
    static let source = """
        #include <stdio.h>
        static int one(void) { return 1; }
        static int two(void) { return 2; }
        static void *choose(void) { __builtin_cpu_init(); return __builtin_cpu_supports("sse2") ? two : one; }
        int pick(void) __attribute__((ifunc("choose")));
        static int own(void) __attribute__((ifunc("choose")));
        __attribute__((target_clones("default", "avx2", "sse4.2"))) int sum(int *p, int n)
        { int s = 0; for (int i = 0; i < n; i++) s += p[i] * i; return s; }
        static int (*const pointer)(void) = own;
        int (*volatile variable)(void) = pick;
        static int early;
        __attribute__((constructor(101))) static void start(void) { early = pick(); }
        int init_module(void)
        {
            int numbers[4] = { 1, 2, 3, 4 };
            printf("%d %d %d %d %d %d\\n", early, pick(), own(), pointer() + variable(), sum(numbers, 4),
                (void *)variable == (void *)pick);
            return 0;
        }
        """

    /// Prints `2 6 1`.
    static let user = """
        #include <stdio.h>
        int pick(void);
        #ifdef __clang__
        int sum(int *, int) __asm__("sum.ifunc");
        #else
        int sum(int *, int);
        #endif
        extern int (*volatile variable)(void);
        int init_module(void)
        {
            int numbers[2] = { 5, 6 };
            printf("%d %d %d\\n", pick(), sum(numbers, 2), variable == pick);
            return 0;
        }
        """

    @Test(
        "ifunc and target_clones of both compilers choose in the module, and other modules call what was chosen",
        arguments: ["-fno-pie", "-fPIC", "-mcmodel=large"])
    func chosen(_ option: String) throws {
        let session = try Session()
        for compiler in Compiler.available {
            try session.write("chosen.o", try compiler.object(Self.source, ["-O2", option]))
            try session.write("user.o", try compiler.object(Self.user, ["-O2", option]))
            // In one transaction, and one after the other.
            let result = try session.run("modload", "user.o", "chosen.o")
            #expect(result.status == .exited(0), "\(compiler): \(result.errors)")
            #expect(result.output.hasPrefix("2 6 1\n2 2 2 4 20 1\n"), "\(compiler): \(result.output)")
            try session.output("modunload", "user", "chosen")
            #expect(try session.output("modload", "chosen.o").hasPrefix("2 2 2 4 20 1\n"))
            #expect(try session.output("modload", "user.o").hasPrefix("2 6 1\n"))
            #expect(try session.output("ksyms", "pick").hasSuffix(" T pick\t[chosen]\n"))
            try session.output("modunload", "user", "chosen")
        }
    }

    @Test("what was chosen stands in constant memory") func constant() throws {
        let session = try Session()
        try session.compile("chosen.o", Self.source)
        try session.output("modload", "chosen.o")
        let image = session.runtime + "/images/chosen"
        let line = try #require(
            Tool.output("readelf", ["-SW", image]).split(separator: "\n").first { $0.contains(" .igot ") })
        let fields = line.split(separator: " ")
        let name = try #require(fields.firstIndex(of: ".igot"))
        let address = try #require(UInt64(fields[name + 2], radix: 16))
        let maps = String(
            decoding: try File.read(path: "/proc/\(try session.space())/maps", limit: 1 << 20), as: UTF8.self)
        let mapping = try #require(
            maps.split(separator: "\n").first { line in
                let ends = line.prefix { $0 != " " }.split(separator: "-").compactMap { UInt64($0, radix: 16) }
                return ends.count == 2 && (ends[0]..<ends[1]).contains(address)
            })
        #expect(mapping.contains(" r--p "), "\(mapping)")
    }

    @Test("a resolver that crashes, or chooses nothing, is told, and the load is undone") func failing() throws {
        let session = try Session()
        let text = { (body: String) in
            "#include <stdio.h>\nint *volatile nothing;\nstatic void *choose(void) { \(body) }\n"
                + "int bad(void) __attribute__((ifunc(\"choose\")));\n"
                + "__attribute__((constructor)) static void start(void) { puts(\"constructor\"); }\n"
                + "__attribute__((destructor)) static void end(void) { puts(\"destructor\"); }\n"
        }
        try session.compile("crash.o", text("return (void *)(long)*nothing;"), ["-O1"])
        let result = try session.run("modload", "crash.o")
        #expect(result.status == .exited(1) && result.output == "")
        #expect(
            result.errors.hasPrefix("modload: crash: resolver of 'bad': SIGSEGV at 0x0 in crash:choose+0x"), "\(result)"
        )
        try session.compile("none.o", text("return 0;"))
        try expect(
            session.run("modload", "none.o"), .failed(1, "modload: none: resolver of 'bad': chose no function\n"))
        #expect(try session.names().isEmpty)
        try session.compile("gurka.o", Sources.gurka)
        try expect(session.run("modload", "gurka.o"), .done("gurka: hello\nModule loaded as ID 3\n"))
    }

    @Test("a resolver that does not return is ended when the one who asked goes") func hanging() throws {
        let session = try Session()
        try session.compile(
            "hang.o", "static void *choose(void) { for (;;) ; } int bad(void) __attribute__((ifunc(\"choose\")));")
        let tool = try session.start("modload", ["hang.o"])
        #expect(try eventually { try session.output("modstat").contains("loading") })
        try tool.process.signal(SIGINT)
        #expect(try tool.wait().status == .signaled(SIGINT))
        #expect(try eventually { try !session.output("modstat").contains("loading") })
        let log = try session.runtimeText("log")
        #expect(log.contains("load failed: hang: resolver of 'bad': interrupted in hang:choose+0x"), "\(log)")
        #expect(try session.names().isEmpty)
    }
}
