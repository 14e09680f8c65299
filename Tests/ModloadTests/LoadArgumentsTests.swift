import ArgumentParser
import ModlinkInterface
import Testing

@testable import modload

@Suite struct LoadArgumentsTests {
    /// Modules as text: `name: files; parameters`.
    private func modules(_ arguments: [String], name: String? = nil, whole: Bool = false) throws -> [String] {
        try LoadArguments(arguments, name: name, wholeArchives: whole, isArchive: { $0.hasSuffix(".a") }).modules.map {
            "\($0.name): \($0.files.joined(separator: " ")); \($0.parameters.joined(separator: " "))"
        }
    }

    private func message(_ arguments: [String], name: String? = nil) -> String? {
        do {
            _ = try modules(arguments, name: name)
            return nil
        } catch {
            return (error as? ValidationError)?.message
        }
    }

    @Test("each file is a module of the file's name, and values belong to the file before them")
    func modules() throws {
        try #expect(
            modules(["x/gurka.o", "a=1", "b=2,3", "sallad", "c="])
                == ["gurka: x/gurka.o; a=1 b=2,3", "sallad: sallad; c="])
    }

    @Test("with a name all files are one module, and all values are its own")
    func named() throws {
        try #expect(
            modules(["gurka.o", "a=1", "sallad.o", "b=2"], name: "both") == ["both: gurka.o sallad.o; a=1 b=2"])
    }

    @Test("a value may have the type of a property; what has another is a file")
    func typedValues() throws {
        try #expect(
            modules(["gurka.o", "a:integer=1", "b:string=", "c:int=1", "1:string=x"])
                == ["gurka: gurka.o; a:integer=1 b:string=", "c:int=1: c:int=1; ", "1:string=x: 1:string=x; "])
    }

    @Test("properties of options are the one module's, behind its own values; of several they are refused")
    func properties() throws {
        let options = try ["b", "i"].map { try LoadArguments.property("\($0)=1=2", $0 == "b" ? .boolean : .integer) }
        #expect(options == ["b:boolean=1=2", "i:integer=1=2"])
        let one = try LoadArguments(
            ["a.o", "x=1", "l.a"], name: nil, properties: options, isArchive: { $0.hasSuffix(".a") }
        ).modules
        #expect(one.map(\.parameters) == [["x=1"] + options])
        #expect(throws: ValidationError.self) {
            try LoadArguments(["a.o", "b.o"], name: nil, properties: options, isArchive: { _ in false })
        }
        for text in ["a", "=1"] { #expect(throws: ValidationError.self) { try LoadArguments.property(text, .string) } }
    }

    @Test("a value before any file is refused")
    func early() {
        let text = "'a=1' is a value for a variable, and no file stands before it"
        #expect(message(["a=1", "gurka.o"]) == text)
        #expect(message(["a=1", "gurka.o"], name: "both") == text)
    }

    @Test("an archive belongs to the object before it, with a name to all of them")
    func archives() throws {
        try #expect(
            modules(["a.o", "l.a", "x=1", "m.a", "b.o", "l.a"]) == ["a: a.o l.a m.a; x=1", "b: b.o l.a; "])
        try #expect(modules(["l.a", "a.o", "b.o"], name: "all") == ["all: l.a a.o b.o; "])
    }

    @Test("an archive without an object before it is refused, unless all of it is wanted: then it is a module")
    func aloneArchive() throws {
        let text = "'l.a' is an archive, and no object before it needs anything of it; give one, or --whole-archive"
        #expect(message(["l.a"]) == text)
        #expect(message(["l.a", "a.o"]) == text)
        #expect(message(["l.a", "m.a"], name: "all") == text)
        try #expect(
            modules(["x/l.a", "m.a", "x=1", "a.o", "n.a"], whole: true) == [
                "l: x/l.a; ", "m: m.a; x=1", "a: a.o n.a; ",
            ])
        try #expect(modules(["l.a", "m.a"], name: "all", whole: true) == ["all: l.a m.a; "])
    }

    @Test("nothing is refused")
    func none() {
        #expect(message([]) == "name an object to load")
    }

    @Test(
        "NAME=VALUE has a name of C before its first equals sign",
        arguments: ["a=", "_=1", "A9_z=x=y", "a=/b.o", "a=å"])
    func parameter(_ text: String) {
        #expect(LoadArguments.isParameter(text))
    }

    @Test(
        "everything else is a file",
        arguments: ["a", "=1", "9a=1", "./a=1", "a b=1", "a-b=1", "å=1", "@=1", "[=1", "`=1", "{=1", ""])
    func file(_ text: String) {
        #expect(!LoadArguments.isParameter(text))
    }
}

@Suite struct ModuleLoadTests {
    private func message(_ arguments: String...) -> String? {
        do {
            _ = try ModuleLoad.parse(arguments)
            return nil
        } catch {
            return ModuleLoad.message(for: error)
        }
    }

    @Test(
        "options that exclude each other are refused",
        arguments: [
            (["-A", "vmunix", "a.o"], "-A belongs to -n: what is loaded is resolved against the space"),
            (["--address", "4096", "a.o"], "--address belongs to -n: what is loaded goes where there is room"),
            (["-n", "-p", "program", "a.o"], "-p runs after loading, and -n does not load"),
            (["-o", "image", "a.o", "b.o"], "-o takes one module; give them one name with --name"),
            (["a=1"], "'a=1' is a value for a variable, and no file stands before it"),
        ])
    func excluded(_ arguments: [String], _ text: String) {
        #expect(throws: (any Error).self) { try ModuleLoad.parse(arguments) }
        do {
            _ = try ModuleLoad.parse(arguments)
        } catch {
            #expect(ModuleLoad.message(for: error) == text)
        }
    }

    @Test("-o takes several files that are one module")
    func oneModule() {
        #expect(message("-o", "image", "--name", "both", "a.o", "b.o") == nil)
    }

    @Test(
        "an address is a whole page of either half, in either notation",
        arguments: [
            ("0x1000", 0x1000), ("4096", 4096), ("0x7ffffffff000", 0x7fff_ffff_f000),
            ("0xffff800000000000", 0xffff_8000_0000_0000), ("0xffffffffc0000000", 0xffff_ffff_c000_0000),
        ] as [(String, UInt64)])
    func address(_ text: String, _ address: UInt64) throws {
        try #expect(ModuleLoad.parse(["-n", "--address", text, "a.o"]).address == address)
    }

    @Test(
        "anything else is no address",
        arguments: ["0", "0x800000000000", "0xffff7ffffffff000", "0x1001", "4095", "x", "0x", "1000h"])
    func noAddress(_ text: String) throws {
        let refusal = try #require(message("-n", "--address", text, "a.o"))
        #expect(
            refusal.contains(
                "'\(text)' is no address: a multiple of 4096 below 0x800000000000, or from 0xffff800000000000 on"),
            "\(refusal)")
    }

    @Test("phases are lines of microseconds, and a line for the whole")
    func phases() {
        let phases = [Phase(name: "read", nanoseconds: 1999), Phase(name: "a long phase", nanoseconds: 12_345_678_000)]
        #expect(
            PhaseReport.text(phases, total: 999) == """
                  read              1 µs
                  a long phase 12345678 µs
                  total             0 µs

                """)
    }
}
