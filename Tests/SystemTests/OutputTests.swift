import Glibc
import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

/// What modules print: when and where it is seen.
@Suite struct OutputTests {
    /// An init that prints a line, and then does not return.
    private static let slow = Sources.initialize(#"puts("slow: begins"); for (;;) ; return 0;"#)

    @Test("what an init prints is on the terminal of modload while it runs, and an interrupt does not lose it")
    func atOnce() throws {
        let session = try Session()
        try session.compile("slow.o", Self.slow, ["-O1"])
        let tool = try session.start("modload", ["slow.o"])
        #expect(try eventually { try tool.output() == "slow: begins\n" })
        #expect(try session.output("modstat").contains(" loading "))
        try tool.process.signal(SIGINT)
        let result = try tool.wait()
        #expect(result.status == .signaled(SIGINT) && result.output == "slow: begins\n", "\(result)")
        #expect(
            result.errors
                == "modload: interrupted: the load is given up and undone; 'modstat --console' says how it ended\n")
        #expect(
            try eventually {
                try session.output("modstat", "--console").contains(
                    " modlinkd: load failed: slow: init_module: interrupted in slow:init_module+0x")
            })
        #expect(try eventually { try session.names().isEmpty })
    }

    @Test("what a cleanup prints is on the terminal of modunload while it runs")
    func unloading() throws {
        let session = try Session()
        try session.compile(
            "slow.o",
            """
            #include <stdio.h>
            int init_module(void) { return 0; }
            void cleanup_module(void) { puts("slow: ends"); for (;;) ; }
            """, ["-O1"])
        try session.output("modload", "slow.o")
        let tool = try session.start("modunload", ["slow"])
        #expect(try eventually { try tool.output() == "slow: ends\n" })
        try tool.process.signal(SIGINT)
        _ = try tool.wait()
    }

    @Test("who takes several replies gets the output in them, and all of them together are the whole")
    func overTheInterface() throws {
        let session = try Session()
        try session.compile(
            "slow.o",
            Sources.initialize(#"puts("one"); for (volatile int i = 0; i < 300000000; i++) ; puts("two"); return 0;"#))
        try session.output("modlinkd")
        var client = try DaemonConnection.open(RuntimeDirectory(path: session.runtime), starts: false)
        let object = ObjectFile(name: "slow.o", path: session.path + "/slow.o")
        var outputs: [String] = []
        try client.callMany(LoadMethod.self, LoadMethod.Parameters(modules: [ModuleRequest(objects: [object])])) {
            answer in
            outputs.append(answer.reply.output)
            return true
        }
        #expect(outputs.joined() == "one\ntwo\n", "\(outputs)")
    }

    @Test("what a module has printed without an end of line does not stick to why it is refused")
    func openLine() throws {
        let session = try Session()
        try session.compile("bad.o", Sources.initialize(#"printf("hello"); return -1;"#))
        let result = try session.run("modload", "bad.o")
        #expect(result.status == .exited(1) && result.output == "hello\n", "\(result)")
        #expect(result.errors.hasPrefix("modload: bad: init_module returned -1"), "\(result)")
    }

    @Test("the console has the time and the module of each line, and shows those of one module, and those since a time")
    func console() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad)
        try session.output("modload", "gurka.o", "sallad.o")
        let lines = try session.output("modstat", "--console").split(separator: "\n")
        #expect(
            lines.allSatisfy {
                $0.prefixMatch(of: #/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (gurka|sallad|modlinkd): /#) != nil
            },
            "\(lines)")
        func texts(_ arguments: String...) throws -> [Substring] {
            let result = try session.run("modstat", ["--console"] + arguments)
            #expect(result.status == .exited(0), "\(result)")
            return result.output.split(separator: "\n").map { $0.dropFirst(24) }
        }
        #expect(
            try texts("-m", "sallad") == [
                "sallad: sallad: 27 3", "modlinkd: sallad loaded as 2 at 0x10003000",
            ])
        #expect(try texts("--module", "gurka", "--since", "1h").first == "gurka: gurka: hello")
        #expect(try texts("--since", "2100-01-01").isEmpty)
        #expect(try texts("--since", "2000-01-01").count == 4)
    }

    @Test("-m and --since belong to --console, and a time is one")
    func usage() throws {
        let session = try Session()
        for (arguments, told) in [
            (["-m", "gurka"], "-m and --since belong to --console"),
            (["--since", "1h"], "-m and --since belong to --console"),
            (["--console", "--since", "soon"], "'soon' is not a time"),
        ] {
            let result = try session.run("modstat", arguments)
            #expect(result.status == .exited(64) && result.errors.contains(told), "\(result)")
        }
    }

    // MARK: Crashes

    @Test("the command that a crash names opens its core file in gdb, with the line; after --stop too")
    func gdb() throws {
        let session = try Session()
        try session.compile(
            "crash.o", "int init_module(void)\n{\n    return *(volatile int *)16;\n}\n", ["-g", "-O0"])
        let result = try session.run("modload", "crash.o")
        let told = try #require(result.errors.split(separator: "\n").last { $0.hasPrefix("Debug: gdb ") })
        try session.output("modlinkd", "--stop")
        #expect(try session.output("modstat", "--crash", "1").contains("\n\(told)\n"))
        let said = try Tool.output(
            "sh", ["-c", "\(told.dropFirst("Debug: ".count)) -q -nx -batch -ex bt </dev/null 2>&1"])
        #expect(said.contains("init_module () at ") && said.contains(":3"), "\(said)")
    }
}
