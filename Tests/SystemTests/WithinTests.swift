import TestSupport
import Testing

/// Loads and unloads that are asked for while another one is under way.
@Suite struct WithinTests {
    /// A module whose init or cleanup runs a command, and says how it ended.
    private func running(_ command: String, in function: String) -> String {
        let call = "printf(\"%d\\n\", system(\"\(command) 2>&1\")); fflush(stdout);"
        return """
            #include <stdio.h>
            #include <stdlib.h>
            int init_module(void) { \(function == "init" ? call : "") return 0; }
            void cleanup_module(void) { \(function == "cleanup" ? call : "") }
            """
    }

    private func session(_ tool: String, _ arguments: String, in function: String) throws -> Session {
        let session = try Session()
        let command = "\(Session.programs)/\(tool) \(arguments)"
        try session.compile("outer.o", running(command, in: function))
        try session.compile("gurka.o", Sources.quiet("gurka_count"))
        return session
    }

    private func refusal(_ task: String) -> String {
        "the space is busy with \(task), which this is part of, and would wait for itself (EDEADLK)\n256\n"
    }

    @Test(
        "a module that unloads itself, or loads or cleans others, in its init is told that this cannot be",
        arguments: [("modunload", "outer"), ("modunload", "-r outer"), ("modunload", "-a"), ("modload", "gurka.o")])
    func initialization(tool: String, arguments: String) throws {
        // The space's folder is its own: the object is named in full.
        let session = try session(tool, arguments, in: "init")
        if tool == "modload" {
            let command = "\(Session.programs)/modload \(session.path)/gurka.o"
            try session.compile("outer.o", running(command, in: "init"))
        }
        let output = try session.output("modload", "outer.o")
        #expect(output.hasPrefix("\(tool): process "), "\(output)")
        #expect(output.hasSuffix(refusal("the load of outer") + "Module loaded as ID 1\n"), "\(output)")
        #expect(try session.names() == ["outer"])
    }

    @Test(
        "each call of modules(2) from within an init says so, with a line on the console, but the one that only looks")
    func calls() throws {
        let session = try Session()
        try session.makeProgram("within")
        try session.compile("gurka.o", Sources.quiet("gurka_count"))
        try session.compile("outer.o", running("\(session.path)/within", in: "init"))
        try session.output("modload", "gurka.o")
        let lines = try session.output("modload", "outer.o").split(separator: "\n")
        #expect(lines.count == 10 && lines.dropLast(2).allSatisfy { $0.hasSuffix(": ok") }, "\(lines)")
        #expect(lines.suffix(2) == ["0", "Module loaded as ID 2"])
        #expect(try session.names() == ["gurka", "outer"])
        let console = try session.runtimeText("console").split(separator: "\n")
        for (call, count) in [("create_module", 1), ("init_module", 1), ("delete_module", 4), ("get_kernel_syms", 1)] {
            let refusals = console.filter { $0.hasPrefix("modlinkd: \(call): ") }
            #expect(refusals.count == count, "\(refusals)")
            #expect(
                refusals.allSatisfy { $0.hasSuffix(call == "get_kernel_syms" ? "(EFAULT)" : "(EDEADLK)") },
                "\(refusals)")
        }
    }

    @Test("so is one that does so in its cleanup")
    func cleanup() throws {
        let session = try session("modunload", "outer", in: "cleanup")
        try session.output("modload", "outer.o")
        let output = try session.output("modunload", "outer")
        #expect(output.hasSuffix(refusal("the unload of outer")), "\(output)")
        #expect(try session.names() == [])
    }

    @Test("to look is allowed from inside")
    func looking() throws {
        let session = try session("modstat", "", in: "init")
        let output = try session.output("modload", "outer.o")
        #expect(output.contains(" 1  outer  loading  "), "\(output)")
        #expect(output.contains("\n0\n"), "\(output)")
    }

    @Test("a process that a module has started may load when nothing is under way")
    func afterwards() throws {
        let session = try Session()
        let command =
            "while [ ! -e \(session.path)/go ]; do sleep 0.05; done; \(Session.programs)/modload \(session.path)/gurka.o"
        try session.compile("outer.o", running("(\(command)) >/dev/null", in: "init").replacing("2>&1", with: "2>&1 &"))
        try session.compile("gurka.o", Sources.quiet("gurka_count"))
        try session.output("modload", "outer.o")
        try session.write("go", [])
        #expect(try eventually { try session.names() == ["outer", "gurka"] })
    }

    @Test("of two that load the same name at once, the first has it, and the second is told so when that is done")
    func sameName() throws {
        let session = try Session()
        try session.compile(
            "gurka.o",
            Sources.initialize("struct timespec t = { 0, 300000000 }; nanosleep(&t, 0); return 0;").replacing(
                "<errno.h>", with: "<time.h>"))
        let tools = try (1...2).map { _ in try session.start("modload", ["gurka.o"]) }
        let results = try tools.map { try $0.wait() }.sorted { $0.errors < $1.errors }
        expect(results[0], .done("Module loaded as ID 1\n"))
        expect(
            results[1],
            .failed(
                1,
                "modload: gurka: a module of that name is already loaded (EEXIST); 'modunload gurka' takes it out, --name gives this one another\n"
            ))
        #expect(try session.names() == ["gurka"])
    }

    @Test("of two that load the same name at once, the second has it where the first one fails")
    func sameNameFailing() throws {
        let session = try Session()
        try session.compile(
            "one.o",
            Sources.initialize("struct timespec t = { 0, 300000000 }; nanosleep(&t, 0); return 5;").replacing(
                "<errno.h>", with: "<time.h>"))
        try session.compile("two.o", Sources.quiet("gurka_count"))
        let first = try session.start("modload", ["--name", "gurka", "one.o"])
        #expect(try eventually { try session.output("modstat").contains("loading") })
        let second = try session.start("modload", ["--name", "gurka", "two.o"])
        #expect(try first.wait().status == .exited(1))
        try expect(second.wait(), .done("Module loaded as ID 2\n"))
    }
}
