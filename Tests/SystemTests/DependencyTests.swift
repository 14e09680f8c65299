import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

/// A session with a folder of modules.
struct ModuleFolder {
    let session: Session
    let path: String

    init(_ variables: [String: String] = [:]) throws {
        session = try Session(variables)
        path = session.path + "/modules"
        try File.createDirectory(path, permissions: 0o700)
    }

    /// The variable that names the folder.
    var variables: [String: String] { ["MODLINK_PATH": path] }

    /// Compiles a module that exports a function of its name, and calls those of others in its init.
    func compile(_ name: String, uses: [String] = [], more: String = "", options: [String] = ["-O2"]) throws {
        let calls = uses.map { "+ \($0)()" }.joined(separator: " ")
        let declarations = uses.map { "extern int \($0)(void);" }.joined(separator: "\n")
        try session.compile(
            "modules/\(name).o",
            """
            #include <stdio.h>
            \(declarations)
            int \(name)(void) { return 1 \(calls); }
            int init_module(void) { printf("\(name): %d\\n", \(name)()); return 0; }
            void cleanup_module(void) { puts("\(name): bye"); }
            \(more)
            """, options)
    }

    /// Runs modload in the session's folder, with the folder of modules.
    func load(_ arguments: String...) throws -> ToolResult { try session.run("modload", arguments, variables) }

    /// What makes a module that asks for others by name, as MODULE() does.
    static func requiring(_ names: String) -> String {
        """
        static int command(int what, void *unused)
        {
            if (what == 0) return init_module();
            if (what == 1) cleanup_module();
            return what == 1 ? 0 : 25 /* ENOTTY */;
        }
        static const struct { unsigned version; int class; int (*command)(int, void *); const char *name, *required; }
            info = { 500000000, 0, command, "x", "\(names)" };
        static const void *const link __attribute__((section("link_set_modules"), used)) = &info;
        """
    }
}

/// Modules that come in because others need them.
@Suite struct DependencyTests {
    @Test("a module that is required is found by what MODULE() calls it, in a folder below and in a file of any name")
    func declaredName() throws {
        let folder = try ModuleFolder()
        try File.createDirectory(folder.path + "/kernel", permissions: 0o700)
        func compile(_ file: String, _ name: String, _ required: String) throws {
            try folder.session.compileModule(
                file,
                """
                #include <sys/param.h>
                #include <sys/module.h>
                MODULE(MODULE_CLASS_MISC, \(name), \(required));
                static int \(name)_modcmd(modcmd_t command, void *data)
                { (void)data; return command == MODULE_CMD_INIT || command == MODULE_CMD_FINI ? 0 : ENOTTY; }
                """)
        }
        try compile("modules/kernel/first-file.o", "gherkin", "NULL")
        try compile("modules/second.o", "salad", "\"gherkin\"")
        try compile("third.o", "meal", "\"salad,gherkin\"")
        #expect(try folder.load("-n", "third.o").output.contains("  1. first-file: x86-64, "))
        try expect(
            folder.load("third.o"),
            .done("Dependency first-file loaded as ID 1\nDependency second loaded as ID 2\nModule loaded as ID 3\n"))
        try expect(
            folder.session.run("modunload", "first-file"),
            .failed(
                1,
                "modunload: first-file: in use by second, which requires it; by third, which requires it (EBUSY)\n"))
        // What is loaded is not looked for, whatever its file is called.
        try folder.session.output("modunload", "third", "second")
        try expect(folder.load("second"), .done("Module loaded as ID 4\n"))
    }

    @Test("a module is found by its name, and what it needs comes first, is marked and is held")
    func chain() throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        try folder.compile("middle", uses: ["base"])
        try folder.compile("top", uses: ["middle"])
        try expect(
            folder.load("top"),
            .done(
                "base: 1\nmiddle: 2\ntop: 3\nDependency base loaded as ID 1\nDependency middle loaded as ID 2\nModule loaded as ID 3\n"
            ))
        let list = try folder.session.output("modstat").split(separator: "\n").map {
            $0.split(separator: " ", omittingEmptySubsequences: true)[1...3].joined(separator: " ")
        }
        #expect(list[1...] == ["base running (dependency)", "middle running (dependency)", "top running 0"])
        #expect(
            try folder.session.output("modstat", "--tree") == "top\n`-- middle\n    `-- base\n")
        #expect(try folder.session.run("modunload", "base").status == .exited(1))
        try expect(
            folder.session.run("modunload", "top", "middle", "base"), .done("top: bye\nmiddle: bye\nbase: bye\n"))
    }

    @Test("the graph for Graphviz has who uses whom, and the symbols when they are asked for")
    func dot() throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        try folder.compile("top", uses: ["base"])
        _ = try folder.load("top")
        let graph = { (arrow: String) in
            """
            digraph modules {
                node [shape=box];
                "base" [style=dashed];
                "top";
                "top" -> "base"\(arrow);
            }

            """
        }
        #expect(try folder.session.output("modstat", "--dot") == graph(""))
        #expect(try folder.session.output("modstat", "--dot", "-v") == graph(#" [label="base"]"#))
    }

    @Test("a file that is named gets what it misses from the folders, once for two that need it")
    func diamond() throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        try folder.compile("left", uses: ["base"])
        try folder.compile("right", uses: ["base"])
        try folder.session.compile(
            "top.o", "extern int left(void), right(void); int init_module(void) { return left() + right() - 4; }")
        try expect(
            folder.load("./top.o"),
            .done(
                "base: 1\nleft: 2\nright: 2\nDependency base loaded as ID 1\nDependency left loaded as ID 2\nDependency right loaded as ID 3\nModule loaded as ID 4\n"
            ))
    }

    @Test("modules that need each other come as one transaction")
    func cycle() throws {
        let folder = try ModuleFolder()
        let mutual = { (own: String, other: String) in
            "extern int \(other)(int); int \(own)(int n) { return n > 0 ? \(other)(n - 1) : 7; }"
        }
        try folder.session.compile("modules/ping.o", mutual("ping", "pong"))
        try folder.session.compile("modules/pong.o", mutual("pong", "ping"))
        try expect(folder.load("ping"), .done("Dependency pong loaded as ID 1\nModule loaded as ID 2\n"))
        #expect(
            try folder.session.output("modstat", "--tree", "-v")
                == "pong\n`-- ping: ping\n    `-- pong: pong (shared, see above)\n")
    }

    @Test("when a module fails in its init, what came in for it goes too")
    func undone() throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        try folder.session.compile(
            "bad.o", "extern int base(void); int init_module(void) { return base() ? -12 : 0; }")
        try expect(
            folder.load("bad.o"),
            .failed(
                1, "modload: bad: init_module returned -12 (ENOMEM); everything is undone\n",
                output: "base: 1\nbase: bye\n"))
        #expect(try folder.session.names() == [])
    }

    @Test("two modules that define a symbol are an error that names both, unless one is named or loaded")
    func twoProviders() throws {
        let folder = try ModuleFolder()
        try folder.session.compile("modules/a.o", "int slice(void) { return 1; }")
        try folder.session.compile("modules/b.o", "int slice(void) { return 2; }")
        try folder.session.compile("use.o", "extern int slice(void); int init_module(void) { return slice() - 2; }")
        try expect(
            folder.load("use.o"),
            .failed(
                1,
                "modload: use: symbol 'slice' is defined by \(folder.path)/a.o, \(folder.path)/b.o; name the one that is meant on the command line\n"
            ))
        #expect(try folder.session.names() == [])
        try expect(folder.load("b", "use.o"), .done("Module loaded as ID 1\nModule loaded as ID 2\n"))
        try expect(folder.session.run("modunload", "use"), .done())
        try expect(folder.load("use.o"), .done("Module loaded as ID 3\n"))
    }

    @Test("a module that is required by name comes in, and is held though no symbol is taken from it")
    func required() throws {
        let folder = try ModuleFolder()
        try folder.session.compile(
            "modules/my-base.o", "#include <stdio.h>\nint init_module(void) { puts(\"my-base\"); return 0; }")
        try folder.compile("top", more: ModuleFolder.requiring("my_base"))
        try expect(
            folder.load("top"),
            .done("my-base\ntop: 1\nDependency my-base loaded as ID 1\nModule loaded as ID 2\n"))
        #expect(try folder.session.run("modunload", "my-base").status == .exited(1))
        #expect(try folder.session.output("modstat", "--tree", "-v") == "top\n`-- my-base\n")
    }

    @Test("a module that is required and that nobody has is an error that says where it was looked for")
    func requiredMissing() throws {
        let folder = try ModuleFolder()
        try folder.compile("top", more: ModuleFolder.requiring("nobody"))
        try expect(
            folder.load("top"),
            .failed(
                1,
                "modload: top: requires module 'nobody', which is neither loaded nor in the module path (\(folder.path))\n"
            ))
        try expect(
            folder.load("nobody"),
            .failed(
                1,
                "modload: nobody: no such file, nor a module in \(folder.path) (ENOENT); MODLINK_PATH names the folders\n"
            ))
    }

    @Test("what the folders do not have is undefined, as without them")
    func undefined() throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        try folder.session.compile(
            "top.o", "extern int base(void), nobody(void); int init_module(void) { return base() + nobody(); }", ["-O1"]
        )
        let result = try folder.load("top.o")
        #expect(result.status == .exited(1))
        #expect(result.errors.contains("in init_module: undefined symbol 'nobody'"))
        #expect(try folder.session.names() == [])
    }

    @Test("each client's own folders count, not those of the one that started the daemon")
    func clients() throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        #expect(try folder.session.run("modload", ["base"], ["MODLINK_PATH": "/nowhere"]).status == .exited(1))
        try expect(
            folder.session.run("modload", ["base"], ["MODLINK_PATH": "/nowhere:modules"]),
            .done("base: 1\nModule loaded as ID 1\n"))
        try expect(
            folder.session.run("modload", ["soppa"], ["MODLINK_PATH": ""]),
            .failed(1, "modload: soppa: no such file, and MODLINK_PATH names no folder (ENOENT)\n"))
    }

    @Test("a module that is replaced, changed or removed is not taken for what it was")
    func stale() throws {
        let folder = try ModuleFolder()
        try folder.session.compile("modules/a.o", "int slice(void) { return 2; }")
        try folder.session.compile("use.o", "extern int slice(void); int init_module(void) { return slice() - 2; }")
        try expect(folder.load("use.o"), .done("Dependency a loaded as ID 1\nModule loaded as ID 2\n"))
        try expect(folder.session.run("modunload", "use", "a"), .done())
        // The symbol moves from one file to another.
        try folder.session.compile("modules/a.o", "int other(void) { return 2; }")
        try folder.session.compile("modules/b.o", "int slice(void) { return 2; }")
        try expect(folder.load("use.o"), .done("Dependency b loaded as ID 3\nModule loaded as ID 4\n"))
        try expect(folder.session.run("modunload", "use", "b"), .done())
        try File.remove(folder.path + "/b.o")
        #expect(try folder.load("use.o").errors.contains("undefined symbol 'slice'"))
    }

    @Test("an index that was damaged is made anew")
    func damagedIndex() throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        try folder.compile("top", uses: ["base"])
        #expect(try folder.load("top").status == .exited(0))
        try folder.session.output("modlinkd", "--stop")
        let store = folder.session.runtime + "/index"
        for name in try File.list(store) {
            try File.writeAtomically(store + "/" + name, [UInt8](repeating: 0x41, count: 1000), permissions: 0o600)
        }
        #expect(try folder.load("top").status == .exited(0))
    }

    @Test("a file in the folder that is no object is named in a warning once, and does no harm")
    func malformed() throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        try folder.compile("top", uses: ["base"])
        try folder.session.write("modules/torn.o", Array("\u{7f}ELF".utf8))
        let warning = "\(folder.path)/torn.o: truncated: 4 bytes, shorter than an ELF header"
        let first = try folder.load("top")
        #expect(first.status == .exited(0))
        #expect(first.errors == "modload: warning: \(warning)\n")
        #expect(try folder.session.output("modstat", "--console").contains("modlinkd: warning: \(warning)\n"))
        try expect(folder.session.run("modunload", "top", "base"), .done("top: bye\nbase: bye\n"))
        #expect(try folder.load("top").errors == "")
        try expect(folder.load("torn"), .failed(65, "modload: \(warning)\n"))
    }

    @Test(
        "a folder that cannot be read is named in a warning, and others are used",
        .enabled(if: User.effective == 0 ? Tool.find("setpriv") != nil : true, "setpriv is not installed"))
    func unreadable() throws {
        let user = try OtherUser()
        let session = user.session
        try File.createDirectory(session.path + "/closed", permissions: 0)
        try File.changeMode(session.path + "/closed", 0)
        try File.createDirectory(session.path + "/open", permissions: 0o755)
        try File.changeMode(session.path + "/open", 0o755)
        try session.compile("open/base.o", "int base(void) { return 0; }")
        try session.compile("top.o", "extern int base(void); int init_module(void) { return base(); }")
        try File.changeMode(session.path + "/open/base.o", 0o644)
        try File.changeMode(session.path + "/top.o", 0o644)
        let run = session.path + "/run-of-user"
        try File.createDirectory(run, permissions: 0o777)
        try File.changeMode(run, 0o777)
        let variables = [
            "MODLINK_PATH": "\(session.path)/closed:\(session.path)/open", "MODLINK_RUNTIME_DIR": run + "/modlink",
        ]
        let result = try user.run("modload", ["top.o"], variables)
        _ = try user.run("modlinkd", ["--stop"], variables)
        #expect(result.output == "Dependency base loaded as ID 1\nModule loaded as ID 2\n")
        #expect(
            result.errors
                == "modload: warning: \(session.path)/closed: no modules are looked for there: opendir: permission denied (EACCES)\n"
        )
    }

    @Test("a path over the protocol has to be absolute")
    func relative() throws {
        let folder = try ModuleFolder()
        try folder.compile("base")
        try folder.session.output("modstat")
        var client = try DaemonConnection.open(RuntimeDirectory(path: folder.session.runtime), starts: false)
        #expect {
            _ = try client.call(
                LoadMethod.self,
                LoadMethod.Parameters(
                    modules: [ModuleRequest(objects: [ObjectFile(name: "base")])], modulePath: ["modules"]))
        } throws: { error in
            (error as? VarlinkError).map { Failure($0).problems.first?.reason }
                == "not an absolute path; modulePath has those alone"
        }
    }
}
