import TestSupport
import Testing

/// What programs made by ld do, modules do too.
@Suite struct OtherLinkersTests {
    private static let exceptions = """
        #include <cstdio>
        void never1() { __builtin_unreachable(); }
        __attribute__((noinline)) void thrower(int x) { if (x) throw x; }
        void never2() { __builtin_unreachable(); }
        __attribute__((noinline)) int catcher() { try { thrower(7); } catch (int e) { return e; } return 0; }
        void never3() { __builtin_unreachable(); }
        extern "C" int init_module() { printf("caught %d\\n", catcher()); return 0; }
        """

    @Test(
        "exceptions pass by functions without any bytes and by words that end the frames of one object",
        arguments: Compiler.available)
    func exceptions(_ compiler: Compiler) throws {
        let session = try Session()
        try session.write("one.o", compiler.object(Self.exceptions, ["-O2"], language: .cxx))
        try session.compile("end.o", ".section .eh_frame,\"a\",@unwind\n.long 0\n", [], language: .assembly)
        let arguments = ["--name", "one", "end.o", "one.o", "end.o", try Compiler.library("libstdc++.a")]
        try expect(session.run("modload", arguments), .done("caught 7\nModule loaded as ID 1\n"))
    }

    @Test(
        "code with the stack protector, which i386 calls by a hidden name",
        .enabled(if: Compiler.makesI386Programs, "\(Compiler.noI386Programs)"))
    func stackProtector() throws {
        let session = try Session()
        try session.compile(
            "guarded.o",
            "int init_module(void) { char buffer[16]; __builtin_memset(buffer, 0, 16); return buffer[3]; }",
            ["-m32", "-O2", "-fPIC", "-fstack-protector-all"])
        #expect(try Tool.output("nm", [session.path + "/guarded.o"]).contains("__stack_chk_fail_local"))
        try expect(session.run("modload", "guarded.o"), .done("Module loaded as ID 1\n"))
    }

    @Test("two modules of a kernel's build, neither of which exports anything, are loaded together")
    func kernelModules() throws {
        let session = try Session()
        for name in ["gurka.ko", "tomat.ko"] {
            try session.compile(
                name,
                """
                int init_module(void) { return 0; }
                void cleanup_module(void) { }
                __attribute__((section(".gnu.linkonce.this_module"))) void *__this_module[64] = { init_module, cleanup_module };
                int id_table[4];
                extern int __mod_usb__id_table_device_table[4] __attribute__((alias("id_table")));
                """)
        }
        try expect(
            session.run("modload", "gurka.ko", "tomat.ko"), .done("Module loaded as ID 1\nModule loaded as ID 2\n"))
    }
}
