import Linking
import ObjectModel
import TestSupport
import Testing

/// Sections `.gnu.linkonce.*`, of which one copy is taken, as GNU ld does.
@Suite struct LinkOnceTests {
    private static func once(_ kind: String, _ name: String, _ value: Int, flags: String = "ax") -> String {
        ".section .gnu.linkonce.\(kind).\(name),\"\(flags)\",@progbits\n.globl \(name)\n.hidden \(name)\n\(name): .long \(value)\n"
    }

    private static func group(_ name: String, _ value: Int) -> String {
        ".section .text.\(name),\"axG\",@progbits,\(name),comdat\n.globl \(name)\n.hidden \(name)\n\(name): .long \(value)\n"
    }

    private static func user(_ name: String, _ symbol: String) -> String {
        ".data\n.globl \(name)\n\(name): .quad \(symbol)\n"
    }

    @Test(
        "of a section and a group of one name the first is taken, whichever it is",
        arguments: [
            [LinkOnceTests.once("t", "twice", 1), LinkOnceTests.once("t", "twice", 2)],
            [LinkOnceTests.once("t", "twice", 1), LinkOnceTests.group("twice", 2)],
            [LinkOnceTests.group("twice", 1), LinkOnceTests.once("t", "twice", 2)],
            [LinkOnceTests.group("twice", 1), LinkOnceTests.once("t", "twice", 2), LinkOnceTests.group("twice", 3)],
        ])
    func first(_ texts: [String]) throws {
        let objects = try texts.enumerated().map { number, text in
            try assembled(text + Self.user("user\(number)", "twice"), name: "\(number).o")
        }
        let linked = try Space().link("a", objects)
        let twice = try #require(linked.modules[0].address("twice"))
        #expect(linked.int("twice") == 1)
        #expect(objects.indices.allSatisfy { linked.word("user\($0)") == twice })
        #expect(linked.maps[0].sections.count { $0.address != nil && $0.output == ".text" } == objects.count + 1)
    }

    @Test("sections of one name and another kind are not copies, nor is a group that defines other symbols")
    func others() throws {
        let code = Self.once("t", "a", 1)
        let data = ".section .gnu.linkonce.d.a,\"aw\",@progbits\n.globl b\nb: .long 2\n"
        let group = ".section .text.a,\"axG\",@progbits,a,comdat\n.globl c\nc: .long 3\n"
        let linked = try Space().link(
            "a", try [code, data, group].enumerated().map { try assembled($1, name: "\($0).o") })
        #expect([linked.int("a"), linked.int("b"), linked.int("c")] == [1, 2, 3])
    }

    @Test(
        "each kind goes where its like go",
        arguments: [
            ("t", "ax", ".text"), ("r", "a", ".rodata"), ("d", "aw", ".data"), ("d.rel.ro", "aw", ".data.rel.ro"),
            ("td", "awT", ".tdata"), ("s", "aw", ".data"), ("l", "aw", ".ldata"), ("lr", "a", ".lrodata"),
        ])
    func homes(_ kind: String, _ flags: String, _ home: String) throws {
        let linked = try Space().link("a", [try assembled(Self.once(kind, "x", 1, flags: flags))])
        #expect(linked.modules[0].section(of: "x")?.name == home)
    }

    @Test("constants of a function go with it") func constants() throws {
        let constants = { (value: Int) in ".section .gnu.linkonce.r.f,\"a\",@progbits\n.long f, \(value)\n" }
        let one = Self.once("t", "f", 1)
        let two = Self.once("t", "f", 2) + constants(22)
        let linked = try Space().link("a", [try assembled(one, name: "1.o"), try assembled(two, name: "2.o")])
        #expect(linked.maps[0].sections.filter { $0.output == ".rodata" }.isEmpty)
    }

    @Test("a local symbol of the copy that is not taken cannot be referred to, but by frames") func discarded() throws {
        let function =
            ".section .gnu.linkonce.t.f,\"ax\",@progbits\n.globl f\nf: .cfi_startproc\nret\n.Lhere: ret\n.cfi_endproc\n"
        let one = try assembled(function, name: "1.o")
        let linked = try Space().link("a", [one, try assembled(function, name: "2.o")])
        #expect(try FrameTests.records(linked).list.compactMap(\.function).count == 1)
        let two = try assembled(function + ".data\n.quad .Lhere\n", name: "2.o")
        #expect(
            Space().problems([source("a", one, two)])
                == "2.o: .data+0x0: '.gnu.linkonce.t.f' is in a section that another object's copy displaced")
    }

    @Test("functions that find the program counter, of compilers old and new") func thunks() throws {
        let name = "__x86.get_pc_thunk.bx"
        let texts = [Self.once("t", name, 1), Self.group(name, 2), Self.once("t", name, 3)]
        let linked = try Space([:], .i386).link(
            "a", try texts.enumerated().map { try assembled($1, ["-m32"], name: "\($0).o") })
        #expect(linked.int(name) == 1)
        #expect(linked.maps[0].sections.count { $0.address != nil && $0.output == ".text" } == 4)
    }
}
