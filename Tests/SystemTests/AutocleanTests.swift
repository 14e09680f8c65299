import TestSupport
import Testing

/// What goes by itself: `modload -k`, `modunload -a`, `modlinkd --autoclean`.
@Suite struct AutocleanTests {
    private func compiled(_ names: [String] = ["gurka", "sallad"]) throws -> Session {
        let session = try Session()
        for name in names { try session.compile("\(name).o", name == "gurka" ? Sources.gurka : Sources.sallad) }
        return session
    }

    @Test("with -k a module stays until a pass finds that nobody uses it", arguments: ["-k", "--autoclean"])
    func mark(option: String) throws {
        let session = try compiled()
        try session.output("modload", option, "gurka.o")
        #expect(try session.output("modstat").contains("gurka  running (autoclean) "))
        try session.output("modload", "sallad.o")
        try expect(session.run("modunload", "-a"), .done())
        #expect(try session.names() == ["gurka", "sallad"])
        try expect(session.run("modunload", "sallad"), .done("sallad: bye\n"))
        #expect(try session.names() == ["gurka"])
        try expect(session.run("modunload", "-a"), .done("gurka: bye\n"))
        #expect(try session.names() == [])
    }

    @Test("without -k it stays")
    func staying() throws {
        let session = try compiled()
        try session.output("modload", "gurka.o", "sallad.o")
        try expect(session.run("modunload", "sallad"), .done("sallad: bye\n"))
        try expect(session.run("modunload", "--autoclean"), .done())
        #expect(try session.names() == ["gurka"])
    }

    @Test("a stack that nobody uses goes in one pass, the newest first")
    func stack() throws {
        let session = try compiled()
        try session.output("modload", "-k", "gurka.o")
        try session.output("modload", "-k", "sallad.o")
        try expect(session.run("modunload", "-a"), .done("sallad: bye\ngurka: bye\n"))
        #expect(try session.names() == [])
    }

    @Test("a module that marks itself visited in its counter is spared once; the counter has the mark from the start")
    func counter() throws {
        let session = try Session()
        let source = """
            #include <stdio.h>
            long mod_use_count_;
            void touch(void) { mod_use_count_++; mod_use_count_ |= 0x20000000; mod_use_count_--; }
            void hold(void) { mod_use_count_ = (mod_use_count_ + 1) | 0x20000000; }
            void let_go(void) { mod_use_count_ = (mod_use_count_ - 1) | 0x20000000; }
            int init_module(void) { printf("%lx\\n", mod_use_count_); return 0; }
            void cleanup_module(void) { printf("%lx\\n", mod_use_count_); }
            """
        try session.compile("held.o", source)
        for name in ["touch", "hold", "let_go"] {
            try session.compile(
                "\(name).o", "extern void \(name)(void); int init_module(void) { \(name)(); return 0; }")
        }
        func call(_ name: String) throws {
            try session.output("modload", "\(name)_.o")
            try session.output("modunload", "\(name)_")
        }
        for name in ["touch", "hold", "let_go"] { try session.write("\(name)_.o", try session.read("\(name).o")) }
        try expect(session.run("modload", "-k", "held.o"), .done("40000001\nModule loaded as ID 1\n"))
        try call("touch")
        try expect(session.run("modunload", "-a"), .done())
        try call("hold")
        for _ in 1...2 { try expect(session.run("modunload", "-a"), .done()) }
        try expect(
            session.run("modunload", "held"), .failed(1, "modunload: held: in use: its use count is 1 (EBUSY)\n"))
        try call("let_go")
        try expect(session.run("modunload", "-a"), .done())
        try expect(session.run("modunload", "-a"), .done("40000000\n"))
        #expect(try session.names() == [])
    }

    @Test("one that refuses stays, is told of, and the pass goes on")
    func refusal() throws {
        let session = try compiled(["gurka"])
        try session.compile(
            "stubborn.o", "int xxxinit(void *table, int command, int version) { return command == 2 ? 16 : 0; }")
        try session.output("modload", "-k", "gurka.o")
        try session.output("modload", "-k", "stubborn.o")
        try expect(
            session.run("modunload", "-a"),
            ToolResult(
                status: .exited(0), output: "gurka: bye\n",
                errors: "modunload: warning: stubborn: refuses to be unloaded: xxxinit returned 16 (EBUSY)\n"))
        #expect(try session.names() == ["stubborn"])
    }

    @Test("the daemon does a pass every so many seconds when it is asked to, and else none")
    func periodic() throws {
        let session = try compiled()
        try session.output("modlinkd", "--autoclean", "1")
        try session.output("modload", "-k", "gurka.o")
        try session.output("modload", "sallad.o")
        #expect(try session.names().contains("sallad"))
        try session.output("modunload", "sallad")
        #expect(try eventually { try session.names() == [] })
        #expect(try eventually { try session.runtimeText("console").contains("modlinkd: gurka unloaded\n") })
        #expect(try session.runtimeText("console").contains("gurka: bye\n"))
    }

    @Test(
        "seconds are 1 to those of a year",
        arguments: [("0", false), ("1", true), ("31536000", true), ("31536001", false)])
    func seconds(text: String, isTaken: Bool) throws {
        let session = try Session()
        let result = try session.run("modlinkd", "--autoclean", text)
        #expect(result.status == .exited(isTaken ? 0 : 64))
        #expect(isTaken || result.errors.contains("--autoclean takes 1 to 31536000 seconds, which is a year"))
    }

    @Test(
        "-a goes alone",
        arguments: [
            (["-a", "gurka"], "-a chooses itself what goes: name nothing with it"),
            (["-a", "-i", "1"], "-a chooses itself what goes: name nothing with it"),
            (["-a", "-r"], "-a goes alone, without -f, -r and --dry-run"),
            (["-a", "--dry-run"], "-a goes alone, without -f, -r and --dry-run"),
            (["-a", "-f"], "-a goes alone, without -f, -r and --dry-run"),
        ])
    func mixed(arguments: [String], message: String) throws {
        let result = try Session().run("modunload", arguments)
        #expect(result.status == .exited(64))
        #expect(result.errors.contains(message))
    }
}
