import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

/// What people are shown of a crash.
@Suite struct ReportTests {
    private static let crashing = """
        #include <stdio.h>
        static volatile int table[4];
        static inline __attribute__((always_inline)) int cut(volatile int *p)
        {
            p[1] = 7;
            return p[0];
        }
        __attribute__((noinline)) int slice(volatile int *p)
        {
            table[0] = 1;
            return cut(p) + 2;
        }
        int init_module(void)
        {
            puts("slicing");
            return slice((int *)16) + 1;
        }
        """

    /// Compiles in the session's folder, so that the source's name stands in the debug information.
    private func compile(_ session: Session, _ name: String, _ source: String, _ options: [String]) throws {
        try session.write(name + ".c", Array(source.utf8))
        try Tool.output("env", ["-C", session.path, "gcc"] + options + ["-w", "-c", name + ".c"])
    }

    /// A line without the distances, which are the compiler's choice.
    private func bare(_ line: some StringProtocol) -> String {
        line.split(separator: " ", omittingEmptySubsequences: false).map { word in
            word.firstRange(of: "+0x").map { word[..<$0.lowerBound] } ?? word[...]
        }.joined(separator: " ")
    }

    private func crashed(_ options: [String] = ["-O2", "-g"]) throws -> (session: Session, result: ToolResult) {
        let session = try Session()
        try compile(session, "gurka", Self.crashing, options)
        return (session, try session.run("modload", "gurka.o"))
    }

    @Test("who causes a crash sees the report, with source lines; so do the console and the crash's folder")
    func report() throws {
        let (session, result) = try crashed()
        #expect(result.status == .exited(1) && result.output == "slicing\n")
        let lines = result.errors.split(separator: "\n")
        let space = try session.space()
        #expect(bare(lines[0]) == "modload: gurka: init_module: SIGSEGV at 0x14 in gurka:slice")
        #expect(bare(lines[1]) == "Oops: SIGSEGV at 0x14 (not mapped) in gurka:slice (gurka.c:5, inlined cut)")
        #expect(
            lines[2].hasPrefix("In: crash 1, ")
                && lines[2].contains(" UTC, space \(space) (x86-64), thread "))
        #expect(
            lines[3].hasPrefix("Request: Load of gurka, for modload (process ")
                && lines[3].hasSuffix("; during its init"))
        #expect(lines.contains { bare($0) == "RIP: gurka:slice (gurka.c:5, inlined cut)" })
        let trace = lines.drop { $0 != "Call Trace:" }.dropFirst().map(bare)
        #expect(
            trace.prefix(3) == [
                " gurka:cut (gurka.c:5) [inlined]", " gurka:slice (gurka.c:11)", " gurka:init_module (gurka.c:16)",
            ])
        // The space's own functions have lines, too.
        let own = trace.dropFirst(3).first { $0.hasPrefix(" space_work ") }
        #expect(own?.hasPrefix(" space_work (Sources/modspace/workers.c:") == true, "\(trace)")
        let folder = session.runtime + "/crash/1"
        #expect(
            lines.suffix(3) == [
                "Modules linked in: gurka(F)", "Core: \(folder)/core",
                "Debug: gdb \(folder)/images/space \(folder)/core",
            ])
        let report = lines.dropFirst().joined(separator: "\n") + "\n"
        let kept = lines.dropFirst().dropLast(2)
        #expect(try session.runtimeText("crash/1/report") == kept.joined(separator: "\n") + "\n")
        #expect(try session.runtimeText("console").contains("\n" + kept.map { "modlinkd: \($0)\n" }.joined()))
        #expect(try session.output("modstat", "--crash", "1") == report)
    }

    @Test("crashes are listed, with the daemon and without, and with another daemon")
    func listing() throws {
        let (session, _) = try crashed()
        try session.compile("divide.o", Sources.initialize("volatile int zero = 0; return 100 / zero;"), ["-O0"])
        #expect(try session.run("modload", "divide.o").status == .exited(1))
        let table = try session.output("modstat", "--crashes")
        let lines = table.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
        #expect(lines.count == 3 && lines[0].joined(separator: " ") == "NO WHEN MODULE WHAT WHERE")
        #expect(lines[1][0] == "1" && lines[1][3...4].joined(separator: " ") == "UTC gurka")
        #expect(
            bare(lines[1][5...].joined(separator: " "))
                == "SIGSEGV at 0x14 (not mapped) gurka:slice (gurka.c:5, inlined cut)")
        #expect(
            bare(lines[2][4...].joined(separator: " ")) == "divide SIGFPE (integer division by zero) divide:init_module"
        )
        let report = try session.output("modstat", "--crash", "2")
        try session.output("modlinkd", "--stop")
        #expect(try session.output("modstat", "--crashes") == table)
        #expect(try session.output("modstat", "--crash", "2") == report)
        #expect(session.daemon.map(Session.isAlive) != true)
        try session.output("modstat")
        #expect(try session.output("modstat", "--crashes") == table)
    }

    @Test("other clients have the same by the interface")
    func interface() throws {
        let (session, _) = try crashed()
        var client = try DaemonConnection.open(RuntimeDirectory(path: session.runtime), starts: false)
        let crashes = try client.call(ListCrashesMethod.self, Empty()).reply.crashes
        let crash = try #require(crashes.first)
        #expect(crashes.count == 1 && crash.number == 1 && crash.module == "gurka" && crash.space == "x86-64")
        #expect(crash.what == "SIGSEGV at 0x14 (not mapped)" && crash.folder == session.runtime + "/crash/1")
        #expect(abs((crash.time ?? 0) - Int(WallClock.seconds())) < 600)
        let reply = try client.call(DescribeCrashMethod.self, .init(number: 1)).reply
        #expect(reply.crash == crash)
        let kept = try session.runtimeText("crash/1/report")
        let folder = session.runtime + "/crash/1"
        #expect(
            reply.report == kept + "Core: \(folder)/core\nDebug: gdb \(folder)/images/space \(folder)/core\n")
        let json = try session.output("modstat", "--crashes", "--json")
        #expect(json.hasPrefix("[\n  {\n    \"folder\" : \"") && json.contains("\"number\" : 1,"))
        #expect(
            try session.output("modstat", "--crash", "1", "--json").contains("\"report\" : \"Oops: SIGSEGV at 0x14"))
    }

    @Test("a crash that is not there, and one of which nothing is left, are told")
    func missing() throws {
        let session = try Session()
        try expect(session.run("modstat", "--crashes"), .done("NO  WHEN  MODULE  WHAT  WHERE\n"))
        for number in ["1", "0", "-1"] {
            let result = try session.run("modstat", "--crash=\(number)")
            expect(
                result, .failed(1, "modstat: crash \(number): no such crash, or no longer kept (ENOENT)\n"))
        }
        try File.createDirectory(session.runtime, permissions: 0o700)
        try File.createDirectory(session.runtime + "/crash", permissions: 0o700)
        for name in ["7", ".8.partial", "08", "x"] {
            try File.createDirectory("\(session.runtime)/crash/\(name)", permissions: 0o700)
        }
        try expect(
            session.run("modstat", "--crashes"),
            .done("NO  WHEN  MODULE  WHAT      WHERE\n 7  -     -       signal 0  -\n"))
        #expect(
            try session.output("modstat", "--crash", "7").hasPrefix("Oops: signal 0\nIn: crash 7, space (x86-64)\n"))
        try expect(
            session.run("modstat", "--crashes", "--tree"),
            .failed(
                64,
                "modstat: --crashes and --crash show no modules: only --json goes with them; see 'modstat --help'\n"))
    }

    @Test("without a report that is kept, one is made")
    func lostReport() throws {
        let (session, _) = try crashed()
        let report = try session.output("modstat", "--crash", "1")
        try File.remove(session.runtime + "/crash/1/report")
        #expect(try session.output("modstat", "--crash", "1") == report)
        #expect(
            try session.output("modstat", "--crashes").contains(" SIGSEGV at 0x14 (not mapped)  0x"))
    }

    @Test("lines are those of the object that was loaded, also when the source is compiled anew before the crash")
    func changedSource() throws {
        let session = try Session()
        let calls = "int divide(int n)\n{\n    return 100 / n;\n}\n"
        try compile(session, "late", calls, ["-O1", "-g"])
        try session.output("modload", "late.o")
        try compile(session, "late", "\n\n\n\n" + calls, ["-O1", "-g"])
        var client = try DaemonConnection.open(RuntimeDirectory(path: session.runtime), starts: false)
        #expect(throws: (any Error).self) {
            try client.call(CallMethod.self, .init(function: "divide", arguments: [0])).reply
        }
        let report = try session.output("modstat", "--crash", "1")
        #expect(
            bare(report.prefix { $0 != "\n" }) == "Oops: SIGFPE (integer division by zero) in late:divide (late.c:3)")
    }

    @Test("a module of several objects, and one of i386, have their lines")
    func others() throws {
        let session = try Session()
        try compile(
            session, "one", "int two(int n);\nint init_module(void)\n{\n    return two(0) + 1;\n}\n", ["-O1", "-g"])
        try compile(session, "two", "int two(int n)\n{\n    return 100 / n;\n}\n", ["-O1", "-g"])
        let result = try session.run("modload", "--name", "both", "one.o", "two.o")
        let lines = result.errors.split(separator: "\n").map(bare)
        #expect(lines.contains(" both:two (two.c:3)") && lines.contains(" both:init_module (one.c:4)"), "\(lines)")
        guard Compiler.makesI386Programs else { return }
        try compile(
            session, "two", "int init_module(void)\n{\n    volatile int n = 0;\n    return 100 / n;\n}\n",
            ["-m32", "-O1", "-g"])
        let second = try session.run("modload", "two.o").errors.split(separator: "\n").map(bare)
        #expect(second.contains("EIP: two:init_module (two.c:4)"), "\(second)")
        #expect(second.contains(" two:init_module (two.c:4)") && second.contains { $0.hasPrefix("EAX: ") })
    }
}
