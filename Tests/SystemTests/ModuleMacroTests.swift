import Posix
import TestSupport
import Testing

/// Modules that NetBSD's MODULE() makes, and those of modlink/module.h, which is made of it.
@Suite struct ModuleMacroTests {
    @Test(
        "hello, world: loaded, asked for its state, unloaded; for each compiler and machine",
        arguments: Examples.variants)
    func hello(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("module/hello.c", variant)
        try expect(session.run("modload", "hello.o"), .done("Hello!\nModule loaded as ID 1\n"))
        #expect(try session.row("hello") == "misc - running 0")
        #expect(try session.runtimeText("console").hasSuffix("Status.\n"))
        try expect(session.run("modunload", "hello"), .done("Bye!\n"))
    }

    @Test(
        "a required module has to be there, by its own name or that of MODULE(), and is held",
        arguments: Examples.variants)
    func required(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("module/hello.c", variant)
        try session.compileExample("module/needy.c", variant)
        try expect(
            session.run("modload", "needy.o"),
            .failed(1, "modload: needy: requires module 'hello', which is neither loaded nor in the module path\n"))
        for name in ["hello", "other"] {
            try session.output("modload", "--name", name, "hello.o")
            try expect(
                session.run("modload", "needy.o"), .done("hold 0 2\nModule loaded as ID \(name == "hello" ? 2 : 4)\n"))
            try expect(
                session.run("modunload", name),
                .failed(1, "modunload: \(name): in use by needy, which requires it (EBUSY)\n"))
            try session.output("modunload", "needy")
            try session.output("modunload", name)
        }
    }

    @Test("a module of another release is refused, and loaded with -f") func otherRelease() throws {
        let session = try Session()
        try session.compile(
            "old.o",
            """
            #include <sys/param.h>
            #undef __NetBSD_Version__
            #define __NetBSD_Version__ 999000000
            #include <sys/module.h>
            MODULE(MODULE_CLASS_MISC, old, NULL);
            static int old_modcmd(modcmd_t command, void *arg __unused) { return command > MODULE_CMD_FINI ? ENOTTY : 0; }
            """, ["-O2", "-I", Examples.headers])
        let refusal = "made for version 999000000 of NetBSD's interface, not 500000000"
        #expect(try session.run("modload", "old.o").errors.contains(refusal))
        try session.output("modload", "-f", "old.o")
        #expect(try session.row("old") == "misc - running 0")
    }

    @Test("modules that are loaded together may require each other") func together() throws {
        let session = try Session()
        try session.compileExample("module/hello.c")
        try session.compileExample("module/needy.c")
        try session.output("modload", "hello.o", "needy.o")
        try expect(
            session.run("modunload", "hello"),
            .failed(1, "modunload: hello: in use by needy, which requires it (EBUSY)\n"))
        try expect(session.run("modunload", "hello", "needy"), .done("Bye!\n"))
    }

    @Test(
        "module_hold keeps a module, until module_rele lets go; not more often than it was held",
        arguments: Examples.variants)
    func hold(variant: Examples.Variant) throws {
        let session = try Session()
        for name in ["hello", "needy", "releaser"] { try session.compileExample("module/\(name).c", variant) }
        try session.output("modload", "hello.o")
        try session.output("modload", "needy.o", "holds=1")
        try session.output("modunload", "needy")
        try expect(
            session.run("modunload", "hello"), .failed(1, "modunload: hello: in use: its use count is 1 (EBUSY)\n"))
        #expect(try session.row("hello") == "misc - running 1")
        try session.output("modload", "releaser.o")
        #expect(try session.row("hello") == "misc - running 0")
        try expect(session.run("modunload", "hello"), .done("Bye!\n"))
    }

    @Test("an INIT that fails undoes the load; a FINI that refuses keeps the module") func refusals() throws {
        let session = try Session()
        try session.compileExample("module/stubborn.c")
        try expect(
            session.run("modload", "stubborn.o", "init_error=5"),
            .failed(1, "modload: stubborn: stubborn_modcmd(INIT) returned 5 (EIO); everything is undone\n"))
        try session.output("modload", "stubborn.o")
        try expect(
            session.run("modunload", "stubborn"),
            .failed(1, "modunload: stubborn: refuses to be unloaded: stubborn_modcmd(FINI) returned 16 (EBUSY)\n"))
        try session.output("modunload", "stubborn")
    }

    @Test("a module that is to go when nobody uses it is asked, and may stay; not to know the question is no objection")
    func autounload() throws {
        let session = try Session()
        try session.compileExample("module/stubborn.c")
        try session.compile("user.o", "int used(void); int init_module(void) { return used() - 1; }")
        try session.output("modload", "-k", "stubborn.o", "fini_error=0")
        try session.output("modload", "user.o")
        try session.output("modunload", "user")
        for wanted in [["stubborn"], []] {
            try session.output("modunload", "-a")
            #expect(try session.names() == wanted)
        }
        #expect(try session.runtimeText("console").contains("stubborn: asked\n"))
    }

    @Test(
        "a module of modlink/module.h, in C and C++: starts, exports what it lists, stops", arguments: Examples.variants
    )
    func own(variant: Examples.Variant) throws {
        for file in ["modlink/hello.c", "modlink/hello.cc"] {
            let session = try Session()
            try session.compileExample(file, variant)
            try session.compile(
                "user.o", "extern int slices; int init_module(void) { return slices - 5; }", variant.machine)
            try session.compile("nosy.o", "extern int own; int init_module(void) { return own; }", variant.machine)
            try expect(session.run("modload", "hello.o", "slices=5"), .done("gurka: 5 slices\nModule loaded as ID 1\n"))
            try session.output("modload", "user.o")
            #expect(try session.run("modload", "nosy.o").errors.contains("undefined symbol 'own'"))
            try session.output("modunload", "user")
            try expect(session.run("modunload", "hello"), .done("gurka: gone\n"))
            let texts = try Tool.output("readelf", ["-p", ".modinfo", session.path + "/hello.o"])
            #expect(texts.contains("license=MIT"))
        }
    }
}

extension Examples.Variant {
    /// The options that choose the machine.
    var machine: [String] { ["-O2"] + (isI386 ? ["-m32"] : []) }
}
