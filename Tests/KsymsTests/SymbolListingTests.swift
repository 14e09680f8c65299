import ELFFormat
import ModlinkInterface
import ObjectModel
import TestSupport
import Testing

@testable import ksyms

@Suite struct SymbolListingTests {
    /// The file of a table: symbols of a space and of a module `gurka`, one of each kind.
    private static func file() -> [UInt8] {
        let sections =
            [
                (".text", [.read, .execute], 0x7000_0000), (".rodata", .read, 0x7000_1000),
                ("gurka.text", [.read, .execute], 0x1000_0000), ("gurka.data", [.read, .write], 0x1000_1000),
            ] as [(String, Protection, UInt64)]
        let symbols =
            [
                ("printf", 0x7000_0010, 0, .global, .function), ("environ", 0x7000_1000, 1, .weak, .object),
                ("slice", 0x1000_0040, 2, .global, .function), ("helper", 0x1000_0050, 2, .local, .function),
                ("maybe", 0x1000_0060, 2, .weak, .function), ("one", 0x1000_1004, 3, .unique, .object),
                ("count", 0x1000_1000, 3, .global, .object),
                ("hidden", 0x1000_1008, 3, .local, .object), ("table", 0x7000_1010, 1, .global, .object),
                ("flag", 0x7, nil, .global, .none), ("top", UInt64.max, nil, .local, .none),
            ] as [(String, UInt64, UInt16?, SymbolBinding, SymbolType)]
        var list = SymbolList()
        for (name, address, section, binding, type) in symbols {
            list.add(name, at: address, size: 4, section: section, binding: binding, type: type)
        }
        return ELFImageWriter.file(
            Image(
                architecture: .x86_64, segments: [],
                sections: sections.map {
                    ImageSection(
                        name: $0.0, kind: .zeroFill, protection: $0.1, address: $0.2,
                        fileOffset: ELFImageWriter.headerSize, size: 0x1000, alignment: 1)
                }, symbols: list, entry: 0, loadedSize: ELFImageWriter.headerSize, buildID: []))
    }

    private static let gurka = ModuleInformation(
        id: 1, name: "gurka", space: "x86-64", state: "running", address: 0x1000_0000, size: 8192, useCount: nil,
        uses: [], usedBy: [],
        autoclean: false)
    private static let late = ModuleInformation(
        id: 2, name: "late", space: "x86-64", state: "loading", address: 0x7100_0000, size: 1025, useCount: nil,
        uses: [], usedBy: [],
        autoclean: false)

    @Test("symbols stand in the order of address, with letters as nm has them and the module's name")
    func text() throws {
        try #expect(
            SymbolListing(Self.file()).text(modules: []) == """
                0000000000000007 A flag
                0000000010000040 T slice\t[gurka]
                0000000010000050 t helper\t[gurka]
                0000000010000060 W maybe\t[gurka]
                0000000010001000 D count\t[gurka]
                0000000010001004 u one\t[gurka]
                0000000010001008 d hidden\t[gurka]
                0000000070000010 T printf
                0000000070001000 V environ
                0000000070001010 R table
                ffffffffffffffff a top

                """)
    }

    @Test("a module's line stands before its symbols, sizes in KiB rounded up")
    func moduleLines() throws {
        let lines = try SymbolListing(Self.file()).text(modules: [Self.late, Self.gurka]).split(separator: "\n")
        #expect(lines[0] == "0000000000000007 A flag")
        #expect(lines[1] == "0000000010000000 (8k)\t[gurka]")
        #expect(lines[2] == "0000000010000040 T slice\t[gurka]")
        #expect(lines[lines.count - 2] == "0000000071000000 (2k)\t[late]")
    }

    @Test("a module behind all symbols has its line at the end")
    func lastModule() throws {
        let lines = try SymbolListing(ELFImageWriter.file(Self.empty)).text(modules: [Self.gurka])
        #expect(lines == "0000000010000000 (8k)\t[gurka]\n")
    }

    private static let empty = Image(
        architecture: .x86_64, segments: [], sections: [], symbols: SymbolList(), entry: 0,
        loadedSize: ELFImageWriter.headerSize, buildID: [])

    @Test("rows have the size and the owner")
    func rows() throws {
        let rows = try SymbolListing(Self.file()).rows
        let slice = try #require(rows.first { $0.name == "slice" })
        #expect(slice.address == 0x1000_0040)
        #expect(slice.size == 4)
        #expect(slice.type == "T")
        #expect(slice.module == "gurka")
    }

    @Test("bytes that are no ELF file are told")
    func broken() {
        #expect(throws: Failure(.systemFailure, subject: "symbol table", reason: "not an object file")) {
            try SymbolListing(Array("text".utf8))
        }
    }
}

@Suite struct LookUpTests {
    private func symbol(
        _ name: String, module: String = "gurka", address: Int = 0x1000_0040, offset: Int = 0,
        kind: String = "function", exported: Bool = true
    ) -> SymbolInformation {
        SymbolInformation(
            module: module, name: name, address: address, size: 8, offset: offset, kind: kind, exported: exported)
    }

    private func text(_ query: String, _ symbols: SymbolInformation...) -> String {
        LookUp.text(LookUpAnswer(query: query, symbols: symbols))
    }

    @Test("a name is answered with a line for each symbol, as the table has it")
    func names() {
        #expect(
            text(
                "slice", symbol("slice"), symbol("slice", module: "", exported: false),
                symbol("slice", kind: "object"), symbol("slice", kind: "label", exported: false))
                    == """
                    0000000010000040 T slice\t[gurka]
                    0000000010000040 t slice
                    0000000010000040 D slice\t[gurka]
                    0000000010000040 a slice\t[gurka]

                    """)
        #expect(text("gurka:slice", symbol("slice")) == "0000000010000040 T slice\t[gurka]\n")
    }

    @Test("an address is answered with module:symbol+offset", arguments: ["0x10000044", "0X10000044", "268435524"])
    func addresses(_ query: String) {
        #expect(text(query, symbol("slice", offset: 4)) == "\(query) gurka:slice+0x4\n")
        #expect(text(query, symbol("main", module: "", offset: 0)) == "\(query) main+0x0\n")
    }

    @Test("so is an address as the table has it, without 0x")
    func digits() {
        #expect(text("0000000010000044", symbol("slice", offset: 4)) == "0000000010000044 gurka:slice+0x4\n")
        #expect(text("1000004c", symbol("slice", offset: 12)) == "1000004c gurka:slice+0xc\n")
    }

    @Test("a value from 2^63 is negative in the reply, and printed as it is")
    func large() {
        #expect(text("top", symbol("top", address: -1, kind: "label")) == "ffffffffffffffff A top\t[gurka]\n")
    }

    @Test("what is not found is told as a name or as an address")
    func missing() {
        #expect(LookUp.problem("nope").description == "nope: no such symbol")
        #expect(LookUp.problem("0x10").description == "0x10: no symbol is there")
        #expect(LookUp.problem("16").description == "16: no symbol is there")
        #expect(text("nope").isEmpty)
    }
}
