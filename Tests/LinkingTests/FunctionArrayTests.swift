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

    /// An object whose sections of functions have a type and flags that no compiler gives them.
    private static func unusual(_ section: String, _ flags: String, _ name: String) throws -> [UInt8] {
        // The assembler knows the names; it is told others of the same length.
        let hidden = section.replacing("_array", with: "_xxxxx").replacing("tors", with: "xxxx")
        let text = ".globl \(name)\n.text\n\(name): ret\n.section \(hidden),\"\(flags)\",@progbits\n.quad \(name)\n"
        var bytes = try Compiler.gcc.object(text, [], language: .assembly)
        for (place, part) in [
            ("_xxxxx", "_array"), (section.hasPrefix(".c") ? ".cxxxx" : ".dxxxx", String(section.prefix(6))),
        ] {
            let old = Array(place.utf8)
            var start = 0
            while start + old.count <= bytes.count {
                if bytes[start..<start + old.count].elementsEqual(old) {
                    bytes.replaceSubrange(start..<start + old.count, with: part.utf8)
                }
                start += 1
            }
        }
        return bytes
    }

    @Test(
        "sections of functions are known by their names, whatever their type and flags, as ld has it",
        arguments: ["a", "aw"])
    func byName(_ flags: String) throws {
        for (first, names) in [
            (true, [".init_array", ".init_array.100", ".ctors", ".ctors.65000", ".init_array.x", ".init_array.70000"]),
            (false, [".fini_array", ".fini_array.100", ".dtors", ".dtors.65000", ".fini_array.x", ".dtors.70000"]),
        ] {
            let objects = try names.enumerated().map { try Self.unusual($1, flags, "f\($0)") }
            let linked = try Space().link(
                "a", try objects.enumerated().map { try ELFObjectReader.read($1, name: "object\($0).o") })
            let ours = Self.names(linked, first ? linked.modules[0].constructors : linked.modules[0].destructors)
            #expect(ours.count == names.count)
            #expect(try ours == Self.order(of: first ? ".init_array" : ".fini_array", by: objects), "\(flags)")
        }
        let early = try ELFObjectReader.read(Self.unusual(".preinit_array", flags, "f"), name: "f.o")
        #expect(try Space().link("a", [early]).modules[0].constructors.count == 1)
    }

    @Test(
        "marks of .ctors and .dtors in the objects around a program are no functions",
        arguments: ["crtbegin.o", "/usr/lib/crtbeginS.o", "libx.a(crtend.o)", "crtendS.o"])
    func marks(_ name: String) throws {
        let text = ".section .ctors,\"aw\"\n.quad -1\n.section .dtors,\"aw\"\n.quad 0\n"
        let module = try Space().link("a", [try assembled(text, name: name)]).modules[0]
        #expect(module.constructors == .empty && module.destructors == .empty)
        #expect(try Space().link("a", [try assembled(text, name: "begin.o")]).modules[0].constructors.count == 1)
    }
}
