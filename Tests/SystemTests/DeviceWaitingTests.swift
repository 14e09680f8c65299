import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

/// Devices that let their clients wait: nobody else waits with them.
@Suite struct DeviceWaitingTests {
    /// A pipe: a read waits for the next byte of a write; ioctl 1 is a fault, 2 waits for ever with all signals blocked, and an open
    /// with minor number 9 waits for a byte too.
    private static let functions = """
        #include <pthread.h>
        #include <signal.h>
        #include <stdio.h>
        #include <unistd.h>
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
        static char kept;
        static int is_full;
        static char take(const char *what)
        {
            fprintf(stderr, "pipe: %s waits\\n", what);
            pthread_mutex_lock(&lock);
            while (!is_full) pthread_cond_wait(&changed, &lock);
            is_full = 0;
            pthread_mutex_unlock(&lock);
            return kept;
        }
        static void give(char byte)
        {
            pthread_mutex_lock(&lock);
            kept = byte;
            is_full = 1;
            pthread_cond_broadcast(&changed);
            pthread_mutex_unlock(&lock);
        }
        static int control(unsigned long command)
        {
            sigset_t all;
            if (command == 1) *(volatile int *)16 = 1;
            sigfillset(&all);
            pthread_sigmask(SIG_SETMASK, &all, NULL);
            for (;;) pause();
        }
        int answer(void) { return 42; }

        """

    private static let classic =
        functions + """
            #include <sys/param.h>
            #include <sys/conf.h>
            #include <sys/uio.h>
            #include <sys/lkm.h>
            static int opens(dev_t d, int f, int m, struct lwp *l)
            { (void)f, (void)m, (void)l; if (minor(d) == 9) take("open"); return 0; }
            static int closes(dev_t d, int f, int m, struct lwp *l) { (void)d, (void)f, (void)m, (void)l; return 0; }
            static int reads(dev_t d, struct uio *u, int f)
            { (void)d, (void)f; char byte = take("read"); return uiomove(&byte, 1, u); }
            static int writes(dev_t d, struct uio *u, int f)
            { (void)d, (void)f; char byte; int error = uiomove(&byte, 1, u); give(byte); return error; }
            static int controls(dev_t d, u_long c, void *p, int f, struct lwp *l)
            { (void)d, (void)p, (void)f, (void)l; return control(c); }
            static const struct cdevsw device = {
                .d_open = opens, .d_close = closes, .d_read = reads, .d_write = writes, .d_ioctl = controls};
            MOD_DEV("pipe", "pipe", NULL, -1, &device, -1)
            int pipe_lkmentry(struct lkm_table *t, int command, int version)
            { DISPATCH(t, command, version, lkm_nofunc, lkm_nofunc, lkm_nofunc) }
            """

    private static let linux =
        functions + """
            #include <linux/module.h>
            #include <linux/fs.h>
            #include <asm/uaccess.h>
            static int opens(struct inode *i, struct file *f)
            { (void)f; if (MINOR(i->i_rdev) == 9) take("open"); return 0; }
            static ssize_t reads(struct file *f, char *b, size_t n, loff_t *p)
            { (void)f, (void)n, (void)p; char byte = take("read"); copy_to_user(b, &byte, 1); return 1; }
            static ssize_t writes(struct file *f, const char *b, size_t n, loff_t *p)
            { (void)f, (void)n, (void)p; char byte; copy_from_user(&byte, b, 1); give(byte); return 1; }
            static int controls(struct inode *i, struct file *f, unsigned int c, unsigned long a)
            { (void)i, (void)f, (void)a; return control(c); }
            static struct file_operations device = {.open = opens, .read = reads, .write = writes, .ioctl = controls};
            int init_module(void) { return register_chrdev(60, "pipe", &device); }
            void cleanup_module(void) { unregister_chrdev(60, "pipe"); }
            """

    private static func session(_ source: String, _ variant: Examples.Variant = Examples.variants[0]) throws -> Session
    {
        let session = try Session()
        try session.compileModule("pipe.o", source, variant)
        try session.output("modload", "pipe.o")
        return session
    }

    private func wait(in session: Session, for function: String, times: Int = 1) throws {
        #expect(
            try eventually {
                try session.runtimeText("console").split(separator: "\n").count { $0 == "pipe: \(function) waits" }
                    >= times
            })
    }

    private let process = "(process \(CurrentProcess.number) of user \(User.effective)"

    @Test(
        "while one client waits in a read, loads, calls and other clients go on; one of them lets it go on",
        arguments: [false, true], Examples.variants)
    func read(isLinux: Bool, variant: Examples.Variant) throws {
        let session = try Self.session(isLinux ? Self.linux : Self.classic, variant)
        let reader = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "pipe"))
        try reader.send(.read(1))
        try wait(in: session, for: "read")

        try session.compileModule("gurka.o", Sources.quiet("gurka_count"), variant)
        try expect(session.run("modload", "gurka.o"), .done("Module loaded as ID 2\n"))
        try expect(session.run("modunload", "gurka"), .done())
        let space = variant.isI386 ? "i386" : "x86-64"
        var client = try session.client()
        let call = CallMethod.Parameters(function: "answer", space: space)
        #expect(try client.call(CallMethod.self, call).reply.result == 42)
        let device = isLinux ? "60,0" : "0,0"
        try expect(
            session.run("modunload", "pipe"),
            .failed(1, "modunload: pipe: in use: its device \(device) \(process), in read) is open (EBUSY)\n"))

        let writer = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "pipe"))
        #expect(try writer.ask(.write([7])) == DeviceReply(result: 1))
        #expect(try reader.receiveReply() == DeviceReply(result: 1, data: [7]))
        #expect(try writer.ask(.close) == DeviceReply())
        #expect(try reader.ask(.close) == DeviceReply())
        try expect(session.run("modunload", "pipe"), .done())
    }

    @Test("so it is while one waits to be opened; its module is kept")
    func open() throws {
        let session = try Self.session(Self.classic)
        let opener = try session.startDevices("opening")
        try wait(in: session, for: "open")
        try session.compile("gurka.o", Sources.quiet("gurka_count"))
        try session.output("modload", "gurka.o")
        let refusal = try session.run("modunload", "pipe").errors
        #expect(
            refusal.hasPrefix("modunload: pipe: in use: its device 0,9 (process \(opener.process.process) of user "))
        #expect(refusal.hasSuffix(", in open) is open (EBUSY)\n"), "\(refusal)")
        // Who gives it up leaves nothing.
        try opener.process.signal(9)
        _ = try opener.wait()
        #expect(try eventually { try session.run("modunload", "pipe").status == .exited(0) })
        let console = try session.runtimeText("console")
        #expect(!console.contains("fault"), "\(console)")
    }

    @Test("a load that hangs meanwhile is ended by its own deadline, and the read goes on")
    func deadline() throws {
        let session = try Self.session(Self.classic)
        let reader = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "pipe"))
        try reader.send(.read(1))
        try wait(in: session, for: "read")
        try session.compile("hang.o", Sources.initialize("for (;;) ;"))
        let load = try session.run("modload", "--timeout", "1", "hang.o")
        #expect(load.errors.hasPrefix("modload: hang: init_module: hung: not back in time, in hang:init_module+0x"))
        let writer = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "pipe"))
        #expect(try writer.ask(.write([7])) == DeviceReply(result: 1))
        #expect(try reader.receiveReply() == DeviceReply(result: 1, data: [7]))
    }

    @Test("a module that faults for one client while others wait in it goes by force, and they are told")
    func force() throws {
        let session = try Self.session(Self.classic)
        let devices = try (0..<4).map { _ in
            try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "pipe"))
        }
        for device in devices[..<2] { try device.send(.read(1)) }
        try wait(in: session, for: "read", times: 2)
        try devices[2].send(.ioctl(2, []))
        #expect(try devices[3].ask(.ioctl(1, [])) == DeviceReply(error: ErrorCode.inputOutput))
        #expect(try session.output("modstat").contains(" faulted "))
        let space = try session.space()
        try expect(session.run("modunload", "-f", "pipe"), .done())
        for device in devices[..<3] {
            #expect(try device.receiveReply() == DeviceReply(error: ErrorCode.inputOutput))
            #expect(try device.ask(.read(1)) == DeviceReply(error: ErrorCode.noSuchDevice))
        }
        #expect(try session.space() == space)
        let text = try session.output("modstat", "--crash", "1")
        #expect(text.contains("\nRequest: ioctl of a device, for "), "\(text)")
    }

    @Test("functions that do not sleep are called one after the other: old drivers lock nothing")
    func turns() throws {
        let session = try Session()
        try session.compileModule(
            "counter.o",
            """
            #include <sys/param.h>
            #include <sys/conf.h>
            #include <sys/lkm.h>
            #include <time.h>
            static volatile int count;
            static int opens(dev_t d, int f, int m, struct lwp *l) { (void)d, (void)f, (void)m, (void)l; return 0; }
            static int closes(dev_t d, int f, int m, struct lwp *l) { (void)d, (void)f, (void)m, (void)l; return 0; }
            static int controls(dev_t d, u_long c, void *p, int f, struct lwp *l)
            {
                (void)d, (void)c, (void)f, (void)l;
                int before = count;
                struct timespec now, begin;
                clock_gettime(CLOCK_MONOTONIC, &begin);
                do clock_gettime(CLOCK_MONOTONIC, &now);
                while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec < 300000);
                count = before + 1;
                *(int *)p = count;
                return 0;
            }
            static const struct cdevsw device = {.d_open = opens, .d_close = closes, .d_ioctl = controls};
            MOD_DEV("counter", "counter", NULL, -1, &device, -1)
            int counter_lkmentry(struct lkm_table *t, int command, int version)
            { DISPATCH(t, command, version, lkm_nofunc, lkm_nofunc, lkm_nofunc) }
            """)
        try session.output("modload", "counter.o")
        let rounds = 50
        let devices = try (0..<3).map { _ in
            try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "counter"))
        }
        for _ in 0..<rounds {
            for device in devices { try device.send(.ioctl(0, [0, 0, 0, 0])) }
            for device in devices { #expect(try device.receiveReply()?.error == 0) }
        }
        let last = UInt8(rounds * devices.count + 1)
        #expect(try devices[0].ask(.ioctl(0, [0, 0, 0, 0])) == DeviceReply(data: [last, 0, 0, 0]))
    }

    @Test("thread-local variables of a device's thread are destroyed when the device is closed")
    func destructors() throws {
        let session = try Session()
        try session.compile(
            "local.o",
            """
            #include <sys/param.h>
            #include <sys/conf.h>
            #include <sys/lkm.h>
            #include <stdio.h>
            #include <unistd.h>
            struct Local { int number = 0; ~Local(); };
            /* Long enough to be seen by an unload that does not wait for it. */
            Local::~Local() { usleep(300000); printf("local: destroyed %d\\n", number); }
            static thread_local Local local;
            static int opens(dev_t, int, int, struct lwp *) { local.number++; return 0; }
            static int closes(dev_t, int, int, struct lwp *) { local.number++; return 0; }
            static struct cdevsw device = {opens, closes};
            MOD_DEV("local", "local", NULL, -1, &device, -1)
            extern "C" int local_lkmentry(struct lkm_table *t, int command, int version)
            { DISPATCH(t, command, version, lkm_nofunc, lkm_nofunc, lkm_nofunc) }
            """, ["-O2", "-fno-exceptions", "-I", Examples.headers], language: .cxx)
        try session.output("modload", "local.o")
        for _ in 0..<2 {
            let device = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "local"))
            #expect(try device.ask(.close) == DeviceReply())
        }
        try expect(session.run("modunload", "local"), .done())
        #expect(
            try session.runtimeText("console").contains(
                "local: destroyed 2\nlocal: destroyed 2\nmodlinkd: local unloaded"))
    }

    @Test("hundreds of devices can be open at once")
    func many() throws {
        let session = try Self.session(Self.classic)
        let devices = try (0..<300).map { _ in
            try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "pipe"))
        }
        for device in devices { #expect(try device.ask(.write([1])) == DeviceReply(result: 1)) }
        for device in devices { #expect(try device.ask(.close) == DeviceReply()) }
        try expect(session.run("modunload", "pipe"), .done())
    }
}
