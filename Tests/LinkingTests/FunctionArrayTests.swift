import ELFFormat
import Linking
import ObjectModel
import TestSupport
import Testing

/// The order in which constructors and destructors stand, beside that of ld's default script.
@Suite struct FunctionArrayTests {
    /// An object with functions in sections; one function a word of `words`.
    private static func text(_ sections: [(name: String, words: [String])]) -> String {
        sections.map { section in
            section.words.map { ".globl \($0)\n.text\n\($0): ret\n" }.joined()
                + ".section \(section.name),\"aw\"\n" + section.words.map { ".quad \($0)\n" }.joined()
        }.joined()
    }

    /// The names of the functions in ld's section of that name.
    private static func order(of section: String, by objects: [[UInt8]]) throws -> [String] {
        let directory = try ScratchDirectory()
        let paths = try objects.enumerated().map { try directory.write("object\($0).o", $1) }
        let output = directory.path + "/linked"
        try Tool.output("ld", ["-e", "0", "--no-warn-rwx-segments", "-o", output] + paths)
        try Tool.output(
            "objcopy", ["-O", "binary", "--only-section=\(section)", output, directory.path + "/section"])
        var names: [UInt64: String] = [:]
        for line in try Tool.output("nm", [output]).split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count == 3 { names[UInt64(fields[0], radix: 16) ?? 0] = String(fields[2]) }
        }
        let bytes = try directory.read("section")
        return (0..<bytes.count / 8).map { index in
            names[bytes.span.bytes.integer(at: UInt64(index * 8)) ?? 0] ?? "?"
        }
    }

    private static func names(_ linked: Linked, _ array: FunctionArray) -> [String] {
        linked.functions(array).map { address in
            let symbols = linked.modules[0].image.symbols
            return symbols.entries.first { $0.address == address && $0.binding == .global }.map {
                symbols.text($0.name)
            }
                ?? "?"
        }
    }

    @Test(
        "lists of both kinds, with priorities and without, stand as ld puts them",
        arguments: [(".init_array", ".ctors"), (".fini_array", ".dtors")])
    func like(_ newer: String, _ older: String) throws {
        let texts = [
            Self.text([
                (older, ["a1", "a2", "a3"]), (newer, ["a4", "a5"]), ("\(older).65434", ["a6", "a7"]),
                ("\(newer).00101", ["a8"]), ("\(newer).00200", ["a9", "a10"]),
            ]),
            Self.text([
                (newer, ["b1"]), (older, ["b2", "b3"]), ("\(newer).65000", ["b4"]), ("\(older).65435", ["b5"]),
                ("\(newer).00101", ["b6"]), ("\(older).00535", ["b7"]),
            ]),
        ]
        let objects = try texts.map { try Compiler.gcc.object($0, [], language: .assembly) }
        let linked = try Space().link(
            "a", try objects.enumerated().map { try ELFObjectReader.read($1, name: "object\($0).o") })
        let module = linked.modules[0]
        let ours = Self.names(linked, newer == ".init_array" ? module.constructors : module.destructors)
        #expect(ours.count == 17)
        #expect(try ours == Self.order(of: newer, by: objects))
    }

    @Test("constructors that run before all others come first") func early() throws {
        let linked = try Space().link(
            "a",
            [
                try assembled(Self.text([(".init_array.00001", ["a"])])),
                try assembled(
                    Self.text([(".init_array", ["b"])])
                        + ".globl c\n.text\nc: ret\n.section .preinit_array,\"aw\",@preinit_array\n.quad c\n"),
            ])
        #expect(Self.names(linked, linked.modules[0].constructors) == ["c", "a", "b"])
    }

    @Test("pieces of .init and .fini become one function each, called first and last") func fragments() throws {
        let one = """
            .globl a, first
            .text
            a: ret
            .section .init,"ax"
            .globl piece
            piece: call first
            .section .fini,"ax"
            call a
            .section .init_array,"aw"
            .quad a
            .section .fini_array,"aw"
            .quad a
            .text
            first: ret
            """
        let two = """
            .section .init,"ax"
            .balign 4
            call a
            .globl b
            .text
            b: ret
            .section .preinit_array,"aw",@preinit_array
            .quad b
            """
        let linked = try Space().link("a", [try assembled(one, name: "one.o"), try assembled(two, name: "two.o")])
        let module = linked.modules[0]
        let start = try #require(module.section(of: "piece")).address
        let a = try #require(module.address("a"))
        #expect(linked.functions(module.constructors) == [try #require(module.address("b")), start, a])
        let end = try #require(module.image.sections.first { $0.name == ".fini" }).address
        #expect(linked.functions(module.destructors) == [end, a])
        let target = { (name: String) in "call 0x" + String(module.address(name) ?? 0, radix: 16) }
        let lines = try disassembly(linked).filter { $0 != "nop" && $0 != "int3" }
        let body = ["sub $0x8,%rsp", target("first"), target("a"), "add $0x8,%rsp", "ret"]
        #expect(lines.indices.contains { lines[$0...].starts(with: body) }, "\(lines)")
        #expect(
            lines.indices.contains {
                lines[$0...].starts(with: ["sub $0x8,%rsp", target("a"), "add $0x8,%rsp", "ret"])
            }, "\(lines)")
    }

    @Test("a whole function _init in .init is called as it is") func wholeFunction() throws {
        let linked = try Space().link(
            "a", [try assembled(".section .init,\"ax\"\n.globl _init\n_init: ret\n", name: "one.o")])
        let module = linked.modules[0]
        #expect(linked.functions(module.constructors) == [try #require(module.address("_init"))])
    }
}
