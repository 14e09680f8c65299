import CrashReport
import Posix
import TestSupport
import Testing

@testable import modreport

/// Calls and source lines, of crashes that happened.
@Suite struct TraceTests {
    private static let recursion = """
        static volatile int table[4];
        __attribute__((noinline)) int slice(volatile int *p, int n)
        {
            if (n > 0)
                return slice(p, n - 1) + table[n & 3];
            table[0] = 1;
            table[0] = *p + 2;
            return n;
        }
        int init_module(void)
        {
            return slice((int *)16, 2) + 1;
        }
        """

    private static let recursionTrace = [
        " gurka:slice (gurka.c:7)", " gurka:slice (gurka.c:5)", " gurka:slice (gurka.c:5)",
        " gurka:init_module (gurka.c:12)", " call_module", " start_thread",
    ]

    @Test(
        "each call has its source line, whatever compiler, optimization and amount of debug information",
        arguments: [
            (Compiler.gcc, ["-O2", "-g"]), (.gcc, ["-O0", "-g"]), (.gcc, ["-O1", "-g1"]),
            (.gcc, ["-O2", "-g", "-gdwarf-4"]),
            (.gcc, ["-O2", "-g", "-gz"]), (.gcc, ["-O2", "-g", "-ffunction-sections"]), (.clang, ["-O1", "-g"]),
            (.clang, ["-O0", "-g"]), (.clang, ["-O1", "-g1"]),
        ])
    func lines(compiler: Compiler, options: [String]) throws {
        let crash = try CrashFixture(
            [("gurka.c", Self.recursion)], options + ["-fno-optimize-sibling-calls"], compiler: compiler)
        #expect(crash.trace(6) == Self.recursionTrace)
    }

    @Test("on i386 too", .enabled(if: Compiler.makesI386Programs, Comment(rawValue: Compiler.noI386Programs)))
    func lines32() throws {
        for options in [["-O2", "-g"], ["-O0", "-g1"]] {
            let crash = try CrashFixture(
                [("gurka.c", Self.recursion)], options + ["-fno-optimize-sibling-calls"], machine: ["-m32"])
            #expect(crash.trace(6) == Self.recursionTrace)
            let lines = crash.lines()
            #expect(lines[0].hasPrefix("Oops: SIGSEGV at 0x10 (not mapped) in gurka:slice+0x"))
            #expect(lines[1].hasPrefix("In: crash 1, 2023-11-14 22:13:20 UTC, space 4711 (i386), thread "))
            #expect(lines.contains { $0.hasPrefix("EIP: gurka:slice+0x") && $0.hasSuffix(" (gurka.c:7)") })
            #expect(lines.contains { $0.hasPrefix("EAX: ") } && lines.contains { $0.hasPrefix("EFLAGS: ") })
        }
    }

    @Test("without debug information there are names and distances")
    func noDebugInformation() throws {
        let crash = try CrashFixture([("gurka.c", Self.recursion)], ["-O2", "-fno-optimize-sibling-calls"])
        #expect(crash.trace(6) == Self.recursionTrace.map { String($0.prefix { $0 != "(" }).trimmed })
    }

    @Test("inlined functions stand before those that they are part of, with the lines where they are called")
    func inlined() throws {
        let source = """
            static inline __attribute__((always_inline)) int peel(volatile int *p)
            {
                p[1]++;
                return p[0];
            }
            static inline __attribute__((always_inline)) int cut(volatile int *p)
            {
                int n = peel(p);
                return n * n;
            }
            __attribute__((noinline)) int slice(volatile int *p)
            {
                return cut(p) + 2;
            }
            int init_module(void)
            {
                return slice((int *)16) + 1;
            }
            """
        let expected = [
            " gurka:peel (gurka.c:3) [inlined]", " gurka:cut (gurka.c:8) [inlined]", " gurka:slice (gurka.c:13)",
            " gurka:init_module (gurka.c:17)",
        ]
        for (compiler, options) in [(Compiler.gcc, ["-O2", "-g"]), (.clang, ["-O1", "-g"]), (.gcc, ["-O2", "-g1"])] {
            let crash = try CrashFixture([("gurka.c", source)], options, compiler: compiler)
            #expect(crash.trace(4) == expected)
            let first = crash.lines()[0]
            #expect(
                CrashFixture.withoutDistances(first)
                    == "Oops: SIGSEGV at 0x14 (not mapped) in gurka:slice (gurka.c:3, inlined peel)")
        }
    }

    @Test("C++ names are told as they are written, also of what is inlined")
    func demangled() throws {
        let source = """
            namespace kitchen {
            template <class Fruit> struct Knife {
                __attribute__((always_inline)) inline Fruit cut(volatile Fruit *p) const
                {
                    return p[0] + 1;
                }
            };
            __attribute__((noinline)) int slice(volatile int *p, const Knife<int> &knife)
            {
                return knife.cut(p) + 2;
            }
            }
            extern "C" int init_module(void)
            {
                kitchen::Knife<int> knife;
                return kitchen::slice((int *)16, knife) + 1;
            }
            """
        for (options, inlined) in [(["-O2", "-g"], true), (["-O2"], false), (["-O2", "-gdwarf-2"], true)] {
            let crash = try CrashFixture([("gurka.cc", source)], options + ["-fno-ipa-cp", "-fno-ipa-sra"])
            let lines = crash.lines()
            let slice = "gurka:kitchen::slice(int volatile*, kitchen::Knife<int> const&)+0x"
            #expect(lines[0].contains(" in \(slice)"), "\(lines[0])")
            #expect(
                lines[0].hasSuffix(", inlined kitchen::Knife<int>::cut(int volatile*) const)") == inlined, "\(lines[0])"
            )
            #expect(
                lines.contains { $0.hasPrefix(" \(slice)") && $0.hasSuffix(inlined ? " (gurka.cc:10)" : "") },
                "\(lines)")
        }
    }

    @Test("a C++ name that has control characters, or says too much, does no harm")
    func hostileNames() throws {
        let closing = (0..<9).map { "ES\($0)_" }.joined()
        let large = "_Z1f1p" + String(repeating: "IS_", count: 10) + "Iii" + closing + "E"
        let crash = try CrashFixture(
            [
                ("gurka.c", "int slice(void);\nint init_module(void)\n{\n    return slice() + 1;\n}\n"),
                (
                    "knife.s",
                    ".globl slice\nslice: jmp \"\(large)\"\n.globl \"\(large)\"\n.type \"\(large)\", @function\n\"\(large)\": call \"_Z3a\u{1b}bv\"\nud2\n.globl \"_Z3a\u{1b}bv\"\n.type \"_Z3a\u{1b}bv\", @function\n\"_Z3a\u{1b}bv\": ud2\n.size \"_Z3a\u{1b}bv\", 2\n"
                ),
            ], [])
        let lines = crash.lines()
        #expect(lines[0].contains(" in gurka:a\\x1bb()+0x0/0x2"), "\(lines[0])")
        #expect(lines.contains { $0.contains("gurka:\(large)+0x") }, "\(lines)")
    }

    @Test(
        "the space's own functions have lines where its program has debug information, or a package has left it elsewhere"
    )
    func executable() throws {
        let folder = try ScratchDirectory()
        try folder.write(
            "a.c", Array("int twice(int n)\n{\n    return n * 2;\n}\nint main(void) { return twice(0); }\n".utf8))
        let program = folder.path + "/a"
        try Tool.output("env", ["-C", folder.path, "gcc", "-O0", "-g", "-static", "-no-pie", "a.c", "-o", "a"])
        try Tool.output("objcopy", ["--only-keep-debug", program, program + ".debug"])
        try Tool.output("objcopy", ["--strip-debug", program, program + ".stripped"])
        let symbol = try Tool.output("nm", [program]).split(separator: "\n").first { $0.hasSuffix(" twice") }
        let address = try #require(symbol.flatMap { UInt64($0.prefix(16), radix: 16) })
        for file in [program, program + ".debug"] {
            let object = try #require(DebugObject(executable: file))
            #expect(object.contains(address) && !object.contains(0x10))
            var frame = CrashReport.Frame(address)
            object.describe(address, in: &frame)
            #expect(frame.source == CrashReport.SourceLine("a.c", 2))
        }
        #expect(DebugObject(executable: program + ".stripped") == nil)
        #expect(DebugObject(executable: program + ".none") == nil && DebugObject(executable: "/dev/null") == nil)
    }

    @Test("where the debug information of a program is, its build ID says")
    func debugFile() {
        #expect(LinkedImages.debugFile("ab0c99") == "/usr/lib/debug/.build-id/ab/0c99.debug")
        for wrong in [nil, "", "ab", "AB0C", "ab/../0c", "ab0g"] { #expect(LinkedImages.debugFile(wrong) == nil) }
    }

    @Test("a module of several objects has lines of each")
    func severalObjects() throws {
        let crash = try CrashFixture(
            [
                ("gurka.c", "int slice(int *p);\nint init_module(void)\n{\n    return slice((int *)0) + 1;\n}\n"),
                ("knife.c", "int slice(volatile int *p)\n{\n    return *p + 1;\n}\n"),
            ])
        #expect(crash.trace(2) == [" gurka:slice (knife.c:3)", " gurka:init_module (gurka.c:4)"])
    }

    // MARK: Without tables

    @Test("without .eh_frame, .debug_frame serves")
    func debugFrame() throws {
        let crash = try CrashFixture(
            [("gurka.c", Self.recursion)],
            ["-O2", "-g", "-fno-asynchronous-unwind-tables", "-fno-optimize-sibling-calls"])
        #expect(crash.trace(6) == Self.recursionTrace)
    }

    @Test("without any tables, functions that keep a frame pointer are followed by it")
    func framePointer() throws {
        let crash = try CrashFixture(
            [("gurka.c", Self.recursion)],
            ["-O0", "-fno-asynchronous-unwind-tables"])
        #expect(crash.trace(6) == Self.recursionTrace.map { String($0.prefix { $0 != "(" }).trimmed })
    }

    @Test("without tables and frame pointer, calls that are found on the stack are marked as guesses")
    func guesses() throws {
        let crash = try CrashFixture(
            [("gurka.c", Self.recursion)],
            ["-O2", "-fno-asynchronous-unwind-tables", "-fomit-frame-pointer", "-fno-optimize-sibling-calls"])
        #expect(
            crash.trace(6) == [
                " gurka:slice", " ? gurka:slice", " ? gurka:slice", " ? gurka:init_module", " ? call_module",
                " start_thread",
            ])
    }

    @Test("a call of address 0 is told with who called it")
    func callOfNothing() throws {
        let crash = try CrashFixture(
            [("gurka.c", "int (*volatile f)(void);\nint init_module(void)\n{\n    return f() + 1;\n}\n")])
        #expect(crash.trace(3) == [" 0x0", " gurka:init_module (gurka.c:4)", " call_module"])
        #expect(crash.lines()[0] == "Oops: SIGSEGV at 0x0 (not mapped) in 0x0")
        #expect(crash.lines().contains("Code: cannot be read"))
    }

    @Test("assembler code without tables that has its return address on top of the stack")
    func assembler() throws {
        let crash = try CrashFixture(
            [
                ("gurka.c", "int slice(void);\nint init_module(void)\n{\n    return slice() + 1;\n}\n"),
                ("knife.s", ".globl slice\n.type slice, @function\nslice: ud2\n.size slice, 2\n"),
            ])
        #expect(crash.trace(3) == [" gurka:slice (knife.s:3)", " gurka:init_module (gurka.c:4)", " call_module"])
        #expect(crash.lines()[0] == "Oops: SIGILL (illegal operand) in gurka:slice+0x0/0x2 (knife.s:3)")
    }

    @Test("a stack overflow is told as one, with the innermost and the outermost calls")
    func stackOverflow() throws {
        let source = """
            __attribute__((noinline)) int deep(volatile int *p)
            {
                volatile int own[100] = {*p};
                return deep(own) + own[1];
            }
            int init_module(void)
            {
                int zero = 0;
                return deep(&zero) + 1;
            }
            """
        let crash = try CrashFixture([("gurka.c", source)], ["-O1", "-g"])
        let lines = crash.lines()
        #expect(lines[0].hasPrefix("Oops: stack overflow: SIGSEGV at 0x"))
        let trace = crash.trace(33)
        #expect(trace[0].hasPrefix(" gurka:deep (gurka.c:"))
        #expect(trace[1...15].allSatisfy { $0 == " gurka:deep (gurka.c:4)" })
        let count: Int? = trace[16].split(separator: " ").dropFirst().first.flatMap { Int($0) }
        #expect(trace[16] == " ... \(count ?? 0) frames left out" && count.map { $0 > 10_000 } == true, "\(trace[16])")
        #expect(trace[17...26].allSatisfy { $0 == " gurka:deep (gurka.c:4)" })
        #expect(trace.contains(" gurka:init_module (gurka.c:9)"))
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = self[...]
        while text.last == " " { text = text.dropLast() }
        return String(text)
    }
}
