import AOutFormat
import ELFFormat
import ObjectModel
import TestSupport
import Testing

/// The bytes of linked a.out objects are those that ld makes of the same sources assembled as ELF, at the same addresses.
@Suite struct LinkEditorTests {
    static let positionIndependent = """
        extern _GLOBAL_OFFSET_TABLE_, printf, errno
        global entry:function entry.end - entry, value:data 4
        section .text
        entry:
            call .get
        .get: pop ebx
            add ebx, _GLOBAL_OFFSET_TABLE_ + $$ - .get wrt ..gotpc
            lea eax, [ebx + local wrt ..gotoff]
            lea eax, [ebx + local.second wrt ..gotoff]
            mov eax, [ebx + errno wrt ..got]
            mov eax, [ebx + value wrt ..got]
            call printf wrt ..plt
            call printf
        .end:
        section .data
        local: dd 3, 5
        .second: dd 4
        value: dd value wrt ..sym
        """

    private static let second = """
        extern value, entry
        global other
        section .text
        nop
        other:
            call entry
            mov ecx, [value]
            mov edx, numbers
            jmp other
        section .data
        numbers: dd other, entry, numbers + 8
        section .bss
        resb 5
        """

    private static let resident: [String: UInt64] = ["printf": 0x40_1000, "errno": 0x40_2000]

    /// Compares text and data of the linked objects with what ld makes of them.
    private static func compare(
        _ sources: [String], _ format: Nasm.Format, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        // nasm fills up sections to multiples of 4 in a.out alone.
        let sources = sources.map { $0 + "\nsection .text\nalign 16\nsection .data\nalign 16" }
        let linked = try Linked(
            try sources.map { try AOutObjectReader.read(try Nasm.object($0, format), name: "gurka.o") }, resident)
        let directory = try ScratchDirectory()
        let paths = try sources.enumerated().map {
            try directory.write("object\($0).o", try Nasm.object($1, .elf))
        }
        // Without entries of its own the table is where the image begins.
        var script = "SECTIONS {\n.got 0x10000000 : { *(.got.plt) *(.got) }\n"
        for section in linked.module.image.sections {
            // Sections have no alignment in a.out; here they have the same in both.
            script +=
                "\(section.name) 0x\(String(section.address, radix: 16)) : SUBALIGN(16) { *(\(section.name)) \(section.name == ".bss" ? "*(COMMON)" : "") } =0\n"
        }
        script += "}\n"
        try directory.write("script", Array(script.utf8))
        try Tool.output(
            "ld",
            ["-m", "elf_i386", "-e", "0", "--no-check-sections", "-z", "noexecstack", "--no-warn-rwx-segments"]
                + resident.map { "--defsym=\($0)=\($1)" }
                + ["-T", directory.path + "/script", "-o", directory.path + "/linked"] + paths)
        for name in [".text", ".data"] {
            try Tool.output(
                "objcopy",
                ["-O", "binary", "--only-section=\(name)", directory.path + "/linked", directory.path + "/section"])
            let ours = linked.contents(name)
            #expect(!ours.isEmpty, sourceLocation: sourceLocation)
            let theirs = try directory.read("section")
            let first = zip(ours, theirs).enumerated().first { $1.0 != $1.1 }?.offset ?? min(ours.count, theirs.count)
            #expect(
                ours == theirs, "\(name) from \(first): \(ours[first...].prefix(8)) \(theirs[first...].prefix(8))",
                sourceLocation: sourceLocation)
        }
    }

    @Test("one object with every kind of plain relocation", arguments: Nasm.aOut)
    func plain(_ format: Nasm.Format) throws {
        // Where modules lie no address fits 2 bytes, and nothing resident is near.
        let source = ObjectReaderTests.source.replacing("dw value\n", with: "").replacing("dw printf - $\n", with: "")
        try Self.compare([source], format)
    }

    @Test("two objects with references to each other", arguments: Nasm.aOut)
    func several(_ format: Nasm.Format) throws {
        let first = """
            global entry, value
            extern other, printf
            section .text
            entry: call other
                jmp printf
                mov eax, [value + 2]
            section .data
            db 1
            value: dd other - 1, entry, value
            """
        try Self.compare([first, Self.second], format)
    }

    @Test("position-independent code")
    func independent() throws {
        // A load out of the table becomes one of the address; ld leaves it as it is.
        let lines = Self.positionIndependent.split(separator: "\n").filter { !$0.contains("wrt ..got]") }
        try Self.compare([lines.joined(separator: "\n")], .netBSD)
    }

    @Test("a.out and ELF objects of one module reach each other by C's names", arguments: Nasm.aOut)
    func mixed(_ format: Nasm.Format) throws {
        let elf = try Nasm.object("global other\nextern entry\nsection .text\nother: jmp entry\nalign 16\n", .elf)
        let aOut = try Nasm.object("global entry\nextern other\nsection .text\nentry: jmp other\nalign 16\n", format)
        let linked = try Linked([
            try ELFObjectReader.read(elf, name: "elf.o"), try AOutObjectReader.read(aOut, name: "aout.o"),
        ])
        let other = try #require(linked.address("other"))
        #expect(linked.address("entry") == other + 16)
        let text = linked.contents(".text")
        #expect(text.starts(with: [0xe9, 11, 0, 0, 0]))
        #expect(text[16...].starts(with: [0xe9, 0xeb, 0xff, 0xff, 0xff]))
    }

    private static let narrow = """
        extern tomat
        section .text
        dw tomat - $
        dw tomat
        """

    @Test("narrow places hold what fits, and what does not is told with the place", arguments: Nasm.aOut)
    func narrow(_ format: Nasm.Format) throws {
        let object = try AOutObjectReader.read(try Nasm.object(Self.narrow, format), name: "gurka.o")
        func problems(_ address: UInt64) -> String {
            do {
                _ = try Linked([object], ["tomat": address])
                return "linked"
            } catch {
                return "\(error)"
            }
        }
        // The places are at 0x10001000 and 0x10001002.
        #expect(
            problems(0xffff)
                == "gurka.o: .text+0x0: R_386_PC16 against 'tomat' at 0xffff: the value -268374017 is outside -65536 to 65535; use a wider field"
        )
        #expect(
            problems(0x1_0000).contains(
                "gurka.o: .text+0x2: R_386_16 against 'tomat' at 0x10000: the value 65536 is outside -65536 to 65535"))
        #expect(!problems(0x1000_1000 + 0xffff).contains("R_386_PC16 "))
        #expect(problems(0x1000_1000 + 0x1_0000).contains("R_386_PC16 against 'tomat' at 0x10011000: the value 65536 "))
    }

    @Test("a byte holds what fits, and what does not is told with the place")
    func bytes() throws {
        var file = HandMade(text: [0, 0], symbols: [.init(name: "_tomat", type: 1)])
        file.textRelocations = [.init(address: 1, symbol: 0, bits: 0x09)]
        // What the place holds is counted from the start of the section.
        file.text[1] = 0xff
        let linked = try Linked([try file.read()], ["tomat": 0x1000_1001 + 0x7f])
        #expect(linked.contents(".text") == [0, 0x7f])
        do {
            _ = try Linked([try file.read()], ["tomat": 0x1000_1001 + 0x80])
            Issue.record("linked")
        } catch {
            #expect(
                "\(error)"
                    == "gurka.o: .text+0x1: R_386_PC8 against 'tomat' at 0x10001081: the value 128 is outside -128 to 127; use a wider field"
            )
        }
    }
}
