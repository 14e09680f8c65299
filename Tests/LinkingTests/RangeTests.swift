import Linking
import Testing

@Suite struct RangeTests {
    private let far: UInt64 = 0x7fff_1234_5678

    /// Code and data that name a symbol by each way that reaches everywhere.
    private let user = """
        .globl f, g, h, word
        f: call tomat
        g: mov tomat@GOTPCREL(%rip), %rax
        h: jmp tomat
        .data
        word: .quad tomat
        """

    @Test("a far symbol is called through a stub, and read out of the table") func farSymbol() throws {
        let linked = try Space(["tomat": far]).link("a", [try assembled(user)])
        let module = linked.modules[0]
        let table = try #require(module.image.sections.first { $0.name == ".got" })
        let stubs = try #require(module.image.sections.first { $0.name == ".plt" })
        // One entry and one stub, whatever uses them.
        #expect(table.size == 8 && stubs.size == 16)
        #expect(linked.word(table.address) == far)
        #expect(linked.word("word") == far)
        let code = try disassembly(linked)
        #expect(code.contains("call 0x\(String(stubs.address, radix: 16))"))
        #expect(code.contains("jmp 0x\(String(stubs.address, radix: 16))"))
        #expect(code.contains { $0.hasPrefix("mov -0x") && $0.hasSuffix("# 0x\(String(table.address, radix: 16))") })
        #expect(code.contains { $0.hasPrefix("jmp *-0x") && $0.hasSuffix("# 0x\(String(table.address, radix: 16))") })
    }

    @Test("a near symbol needs neither table nor stub") func nearSymbol() throws {
        let linked = try Space(["tomat": 0x40_1000]).link("a", [try assembled(user)])
        #expect(!linked.modules[0].image.sections.contains { $0.name == ".got" || $0.name == ".plt" })
        let code = try disassembly(linked)
        #expect(code.contains("call 0x401000") && code.contains("jmp 0x401000"))
        #expect(code.contains { $0.hasPrefix("lea -0x") && $0.hasSuffix("# 0x401000") })
    }

    @Test("the last address that all of the window reaches is near, the next one is far") func reachLimit() throws {
        // From 0x10000000 on, 2 GiB less a byte.
        for (address, isNear) in [(0x8fff_ffff, true), (0x9000_0000, false)] as [(UInt64, Bool)] {
            let linked = try Space(["tomat": address]).link("a", [try assembled(user)])
            #expect(!linked.modules[0].image.sections.contains { $0.name == ".plt" } == isNear)
        }
        var space = Space(["tomat": 0x1000_0000])
        space.settings.window = 0x2000_0000..<0x9000_0000
        #expect(try !space.link("a", [assembled(user)]).modules[0].image.sections.contains { $0.name == ".plt" })
        space.settings.window = 0x2000_0000..<0x9000_0001
        #expect(try space.link("a", [assembled(user)]).modules[0].image.sections.contains { $0.name == ".plt" })
    }

    @Test("an absolute symbol of the module itself that is far is reached as well") func ownAbsolute() throws {
        let linked = try Space().link(
            "a", [try assembled(".globl tomat\ntomat = 0x7fff12345678\n"), try assembled(user)])
        let table = try #require(linked.modules[0].image.sections.first { $0.name == ".got" })
        #expect(linked.word(table.address) == far)
    }

    @Test("what no stub helps is a problem, with place, value and range") func outOfRange() throws {
        let text = """
            .type f, @function
            f: lea tomat(%rip), %rax
            .size f, .-f
            .data
            .long tomat
            """
        // At 0x10001003 the distance from the end of the field.
        let distance = Int64(far) - 4 - 0x1000_1003
        #expect(
            Space(["tomat": far]).problems([source("a", try assembled(text))])
                == """
                gurka.o: .text+0x3 in f: R_X86_64_PC32 against 'tomat' at 0x7fff12345678: the value \(distance) is outside -2147483648 to 2147483647; compile with -fPIC or -mcmodel=large
                gurka.o: .data+0x0: R_X86_64_32 against 'tomat' at 0x7fff12345678: the value \(far) is outside 0 to 4294967295; compile with -fPIC or -mcmodel=large
                """)
    }

    @Test("the last value that an absolute field holds, and the first that it does not") func absoluteLimits() throws {
        let space = { (address: UInt64) in Space(["tomat": address]) }
        let unsigned = [source("a", try assembled(".data\n.long tomat\n"))]
        #expect(space(0xffff_ffff).problems(unsigned) == "linked")
        #expect(
            space(0x1_0000_0000).problems(unsigned)
                == "gurka.o: .data+0x0: R_X86_64_32 against 'tomat' at 0x100000000: the value 4294967296 is outside 0 to 4294967295; compile with -fPIC or -mcmodel=large"
        )
        let signed = [source("a", try assembled("mov $tomat, %rax\n"))]
        #expect(space(0x7fff_ffff).problems(signed) == "linked")
        #expect(
            space(0x8000_0000).problems(signed)
                == "gurka.o: .text+0x3: R_X86_64_32S against 'tomat' at 0x80000000: the value 2147483648 is outside -2147483648 to 2147483647; compile with -fPIC or -mcmodel=large"
        )
        let narrow = [source("a", try assembled(".data\n.byte tomat\n.short tomat\n"))]
        #expect(space(0xff).problems(narrow) == "linked")
        #expect(
            space(0x1_0000).problems(narrow)
                == """
                gurka.o: .data+0x0: R_X86_64_8 against 'tomat' at 0x10000: the value 65536 is outside -128 to 255; use a wider field
                gurka.o: .data+0x1: R_X86_64_16 against 'tomat' at 0x10000: the value 65536 is outside -32768 to 65535; use a wider field
                """)
    }

    @Test("modules above 4 GiB load addresses out of the table only where they have to") func highWindow() throws {
        var space = Space(["tomat": 0x40_1000])
        space.settings.window = 0x7f00_0000_0000..<0x7f00_4000_0000
        let text =
            user + "\n.globl own\nown: .quad own\n.text\nmov own@GOTPCREL(%rip), %rbx\ncmp own@GOTPCREL(%rip), %rcx\n"
        let linked = try space.link([source("a", try assembled(text))], at: 0x7f00_0000_0000)
        let table = try #require(linked.modules[0].image.sections.first { $0.name == ".got" })
        let own = try #require(linked.modules[0].address("own"))
        #expect(Set([linked.word(table.address), linked.word(table.address + 8)]) == [0x40_1000, own])
        let code = try disassembly(linked)
        #expect(code.contains { $0.hasPrefix("lea ") && $0.hasSuffix("# 0x\(String(own, radix: 16))") })
        #expect(code.contains { $0.hasPrefix("cmp -0x") })
    }

    @Test("a displaced group's frames do not matter, wherever modules lie") func displacedFrames() throws {
        var space = Space()
        space.settings.window = 0x7f00_0000_0000..<0x7f00_4000_0000
        let text = { (name: String) in "inline int value() { return 1; } int \(name)() { return value(); }" }
        let linked = try space.link(
            [source("a", try cxx(text("one"), name: "one.o"), try cxx(text("two"), name: "two.o"))],
            at: 0x7f00_0000_0000)
        #expect(linked.modules[0].address("_Z5valuev") != nil)
    }
}
