import ELFFormat
import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

@testable import ModuleService

/// The service with a real space.
@Suite struct ServiceTests {
    private static func module(_ name: String, result: Int = 0) -> (name: String, text: String) {
        (
            name,
            """
            int puts(const char *);
            int init_module(void) { puts("\(name)+"); return \(result); }
            void cleanup_module(void) { puts("\(name)-"); }
            """
        )
    }

    @Test(
        "what has been started is cleaned up in reverse, the one that failed is not asked, and all room is free again")
    func undo() throws {
        let test = try TestService()
        let failure = try test.failure(
            loading: [Self.module("a"), Self.module("b"), Self.module("c", result: -5), Self.module("d")])
        #expect(
            failure
                == Failure(
                    .initFailed,
                    [.init(subject: "c", reason: "init_module returned -5 (EIO); everything is undone")],
                    output: "a+\nb+\nc+\nb-\na-\n", result: -5))
        #expect(test.service.list().isEmpty)
        try #expect(File.list(test.directory.images) == [])
        let window: UInt64 = 0x6000_0000
        #expect(test.service.state.withLock { $0.spaces[.native].ranges.free } == window)
        let reply = try test.load([Self.module("e")])
        // Where the four were, nobody is for a while.
        #expect(reply.modules.map(\.address) == [0x1000_8000])
        #expect(reply.modules.map(\.id) == [5])
    }

    @Test("a module whose frames are broken leaves its address free")
    func frames() throws {
        let test = try TestService()
        // The second record refers to a CIE far before the section.
        let text = """
            .globl init_module
            .text
            init_module: xorl %eax, %eax
            ret
            .section .eh_frame, "a", @progbits
            .long 12, 0x7000, 0, 0
            """
        let failure = try #require(try test.failure(loading: [("broken", text)], language: .assembly))
        #expect(
            failure.problems.map(\.description)
                == ["broken.o: .eh_frame+0x0: its CIE would be 28672 bytes before, where none is"])
        let window: UInt64 = 0x6000_0000
        #expect(test.service.state.withLock { $0.spaces[.native].ranges.free } == window)
        let address = try test.load([Self.module("gurka")]).modules.map(\.address)
        #expect(address == [0x1000_0000])
    }

    @Test("a module that counts a user is not unloaded while somebody else asks the space")
    func busySpace() throws {
        let test = try TestService()
        try test.load([
            (
                "gurka",
                """
                int usleep(unsigned);
                long mod_use_count_ = 1;
                int init_module(void) { return 0; }
                void wait_long(void) { usleep(500000); }
                """
            )
        ])
        #expect(test.service.list().map(\.useCount) == [1])
        let space = try #require(test.service.state.withLock { $0.spaces[.native].host })
        let function = try test.address("wait_long")
        try Threads.start(name: "caller") { _ = try? space.call(function) }
        // Who only looks does not wait.
        try #expect(eventually { test.service.list().map(\.useCount) == [nil] })
        #expect(
            throws: Failure(
                .moduleBusy, [.init(subject: "gurka", reason: "in use: its use count is 1 (EBUSY)")],
                holds: [Hold(module: "gurka", kind: .count, count: 1)])
        ) { try test.unload(1) }
        #expect(test.service.list().map(\.name) == ["gurka"])
    }

    @Test(
        "a space that cannot be started again takes its modules along, and a later load starts one",
        arguments: FaultPolicy.allCases)
    func lostSpace(policy: FaultPolicy) throws {
        let scratch = try ScratchDirectory()
        let executable = scratch.path + "/modspace"
        try Tool.output("cp", [try SpaceProgram.path(), executable])
        let test = try TestService(executable: executable, onFault: policy)
        try test.load([Self.module("gurka")])
        // Who opens the file makes it.
        try #expect(!SymbolFile(test.scratch.read("ksyms"), name: "ksyms").symbols.entries.isEmpty)
        let generation = test.service.state.withLock { $0.spaces[.native].symbols.generation }
        try File.rename(executable, to: executable + ".away")
        let process = try #require(test.service.state.withLock { $0.spaces[.native].host?.information.process })
        try ChildProcess(process: process).signal(9)
        try #expect(eventually { test.service.list().isEmpty })
        try #expect(eventually { try SymbolFile(test.scratch.read("ksyms"), name: "ksyms").symbols.entries.isEmpty })
        #expect(test.service.lookUp(["printf", "init_module"]).map(\.symbols.count) == [0, 0])
        try #expect(test.failure(loading: [Self.module("sallad")])?.kind == .systemFailure)

        try File.rename(executable + ".away", to: executable)
        try #expect(test.load([Self.module("gurka")]).modules.map(\.id) == [2])
        #expect(test.service.state.withLock { $0.spaces[.native].symbols.generation } > generation)
    }

    @Test("the file of the symbol table bears the generation that the status tells")
    func generation() throws {
        let test = try TestService()
        var client = try test.client()
        var last = -1
        for name in ["gurka", "sallad"] {
            try test.load([Self.module(name)])
            var answer = try client.call(SymbolsMethod.self, SpaceParameters())
            guard let descriptor = answer.descriptors.take(answer.reply.descriptor) else {
                Issue.record("no descriptor")
                return
            }
            let file = try SymbolFile(try File.readAll(descriptor, limit: 1 << 30), name: "ksyms")
            #expect(file.sections.contains { $0.name == "\(name).text" })
            try #expect(client.call(StatusMethod.self, SpaceParameters()).reply.generation == answer.reply.generation)
            #expect(answer.reply.generation > last)
            last = answer.reply.generation
        }
    }

    @Test("no later generation is told than that of the file that there is")
    func unpublished() throws {
        let test = try TestService()
        var client = try test.client()
        let before = try client.call(SymbolsMethod.self, SpaceParameters()).reply.generation
        // As in the middle of a load: the table has changed, the file has not.
        test.service.state.withLock { $0.spaces[.native].symbols.removeAll() }
        try #expect(client.call(SymbolsMethod.self, SpaceParameters()).reply.generation == before)
    }

    @Test("a parameter without an equals sign is an error of the interface")
    func parameter() throws {
        let test = try TestService()
        let path = try test.scratch.write("gurka.o", try Compiler.gcc.object(Self.module("gurka").text))
        var client = try test.client()
        let request = ModuleRequest(objects: [ObjectFile(name: "gurka.o", path: path)], parameters: ["a"])
        do throws(VarlinkError) {
            _ = try client.call(LoadMethod.self, LoadMethod.Parameters(modules: [request]))
            Issue.record("loaded")
        } catch {
            #expect(
                Failure(error) == Failure(.linkFailed, subject: "a", reason: "not a parameter; write NAME=VALUE"))
        }
    }

    @Test("archives are searched for what objects need, or taken as a whole; alone, and thin, they are refused")
    func archives() throws {
        let test = try TestService()
        for (name, text) in [
            ("user", "int slice(void); int begin(void) { return slice(); }"),
            ("slice", "int slice(void) { return 0; }"),
            ("other", "int other(void) { return 0; }"),
        ] {
            try test.scratch.write("\(name).o", try Compiler.gcc.object(text))
        }
        let path = test.scratch.path
        try Tool.output("ar", ["rcs", path + "/lib.a", path + "/slice.o", path + "/other.o"])
        try Tool.output("ar", ["rcsT", path + "/thin.a", path + "/slice.o"])
        var client = try test.client()
        func attempt(_ name: String, _ files: String..., whole: Bool? = nil) throws -> String {
            let objects = files.map { ObjectFile(name: $0, path: "\(path)/\($0)") }
            let request = ModuleRequest(name: name, objects: objects, wholeArchives: whole)
            do throws(VarlinkError) {
                _ = try client.call(LoadMethod.self, LoadMethod.Parameters(modules: [request]))
            } catch {
                let failure = Failure(error)
                return "\(failure.kind): \(failure.problems.map(\.description).joined(separator: " "))"
            }
            let found = test.service.lookUp(["begin", "slice", "other"])
            defer { _ = try? client.call(UnloadMethod.self, UnloadMethod.Parameters(names: [name])) }
            return found.filter { !$0.symbols.isEmpty }.map(\.query).joined(separator: " ")
        }
        try #expect(attempt("a", "user.o", "lib.a") == "begin slice")
        try #expect(attempt("a", "lib.a", "user.o") == "begin slice")
        try #expect(attempt("a", "user.o", "lib.a", whole: true) == "begin slice other")
        try #expect(attempt("a", "lib.a", whole: true) == "slice other")
        try #expect(attempt("a", "lib.a", whole: false) == "notAnObject: a: nothing is needed of its archives")
        try #expect(
            attempt("a", "user.o", "thin.a")
                == "notAnObject: thin.a: a thin archive, whose members are files of their own; 'ar rc' makes a whole one"
        )
    }

    @Test("an address is digits, and a sign makes a name of it", arguments: ["+268435456", "0x+10000000", "+10000000"])
    func signs(_ query: String) throws {
        let test = try TestService()
        try test.load([Self.module("gurka")])
        #expect(test.service.lookUp([query]).map(\.symbols.count) == [0])
    }

    @Test("modules together go in the order of their use, and print in it")
    func unloadTogether() throws {
        let test = try TestService()
        let user = """
            int puts(const char *);
            int slice(void);
            int init_module(void) { return slice(); }
            void cleanup_module(void) { puts("user-"); }
            """
        try test.load([("provider", Self.module("provider").text + "\nint slice(void) { return 0; }")])
        try test.load([("user", user)])
        #expect(
            throws: Failure(
                .moduleBusy, [.init(subject: "provider", reason: "in use by user, which refers to slice (EBUSY)")],
                holders: ["user"],
                holds: [Hold(module: "provider", kind: .module, holder: "user", symbols: ["slice"], count: 1)])
        ) {
            try test.unload(1)
        }
        try #expect(
            test.unload(1, 2) == UnloadMethod.Reply(modules: ["user", "provider"], output: "user-\nprovider-\n"))
    }
}
