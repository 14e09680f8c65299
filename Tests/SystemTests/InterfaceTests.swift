import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

/// The Varlink interface, by its own description and by another implementation: the Python package varlink.
@Suite struct InterfaceTests {
    /// Runs a Python program that has `modlink`, the daemon's interface, and `folder`, that of the session's files.
    private func python(_ session: Session, _ program: String) throws -> ToolResult {
        let packages = try #require(
            Environment.value("MODLINK_PYTHON_PATH"), "python package varlink is missing: run Scripts/test")
        let start = """
            import sys, varlink
            folder = sys.argv[2]
            def attempt(call):
                try:
                    print(call())
                except varlink.VarlinkError as error:
                    print(error.error(), error.parameters())
            with varlink.Client("unix:" + sys.argv[1]) as client, client.open("org.modlink") as modlink:

            """
        let body = program.split(separator: "\n", omittingEmptySubsequences: false).map { "    " + $0 }
        return try RunningTool(
            executable: "/usr/bin/env",
            ["python3", "-c", start + body.joined(separator: "\n"), session.runtime + "/socket", session.path],
            environment: session.environment(["PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"])
        ).wait()
    }

    @Test("the Python package lists, loads by path, looks up and unloads")
    func python() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad)
        try session.output("modlinkd")
        let result = try python(
            session,
            """
            print(modlink.List())
            object = {"name": "gurka.o", "path": folder + "/gurka.o"}
            reply = modlink.Load([{"objects": [object]}])
            print(reply["output"], [(m["id"], m["name"], m["state"], m["address"]) for m in reply["modules"]])
            reply = modlink.Load([{"name": "sallad", "objects": [{"name": "s", "path": folder + "/sallad.o"}], "autoclean": False}])
            print(reply["output"], reply["modules"][0]["uses"])
            print([(m["name"], m["usedBy"]) for m in modlink.List()["modules"]])
            found = modlink.LookUp(["slice", "nope"])["answers"]
            print([(a["query"], [(s["module"], s["name"], s["kind"], s["exported"]) for s in a["symbols"]]) for a in found])
            print(modlink.Unload(["sallad"], None), modlink.Unload(ids=[1]))
            print(modlink.List(), modlink.Status()["architecture"])
            """)
        expect(
            result,
            .done(
                """
                {'modules': [], 'spaces': ['x86-64']}
                gurka: hello
                 [(1, 'gurka', 'running', 268435456)]
                sallad: 27 3
                 [{'module': 'gurka', 'symbols': ['gurka_count', 'slice']}]
                [('gurka', ['sallad']), ('sallad', [])]
                [('slice', [('gurka', 'slice', 'function', True)]), ('nope', [])]
                {'modules': ['sallad'], 'output': 'sallad: bye\\n'} {'modules': ['gurka'], 'output': 'gurka: bye\\n'}
                {'modules': [], 'spaces': ['x86-64']} x86-64

                """))
    }

    @Test("the Python package gets the interface's errors with all that they declare")
    func errors() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad)
        try session.compile("failing.o", Sources.initialize("puts(\"trying\"); return -12;"))
        try session.compile("crash.o", Sources.initialize("*(volatile int *)0 = 1; return 0;"), ["-O0"])
        try session.write("text.o", Array("text".utf8))
        try session.output("modload", "gurka.o")
        try session.output("modload", "sallad.o")
        let result = try python(
            session,
            """
            def load(name):
                return modlink.Load([{"objects": [{"name": name, "path": folder + "/" + name}]}])
            attempt(lambda: modlink.Unload(["gurka"]))
            attempt(lambda: modlink.Unload(["nope"]))
            attempt(lambda: load("gurka.o"))
            attempt(lambda: load("text.o"))
            attempt(lambda: load("failing.o"))
            attempt(lambda: modlink.Load([{"objects": [{"name": "x", "path": "relative.o"}]}]))
            attempt(lambda: modlink.Load([{"objects": [{"name": "x", "descriptor": 0}]}]))
            attempt(lambda: modlink.Load([{"name": "none", "objects": []}]))
            try:
                load("crash.o")
            except varlink.VarlinkError as error:
                print(error.error(), error.parameters()["signal"], error.parameters()["problems"][0]["place"])
            print(len(modlink.List()["modules"]))
            """)
        func error(_ name: String, _ subject: String, _ reason: String, _ more: String = "") -> String {
            // Python puts a text with an apostrophe into double quotes.
            let text = reason.contains("'") ? "\"\(reason)\"" : "'\(reason)'"
            return
                "org.modlink.\(name) {'problems': [{'subject': '\(subject)', 'place': '', 'reason': \(text)}]\(more)}"
        }
        let lines = [
            error(
                "ModuleBusy", "gurka", "in use by sallad, which refers to gurka_count and slice (EBUSY)",
                ", 'holders': ['sallad'], 'holds': [{'module': 'gurka', 'kind': 'module', 'holder': 'sallad', "
                    + "'symbols': ['gurka_count', 'slice'], 'count': 2}]"),
            error("NoSuchModule", "nope", "no such module (ENOENT)"),
            error("ModuleExists", "gurka", "a module of that name is already loaded (EEXIST)"),
            error("NotAnObject", "text.o", "neither an ELF nor an a.out object; modules are made with 'cc -c'"),
            error(
                "InitFailed", "failing", "init_module returned -12 (ENOMEM); everything is undone",
                ", 'output': 'trying\\n', 'result': -12"),
            error("SystemFailure", "x", "neither a descriptor nor an absolute path"),
            error("SystemFailure", "x", "descriptor 0 did not come with the call"),
            error("NotAnObject", "none", "has no objects"), "org.modlink.ModuleFaulted SIGSEGV init_module", "2", "",
        ]
        // Order of fields in a parameter is that of the sender; Python shows it.
        #expect(result.status == .exited(0), "\(result.errors)")
        let sorted = { (text: Substring) in text.split(separator: /[ ,{}]+/).sorted() }
        for (one, wanted) in zip(result.output.split(separator: "\n"), lines) {
            #expect(sorted(one) == sorted(Substring(wanted)), "\(one)")
        }
        #expect(result.output.split(separator: "\n").count == lines.count - 1)
    }

    @Test("the interface's text parses, and has each method of the Swift types and no other")
    func description() throws {
        let interface = try InterfaceDescription.parse(interfaceText)
        #expect(interface.name == "org.modlink")
        let names = [
            LoadMethod.name, UnloadMethod.name, AutocleanMethod.name, ListMethod.name, LookUpMethod.name,
            FindUsersMethod.name, SymbolsMethod.name, StatusMethod.name, CallMethod.name, SystemCallMethod.name,
            OpenDeviceMethod.name,
            CreateModuleMethod.name, InitModuleMethod.name, DeleteModuleMethod.name, KernelSymbolsMethod.name,
            ListCrashesMethod.name, DescribeMethod.name, DescribeCrashMethod.name, StopMethod.name,
        ]
        #expect(interface.methods.map { "org.modlink.\($0.name)" } == names)
        let errors = Failure.Kind.allCases.filter(\.isOfInterface).map(\.rawValue)
        #expect(interface.errors.map(\.name).sorted() == errors.sorted())
        #expect(
            interface.types.map(\.name) == [
                "Problem", "Object", "ModuleSource", "Reference", "Owner", "Module", "Hold", "Phase", "Progress",
                "Symbol",
                "Answer", "Use", "Users", "Crash", "ModuleDetails", "ModuleThread", "ModuleDescriptor", "ModuleField",
                "ModuleParameter",
                "ModuleSection",
            ])
    }

    @Test("the daemon answers org.varlink.service with the same text")
    func service() throws {
        let session = try Session()
        try session.output("modlinkd")
        let result = try python(
            session,
            """
            client.get_interfaces()
            print(client.info["vendor"], client.info["product"], client.info["version"], client.info["interfaces"])
            service = client.open("org.varlink.service")
            sys.stdout.write(service.GetInterfaceDescription("org.modlink")["description"])
            """)
        expect(result, .done("modlink modlink 0.1.0 ['org.varlink.service', 'org.modlink']\n" + interfaceText))
    }
}
