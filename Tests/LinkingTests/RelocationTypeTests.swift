import ELFFormat
import Linking
import ObjectModel
import TestSupport
import Testing

/// Every relocation type of x86-64 that an object file has, but those of thread-local storage, beside ld: the bytes, and the last good
/// and the first bad value at both ends of its range.
@Suite struct RelocationTypeTests {
    /// From what a type computes, without the addend.
    private enum Base {
        /// S
        case symbol
        /// S - P
        case distance
        /// G
        case entry
        /// G + GOT - P
        case entryDistance
        /// GOT - P
        case tableDistance
        /// Z
        case size
    }

    private struct Limit {
        let type: String
        let base: Base
        let range: ClosedRange<Int64>
        let remedy: String
        /// What ld accepts, where that is more: of n bits, the numbers from -2^n on, though those below -2^(n-1) are not read back as what
        /// they are (bfd's "complain_overflow_bitfield").
        var editorRange: ClosedRange<Int64>?
    }

    private static let far = "compile with -fPIC or -mcmodel=large"
    private static let signed: ClosedRange<Int64> = -0x8000_0000...0x7fff_ffff
    private static let limits = [
        Limit(
            type: "R_X86_64_8", base: .symbol, range: -0x80...0xff, remedy: "use a wider field",
            editorRange: -0x100...0xff),
        Limit(
            type: "R_X86_64_16", base: .symbol, range: -0x8000...0xffff, remedy: "use a wider field",
            editorRange: -0x1_0000...0xffff),
        Limit(type: "R_X86_64_32", base: .symbol, range: 0...0xffff_ffff, remedy: far),
        Limit(type: "R_X86_64_32S", base: .symbol, range: signed, remedy: far),
        Limit(type: "R_X86_64_PC8", base: .distance, range: -0x80...0x7f, remedy: "use a wider field"),
        Limit(
            type: "R_X86_64_PC16", base: .distance, range: -0x8000...0x7fff, remedy: "use a wider field",
            editorRange: -0x1_0000...0xffff),
        Limit(type: "R_X86_64_PC32", base: .distance, range: signed, remedy: far),
        Limit(type: "R_X86_64_PLT32", base: .distance, range: signed, remedy: far),
        Limit(type: "R_X86_64_GOT32", base: .entry, range: signed, remedy: far),
        Limit(type: "R_X86_64_GOTPCREL", base: .entryDistance, range: signed, remedy: far),
        Limit(type: "R_X86_64_GOTPC32", base: .tableDistance, range: signed, remedy: far),
        Limit(
            type: "R_X86_64_SIZE32", base: .size, range: 0...0xffff_ffff,
            remedy: "the symbol is too large for this field"),
    ]

    private static let wide = [
        "R_X86_64_64", "R_X86_64_PC64", "R_X86_64_PLTOFF64", "R_X86_64_GOTOFF64", "R_X86_64_GOTPC64", "R_X86_64_SIZE64",
    ]

    private static let symbol: Int64 = 0x40_1000
    private static let table = Int64(Space.window.lowerBound + ELFImageWriter.headerSize)
    private static let data: Int64 = 0x1000_1000
    private static let size: Int64 = 0x777
    /// Where the symbol's entry is in ld's table, which begins with three words for a dynamic linker.
    private static let otherEntry: Int64 = 24

    /// One relocation.
    private struct Field {
        let type: String
        let symbol: String
        let addend: Int64
        var value: Int64 = 0
    }

    /// The relocation of a type that gives a value.
    private static func field(_ limit: Limit, _ value: Int64, at offset: Int64, entry: Int64) -> Field {
        let base: Int64 =
            switch limit.base {
            case .symbol: symbol
            case .distance: symbol - data - offset
            case .entry: entry
            case .entryDistance: entry + table - data - offset
            case .tableDistance: table - data - offset
            case .size: size
            }
        return Field(
            type: limit.type, symbol: limit.base == .size ? "sized" : "tomat", addend: value - base, value: value)
    }

    private static func fields(
        _ values: (ClosedRange<Int64>) -> [Int64], entry: Int64, ofEditor: Bool = false
    ) -> [Field] {
        var fields: [Field] = []
        for limit in limits {
            for value in values(ofEditor ? limit.editorRange ?? limit.range : limit.range) {
                fields.append(field(limit, value, at: Int64(fields.count) * 8, entry: entry))
            }
        }
        return fields
    }

    private static func object(_ fields: [Field]) throws -> [UInt8] {
        var text = ".section .note.GNU-stack,\"\",@progbits\n.data\n.globl sized\n"
        for (index, field) in fields.enumerated() {
            text += ".reloc \(index * 8), \(field.type), \(field.symbol) + (\(field.addend))\n.quad 0\n"
        }
        // An entry of the table, and a symbol with a size.
        text += "sized: .reloc ., R_X86_64_GOTPCREL, tomat\n.quad 0\n.size sized, \(size)\n"
        return try Compiler.gcc.object(text, [], language: .assembly)
    }

    /// What ld says of an object at the same addresses, and what it makes.
    private static func edit(_ bytes: [UInt8], _ directory: ScratchDirectory) throws -> ToolResult {
        let script = """
            ENTRY(tomat) tomat = \(hexadecimal(UInt64(symbol)));
            SECTIONS {
            .got \(hexadecimal(UInt64(table))) : { *(.got.plt) *(.got) }
            .data \(hexadecimal(UInt64(data))) : { *(.data) }
            /DISCARD/ : { *(.note*) }
            }
            """
        try directory.write("script", Array(script.utf8))
        return try Tool.run(
            "ld",
            [
                "-static", "--no-check-sections", "--no-relax", "--noinhibit-exec", "--verbose", "-T",
                directory.path + "/script", "-o",
                directory.path + "/linked", try directory.write("gurka.o", bytes),
            ])
    }

    private static func source(_ fields: [Field]) throws -> ModuleSource {
        ModuleSource(name: "gurka", objects: [try ELFObjectReader.read(object(fields), name: "gurka.o")])
    }

    private static let space = Space(["tomat": UInt64(symbol)])

    /// The bytes of the fields here and of the same fields in ld's file.
    private static func bytes(_ ours: [Field], _ theirs: [Field]) throws -> (ours: [UInt8], theirs: [UInt8]) {
        let linked = try space.link([source(ours)])
        let sections = linked.modules[0].image.sections
        let data = try #require(sections.first { $0.name == ".data" })
        // What the computed addends stand on.
        try #require(data.address == UInt64(Self.data))
        try #require(sections.first { $0.name == ".got" }?.address == UInt64(table))
        let directory = try ScratchDirectory()
        let said = try edit(object(theirs), directory)
        #expect(said.status == .exited(0) && !said.output.contains("truncated"), "\(said.output)\(said.errors)")
        let file = try LinkedFile(path: directory.path + "/linked")
        try #require(file.word(UInt64(table + otherEntry)) == UInt64(symbol))
        let count = ours.count * 8
        return (
            Array(linked.images[0][Int(data.fileOffset)...].prefix(count)),
            Array(try #require(file.contents(".data")).prefix(count))
        )
    }

    @Test("the first and the last value of each type's range are what ld writes") func lastGood() throws {
        let values = { (range: ClosedRange<Int64>) in [range.lowerBound, range.upperBound] }
        let fields = Self.fields(values, entry: 0)
        let bytes = try Self.bytes(fields, Self.fields(values, entry: Self.otherEntry))
        #expect(bytes.ours == bytes.theirs)
        for (index, field) in fields.enumerated() {
            let value = bytes.ours.span.bytes.integer(at: UInt64(index * 8), as: UInt32.self) ?? 0
            let mask: UInt32 = field.type.hasSuffix("8") ? 0xff : field.type.hasSuffix("16") ? 0xffff : .max
            #expect(value == UInt32(truncatingIfNeeded: field.value) & mask, "\(field)")
        }
    }

    @Test(
        "one below and one above each type's range are refused with place, value and range; ld refuses those of its own"
    )
    func firstBad() throws {
        let values = { (range: ClosedRange<Int64>) in [range.lowerBound - 1, range.upperBound + 1] }
        let fields = Self.fields(values, entry: 0)
        let wanted = fields.enumerated().map { index, field in
            let limit = Self.limits[index / 2]
            let address = field.symbol == "tomat" ? UInt64(Self.symbol) : UInt64(Self.data) + UInt64(fields.count) * 8
            return
                "gurka.o: .data+\(hexadecimal(UInt64(index * 8))): \(field.type) against '\(field.symbol)' at \(hexadecimal(address)): the value \(field.value) is outside \(limit.range.lowerBound) to \(limit.range.upperBound); \(limit.remedy)"
        }
        #expect(
            Self.space.problems([try Self.source(fields)]).split(separator: "\n").map(String.init) == wanted)
        let directory = try ScratchDirectory()
        let others = Self.fields(values, entry: Self.otherEntry, ofEditor: true)
        let said = try Self.edit(Self.object(others), directory)
        for (index, field) in others.enumerated() {
            let place = "(.data+\(hexadecimal(UInt64(index * 8)))): relocation truncated to fit: \(field.type) "
            #expect((said.output + said.errors).contains(place), "\(field): \(said.errors)")
        }
    }

    @Test("types of 8 bytes are what ld writes, whatever the addend") func wideTypes() throws {
        var fields = [Field(type: "R_X86_64_NONE", symbol: "tomat", addend: 5)]
        for type in Self.wide {
            for addend in [0, -0x14, 0x7fff_ffff_0000_0000, .min, .max] as [Int64] {
                fields.append(Field(type: type, symbol: type.contains("SIZE") ? "sized" : "tomat", addend: addend))
            }
        }
        let bytes = try Self.bytes(fields, fields)
        #expect(bytes.ours == bytes.theirs)
        #expect(bytes.ours.prefix(8) == [0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test(
        "types of 8 bytes that lead to the table's entry are what ld writes", arguments: [0, -0x14, 1 << 62] as [Int64])
    func wideEntries(_ addend: Int64) throws {
        let types = ["R_X86_64_GOT64", "R_X86_64_GOTPCREL64", "R_X86_64_GOTPLT64"]
        let fields = { (entry: Int64) in types.map { Field(type: $0, symbol: "tomat", addend: addend - entry) } }
        let bytes = try Self.bytes(fields(0), fields(Self.otherEntry))
        #expect(bytes.ours == bytes.theirs)
    }
}
