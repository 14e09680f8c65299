import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

/// Crashes of threads that modules made, while modules are called.
@Suite struct ThreadCrashTests {
    /// Longer than any of it takes: a call that is ended by its deadline is one that nobody has ended.
    private static let timeout = "300"

    /// A thread that crashes in `peel`, and a wait for it that has no end. `waits(joins)` ends when the thread does.
    private static let start = """
        #include <pthread.h>
        #include <unistd.h>
        static pthread_t thread;
        __attribute__((noinline)) static void peel(void) { *(volatile int *)8 = 1; }
        static void *work(void *unused) { peel(); return unused; }
        static int waits(int joins) {
            pthread_create(&thread, 0, work, 0);
            if (joins) return pthread_join(thread, 0);
            for (;;) pause();
        }

        """

    private func check(_ result: ToolResult, _ tool: String, _ function: String, module: String = "gurka") {
        #expect(result.status == .exited(1) && result.output.isEmpty, "\(result)")
        let line = result.firstError
        #expect(line.hasPrefix("\(tool): \(module): \(function): thread "), "\(line)")
        #expect(line.contains(": SIGSEGV at 0x8 in gurka:peel+0x"), "\(line)")
    }

    @Test(
        "a thread's crash while init or a constructor waits is told at once, and the load is undone",
        arguments: [
            ("init_module", "int init_module(void) { return waits(0); }"),
            ("init_module", "int init_module(void) { return waits(1); }"),
            ("constructor", "__attribute__((constructor)) static void begin(void) { waits(0); }"),
            (
                "resolver",
                "static int one(void) { return 1; }\n"
                    + "static void *resolve(void) { waits(0); return one; }\n"
                    + "int choose(void) __attribute__((ifunc(\"resolve\")));\n"
                    + "int init_module(void) { return choose(); }"
            ),
        ])
    func loading(function: String, body: String) throws {
        let session = try Session()
        try session.compile("gurka.o", Self.start + body, ["-O1"])
        try session.compile("other.o", Sources.quiet("other"))
        try session.output("modload", "other.o")
        let space = try session.space()
        check(try session.run("modload", "--timeout", Self.timeout, "gurka.o"), "modload", function)
        #expect(try session.names() == ["other"])
        #expect(try session.space() == space)
        let crashes = try session.output("modstat", "--crashes")
        #expect(crashes.contains("SIGSEGV at 0x8") && crashes.contains("gurka:peel+0x"), "\(crashes)")
        #expect(crashes.split(separator: "\n").count == 2, "\(crashes)")
    }

    @Test("for a module of i386 too")
    func i386() throws {
        guard Compiler.makesI386Programs else { return print("skipped: \(Compiler.noI386Programs)") }
        let session = try Session()
        try session.compile("gurka.o", Self.start + "int init_module(void) { return waits(0); }", ["-O1", "-m32"])
        check(try session.run("modload", "--timeout", Self.timeout, "gurka.o"), "modload", "init_module")
        #expect(try session.names() == [])
    }

    @Test("while cleanup waits: the module stays as one that has faulted", arguments: [0, 1])
    func cleanup(joins: Int) throws {
        let session = try Session()
        try session.compile(
            "gurka.o",
            Self.start + "int init_module(void) { return 0; }\nvoid cleanup_module(void) { waits(\(joins)); }", ["-O1"])
        try session.output("modload", "--timeout", Self.timeout, "gurka.o")
        check(try session.run("modunload", "gurka"), "modunload", "cleanup_module")
        #expect(try session.output("modstat").contains(" gurka  faulted "))
        try expect(session.run("modunload", "-f", "gurka"), .done())
    }

    @Test("while a system call of the module waits")
    func systemCall() throws {
        let session = try Session()
        try session.compile(
            "gurka.o",
            Self.start + """
                #include <sys/param.h>
                #include <sys/systm.h>
                #include <sys/lkm.h>
                static int slice(struct lwp *l, const void *v, register_t *result) { return waits(0); }
                static struct sysent entry = {0, 0, 0, slice};
                MOD_SYSCALL("gurka", 210, &entry);
                int gurka_lkmentry(struct lkm_table *t, int c, int v) { DISPATCH(t, c, v, lkm_nofunc, lkm_nofunc, lkm_nofunc) }
                """, ["-O1", ModuleHeaders.option])
        try session.output("modload", "--timeout", Self.timeout, "gurka.o")
        var client = try DaemonConnection.open(RuntimeDirectory(path: session.runtime), starts: false)
        let error = #expect(throws: VarlinkError.self) {
            _ = try client.call(SystemCallMethod.self, SystemCallMethod.Parameters(number: 210))
        }
        let line = error.map { Failure($0) }?.problems.first?.description ?? ""
        #expect(line.hasPrefix("gurka: system call 210: thread "), "\(line)")
        #expect(line.hasSuffix(" in gurka:peel+0x0"), "\(line)")
    }

    @Test("a thread of another module that crashes meanwhile does not harm the call")
    func other() throws {
        let session = try Session()
        // Its thread crashes when the other module's init says so; that goes on when the crash is known.
        try session.compile(
            "tomat.o",
            """
            #include <pthread.h>
            #include <unistd.h>
            volatile int go;
            pthread_t tomat_thread;
            static void *work(void *unused) { while (!go) usleep(1000); *(volatile int *)8 = 1; return unused; }
            int init_module(void) { return pthread_create(&tomat_thread, 0, work, 0); }
            """)
        try session.compile(
            "gurka.o",
            "#include <pthread.h>\nextern volatile int go;\nextern pthread_t tomat_thread;\n"
                + "int init_module(void) { go = 1; return pthread_join(tomat_thread, 0); }")
        try session.output("modload", "tomat.o")
        try expect(
            session.run("modload", "--timeout", Self.timeout, "gurka.o"), .done("Module loaded as ID 2\n"))
        let states = try session.output("modstat")
        #expect(states.contains(" tomat  faulted ") && states.contains(" gurka  running "), "\(states)")
    }

    @Test("a thread that calls exit while init waits for it is told of too")
    func exit() throws {
        let session = try Session()
        try session.compile(
            "gurka.o",
            """
            #include <pthread.h>
            #include <stdlib.h>
            #include <unistd.h>
            static void *work(void *unused) { exit(3); }
            int init_module(void) { pthread_t t; pthread_create(&t, 0, work, 0); for (;;) pause(); }
            """)
        let result = try session.run("modload", "--timeout", Self.timeout, "gurka.o")
        #expect(result.firstError.hasPrefix("modload: gurka: init_module: thread "), "\(result)")
        #expect(result.firstError.contains(": called exit(3) in gurka:work+0x"), "\(result)")
    }

    @Test("while a function of a device waits: its client gets EIO, and the console says why")
    func device() throws {
        let session = try Session()
        try session.compile(
            "gurka.o",
            """
            #include <linux/fs.h>
            #include <linux/module.h>
            \(Self.start)
            static ssize_t reads(struct file *f, char *b, size_t n, loff_t *p) { return waits(0); }
            static struct file_operations device = {.read = reads};
            int init_module(void) { return register_chrdev(60, "gurka", &device); }
            void cleanup_module(void) { unregister_chrdev(60, "gurka"); }
            """, ["-O1", ModuleHeaders.option])
        try session.output("modload", "gurka.o")
        let device = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "gurka"))
        #expect(try device.ask(.read(1)) == DeviceReply(error: ErrorCode.inputOutput))
        let console = try session.output("modstat", "--console")
        #expect(console.contains("modlinkd: gurka: read of device 60,0: thread "), "\(console)")
        #expect(try session.output("modstat").contains(" gurka  faulted "))
    }
}
