import Posix
import TestSupport
import Testing

/// What `modload -n` says would be loaded, and what is seen of a load that takes long.
@Suite struct PlanTests {
    @Test("the plan says what would be loaded, in which order, from where, for which machine and why")
    func plan() throws {
        let folder = try ModuleFolder()
        try folder.compile("base", more: "int base_count = 3;")
        try folder.compile("middle", uses: ["base"], more: "extern int base_count; int *middle_pointer = &base_count;")
        try folder.compile("top", uses: ["middle"])
        let result = try folder.load("-n", "top")
        #expect(result.status == .exited(0))
        #expect(
            result.output.hasPrefix(
                """
                would load, in this order:
                  1. base: x86-64, \(folder.path)/base.o: for middle (base_count, base)
                  2. middle: x86-64, \(folder.path)/middle.o: for top (middle)
                  3. top: x86-64, \(folder.path)/top.o: named
                base: 
                """.replacing(
                    "base_count, base",
                    with: result.output.contains("(base, ") ? "base, base_count" : "base_count, base")))
        #expect(try folder.session.names() == [])
    }

    @Test("with -A the plan needs no daemon")
    func withoutDaemon() throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        try folder.compile("top", uses: ["base"])
        let result = try folder.load("-n", "-A", Session.programs + "/modspace", "--no-autostart", "top")
        #expect(result.status == .exited(0))
        #expect(result.output.contains("  1. base: x86-64, \(folder.path)/base.o: for top (base)\n  2. top: "))
        #expect(folder.session.daemon == nil)
    }

    @Test("a module of the loaded ones is not in the plan")
    func loaded() throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        try folder.compile("top", uses: ["base"], more: ModuleFolder.requiring("base"))
        try folder.session.output("modload", "modules/base.o")
        let result = try folder.load("-n", "top")
        #expect(result.output.contains("  1. top: x86-64, \(folder.path)/top.o: named\ntop: "))
    }

    @Test(
        "modules for i386 are found for i386, and others for x86-64",
        .enabled(if: Compiler.makesI386Programs, Comment(rawValue: Compiler.noI386Programs)))
    func machines() throws {
        let folder = try ModuleFolder()
        for (name, width) in [("wide", "-m64"), ("narrow", "-m32")] {
            try folder.session.compile("modules/\(name).o", "int slice(void) { return 1; }", [width])
            try folder.session.compile(
                "\(name)-use.o", "extern int slice(void); int init_module(void) { return slice() - 1; }", [width])
        }
        try expect(folder.load("narrow-use.o"), .done("Dependency narrow loaded as ID 1\nModule loaded as ID 2\n"))
        try expect(folder.load("wide-use.o"), .done("Dependency wide loaded as ID 3\nModule loaded as ID 4\n"))
    }

    // MARK: On a terminal

    /// Runs a program with a terminal as its standard error; returns what it drew there.
    private func onTerminal(
        _ folder: ModuleFolder, tool: String = "modload", _ arguments: [String]
    ) throws -> (ToolResult, drawn: String) {
        let log = folder.session.path + "/drawn"
        // python3's module pty: a child whose terminal is copied to standard output, which is a file here.
        let script = """
            import os, pty, sys
            log = open(sys.argv[1], "wb", 0)
            master, slave = pty.openpty()
            process = os.fork()
            if process == 0:
                os.dup2(slave, 2)
                os.close(master)
                os.execv(sys.argv[2], sys.argv[2:])
            os.close(slave)
            while True:
                try: bytes = os.read(master, 4096)
                except OSError: break
                if not bytes: break
                log.write(bytes)
            log.close()
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
            """
        let result = try RunningTool(
            executable: "/usr/bin/env",
            ["-C", folder.session.path, "python3", "-c", script, log, Session.programs + "/" + tool] + arguments,
            environment: folder.session.environment(folder.variables)
        ).wait()
        return (result, String(decoding: try File.read(path: log, limit: 1 << 20), as: UTF8.self))
    }

    @Test("work that takes over half a second shows its progress on a terminal, and takes it away again")
    func progress() throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        try folder.session.compile(
            "slow.o",
            """
            #include <unistd.h>
            extern int base(void);
            int init_module(void) { usleep(1500000); return base() - 1; }
            """)
        let (result, drawn) = try onTerminal(folder, ["slow.o"])
        expect(result, .done("base: 1\nDependency base loaded as ID 1\nModule loaded as ID 2\n"))
        let line = "starting slow: 1 of 2 (50%)"
        #expect(drawn.contains("\r\(line)"))
        #expect(drawn.hasSuffix("\r\(String(repeating: " ", count: line.count))\r"))
    }

    @Test(
        "so does an unload, of all that refer to it or by autoclean",
        arguments: [
            (["-r", "base"], "unloading: slow, base\nbase: bye\n", "unloading slow: 0 of 2 (0%)"),
            (["-a"], "base: bye\n", "looking at slow: 0 of 2 (0%)"),
        ])
    func unloading(arguments: [String], output: String, line: String) throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        try folder.session.compile(
            "slow.o",
            """
            #include <unistd.h>
            extern int base(void);
            int init_module(void) { return base() - 1; }
            void cleanup_module(void) { usleep(1500000); }
            """)
        _ = try folder.load("-k", "slow.o")
        let (result, drawn) = try onTerminal(folder, tool: "modunload", arguments)
        expect(result, .done(output))
        #expect(drawn.contains("\r\(line)"), "\(drawn)")
        #expect(drawn.hasSuffix(" \r"))
        #expect(try folder.session.names() == [])
    }

    @Test("an unload that waits for other requests says so")
    func waiting() throws {
        let folder = try ModuleFolder()
        try folder.session.compile("gurka.o", Sources.quiet("gurka_count"))
        _ = try folder.load("gurka.o")
        try folder.session.compile(
            "slow.o",
            """
            #include <sys/stat.h>
            #include <unistd.h>
            int init_module(void)
            {
                struct stat drawn = { 0 };
                while (stat("\(folder.session.path)/drawn", &drawn) != 0 || drawn.st_size == 0) usleep(100000);
                return 0;
            }
            """)
        let load = try folder.session.start("modload", ["slow.o"])
        #expect(try eventually { try folder.session.output("modstat").contains("loading") })
        let (result, drawn) = try onTerminal(folder, tool: "modunload", ["gurka"])
        expect(result, .done())
        #expect(drawn.contains("\rwaiting for other requests"), "\(drawn)")
        #expect(try load.wait().status == .exited(0))
    }

    @Test("a load that fails takes the line away before it says why")
    func failure() throws {
        let folder = try ModuleFolder()
        try folder.session.compile(
            "slow.o", "#include <unistd.h>\nint init_module(void) { usleep(1500000); return -12; }")
        let (result, drawn) = try onTerminal(folder, ["slow.o"])
        #expect(result.status == .exited(1))
        #expect(drawn.contains("starting slow"))
        #expect(drawn.contains(" \rmodload: slow: init_module returned -12 (ENOMEM)"))
    }

    @Test("work that is done soon draws nothing, and neither does any without a terminal")
    func quiet() throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        let (result, drawn) = try onTerminal(folder, ["base"])
        #expect(result.status == .exited(0))
        #expect(drawn == "")
        try folder.session.compile(
            "slow.o", "#include <unistd.h>\nint init_module(void) { usleep(1500000); return 0; }")
        try expect(folder.load("slow.o"), .done("Module loaded as ID 2\n"))
    }
}
