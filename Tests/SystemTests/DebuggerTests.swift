import Glibc
import Posix
import TestSupport
import Testing

/// Modules under gdb, alive.
@Suite struct DebuggerTests {
    @Test("gdb that attaches knows lines, functions and variables of modules, and of those that are gone nothing")
    func attach() throws {
        let session = try Session()
        try session.compileForDebugger("gurka.o", Sources.sliced)
        try session.output("modload", "gurka.o")
        let space = try session.debuggee()
        let commands = ["info line gurka.c:5", "print slices", "print slice(7)", "info symbol slice"]
        let said = try session.debug(["-p", space], commands)
        #expect(said.contains("Line 5 of \"gurka.c\" starts at address 0x10001"), "\(said)")
        #expect(said.contains("$1 = 5\n$2 = 35\nslice in section .text of <in-memory@0x"), "\(said)")
        try session.output("modunload", "gurka")
        let later = try session.debug(["-p", space], ["info line gurka.c:5", "info symbol 0x10001004"])
        #expect(later.contains("No symbol matches 0x10001004.") && !later.contains("Line 5"), "\(later)")
    }

    @Test("a breakpoint set before its module is loaded stops there, and waits again once the module is gone")
    func pending() throws {
        let session = try Session()
        try session.compileForDebugger("gurka.o", Sources.sliced)
        let space = try session.debuggee()
        let debugger = try session.startDebugger(
            ["-p", space, "/proc/\(space)/exe"],
            [
                "set breakpoint pending on", "break gurka.c:5", "echo ready\\n", "continue", "backtrace 2", "print n",
                "tbreak space_unmap", "continue", "finish", "info symbol 0x10001004", "continue", "backtrace 1",
            ])
        #expect(try session.isWritten("ready", by: debugger))
        try session.output("modload", "gurka.o")
        try session.output("modunload", "gurka")
        // At other addresses, so that it is no use to have remembered the first ones.
        try session.output("modload", "gurka.o")
        let said = try debugger.wait().output
        #expect(said.contains("hit Breakpoint 1, slice (n=2) at gurka.c:5"), "\(said)")
        #expect(said.contains("#1  0x") && said.contains("in init_module () at gurka.c:9"), "\(said)")
        #expect(said.contains("$1 = 2"), "\(said)")
        let rest = try #require(said.split(separator: "No symbol matches 0x10001004.").dropFirst().first, "\(said)")
        #expect(rest.contains("hit Breakpoint 1, slice (n=2) at gurka.c:5"), "\(said)")
    }

    @Test(
        "breakpoints that a killed gdb has left behind harm neither the space nor the module",
        arguments: [[], ["-m32"]])
    func killed(options: [String]) throws {
        guard options.isEmpty || Compiler.makesI386Programs else {
            return print("skipped: \(Compiler.noI386Programs)")
        }
        let session = try Session()
        try session.compileForDebugger(
            "gurka.o", Sources.sliced + "__attribute__((destructor)) static void finish(void) { slice(3); }",
            ["-O0"] + options)
        try session.output("modload", "gurka.o")
        let machine = options.isEmpty ? "x86-64" : "i386"
        let space = String(try session.output("modstat", "--pid", "--space", machine).dropLast())
        let debugger = try session.startDebugger(
            ["-p", space, "/proc/\(space)/exe"], ["break *slice", "echo ready\\n", "continue"])
        #expect(try session.isWritten("ready", by: debugger))
        // Its own breakpoint, and that of the module.
        let process = try #require(Int32(space))
        let line = try Tool.output("nm", ["/proc/\(space)/exe"]).split(separator: "\n").first {
            $0.hasSuffix(" __jit_debug_register_code")
        }
        let numbers = [
            try #require(line).split(separator: " ")[0],
            try session.output("ksyms", "--space", machine, "slice").prefix(16),
        ]
        let places = numbers.compactMap { UInt64($0, radix: 16) }
        let areInserted = try eventually {
            try places.allSatisfy { try ProcessMemory.read(process, at: $0, count: 1) == [0xcc] }
        }
        try debugger.process.signal(9)
        _ = try debugger.wait()
        #expect(areInserted)
        try expect(session.run("modunload", "gurka"), .done())
        try expect(session.run("modload", "gurka.o"), .done("gurka: sliced into 10\nModule loaded as ID 2\n"))
        #expect(try ProcessMemory.read(process, at: places[0], count: 1) != [0xcc])
        #expect(ProcessCondition(ofProcess: process) == .running)
    }

    @Test("each object of a module is known, and one that is displaced where the other is")
    func several() throws {
        let session = try Session()
        let inline = "template <int n> __attribute__((noinline)) int twice(int a) { return a * 2 + n; }\n"
        let (first, second) = (
            inline + "int one(int a) { return twice<0>(a); }", inline + "int two(int a) { return twice<0>(a); }"
        )
        for (name, text) in [("first", first), ("second", second)] {
            try session.compile(
                "\(name).o", "#line 1 \"\(name).cc\"\n" + text, ["-g", "-O1"], language: .cxx)
        }
        try session.output("modload", "--name", "both", "first.o", "second.o")
        let said = try session.debug(
            ["-p", try session.debuggee()],
            ["print one(1)", "print two(2)", "break second.cc:2", "break twice<0>", "break second.cc:1"])
        #expect(said.contains("$1 = 2\n$2 = 4\n"), "\(said)")
        #expect(said.contains("Breakpoint 1 at 0x10001") && said.contains("Breakpoint 2 at 0x10001"), "\(said)")
        #expect(said.contains("Breakpoint 3 at 0x10001") && !said.contains("Cannot access"), "\(said)")
    }

    @Test("modules for i386 are known, from ELF and from a.out")
    func i386() throws {
        guard Compiler.makesI386Programs else { return print("skipped: \(Compiler.noI386Programs)") }
        let session = try Session()
        try session.compileForDebugger("gurka.o", Sources.sliced, ["-m32", "-O0"])
        try session.write(
            "old.o",
            try Nasm.object("section .text\nglobal init_module\ninit_module: xor eax, eax\nret", .netBSD))
        try session.output("modload", "gurka.o")
        try session.output("modload", "old.o")
        let space = String(try session.output("modstat", "--pid", "--space", "i386").dropLast())
        let said = try session.debug(
            ["-p", space],
            ["print slice(7)", "info line gurka.c:5", "info symbol 0x10004000", "info symbol 0x10005000"])
        #expect(said.contains("$1 = 35\nLine 5 of \"gurka.c\" starts at address 0x1000"), "\(said)")
        #expect(said.contains("init_module in section old.text"), "\(said)")
    }

    @Test("a module of create_module has names for gdb, and its memory for perf")
    func flat() throws {
        let session = try Session()
        try session.makeProgram("insmod")
        try session.compile("gurka.o", Sources.gurka)
        let plain = ["-O2", "-fno-pic", "-fno-pie", "-fno-asynchronous-unwind-tables"]
        try session.compile(
            "flat.o", "int crunch(int n) { return n + 1; }\nint init_module(void) { return 0; }", plain)
        try expect(session.runProgram("insmod", "flat.o", "flat"), .done())
        let space = try session.debuggee()
        let address = try session.output("ksyms", "crunch").prefix(16)
        let said = try session.debug(["-p", space], ["info symbol 0x\(address)", "info symbol 0x\(address)+1"])
        #expect(said.contains("crunch in section flat"), "\(said)")
        let map = "/tmp/perf-\(space).map"
        let lines = String(decoding: try File.read(path: map, limit: 4096), as: UTF8.self)
        let digits = String(try #require(UInt64(address, radix: 16)), radix: 16)
        #expect(lines.contains("\(digits) ") && lines.contains(" crunch [flat]\n"), "\(lines)")
        try session.output("modunload", "flat")
        #expect(throws: SystemError.self) { try File.status(path: map) }
    }

    @Test("a space that a fresh one replaces leaves no names for perf behind")
    func replaced() throws {
        let session = try Session()
        try session.makeProgram("insmod")
        try expect(session.run("modlinkd", "--on-fault", "restart"), .done())
        let plain = ["-O2", "-fno-pic", "-fno-pie", "-fno-asynchronous-unwind-tables"]
        try session.compile("flat.o", "int crunch(int n) { return n; }\nint init_module(void) { return 0; }", plain)
        try session.compile("crash.o", Sources.initialize("return *(volatile int *)0;"))
        try expect(session.runProgram("insmod", "flat.o", "flat"), .done())
        let space = try session.debuggee()
        let map = "/tmp/perf-\(space).map"
        _ = try File.status(path: map)
        #expect(try session.run("modload", "crash.o").status == .exited(1))
        #expect(try eventually { (try? session.debuggee()).map { $0 != space } ?? false })
        #expect(throws: SystemError.self) { try File.status(path: map) }
    }

    // MARK: Waiting

    @Test("--wait-debugger says what to run, and nothing of the module runs before that has attached and continued")
    func wait() throws {
        let session = try Session()
        try session.compileForDebugger("gurka.o", Sources.sliced)
        let tool = try session.start("modload", ["--wait-debugger", "gurka.o"])
        let space = try session.debuggee()
        let line = "modload: waiting for a debugger to attach and continue: gdb -p \(space) /proc/\(space)/exe\n"
        #expect(try session.isWritten(line, by: tool))
        usleep(300_000)
        #expect(try session.output("modstat").contains("loading"))
        #expect(try !session.runtimeText("console").contains("sliced"))
        let said = try session.debug(
            ["-p", space, "/proc/\(space)/exe"],
            [
                "break gurka.c:5", "shell sleep 0.5", "shell grep -c sliced run/console", "continue",
                "shell \(Session.programs)/modstat", "backtrace 1",
            ])
        #expect(said.contains("Breakpoint 1 at 0x10001") && said.contains("\n0\n"), "\(said)")
        #expect(said.contains("#0  slice (n=2) at gurka.c:5"), "\(said)")
        // While it stands at the breakpoint, what the space alone knows is left out, and nobody waits for it.
        #expect(said.contains("gurka  loading"), "\(said)")
        try expect(
            tool.wait(),
            ToolResult(status: .exited(0), output: "gurka: sliced into 10\nModule loaded as ID 1\n", errors: line))
    }

    @Test("a wait that is interrupted is undone")
    func waitInterrupted() throws {
        let session = try Session()
        try session.compileForDebugger("gurka.o", Sources.sliced)
        let tool = try session.start("modload", ["--wait-debugger", "gurka.o"])
        #expect(try session.isWritten("gdb -p", by: tool))
        try tool.process.signal(SIGINT)
        #expect(try tool.wait().status == .signaled(SIGINT))
        #expect(try eventually { try session.names().isEmpty })
        #expect(
            try session.runtimeText("console").contains(
                "modlinkd: load failed: gurka: waited for a debugger, and was called off\n"))
        try session.output("modload", "gurka.o")
    }

    @Test("a space that ends while a debugger is waited for is an error of the load")
    func waitEnded() throws {
        let session = try Session()
        try session.compileForDebugger("gurka.o", Sources.sliced)
        let tool = try session.start("modload", ["--wait-debugger", "gurka.o"])
        #expect(try session.isWritten("gdb -p", by: tool))
        try ChildProcess(process: try session.space()).signal(SIGKILL)
        let result = try tool.wait()
        #expect(result.status == .exited(1))
        #expect(
            result.errors.hasSuffix(
                "modload: gurka: the space has ended while it waited for a debugger\n"), "\(result.errors)")
        try session.output("modload", "gurka.o")
    }

    @Test("--wait-debugger and --pid go with nothing that has no use for them")
    func usage() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        let wait = try session.run("modload", "-n", "--wait-debugger", "gurka.o")
        #expect(wait.status == .exited(64) && wait.errors.contains("nothing is loaded"), "\(wait)")
        let pid = try session.run("modstat", "--pid", "--json")
        #expect(pid.status == .exited(64) && pid.errors.contains("--pid goes with --space alone"), "\(pid)")
        let none = try session.run("modstat", "--pid", "--space", "i386")
        #expect(none.status == .exited(1) && none.errors.contains("no such space runs"), "\(none)")
    }

    // MARK: Cores

    @Test("a core that gdb writes has everything: frames of modules with their lines in gdb, names in eu-stack")
    func core() throws {
        let session = try Session()
        try session.compileForDebugger("spin.o", Sources.spinning, ["-O1"])
        try session.output("modload", "spin.o")
        let space = try session.debuggee()
        _ = try session.debug(["-p", space], ["gcore core"])
        // The window that is reserved for modules is no part of it.
        #expect(try File.status(path: session.path + "/core").size < 512 << 20)
        try session.output("modlinkd", "--stop")
        let program = Session.programs + "/modspace"
        let said = try session.debug([program, "core"], ["thread apply all backtrace", "print turns > 0"])
        #expect(said.contains("in work (unused=") && said.contains("at spin.c:6\n"), "\(said)")
        #expect(said.contains("$1 = 1"), "\(said)")
    }

    @Test("gdb prints the thread-local variables of a module, of each thread its own") func threadLocal() throws {
        let session = try Session()
        try session.compileForDebugger(
            "gurka.o",
            """
            #include <pthread.h>
            #include <unistd.h>
            static __thread int first = 1;
            __thread int portions = 42;
            static __thread long zeroes;
            static volatile int ready;
            static void *run(void *unused) { portions = 77; ready = 1; for (;;) pause(); return unused; }
            int init_module(void)
            {
                pthread_t thread;
                pthread_create(&thread, 0, run, 0);
                while (!ready) usleep(1000);
                return (int)zeroes + first - 1;
            }
            """)
        try session.output("modload", "gurka.o")
        let process = try session.debuggee()
        let text = try session.debug(
            ["-p", process, "/proc/\(process)/exe"],
            ["thread apply all -q -s print portions + first", "thread apply all -q -s print zeroes"])
        #expect(text.contains("= 78\n"), "\(text)")
        #expect(text.contains("= 43\n"), "\(text)")
        #expect(text.contains("= 0\n"), "\(text)")
    }
}
