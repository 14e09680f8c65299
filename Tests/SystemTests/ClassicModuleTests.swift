import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

/// LKMs as NetBSD had them: the events of an entry function, the tables that modules register in.
@Suite struct ClassicModuleTests {
    @Test(
        "hello, world: loaded, asked for its state, unloaded; for each compiler and machine",
        arguments: Examples.variants)
    func hello(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("lkm/hello.c", variant)
        try expect(session.run("modload", "hello.o"), .done("hello: loaded as 1, version 1\nModule loaded as ID 1\n"))
        let classic = try session.output("modstat", "--classic").split(separator: "\n").last ?? ""
        #expect(classic.hasPrefix("MISC      1   0 10000000 "), "\(classic)")
        #expect(classic.hasSuffix("   1 hello"), "\(classic)")
        #expect(try session.runtimeText("console").hasSuffix("hello: still here\n"))
        try expect(session.run("modunload", "hello"), .done("hello: goodbye\n"))
    }

    @Test("two modules of one name of their own are not loaded together, whatever their files are called")
    func sameName() throws {
        let session = try Session()
        try session.compileExample("lkm/hello.c")
        try session.output("modload", "hello.o")
        try expect(
            session.run("modload", "-e", "hello_lkmentry", "--name", "other", "hello.o"),
            .failed(1, "modload: other: hello_lkmentry returned 17 (EEXIST); everything is undone\n"))
        // It is told apart from itself.
        try session.output("modunload", "hello")
        try session.output("modload", "-e", "hello_lkmentry", "--name", "other", "hello.o")
    }

    @Test(
        "a module is known by the name in its MOD_ macro: to modstat, modunload, ksyms and the next of that name",
        arguments: Examples.variants)
    func name(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("lkm/hello.c", to: "combined.o", variant)
        try session.output("modload", "-e", "hello_lkmentry", "combined.o")
        #expect(try session.output("modstat", "--classic").hasSuffix("   1 hello\n"))
        #expect(try session.row("hello") == "MISC - running 0")
        #expect(try session.output("ksyms", "-m", "--space", variant.isI386 ? "i386" : "x86-64").contains("[hello]"))
        try expect(
            session.run("modload", "-e", "hello_lkmentry", "combined.o"),
            .failed(
                1,
                "modload: hello: a module of that name is already loaded (EEXIST); 'modunload hello' takes it out, --name gives this one another\n"
            ))
        try expect(session.run("modunload", "-n", "hello"), .done("hello: goodbye\n"))
        // That of the file is one too.
        try session.output("modload", "-e", "hello_lkmentry", "combined.o")
        try session.output("modunload", "combined")
        // What --name says goes before.
        try session.output("modload", "--name", "other", "-e", "hello_lkmentry", "combined.o")
        try expect(session.run("modunload", "-n", "other"), .done("hello: goodbye\n"))
    }

    @Test(
        "a name in a MOD_ macro that no module can have leaves that of the file", arguments: ["a/b", "", ".x", "a b"])
    func unusableName(name: String) throws {
        let session = try Session()
        try session.compile(
            "plain.o",
            """
            #include <sys/param.h>
            #include <sys/lkm.h>
            MOD_MISC("\(name)")
            int xxxinit(struct lkm_table *t, int c, int v) { DISPATCH(t, c, v, lkm_nofunc, lkm_nofunc, lkm_nofunc) }
            """, ["-O1", "-I", Examples.headers])
        try session.output("modload", "plain.o")
        #expect(try session.row("plain") == "MISC - running 0")
    }

    @Test(
        "a module that copies its sysent of before NetBSD 2 into the table has its system call",
        arguments: Examples.variants)
    func copiedCall(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("lkm/patcher.c", variant, ["-Wno-missing-field-initializers"])
        try session.compileExample("lkm/caller.c", variant)
        try session.output("modload", "-e", "patcher", "patcher.o")
        #expect(try session.row("patcher") == "MISC 210 running 0")
        var client = try session.client()
        let call = SystemCallMethod.Parameters(number: 210, space: variant.isI386 ? "i386" : "x86-64")
        #expect(try client.call(SystemCallMethod.self, call).reply.values == [77, 0])
        // Others call it by the table, too.
        try expect(
            session.run("modload", "caller.o"),
            .done("call 210: 0 arguments, error 0, result 77\nModule loaded as ID 2\n"))
        try session.output("modunload", "patcher")
        #expect(try client.call(SystemCallMethod.self, call).reply.error == 38)
    }

    @Test(
        "an entry function is called with command, version and a table that is filled in", arguments: Examples.variants)
    func order(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("lkm/order.c", variant)
        let known = "id 1 refcnt 0 entry 1 private"
        let place = "area 1 size 0 offset 1 syms 0\n"
        try expect(
            session.run("modload", "order.o"), .done("1 1: \(known) 0 \(place)Module loaded as ID 1\n"))
        try session.output("modstat")
        #expect(try session.runtimeText("console").hasSuffix("3 1: \(known) 1 \(place)"))
        try expect(session.run("modunload", "order"), .done("2 1: \(known) 1 \(place)"))
    }

    @Test("a load that refuses is undone, and its name is free again") func refusesLoad() throws {
        let session = try Session()
        try session.compileExample("lkm/refusing.c")
        for _ in 1...2 {
            try expect(
                session.run("modload", "refusing.o", "refuse_load=1"),
                .failed(
                    1, "modload: refusing: refusing_lkmentry returned 6 (ENXIO); everything is undone\n",
                    output: "load 1 refusing\n"))
        }
        try session.output("modload", "refusing.o", "busy=0")
    }

    @Test("an unload that refuses leaves the module running; the next one is asked again") func refusesUnload() throws {
        let session = try Session()
        try session.compileExample("lkm/refusing.c")
        try expect(session.run("modload", "refusing.o"), .done("load 1 refusing\nModule loaded as ID 1\n"))
        try expect(
            session.run("modunload", "refusing"),
            .failed(
                1, "modunload: refusing: refuses to be unloaded: refusing_lkmentry returned 16 (EBUSY)\n",
                output: "unload 2 refusing\n"))
        try expect(session.run("modunload", "refusing"), .done("unload 2 refusing\n"))
    }

    @Test("a module that was made for another version of LKMs is refused") func version() throws {
        let session = try Session()
        // What the MOD_ macro has written is what counts.
        try session.compile(
            "old.o",
            """
            #include <sys/param.h>
            #include <sys/lkm.h>
            MOD_MISC("old")
            int xxxinit(struct lkm_table *t, int command, int version)
            {
                _module.lkm_modver = 9;
                DISPATCH(t, command, version, lkm_nofunc, lkm_nofunc, lkm_nofunc)
            }
            """, ["-O2", "-I", Examples.headers])
        try expect(
            session.run("modload", "old.o"),
            .failed(1, "modload: old: xxxinit returned 1075 (EPROGMISMATCH); everything is undone\n"))
    }

    @Test("a system call gets a slot, others call it there, and the slot is free again", arguments: Examples.variants)
    func call(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("lkm/call.c", variant)
        try session.compileExample("lkm/caller.c", variant)
        try expect(session.run("modload", "call.o"), .done("Module loaded as ID 1\n"))
        #expect(try session.row("call") == "SYSCALL 210 running 0")
        #expect(try session.output("modstat", "--json").contains("\"offset\" : 210,"))
        try expect(
            session.run("modload", "caller.o"),
            .done("call 210: 2 arguments, error 0, result 42\nModule loaded as ID 2\n"))
        try session.output("modunload", "caller", "call")
        try expect(
            session.run("modload", "caller.o"),
            .done("call 210: 0 arguments, error 38, result -1\nModule loaded as ID 3\n"))
    }

    @Test("a fixed slot of system calls gives back what was there, in whichever order its users go")
    func stackedCalls() throws {
        let session = try Session()
        try session.compileExample("lkm/oldcall.c", Examples.variants[0], ["-Wno-missing-field-initializers"])
        try session.compileExample("lkm/caller.c")
        func answer() throws -> String {
            let output = try session.output("modload", "caller.o", "slot=17")
            try session.output("modunload", "caller")
            return String(output.prefix { $0 != "\n" })
        }
        let text = """
            #include <sys/param.h>
            #include <sys/systm.h>
            #include <sys/lkm.h>
            static int call(struct proc *p, void *v, register_t *result) { *result = 99; return 0; }
            static struct sysent entry = { 0, 0, 0, call };
            MOD_SYSCALL("second", 17, &entry)
            int xxxinit(struct lkm_table *t, int c, int v) { DISPATCH(t, c, v, lkm_nofunc, lkm_nofunc, lkm_nofunc) }
            """
        try session.compile("second.o", text, ["-O2", "-I", Examples.headers])
        let (none, first, second) = (
            "call 17: 0 arguments, error 38, result -1", "call 17: 1 arguments, error 0, result 40",
            "call 17: 0 arguments, error 0, result 99"
        )
        for order in [["oldcall", "second"], ["second", "oldcall"]] {
            #expect(try answer() == none)
            try session.output("modload", "oldcall.o")
            #expect(try answer() == first)
            try session.output("modload", "second.o")
            #expect(try answer() == second)
            try session.output("modunload", order[0])
            #expect(try answer() == (order[0] == "oldcall" ? second : first))
            try session.output("modunload", order[1])
        }
        #expect(try answer() == none)
    }

    @Test("a slot beyond the table is refused, and so is one more than there are") func slotLimits() throws {
        let session = try Session()
        let text = """
            #include <sys/param.h>
            #include <sys/systm.h>
            #include <sys/lkm.h>
            static struct sysent entry = { 0, 0, 0, sys_nosys };
            MOD_SYSCALL(NAME, SLOT, &entry)
            int xxxinit(struct lkm_table *t, int c, int v) { DISPATCH(t, c, v, lkm_nofunc, lkm_nofunc, lkm_nofunc) }
            """
        func compile(_ name: String, slot: Int) throws {
            try session.compile(
                "\(name).o", text, ["-O1", "-I", Examples.headers, "-DNAME=\"\(name)\"", "-DSLOT=\(slot)"])
        }
        try compile("last", slot: 511)
        try compile("beyond", slot: 512)
        try compile("before", slot: -2)
        try session.output("modload", "last.o")
        for name in ["beyond", "before"] {
            try expect(
                session.run("modload", "\(name).o"),
                .failed(1, "modload: \(name): xxxinit returned 22 (EINVAL); everything is undone\n"))
        }
        // 210 to 510 are free.
        try session.compile(
            "filler.o",
            """
            #include <sys/param.h>
            #include <sys/systm.h>
            static int call(struct proc *p, void *v, register_t *result) { return 0; }
            int init_module(void) { for (int i = 210; i < 510; i++) sysent[i].sy_call = call; return 0; }
            """, ["-O1", "-I", Examples.headers])
        try session.output("modload", "filler.o")
        try compile("fits", slot: -1)
        try session.output("modload", "fits.o")
        #expect(try session.row("fits") == "SYSCALL 510 running 0")
        try compile("full", slot: -1)
        try expect(
            session.run("modload", "full.o"),
            .failed(1, "modload: full: xxxinit returned 23 (ENFILE); everything is undone\n"))
        // What a module leaves in a table goes with it.
        try session.output("modunload", "filler")
        try session.output("modload", "full.o")
        #expect(try session.row("full") == "SYSCALL 210 running 0")
    }

    @Test(
        "a device gets a major number, and others open, write, read, ioctl and close it there",
        arguments: Examples.variants)
    func device(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("lkm/device.c", variant)
        try session.compileExample("lkm/reader.c", variant)
        try session.output("modload", "device.o")
        #expect(try session.row("device") == "DEV 0 running 0")
        try expect(
            session.run("modload", "reader.o"),
            .done(
                """
                open 0 again 16
                error 0, 0 left, offset 5
                error 0, 5 left, offset 5
                ioctl 0 25 5
                gurka, close 0
                Module loaded as ID 2

                """))
        try session.output("modunload", "device")
        try session.output("modunload", "reader")
        try expect(
            session.run("modload", "reader.o"),
            .failed(1, "modload: reader: reader_lkmentry returned 6 (ENXIO); everything is undone\n"))
    }

    @Test("a device of the older form has the same; a major that is taken is refused") func oldDevice() throws {
        let session = try Session()
        let text = """
            #include <sys/param.h>
            #include <sys/conf.h>
            #include <sys/lkm.h>
            static struct cdevsw device = { nullopen, nullclose, noread, nowrite, noioctl, 0, 0, 0, 0, 0, 0, 0 };
            static struct bdevsw blocks = { 0, 0, 0, 0, 0, 0, 0 };
            MOD_DEV(NAME, KIND, MAJOR, FUNCTIONS)
            int xxxinit(struct lkm_table *t, int c, int v) { DISPATCH(t, c, v, lkm_nofunc, lkm_nofunc, lkm_nofunc) }
            """
        func load(_ name: String, _ major: Int, block: Bool = false) throws -> ToolResult {
            let kind =
                block ? ["-DKIND=LM_DT_BLOCK", "-DFUNCTIONS=&blocks"] : ["-DKIND=LM_DT_CHAR", "-DFUNCTIONS=&device"]
            try session.compile(
                "\(name).o", text,
                ["-O1", "-I", Examples.headers, "-DNAME=\"\(name)\"", "-DMAJOR=\(major)"] + kind)
            return try session.run("modload", "\(name).o")
        }
        try expect(load("one", 7), .done("Module loaded as ID 1\n"))
        try expect(load("taken", 7), .failed(1, "modload: taken: xxxinit returned 17 (EEXIST); everything is undone\n"))
        try expect(load("block", 7, block: true), .done("Module loaded as ID 3\n"))
        try expect(load("last", 511), .done("Module loaded as ID 4\n"))
        try expect(
            load("beyond", 512), .failed(1, "modload: beyond: xxxinit returned 22 (EINVAL); everything is undone\n"))
        try expect(load("any", -1), .done("Module loaded as ID 6\n"))
        let slots = try session.output("modstat").split(separator: "\n").dropFirst().map { line in
            line.split(separator: " ").prefix(4).joined(separator: " ")
        }
        #expect(slots == ["1 one DEV 7", "3 block DEV 7", "4 last DEV 511", "6 any DEV 0"])
    }

    @Test("a file system is registered, found by name, listed, and taken out", arguments: Examples.variants)
    func fileSystem(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("lkm/filesystem.c", variant)
        try expect(
            session.run("modload", "filesystem.o"), .done("gurkafs: init\nfound 1 1\nModule loaded as ID 1\n"))
        #expect(try session.row("filesystem") == "VFS 0 running 0")
        try expect(session.run("modunload", "filesystem"), .done("gurkafs: done\n"))
    }

    @Test("a file system that is mounted stays, and one of its name is refused") func mounted() throws {
        let session = try Session()
        let text = """
            #include <sys/param.h>
            #include <sys/mount.h>
            #include <sys/lkm.h>
            static struct vfsops system_ = { .vfs_name = "rotfs", .vfs_refcount = 1 };
            MOD_VFS(NAME, -1, &system_)
            static int unload(struct lkm_table *t, int c) { system_.vfs_refcount--; return 0; }
            int xxxinit(struct lkm_table *t, int c, int v) { DISPATCH(t, c, v, lkm_nofunc, UNLOAD, lkm_nofunc) }
            """
        for (name, unload) in [("one", "lkm_nofunc"), ("two", "unload")] {
            try session.compile(
                "\(name).o", text, ["-I", Examples.headers, "-DNAME=\"\(name)\"", "-DUNLOAD=\(unload)"])
        }
        try session.output("modload", "one.o")
        try expect(
            session.run("modunload", "one"),
            .failed(1, "modunload: one: refuses to be unloaded: xxxinit returned 16 (EBUSY)\n"))
        try expect(
            session.run("modload", "two.o"),
            .failed(1, "modload: two: xxxinit returned 17 (EEXIST); everything is undone\n"))
    }

    @Test(
        "a format of programs belongs to an emulation that is there, and that stays while it does",
        arguments: Examples.variants)
    func formats(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("lkm/emulation.c", variant)
        try session.compileExample("lkm/format.c", variant)
        try expect(
            session.run("modload", "format.o"),
            .failed(1, "modload: format: format_lkmentry returned 2 (ENOENT); everything is undone\n"))
        try session.output("modload", "emulation.o")
        try expect(session.run("modload", "format.o"), .done("emulation tomat\nModule loaded as ID 3\n"))
        #expect(try session.row("emulation") == "COMPAT 0 running 0" && session.row("format") == "EXEC 0 running 0")
        try expect(
            session.run("modunload", "emulation"),
            .failed(1, "modunload: emulation: refuses to be unloaded: emulation_lkmentry returned 16 (EBUSY)\n"))
        try session.output("modunload", "format")
        try session.output("modunload", "emulation")
    }

    @Test("what a module has registered that crashes while it is loaded is not there any more") func crash() throws {
        let session = try Session()
        try session.compile(
            "crash.o",
            """
            #include <sys/param.h>
            #include <sys/systm.h>
            #include <sys/conf.h>
            #include <sys/lkm.h>
            static int call(struct proc *p, void *v, register_t *result) { return 0; }
            static struct sysent entry = { 2, 8, 0, call };
            static const struct cdevsw device;
            int number = -1;
            MOD_SYSCALL("call", -1, &entry)
            static int load(struct lkm_table *t, int c) { devsw_attach("x", 0, 0, &device, &number); *(volatile int *)0 = number; return 0; }
            int xxxinit(struct lkm_table *t, int c, int v) { DISPATCH(t, c, v, load, lkm_nofunc, lkm_nofunc) }
            """, ["-O1", "-I", Examples.headers])
        let result = try session.run("modload", "crash.o")
        #expect(result.errors.hasPrefix("modload: call: xxxinit: SIGSEGV at 0x0 in call:"), "\(result.errors)")
        try session.compileExample("lkm/call.c")
        try session.compileExample("lkm/caller.c")
        try session.compileExample("lkm/reader.c")
        #expect(try session.output("modload", "caller.o").hasPrefix("call 210: 0 arguments, error 38, result -1\n"))
        #expect(try session.run("modload", "reader.o").errors.contains("returned 6 (ENXIO)"))
        // Its name is free, too.
        try session.output("modload", "call.o")
        #expect(try session.row("call") == "SYSCALL 210 running 0")
    }

    @Test("a module whose stat crashes is listed, and is not asked again") func crashingState() throws {
        let session = try Session()
        try session.compile(
            "sore.o",
            """
            #include <sys/param.h>
            #include <sys/systm.h>
            #include <sys/lkm.h>
            MOD_MISC("sore")
            static int state(struct lkm_table *t, int c) { puts("asked"); *(volatile int *)0 = 1; return 0; }
            int xxxinit(struct lkm_table *t, int c, int v) { DISPATCH(t, c, v, lkm_nofunc, lkm_nofunc, state) }
            """, ["-O1", "-w", "-include", "stdio.h", "-I", Examples.headers])
        try session.output("modload", "sore.o")
        for _ in 1...2 { #expect(try session.output("modstat").contains(" sore  MISC  ")) }
        let console = try session.runtimeText("console")
        #expect(console.components("asked\n") == 2, "\(console)")
        #expect(console.contains("it is not asked for its state again\n"), "\(console)")
        try session.output("modunload", "-f", "sore")
    }

    @Test("modstat does not wait for a module's init, and asks nobody meanwhile") func busy() throws {
        let session = try Session()
        try session.compileExample("lkm/hello.c")
        try session.output("modload", "hello.o")
        try session.compile("slow.o", Sources.initialize("puts(\"waiting\"); for (;;) ;"), ["-O1"])
        let load = try session.start("modload", ["slow.o"])
        #expect(try eventually { try session.runtimeText("console").contains("waiting") })
        #expect(try session.output("modstat").contains(" hello  MISC "))
        #expect(try !session.runtimeText("console").contains("still here"))
        try load.process.signal(2)
        _ = try load.wait()
    }
}

extension String {
    /// How many pieces it falls into.
    fileprivate func components(_ separator: String) -> Int {
        var count = 1
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
