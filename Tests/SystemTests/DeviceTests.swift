import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

/// System calls and devices that modules have registered, used by clients of the daemon.
@Suite struct DeviceTests {
    @Test(
        "a C program calls system calls and uses devices, and is told of what cannot be",
        arguments: [("calls", 17), ("device", 22), ("refusals", 19), ("sizes", 20), ("blocks", 17), ("swapped", 9)])
    func program(part: String, rows: Int) throws {
        let session = try Session()
        for name in ["call", "device", "big", "disk"] { try session.compileExample("lkm/\(name).c") }
        try session.makeProgram("devices")
        try session.expectRows(rows, of: "devices", part)
    }

    @Test("a Varlink client does the same, for each compiler and machine", arguments: Examples.variants)
    func varlink(variant: Examples.Variant) throws {
        let session = try Session()
        for name in ["call", "device"] { try session.compileExample("lkm/\(name).c", variant) }
        try session.output("modload", "call.o")
        try session.output("modload", "device.o")
        let space = variant.isI386 ? "i386" : "x86-64"
        var client = try session.client()
        let reply = try client.call(
            SystemCallMethod.self, SystemCallMethod.Parameters(number: 210, arguments: [-1, -2], space: space)
        ).reply
        #expect(reply == SystemCallMethod.Reply(error: 0, values: [-3, 0], output: ""))

        let device = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "device"))
        #expect(device.reply.module == "device" && device.reply.major == 0)
        #expect(try device.ask(.write(Array("gurka".utf8))) == DeviceReply(result: 5))
        let size = UInt64(2 << 30 | 4 << 16 | 0x4b01)
        #expect(try device.ask(.ioctl(size, [0, 0, 0, 0])) == DeviceReply(data: [5, 0, 0, 0]))
        #expect(try device.ask(.close) == DeviceReply())
        #expect(try device.hasEnded)

        let again = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "0", flags: 1, space: space))
        #expect(try again.ask(.read(65536)) == DeviceReply(result: 5, data: Array("gurka".utf8)))
        #expect(try again.ask(.write([1])) == DeviceReply(error: ErrorCode.badDescriptor))
    }

    @Test(
        "what an ioctl of Linux returns goes to the client whole, and its argument may be a number",
        arguments: Examples.variants)
    func linuxIoctl(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("linux/control.c", variant, ["-Wno-missing-field-initializers"])
        try session.output("modload", "control.o")
        let device = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "control"))
        #expect(try device.ask(.ioctl(0)) == DeviceReply(result: 42))
        #expect(try device.ask(.ioctl(1, value: 21)) == DeviceReply(result: 42))
        #expect(try device.ask(.ioctl(1, value: 0xffff_f000)) == DeviceReply(result: -8192))
        #expect(try device.ask(.ioctl(2, [3, 0, 0, 0])) == DeviceReply(result: 7, data: [4, 0, 0, 0]))
        // Error numbers, to the last that there is.
        for error in [1, 22, 511, 4095] as [Int32] {
            #expect(try device.ask(.ioctl(3, value: UInt64(error))) == DeviceReply(error: error == 4095 ? 4 : error))
        }
        #expect(try device.ask(.ioctl(3, value: 4096)) == DeviceReply(result: -4096))
        // It does not move where reading begins.
        #expect(try device.ask(.read(8)) == DeviceReply(result: 1, data: [0]))
    }

    @Test("a module of NetBSD 4 that enters a system call by itself", arguments: Examples.variants)
    func ownSlot(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("lkm/ownslot.c", variant)
        try session.output("modload", "ownslot.o")
        var client = try session.client()
        let call = SystemCallMethod.Parameters(
            number: 210, arguments: [14], space: variant.isI386 ? "i386" : "x86-64")
        #expect(try client.call(SystemCallMethod.self, call).reply.values == [42, 0])
        try session.output("modunload", "ownslot")
        #expect(try client.call(SystemCallMethod.self, call).reply.error == 38)
    }

    @Test("a system call that crashes is told with its place and what it printed, and is not called again")
    func crashingCall() throws {
        let session = try Session()
        try session.compile(
            "crash.o",
            """
            #include <sys/param.h>
            #include <sys/systm.h>
            #include <sys/lkm.h>
            static int crash(struct lwp *l, void *v, register_t *r)
            { (void)l, (void)v, (void)r; printf("here\\n"); *(volatile int *)0 = 1; return 0; }
            static struct sysent entry = {0, 0, 0, crash};
            MOD_SYSCALL("crash", 511, &entry)
            int crash_lkmentry(struct lkm_table *t, int command, int version)
            { DISPATCH(t, command, version, lkm_nofunc, lkm_nofunc, lkm_nofunc) }
            """, ["-O2", "-I", Examples.headers])
        try session.output("modload", "crash.o")
        var client = try session.client()
        for round in 1...2 {
            do throws(VarlinkError) {
                _ = try client.call(SystemCallMethod.self, SystemCallMethod.Parameters(number: 511))
                Issue.record("no error")
            } catch {
                let failure = Failure(error)
                #expect(failure.kind == .moduleFaulted)
                let text = failure.problems.map(\.description).joined()
                if round == 1 {
                    #expect(failure.signal == "SIGSEGV" && failure.output == "here\n")
                    #expect(text.hasPrefix("crash: system call 511: SIGSEGV at 0x0 in crash:crash+0x"), "\(text)")
                } else {
                    #expect(text == "crash: has faulted and is not called any more; 'modunload -f crash' discards it")
                }
            }
        }
        try session.output("modunload", "-f", "crash")
    }

    @Test("a character device of Linux 2.2 is opened, read, written and controlled", arguments: Examples.variants)
    func linux(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("linux/chardev.c", variant, ["-Wno-missing-field-initializers"])
        try expect(session.run("modload", "chardev.o"), .done("major device number 254\nModule loaded as ID 1\n"))
        let space = variant.isI386 ? "i386" : "x86-64"
        let device = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "254", minor: 7, space: space))
        #expect(device.reply.module == "chardev" && device.reply.major == 254)
        #expect(throws: VarlinkError.self) { try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "chardev")) }
        let text = Array("opened 1 times, kept ''\n".utf8)
        #expect(try device.ask(.read(7)) == DeviceReply(result: 7, data: Array(text[..<7])))
        #expect(try device.ask(.read(100)) == DeviceReply(result: Int64(text.count - 7), data: Array(text[7...])))
        #expect(try device.ask(.read(100)) == DeviceReply())
        #expect(try device.ask(.write(Array("gurka".utf8))) == DeviceReply(result: 5))
        let long = [UInt8](repeating: 1, count: 80)
        #expect(try device.ask(.write(long)) == DeviceReply(error: ErrorCode.invalidArgument))
        #expect(try device.ask(.ioctl(2, [0, 0, 0, 0])) == DeviceReply(data: [1, 0, 0, 0]))
        #expect(try device.ask(.ioctl(1, [])) == DeviceReply())
        #expect(try device.ask(.ioctl(3, [])) == DeviceReply(error: ErrorCode.notForIt))
        #expect(
            try session.run("modunload", "chardev").errors.contains("its use count is 1; its device 254,7 (process "))
        #expect(try device.ask(.close) == DeviceReply())
        let again = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "chardev"))
        let next = Array("opened 1 times, kept 'gurka'\n".utf8)
        #expect(try again.ask(.read(100)) == DeviceReply(result: Int64(next.count), data: next))
        #expect(try again.ask(.close) == DeviceReply())
        try session.output("modunload", "chardev")
        #expect(try session.runtimeText("console").contains("open 254,7\nopen 254,0\nrelease 1 7\n"))
    }

    @Test("each who opens a device of Linux has a file of their own, with a position", arguments: Examples.variants)
    func linuxFiles(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("linux/pair.c", variant, ["-Wno-missing-field-initializers"])
        try expect(session.run("modload", "pair.o"), .done("1 1 1 1\nModule loaded as ID 1\n"))
        let devices = try [1, 1, 255].map {
            try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "pair", minor: $0))
        }
        for (device, word) in zip(devices, ["gurka", "sallad", "lok"]) {
            #expect(try device.ask(.write(Array(word.utf8))) == DeviceReply(result: Int64(word.utf8.count)))
        }
        for (device, words) in zip(devices, [["1:g", "urka"], ["1:s", "alla"], ["255", ":lok"]]) {
            for word in words {
                let wanted = DeviceReply(result: Int64(word.utf8.count), data: Array(word.utf8))
                #expect(try device.ask(.read(word.utf8.count)) == wanted)
            }
        }
        // Of a minor number Linux of that time knows 8 bits.
        #expect(throws: VarlinkError.self) {
            try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "pair", minor: 256))
        }
        #expect(try devices[0].ask(.ioctl(1, [])) == DeviceReply(error: ErrorCode.notForIt))
        for device in devices { #expect(try device.ask(.close) == DeviceReply()) }
        try session.output("modunload", "pair")
        let console = try session.runtimeText("console")
        #expect(console.contains("pair: released 1:gurka\npair: released 1:sallad\npair: released 255:lok\n"))
    }

    @Test("packets that break a rule are answered, and the device goes on")
    func malformed() throws {
        let (session, device) = try Self.big()
        let header = DeviceRequest.read(1).packet
        func changed(_ place: Int, _ byte: UInt8) -> [UInt8] {
            var packet = header
            packet[place] = byte
            return packet
        }
        let invalid = DeviceReply(error: ErrorCode.invalidArgument)
        let packets: [[UInt8]] = [
            [1], Array(header.dropLast()), header + [0], changed(0, 0), changed(0, 5), changed(3, 1), changed(8, 1),
            // One byte more than may be read; fewer and more than are written; a close with bytes.
            [1, 0, 0, 0, 1, 0, 1, 0] + [UInt8](repeating: 0, count: 8),
            Array(DeviceRequest.write([1, 2]).packet.dropLast()), DeviceRequest.write([1, 2]).packet + [3],
            DeviceRequest.close.packet + [0],
        ]
        for packet in packets { #expect(try device.ask(packet: packet) == invalid, "\(packet.prefix(20))") }
        let longest = DeviceRequest.write([UInt8](repeating: 1, count: DeviceRequest.dataLimit))
        #expect(try device.ask(longest) == DeviceReply(result: 65536))
        #expect(
            try device.ask(packet: longest.packet + [0]) == DeviceReply(error: ErrorCode.messageTooLong))
        #expect(try device.ask(.read(2)) == DeviceReply(result: 2, data: [1, 1]))
        #expect(try session.names() == ["big"])
    }

    @Test("a module with an open device is kept, also from -r and autoclean; who holds it, and how often, is told")
    func kept() throws {
        let session = try Session()
        try session.compileExample("lkm/big.c")
        try session.output("modload", "-k", "big.o")
        let device = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "big"))
        let again = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "big"))
        let other = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "big", minor: 7))
        let process = "(process \(CurrentProcess.number) of user \(User.effective)) is open"
        let reason = "big: in use: its device 0,0 \(process) 2 times; its device 0,7 \(process) (EBUSY)"
        try expect(session.run("modunload", "big"), .failed(1, "modunload: \(reason)\n"))
        try expect(session.run("modunload", "-r", "big"), .failed(1, "modunload: \(reason)\n"))
        try expect(session.run("modunload", "-a"), .done())
        #expect(try device.ask(.close) == DeviceReply())
        #expect(try again.ask(.close) == DeviceReply())
        #expect(try other.ask(.close) == DeviceReply())
        try expect(session.run("modunload", "-a"), .done("big: opened 3, closed 3\n"))
    }

    @Test("the device of a client that dies is closed, once")
    func death() throws {
        let (session, _) = try Self.big()
        let holder = try session.startDevices("hold")
        #expect(try eventually { try holder.output() == "1\n" })
        #expect(try session.run("modunload", "big").errors.contains("(process \(holder.process.process) of user "))
        try holder.process.signal(9)
        _ = try holder.wait()
        #expect(try eventually { try session.run("modunload", "big").status == .exited(0) })
        #expect(
            try session.runtimeText("console").contains("big: is closed\nbig: is closed\nbig: opened 2, closed 2\n"))
    }

    @Test("what a client waits for is given up when it dies; a load waits no longer than that")
    func hanging() throws {
        let (session, _) = try Self.big()
        let client = try session.startDevices("hang")
        #expect(try eventually { try session.runtimeText("console").contains("big: hangs\n") })
        #expect(try client.output() == "1\n")
        try session.compile("gurka.o", Sources.gurka)
        let loading = try session.start("modload", ["gurka.o"])
        try client.process.signal(9)
        _ = try client.wait()
        #expect(try loading.wait(seconds: 30).status == .exited(0))
        #expect(try eventually { try session.run("modunload", "big").status == .exited(0) })
        let console = try session.runtimeText("console")
        #expect(console.contains("modlinkd: big: ioctl of device 0,0: interrupted in big:big_ioctl+0x"), "\(console)")
    }

    @Test("a device is gone with its space, and its number may be another's")
    func spaceEnds() throws {
        let (session, device) = try Self.big()
        let space = try session.space()
        try ChildProcess(process: space).signal(9)
        #expect(try eventually { try session.names() == [] })
        #expect(try device.ask(.read(1)) == DeviceReply(error: ErrorCode.noSuchDevice))
        try session.output("modload", "big.o")
        #expect(try device.ask(.close) == DeviceReply(error: ErrorCode.noSuchDevice))
        try expect(session.run("modunload", "big"), .done("big: opened 0, closed 0\n"))
    }

    @Test("an operation that faults is an error of the device, whose module is not called again, and goes by force")
    func faulting() throws {
        let session = try Session()
        try session.compile(
            "faulty.o",
            """
            #include <sys/param.h>
            #include <sys/conf.h>
            #include <sys/lkm.h>
            static int opens(dev_t d, int f, int m, struct lwp *l) { (void)d, (void)f, (void)m, (void)l; return 0; }
            static int closes(dev_t d, int f, int m, struct lwp *l)
            { (void)d, (void)f, (void)m, (void)l; printf("closed\\n"); return 0; }
            static int reads(dev_t d, struct uio *u, int f) { (void)d, (void)u, (void)f; return *(volatile int *)0; }
            static const struct cdevsw functions = {.d_open = opens, .d_close = closes, .d_read = reads};
            MOD_DEV("faulty", "faulty", NULL, -1, &functions, -1)
            int faulty_lkmentry(struct lkm_table *t, int command, int version)
            { DISPATCH(t, command, version, lkm_nofunc, lkm_nofunc, lkm_nofunc) }
            """, ["-O2", "-I", Examples.headers])
        try session.output("modload", "faulty.o")
        let device = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "faulty"))
        for _ in 0..<2 { #expect(try device.ask(.read(1)) == DeviceReply(error: ErrorCode.inputOutput)) }
        #expect(try session.output("modstat").contains(" faulted "))
        #expect(throws: (any Error).self) {
            try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "faulty"))
        }
        #expect(try File.list(session.runtime + "/crash").filter { Int($0) != nil } == ["1"])
        try expect(session.run("modunload", "-f", "faulty"), .done())
        #expect(try device.ask(.read(1)) == DeviceReply(error: ErrorCode.noSuchDevice))
        #expect(!(try session.runtimeText("console").contains("closed")))
    }

    @Test("an operation that ends the space is an error of the device")
    func spaceIsEnded() throws {
        let session = try Session()
        try session.compile(
            "ending.o",
            """
            #include <signal.h>
            #include <sys/param.h>
            #include <sys/conf.h>
            #include <sys/lkm.h>
            #include <unistd.h>
            static int opens(dev_t d, int f, int m, struct lwp *l) { (void)d, (void)f, (void)m, (void)l; return 0; }
            static int ends(dev_t d, struct uio *u, int f) { (void)d, (void)u, (void)f; for (;;) kill(getpid(), SIGKILL); }
            static const struct cdevsw functions = {.d_open = opens, .d_read = ends};
            MOD_DEV("ending", "ending", NULL, -1, &functions, -1)
            int ending_lkmentry(struct lkm_table *t, int command, int version)
            { DISPATCH(t, command, version, lkm_nofunc, lkm_nofunc, lkm_nofunc) }
            """, ["-O2", "-I", Examples.headers])
        try session.output("modload", "ending.o")
        let device = try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "ending"))
        #expect(try device.ask(.write([1])) == DeviceReply(error: 19), "it has no d_write: ENODEV")
        #expect(try device.ask(.read(1)) == DeviceReply(error: ErrorCode.inputOutput))
        #expect(try session.names() == [])
        #expect(try device.ask(.read(1)) == DeviceReply(error: ErrorCode.noSuchDevice))
    }

    @Test("a program that an init waits for is told that it would wait for itself")
    func within() throws {
        let session = try Session()
        try session.makeProgram("devices")
        let body = "fflush(stdout); return system(\"\(session.path)/devices within\");"
        try session.compile("outer.o", Sources.initialize(body))
        try expect(
            session.run("modload", "outer.o"), .done("a system call: ok\na device: ok\nModule loaded as ID 1\n"))
    }

    @Test(
        "another user opens no device and calls nothing",
        .enabled(if: User.effective == 0, "only root can be another user"))
    func stranger() throws {
        let user = try OtherUser()
        try user.session.makeProgram("devices")
        try Tool.output("cp", ["\(Session.programs)/libmodlink.so.1", user.session.path])
        for name in ["devices", "libmodlink.so.1"] { try File.changeMode("\(user.session.path)/\(name)", 0o755) }
        try user.session.output("modlinkd")
        try File.changeMode(user.session.runtime, 0o755)
        try File.changeMode(user.session.runtime + "/socket", 0o777)
        let rows = try user.run("devices", ["stranger"], ["LD_LIBRARY_PATH": user.session.path]).output
        #expect(rows == "a system call: ok\na device: ok\n")
    }

    /// A session with the example that is called big, and its device, open.
    private static func big() throws -> (Session, OpenedDevice) {
        let session = try Session()
        try session.compileExample("lkm/big.c")
        try session.output("modload", "big.o")
        return (session, try OpenedDevice(session, OpenDeviceMethod.Parameters(device: "big")))
    }
}
