import ELFFormat
import ModlinkInterface
import ObjectModel
import SymbolTable
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

    private func listing(_ bytes: [UInt8] = file(), module: String? = nil) throws -> SymbolListing {
        SymbolListing(try SymbolSource(bytes), module: module)
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// The file of a table with notes: a module with its symbols, and one behind all symbols with none.
    private static func noted() -> [UInt8] {
        var list = SymbolList()
        list.add("flag", at: 7, binding: .global, type: .none)
        list.add("slice", at: 0x1000_0040, size: 16, section: 0)
        list.add("peel", at: 0x1000_0050, size: 4, section: 0, binding: .local)
        var resident = SymbolList()
        resident.add("printf", at: 0x7000_0010, size: 8, section: 0)
        let section = { (name: String, address: UInt64) in
            ImageSection(
                name: name, kind: .zeroFill, protection: [.read, .execute], address: address, fileOffset: 0,
                size: 0x1000, alignment: 1)
        }
        return SymbolFileWriter(
            architecture: .x86_64, sections: [section("gurka.text", 0x1000_0000), section(".text", 0x7000_0000)],
            parts: [
                SymbolFileWriter.Part(
                    owner: "gurka", range: 0x1000_0000..<0x1000_2000, buildID: [UInt8](1...16), symbols: list,
                    sections: [0]),
                SymbolFileWriter.Part(
                    owner: "", range: 0x7000_0000..<0x7000_1000, buildID: [], symbols: resident, sections: [1]),
                SymbolFileWriter.Part(
                    owner: "late", range: 0x7100_0000..<0x7100_0401, buildID: [], symbols: SymbolList(), sections: []),
            ], generation: 5
        ).bytes
    }

    @Test("C++ names that would harm a terminal, or say too much, do not")
    func hostileNames() throws {
        let closing = (0..<9).map { "ES\($0)_" }.joined()
        let large = "_Z1f1p" + String(repeating: "IS_", count: 10) + "Iii" + closing + "E"
        var list = SymbolList()
        for (number, name) in ["_Z3a\u{1b}bv", large, "_Z5slicei"].enumerated() {
            list.add(name, at: 0x1000_0040 + UInt64(number), size: 1, section: 0)
        }
        let section = ImageSection(
            name: "gurka.text", kind: .zeroFill, protection: [.read, .execute], address: 0x1000_0000, fileOffset: 0,
            size: 0x1000, alignment: 1)
        let file = SymbolFileWriter(
            architecture: .x86_64, sections: [section],
            parts: [
                SymbolFileWriter.Part(
                    owner: "gurka", range: 0x1000_0000..<0x1000_2000, buildID: [], symbols: list, sections: [0])
            ], generation: 1)
        try #expect(
            text(listing(file.bytes).text(style: NameStyle(demangles: true))) == """
                0000000010000040 T a\\x1bb()\t[gurka]
                0000000010000041 T \(large)\t[gurka]
                0000000010000042 T slice(int)\t[gurka]

                """)
        let style = NameStyle(demangles: true)
        #expect(
            style.qualified("gurka:_Z5slicei") == "gurka:slice(int)" && style.qualified("_Z5slicei") == "slice(int)")
        #expect(NameStyle().qualified("gurka:_Z5slicei") == "gurka:_Z5slicei")
        let use = SymbolUse(
            module: "sallad", section: ".text", function: "_Z3cutv", offset: 18, address: 16, symbol: "gurka:_Z5slicei")
        #expect(UserReport.line(use, style) == "0000000000000010 sallad:cut()+0x12 .text gurka:slice(int)\n")
    }

    @Test("symbols stand in the order of address, with letters as nm has them and the module's name")
    func text() throws {
        try #expect(
            text(listing().text()) == """
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

    @Test("a module's line stands before its symbols, sizes in KiB rounded up; one behind all symbols at the end")
    func moduleLines() throws {
        try #expect(
            text(listing(Self.noted()).text(showsModules: true)) == """
                0000000000000007 A flag\t[gurka]
                0000000010000000 (8k)\t[gurka]
                0000000010000040 T slice\t[gurka]
                0000000010000050 t peel\t[gurka]
                0000000070000010 T printf
                0000000071000000 (2k)\t[late]

                """)
        #expect(
            try text(listing(Self.noted(), module: "late").text(showsModules: true))
                == "0000000071000000 (2k)\t[late]\n")
    }

    @Test("the symbols of one module are listed, absolute ones too; or those of the space itself")
    func oneModule() throws {
        try #expect(
            text(listing(Self.noted(), module: "gurka").text()) == """
                0000000000000007 A flag\t[gurka]
                0000000010000040 T slice\t[gurka]
                0000000010000050 t peel\t[gurka]

                """)
        #expect(try text(listing(Self.noted(), module: "").text()) == "0000000070000010 T printf\n")
    }

    @Test("a module that is not there is told, with the name that is most like it")
    func unknownModule() throws {
        #expect(
            throws: Failure(
                .noSuchModule, subject: "gurkka", reason: "no such module; did you mean 'gurka'? (ENOENT)")
        ) { try listing(Self.noted(), module: "gurkka").checkModule() }
        #expect(throws: Failure(.noSuchModule, subject: "x", reason: "no such module (ENOENT)")) {
            try listing(Self.noted(), module: "x").checkModule()
        }
        try listing(Self.noted(), module: "late").checkModule()
    }

    @Test("in the order of size the smallest are first, and sizes stand behind addresses as nm -S has them")
    func bySize() throws {
        var listing = try listing(Self.noted())
        listing.sortBySize()
        #expect(
            text(listing.text(showsSizes: true)) == """
                0000000000000007 0000000000000000 A flag\t[gurka]
                0000000010000050 0000000000000004 t peel\t[gurka]
                0000000070000010 0000000000000008 T printf
                0000000010000040 0000000000000010 T slice\t[gurka]

                """)
    }

    @Test(
        "patterns are answered with all symbols that they mean",
        arguments: [
            ("*", ["flag", "slice", "peel", "printf"]), ("p*", ["peel", "printf"]), ("?eel", ["peel"]),
            ("gurka:p*", ["peel"]), (":*", ["printf"]), ("g*:*", ["flag", "slice", "peel"]), ("[a-f]*", ["flag"]),
            ("lemon*", []), ("pe", []), ("pe*l\\", []),
        ])
    func patterns(_ pattern: String, _ names: [String]) throws {
        let answers = try listing(Self.noted()).answers(to: [pattern])
        #expect(answers.map(\.query) == [pattern])
        #expect(answers[0].symbols.map(\.name) == names)
    }

    @Test("in the listing of a module, names, patterns and addresses of others have no answer")
    func answersOfModule() throws {
        let answers = try listing(Self.noted(), module: "gurka").answers(to: [
            "slice", "printf", "p*", "0x10000044", "0x70000014",
        ])
        #expect(answers.map { $0.symbols.map(\.name) } == [["slice"], [], ["peel"], ["slice"], []])
    }

    @Test("rows have the size and the owner")
    func rows() throws {
        let rows = try listing().rows
        let slice = try #require(rows.first { $0.name == "slice" })
        #expect(slice.address == 0x1000_0040)
        #expect(slice.size == 4)
        #expect(slice.type == "T")
        #expect(slice.module == "gurka")
    }

    @Test("bytes that are no ELF file are told")
    func broken() {
        #expect(throws: Failure(.systemFailure, subject: "symbol table", reason: "not an object file")) {
            try SymbolSource(Array("text".utf8))
        }
    }
}

@Suite struct LookUpTests {
    private func symbol(
        _ name: String, module: String = "gurka", address: Int = 0x1000_0040, offset: Int = 0,
        kind: String = "function", letter: String = "T"
    ) -> SymbolInformation {
        SymbolInformation(
            module: module, name: name, address: address, size: 8, offset: offset, kind: kind,
            letter: letter, exported: letter.uppercased() == letter)
    }

    private func text(_ query: String, _ symbols: SymbolInformation...) -> String {
        String(decoding: LookUp([LookUpAnswer(query: query, symbols: symbols)]).text, as: UTF8.self)
    }

    @Test("a name is answered with a line for each symbol, as the table has it")
    func names() {
        #expect(
            text(
                "slice", symbol("slice"), symbol("slice", module: "", letter: "t"),
                symbol("slice", kind: "object", letter: "D"), symbol("slice", kind: "label", letter: "a"))
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
        #expect(
            text("top", symbol("top", address: -1, kind: "label", letter: "A")) == "ffffffffffffffff A top\t[gurka]\n")
    }

    @Test("what is not found is told as a name or as an address")
    func missing() {
        #expect(LookUp.problem("nope").description == "nope: no such symbol")
        #expect(LookUp.problem("0x10").description == "0x10: no symbol is there")
        #expect(LookUp.problem("16").description == "16: no symbol is there")
        #expect(LookUp.problem("no*").description == "no*: no symbol has such a name")
        #expect(text("nope").isEmpty)
    }

    @Test("a name that is not there is told with those that are most like it, of its module if that is named")
    func similar() throws {
        var table = SymbolTable()
        for (owner, start, names) in [
            ("gurka", 0x1000, ["slice", "slices", "peel", "unlike"]), ("sallad", 0x2000, ["slicer", "slide"]),
        ] as [(String, UInt64, [String])] {
            var list = SymbolList()
            for (index, name) in names.enumerated() { list.add(name, at: start + UInt64(index), binding: .local) }
            _ = table.insert(SymbolSet(owner: owner, symbols: list, sections: [], range: start..<start + 16))
        }
        for (query, text) in [
            ("slicc", "slicc: no such symbol; did you mean 'slice'?"),
            ("gurka:slicc", "gurka:slicc: no such symbol; did you mean 'slice'?"),
            ("slicee", "slicee: no such symbol; did you mean 'slice', 'slicer' or 'slices'?"),
            ("pee", "pee: no such symbol; did you mean 'peel'?"), ("zzzzzz", "zzzzzz: no such symbol"),
            ("gurk:slice", "gurk:slice: no such module; did you mean 'gurka'? (ENOENT)"),
            ("0x10", "0x10: no symbol is there"),
        ] { #expect(LookUp.problem(query, in: table).description == text) }
        #expect(
            LookUp.problem("slide", of: "gurka", in: table).description
                == "slide: no such symbol; did you mean 'slice'?")
    }

    @Test("answers are put in the order of size or of address")
    func orders() {
        let answer = LookUpAnswer(query: "s*", symbols: [symbol("s2", address: 2), symbol("s1", address: 1)])
        #expect(
            String(decoding: LookUp([answer], byAddress: true).text, as: UTF8.self)
                == "0000000000000001 T s1\t[gurka]\n0000000000000002 T s2\t[gurka]\n")
        #expect(
            String(decoding: LookUp([answer], bySize: true).text, as: UTF8.self)
                == "0000000000000001 0000000000000008 T s1\t[gurka]\n0000000000000002 0000000000000008 T s2\t[gurka]\n")
    }
}
