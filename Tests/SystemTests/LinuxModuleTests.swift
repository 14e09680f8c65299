import Posix
import TestSupport
import Testing

/// Modules as Linux has them: init and cleanup, messages, use counts, lists of exports.
@Suite struct LinuxModuleTests {
    @Test("hello, world; for each compiler and machine", arguments: Examples.variants)
    func hello(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("linux/hello.c", variant)
        try expect(session.run("modload", "hello.o"), .done("Hello, world\nModule loaded as ID 1\n"))
        #expect(try session.output("modstat", "--json").contains("\"dialect\" : \"linux\""))
        try expect(session.run("modunload", "hello"), .done("Goodbye cruel world\n"))
    }

    @Test("module_init, module_exit, and messages of all levels", arguments: Examples.variants)
    func macros(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("linux/initexit.c", variant)
        try expect(
            session.run("modload", "initexit.o"),
            .done(
                """
                The process is "modspace", 1
                answer 42, 1 of 2
                one
                two
                <9>three four
                Module loaded as ID 1

                """))
        try expect(session.run("modunload", "initexit"), .done("stop\n"))
    }

    @Test(
        "a module that counts its users stays while it has any; its own init counts as one",
        arguments: Examples.variants)
    func useCount(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("linux/counted.c", variant)
        try session.compileExample("linux/releaser.c", variant)
        try expect(
            session.run("modload", "counted.o"),
            .done("in init: 1, in use 1\ncounted: 2, visited 1\nModule loaded as ID 1\n"))
        try expect(
            session.run("modunload", "counted"),
            .failed(1, "modunload: counted: in use: its use count is 1 (EBUSY)\n"))
        try session.output("modload", "releaser.o")
        try session.output("modunload", "releaser")
        try expect(session.run("modunload", "counted"), .done("cleanup: 0, in use 0\n"))
    }

    @Test("what a module lists is exported, and nothing else", arguments: Examples.variants)
    func exports(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("linux/provider.c", variant)
        try session.compileExample("linux/user.c", variant)
        try session.output("modload", "provider.o")
        try expect(session.run("modload", "user.o"), .done("7 42\nModule loaded as ID 2\n"))
        try expect(
            session.run("modunload", "provider"),
            .failed(1, "modunload: provider: in use by user, which refers to provide and provided (EBUSY)\n"))
        for name in ["keep", "kept"] {
            try session.compile(
                "nosy.o", "extern int \(name); int init_module(void) { return \(name); }", variant.machine)
            let errors = try session.run("modload", "nosy.o").errors
            #expect(errors.contains("undefined symbol '\(name)'"), "\(errors)")
        }
        try session.output("modunload", "user", "provider")
    }

    @Test("an empty list exports nothing") func silent() throws {
        let session = try Session()
        try session.compileExample("linux/silent.c")
        try session.output("modload", "silent.o")
        try session.compile("user.o", "int quiet(void); int init_module(void) { return quiet(); }")
        #expect(try session.run("modload", "user.o").errors.contains("undefined symbol 'quiet'"))
    }

    @Test("a long message is cut off as the kernel does it, and the next begins a line of its own") func longMessage()
        throws
    {
        let session = try Session()
        try session.compile(
            "long.o",
            """
            #include <linux/module.h>
            #include <linux/kernel.h>
            #include <string.h>
            int init_module(void)
            {
                static char text[2000];
                memset(text, 'x', sizeof text - 1);
                printk("<6>%d\\n", printk("<6>%s", text));
                return printk("\\0016" "short\\n") - 6;
            }
            """, ["-I", Examples.headers])
        try expect(
            session.run("modload", "long.o"),
            .done(String(repeating: "x", count: 1020) + "1020\nshort\nModule loaded as ID 1\n"))
    }

    @Test("panic ends the call with SIGABRT, and says why") func panic() throws {
        let session = try Session()
        try session.compile(
            "panics.o",
            "#include <linux/module.h>\n#include <linux/kernel.h>\nint init_module(void) { panic(\"no %s\", \"gurka\"); }",
            ["-I", Examples.headers])
        let result = try session.run("modload", "panics.o")
        #expect(result.output == "panic: no gurka\n")
        #expect(result.errors.hasPrefix("modload: panics: init_module: SIGABRT in "), "\(result.errors)")
    }
}
