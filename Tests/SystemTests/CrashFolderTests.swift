import ModlinkInterface
import Posix
import TestSupport
import Testing

/// What a crash's folder says of more than the fault itself.
@Suite struct CrashFolderTests {
    private func modules(_ session: Session, _ number: Int = 1) throws -> CrashModules {
        let text = try session.runtimeText("crash/\(number)/modules.json")
        return try #require(CrashJSON.decode(CrashModules.self, Array(text.utf8)))
    }

    @Test("gdb opens the core file of an i386 space without a doubt, and knows lines and variables there")
    func i386() throws {
        guard Compiler.makesI386Programs else { return print("skipped: \(Compiler.noI386Programs)") }
        let session = try Session()
        try session.compileForDebugger(
            "crash.o",
            """
            int counter = 41;
            static __attribute__((noinline)) int slice(volatile int *place)
            {
                return *place;
            }
            int init_module(void)
            {
                counter++;
                return slice((int *)16);
            }
            """, ["-m32", "-O0"])
        let result = try session.run("modload", "crash.o")
        #expect(result.errors.contains("\nIn: crash 1, ") && result.errors.contains(" (i386), thread "), "\(result)")
        let said = try session.debugCrash(1, ["bt", "p counter", "p/x $eip", "info threads"])
        #expect(!said.contains("warning") && !said.contains("corrupt"), "\(said)")
        #expect(said.contains("#0  ") && said.contains("slice (place=0x10) at crash.c:4\n"), "\(said)")
        #expect(said.contains("in init_module () at crash.c:9\n") && said.contains("$1 = 42\n"), "\(said)")
        #expect(said.split(separator: "\n").count { $0.contains("LWP ") && $0.contains("Thread") } >= 3, "\(said)")
        #expect(try modules(session).architecture == "i386")
    }

    @Test("registers of the floating-point unit are those of the fault, not of the handler that told of it")
    func floatingPoint() throws {
        let session = try Session()
        try session.compileForDebugger(
            "crash.o",
            """
            #include <stdlib.h>
            int number;
            int init_module(void)
            {
                static const unsigned words[4] = {0x11223344, 0x55667788, 0x99aabbcc, 0xddeeff00};
                __asm__ volatile("movups %0, %%xmm0; movups %0, %%xmm15; fldpi; ud2" : : "m"(words) : "xmm0", "xmm15");
                return 0;
            }
            """)
        #expect(try session.run("modload", "crash.o").status == .exited(1))
        let said = try session.debugCrash(1, ["p/x $xmm0.uint128", "p/x $xmm15.uint128", "p $st0"])
        let value = "0xddeeff0099aabbcc5566778811223344"
        #expect(said.contains("$1 = \(value)\n$2 = \(value)\n$3 = 3.14159265"), "\(said)")
    }

    @Test("objects of modules whose names are alike are kept each for itself")
    func objects() throws {
        let session = try Session()
        try session.compileForDebugger("one.o", "int two(void);\nint one(void) { return two() + 1; }")
        try session.compileForDebugger("two.o", "int two(void)\n{\n    return 2;\n}")
        try session.compileForDebugger("crash.o", "\n\nint init_module(void) { return *(volatile int *)16; }")
        try session.output("modload", "--name", "crash", "one.o", "two.o")
        let report = try session.run("modload", "--name", "crash.2", "crash.o").errors
        #expect(try File.list(session.runtime + "/crash/1/objects").sorted() == ["crash", "crash.2", "crash:2"])
        #expect(try modules(session).modules?.map(\.objects) == [["crash", "crash:2"], ["crash.2"]])
        #expect(report.contains("\nRIP: crash.2:init_module+0x") && report.contains(" (crash.c:3)\n"), "\(report)")
        let said = try session.debugCrash(1, ["bt 1", "info line two.c:3"])
        #expect(said.contains(" init_module () at crash.c:3\n") && said.contains("Line 3 of \"two.c\" "), "\(said)")
    }

    @Test("use counts, the module that was unloaded last, and those that have faulted before are noted")
    func modules() throws {
        let session = try Session()
        try session.compile("gone.o", Sources.quiet("gone"))
        try session.compile(
            "held.o", "long mod_use_count_; int init_module(void) { mod_use_count_ += 3; return 0; }")
        try session.compile(
            "thread.o",
            """
            #include <pthread.h>
            static void *work(void *p) { *(volatile int *)0 = 1; return p; }
            int init_module(void) { pthread_t thread; return pthread_create(&thread, 0, work, 0); }
            """)
        try session.compile("crash.o", Sources.initialize("return *(volatile int *)0;"))
        try session.output("modload", "gone.o")
        try session.output("modunload", "gone")
        try session.output("modload", "held.o")
        try session.output("modload", "thread.o")
        #expect(try eventually { try session.output("modstat").contains(" thread  faulted ") })
        let report = try session.run("modload", "crash.o").errors
        let noted = try modules(session, 2)
        #expect(noted.lastUnloaded == "gone")
        #expect(noted.modules?.map(\.name) == ["held", "thread", "crash"])
        #expect(noted.modules?.map(\.useCount) == [3, nil, nil])
        #expect(noted.modules?.map(\.isFaulty) == [false, true, true])
        #expect(noted.modules?.map(\.state) == ["running", "faulted", "loading"])
        #expect(
            report.contains("\nModules linked in: held thread(F) crash(F) [last unloaded: gone]\n"), "\(report)")
    }

    @Test("when the space's own thread is hit that is told, with a core file, before the space ends")
    func died() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        // The initial thread, the server's and the one of calls: the signal is for the second.
        try session.compile(
            "kill.o",
            """
            #define _GNU_SOURCE
            #include <dirent.h>
            #include <signal.h>
            #include <stdlib.h>
            #include <sys/syscall.h>
            #include <unistd.h>
            int init_module(void)
            {
                DIR *tasks = opendir("/proc/self/task");
                for (struct dirent *it = readdir(tasks); it != 0; it = readdir(tasks)) {
                    int number = atoi(it->d_name);
                    if (number > 0 && number != getpid() && number != gettid())
                        syscall(SYS_tgkill, getpid(), number, SIGSEGV);
                }
                for (;;) pause();
            }
            """)
        try session.output("modload", "gurka.o")
        let space = try session.space()
        let result = try session.run("modload", "kill.o")
        #expect(result.status == .exited(1))
        #expect(
            result.firstError.hasPrefix("modload: kill: init_module: ended the space: it ended by SIGSEGV (SIGSEGV at ")
                && result.firstError.hasSuffix("; all its modules are lost"), "\(result)")
        #expect(try eventually { (try? session.space()).map { $0 != space } ?? false })
        let console = try session.output("modstat", "--console")
        #expect(console.contains("modlinkd: space \(space): SIGSEGV "), "\(console)")
        #expect(console.contains(#/; it ends\n[^\n]* modlinkd: Oops: the space died: SIGSEGV in /#), "\(console)")
        let fault = CrashJSON.decode(CrashFault.self, Array(try session.runtimeText("crash/1/fault.json").utf8))
        #expect(fault?.kind == "died" && fault?.module == nil && fault?.coreProblem == nil)
        #expect(fault?.activity == nil && fault?.request == nil)
        #expect(try modules(session).modules?.map(\.name) == ["gurka", "kill"])
        let said = try session.debugCrash(1, ["bt"])
        #expect(said.contains(" space_serve ("), "\(said)")
        #expect(try session.names() == [])
        try session.output("modload", "gurka.o")
    }
}
