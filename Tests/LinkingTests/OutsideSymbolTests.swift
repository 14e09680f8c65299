import Linking
import ObjectModel
import TestSupport
import Testing

/// Labels that are expressions, and so lie outside of their sections.
@Suite struct OutsideSymbolTests {
    @Test("a label before or behind its section is where the sum is", arguments: ["- 0x41", "+ 0x1000"])
    func sum(_ term: String) throws {
        let text = """
            .section .rodata
            .globl table, biased
            table: .byte 10, 20
            .set biased, table \(term)
            .data
            .globl place
            place: .quad biased
            .text
            lea biased(%rip), %rax
            """
        let linked = try Space().link("a", [try assembled(text)])
        let table = try #require(linked.modules[0].address("table"))
        let wanted = table &+ UInt64(bitPattern: term == "- 0x41" ? -0x41 : 0x1000)
        #expect(linked.modules[0].address("biased") == wanted && linked.word("place") == wanted)
        // It belongs to no section: an address there is not one of its.
        #expect(linked.modules[0].entry("biased")?.section == nil)
        #expect(try disassembly(linked).contains { $0.hasSuffix("# 0x\(String(wanted, radix: 16))") })
    }

    @Test("a label that is far away is reached through the table, or not at all") func far() throws {
        let label = ".globl here, far\nhere:\n.set far, here + 0x100000000\n"
        let text = label + "mov far@GOTPCREL(%rip), %rax\ncall far@PLT\n"
        let linked = try Space().link("a", [try assembled(text)])
        let here = try #require(linked.modules[0].address("here"))
        let table = try #require(linked.modules[0].image.sections.first { $0.name == ".got" })
        #expect(linked.word(table.address) == here + 0x1_0000_0000)
        let problems = Space().problems([source("a", try assembled(label + "lea far(%rip), %rax\n"))])
        #expect(
            problems
                == "gurka.o: .text+0x3: R_X86_64_PC32 against 'far' at 0x110001000: the value 4294967289 is outside -2147483648 to 2147483647; compile with -fPIC or -mcmodel=large"
        )
    }

    @Test("another module of the transaction refers to such a label") func peers() throws {
        let linked = try Space().link([
            source("a", try assembled(".globl here, far\nhere: ret\n.set far, here + 0x100000000\n", name: "a.o")),
            source(
                "b", try assembled(".data\n.globl p\np: .quad far\n.text\nmov far@GOTPCREL(%rip), %rax\n", name: "b.o")),
        ])
        let far = try #require(linked.modules[0].address("here")) + 0x1_0000_0000
        #expect(linked.word("p", in: 1) == far)
    }

    @Test("sums of i386 wrap at 32 bits") func i386() throws {
        let text = """
            .data
            .globl table, before, behind
            table: .long before, behind
            .set before, table - 0x20000000
            .set behind, table + 0xf0000000
            """
        let linked = try Space([:], .i386).link("a", [try assembled(text, ["-m32"])])
        let table = try #require(linked.modules[0].address("table"))
        #expect(linked.number(table, as: UInt32.self) == UInt32(truncatingIfNeeded: table &- 0x2000_0000))
        #expect(linked.number(table + 4, as: UInt32.self) == UInt32(truncatingIfNeeded: table &+ 0xf000_0000))
        #expect(linked.modules[0].address("before") == (table &- 0x2000_0000) & 0xffff_ffff)
    }

    @Test("a parameter whose variable would be there is refused") func parameter() throws {
        let text = """
            .data
            .globl value, biased
            value: .long 1
            .set biased, value + 64
            .size biased, 4
            .type biased, @object
            """
        var module = source("a", try assembled(text))
        module.parameters = [Parameter(name: "biased", value: "5")]
        #expect(Space().problems([module]).hasPrefix("a: parameter 'biased'"))
    }
}
