import AOutFormat
import ObjectModel
import TestSupport
import Testing

/// What the reader makes of the objects that nasm writes.
@Suite struct ObjectReaderTests {
    static let source = """
        global entry, value
        extern printf
        common shared 24
        section .text
        entry:
            push dword message
            call printf
            mov eax, [shared]
            mov eax, [value]
            mov eax, [zeroes + 4]
            jmp there
            dd printf + 4
            dw value
        section .data
        value: dd entry + 1
        message: db "hi", 0
        there: call printf
            call entry
            dw printf - $
        section .bss
        zeroes: resb 20
        """

    private static func object(_ format: Nasm.Format) throws -> Object {
        try AOutObjectReader.read(
            try Nasm.object(source, format), name: "gurka.o")
    }

    @Test("three sections, with the sizes of the header", arguments: Nasm.aOut)
    func sections(_ format: Nasm.Format) throws {
        let object = try Self.object(format)
        #expect(object.architecture == .i386 && object.name == "gurka.o" && object.groups.isEmpty)
        #expect(object.sections.map { object.text($0.name) } == [".text", ".data", ".bss"])
        #expect(object.sections.map(\.kind) == [.contents, .contents, .zeroFill])
        #expect(object.sections.map(\.protection) == [[.read, .execute], [.read, .write], [.read, .write]])
        #expect(object.sections.map(\.alignment) == [16, 16, 16])
        #expect(object.sections[2].size == 20)
        #expect(object.bytes[object.sections[1].contentsOffset] == 1)
    }

    @Test("symbols lose C's underscore, and get offsets in their sections", arguments: Nasm.aOut)
    func symbols(_ format: Nasm.Format) throws {
        let object = try Self.object(format)
        #expect(object.symbols[0].place == .absolute && object.symbols[0].value == 0)
        let value = try #require(object.symbol("value"))
        #expect(value.place == .section(1) && value.value == 0 && value.binding == .global)
        let zeroes = try #require(object.symbol("zeroes"))
        #expect(zeroes.place == .section(2) && zeroes.value == 0 && zeroes.binding == .local)
        let printf = try #require(object.symbol("printf"))
        #expect(printf.place == .undefined && printf.binding == .global)
        let shared = try #require(object.symbol("shared"))
        #expect(shared.place == .common && shared.size == 24 && shared.value == 16)
        #expect(object.symbol("_printf") == nil)
    }

    @Test("relocations of 1, 2 and 4 bytes get the addends that their places hold", arguments: Nasm.aOut)
    func relocations(_ format: Nasm.Format) throws {
        let object = try Self.object(format)
        #expect(
            object.relocations(of: ".text") == [
                "0x1 R_386_32 .data+4", "0x6 R_386_PC32 printf-4", "0xb R_386_32 shared+0", "0x10 R_386_32 .data+0",
                "0x15 R_386_32 .bss+4", "0x1a R_386_PC32 .data+3", "0x1e R_386_32 printf+4", "0x22 R_386_16 .data+0",
            ])
        #expect(
            object.relocations(of: ".data") == [
                "0x0 R_386_32 .text+1", "0x8 R_386_PC32 printf-4", "0xd R_386_PC32 .text-4", "0x11 R_386_PC16 printf+0",
            ])
    }

    @Test("types and sizes are taken from NetBSD's objects")
    func sizes() throws {
        let object = try AOutObjectReader.read(
            try Nasm.object(
                """
                global entry:function entry.end - entry, value:data 8
                section .text
                entry: ret
                nop
                .end:
                section .data
                value: dd 1, 2
                """, .netBSD), name: "gurka.o")
        let entry = try #require(object.symbol("entry"))
        #expect(entry.type == .function && entry.size == 2)
        let value = try #require(object.symbol("value"))
        #expect(value.type == .object && value.size == 8)
        // The pseudo-symbols themselves are nothing.
        #expect(object.symbols.count { object.text($0.name) == "entry" } == 1)
    }

    @Test("base-relative relocations of position-independent code are those of the global offset table")
    func positionIndependent() throws {
        let object = try AOutObjectReader.read(
            try Nasm.object(LinkEditorTests.positionIndependent, .netBSD), name: "gurka.o")
        #expect(object.bytes.prefix(4) == [0x40, 0x86, 0x01, 0x07])
        #expect(
            object.relocations(of: ".text") == [
                "0x8 R_386_GOTPC _GLOBAL_OFFSET_TABLE_+3", "0xe R_386_GOTOFF local+0", "0x14 R_386_GOTOFF local+8",
                "0x1a R_386_GOT32 errno+0", "0x20 R_386_GOT32 value+0", "0x25 R_386_PLT32 printf-4",
                "0x2a R_386_PC32 printf-4",
            ])
        #expect(object.relocations(of: ".data").last == "0xc R_386_32 value+0")
    }

    @Test("an object of text alone, and one of nothing", arguments: Nasm.aOut)
    func small(_ format: Nasm.Format) throws {
        let object = try AOutObjectReader.read(
            try Nasm.object("section .text\nret\n", format), name: "gurka.o")
        #expect(object.symbols.count == 4 && object.relocations.isEmpty && object.sections[1].size == 0)
        let header = HandMade()
        let bytes = Array(header.bytes.prefix(32))
        #expect(try AOutObjectReader.read(bytes, name: "gurka.o").sections.map(\.size) == [0, 0, 0])
    }

    @Test("files are known by their first word")
    func identification() {
        #expect(
            AOutObjectReader.isAOut([0x00, 0x86, 0x01, 0x07]) && AOutObjectReader.isAOut([0x07, 0x01, 0x64, 0x00]))
        #expect(AOutObjectReader.isAOut([0x00, 0x8a, 0x01, 0x0b]), "another machine is for the reader to name")
        #expect(!AOutObjectReader.isAOut([0x00, 0x86, 0x01]) && !AOutObjectReader.isAOut(Array("\u{7f}ELF".utf8)))
        #expect(!AOutObjectReader.isAOut(Array("text".utf8)))
    }
}
