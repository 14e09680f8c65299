import AOutFormat
import ObjectModel
import TestSupport
import Testing

/// Each field that lies gives one message with the field, the place and the reason.
@Suite struct MalformedTests {
    private static func refusal(_ change: (inout HandMade) -> Void) -> String {
        var file = HandMade(text: [0xe8, 0xfb, 0xff, 0xff, 0xff, 0x90, 0x90, 0x90], data: [0, 0, 0, 0], bss: 4)
        file.symbols = [.init(name: "_slice", type: 5, value: 8), .init(name: "_helper", type: 1)]
        file.textRelocations = [.init(address: 1, symbol: 1, bits: 0x0d)]
        change(&file)
        return file.refusal()
    }

    @Test("the object that the other tests change is accepted")
    func sound() { #expect(Self.refusal { _ in } == "accepted") }

    @Test(
        "files of other machines and other kinds are refused by name",
        arguments: [
            ([0x00, 0x8a, 0x01, 0x07], "a_midmag: an a.out file of machine 138 (sparc); take an object for i386"),
            ([0x00, 0x87, 0x01, 0x0b], "a_midmag: an a.out file of machine 135 (m68k); take an object for i386"),
            ([0x00, 0xff, 0x01, 0x07], "a_midmag: an a.out file of machine 255; take an object for i386"),
            ([0x07, 0x01, 0x97, 0x00], "a_midmag: an a.out file of machine 151 (mips); take an object for i386"),
            (
                [0x07, 0x01, 0x86, 0x00],
                "a_midmag: an a.out file of machine 134 (i386 of FreeBSD and 386BSD); take an object for i386"
            ),
            ([0x07, 0x01, 0x00, 0x00], "a_midmag: an a.out file of machine 0 (none named); take an object for i386"),
            (
                [0x00, 0x86, 0x01, 0x0b],
                "a_midmag: ZMAGIC, an executable, not a relocatable object; modules are made with 'cc -c'"
            ),
            (
                [0x08, 0x01, 0x64, 0x00],
                "a_midmag: NMAGIC, an executable, not a relocatable object; modules are made with 'cc -c'"
            ),
            (
                [0xcc, 0x00, 0x64, 0x00],
                "a_midmag: QMAGIC, an executable, not a relocatable object; modules are made with 'cc -c'"
            ),
            (
                [0xc0, 0x86, 0x01, 0x07],
                "a_midmag: linked dynamically, not a relocatable object; modules are made with 'cc -c'"
            ), ([0x7f, 0x45, 0x4c, 0x46], "not an a.out file"),
        ] as [([UInt8], String)])
    func firstWord(word: [UInt8], reason: String) {
        #expect(Self.refusal { $0.firstWord = word } == "gurka.o: \(reason)")
    }

    @Test("a file shorter than its header")
    func short() {
        for (count, reason) in [
            (3, "not an a.out file"), (4, "truncated: 4 bytes, shorter than an a.out header"),
            (31, "truncated: 31 bytes, shorter than an a.out header"),
        ] {
            #expect(throws: Problem(subject: "gurka.o", reason: reason)) {
                try AOutObjectReader.read(Array(HandMade().bytes.prefix(count)), name: "gurka.o")
            }
        }
    }

    @Test(
        "sizes of the header that the file does not have",
        arguments: [
            (1, 0x70, "a_text: 112 bytes at 0x20 are beyond the end of the file (95 bytes): truncated?"),
            (1, .max, "a_text: 4294967295 bytes at 0x20 are beyond the end of the file (95 bytes): truncated?"),
            (2, .max, "a_data: 4294967295 bytes at 0x28 are beyond the end of the file (95 bytes): truncated?"),
            (4, 1200, "a_syms: 1200 bytes at 0x34 are beyond the end of the file (95 bytes): truncated?"),
            (4, 13, "a_syms: 13: no whole number of entries of 12 bytes"),
            (6, 9, "a_trsize: 9: no whole number of entries of 8 bytes"),
            (
                6, 0xffff_fff8,
                "a_trsize: 4294967288 bytes at 0x2c are beyond the end of the file (95 bytes): truncated?"
            ),
            (7, 4, "a_drsize: 4: no whole number of entries of 8 bytes"),
            (7, 80, "a_drsize: 80 bytes at 0x34 are beyond the end of the file (95 bytes): truncated?"),
            (5, 32, "a_entry: 0x20: an executable, not a relocatable object; modules are made with 'cc -c'"),
            (
                3, 0xffff_fff5,
                "a_bss: 4294967285: with text and data 4294967297 bytes, more than addresses of 32 bits have"
            ),
        ] as [(Int, UInt32, String)])
    func sizes(word: Int, value: UInt32, reason: String) {
        let text = Self.refusal { file in
            file.header[word] = value
            if word == 5 { file.entry = value }
        }
        #expect(text == "gurka.o: \(reason)")
    }

    @Test("the largest bss that addresses allow is accepted")
    func largestZeroes() { #expect(Self.refusal { $0.bss = 0xffff_fff4 } == "accepted") }

    @Test(
        "a string table whose length lies",
        arguments: [
            (0, "string table: length 0: less than the 4 bytes of the length itself"),
            (3, "string table: length 3: less than the 4 bytes of the length itself"),
            (20, "string table: length 20 at 0x4c is beyond the end of the file (95 bytes): truncated?"),
            (.max, "string table: length 4294967295 at 0x4c is beyond the end of the file (95 bytes): truncated?"),
            (5, "symbol 0: n_strx 4: a name without end in the string table"),
            (11, "symbol 1: n_strx 11: outside of the names in the string table (11 bytes, 4 of them its length)"),
            (18, "symbol 1: n_strx 11: a name without end in the string table"), (19, "accepted"),
        ] as [(UInt32, String)])
    func strings(length: UInt32, reason: String) {
        let text = Self.refusal { $0.stringLength = length }
        #expect(text == (reason == "accepted" ? reason : "gurka.o: \(reason)"))
    }

    @Test("a file that ends before the string table's length")
    func noStrings() {
        let bytes = HandMade(symbols: [.init(type: 1)]).bytes
        #expect(
            throws: Problem(
                subject: "gurka.o", place: "string table",
                reason: "the file ends at 47 bytes, before its length: truncated?")
        ) { try AOutObjectReader.read(Array(bytes.dropLast()), name: "gurka.o") }
    }

    @Test(
        "symbols whose fields lie",
        arguments: [
            (
                .init(type: 1, nameOffset: 3),
                "symbol 1: n_strx 3: outside of the names in the string table (11 bytes, 4 of them its length)"
            ),
            (
                .init(type: 1, nameOffset: .max),
                "symbol 1: n_strx 4294967295: outside of the names in the string table (11 bytes, 4 of them its length)"
            ),
            (
                .init(name: "_x", type: 4, value: 9),
                "symbol 1 '_x': n_value 0x9: outside of .text (8 bytes at 0x0)"
            ),
            (
                .init(name: "_x", type: 7, value: 7),
                "symbol 1 '_x': n_value 0x7: outside of .data (4 bytes at 0x8)"
            ),
            (
                .init(name: "_x", type: 9, value: 17),
                "symbol 1 '_x': n_value 0x11: outside of .bss (4 bytes at 0xc)"
            ), (.init(name: "_x", type: 9, value: 16), "accepted"),
            (
                .init(name: "_x", type: 0x0b),
                "symbol 1 '_x': n_type 0xb: an indirect symbol (N_INDR), another name for the next one; define it by itself"
            ),
            (
                .init(name: "_x", type: 0x1e),
                "symbol 1 '_x': n_type 0x1e: a warning for who uses the next symbol (N_WARNING); leave it out"
            ),
            (
                .init(name: "_x", type: 0x17),
                "symbol 1 '_x': n_type 0x17: an element of a set (N_SETA to N_SETB); put the addresses into an array"
            ),
            (
                .init(name: "_x", type: 0x1c),
                "symbol 1 '_x': n_type 0x1c: a set that a linker made (N_SETV); take the object that the compiler made"
            ),
            (
                .init(name: "_x", type: 0x13),
                "symbol 1 '_x': n_type 0x13: a linker's own common symbol (N_COMM); take the object that the compiler made"
            ), (.init(name: "_x", type: 0x10), "symbol 1 '_x': n_type 0x10: none that an object for i386 has"),
        ] as [(HandMade.Entry, String)])
    func symbols(entry: HandMade.Entry, reason: String) {
        let text = Self.refusal { file in
            file.textRelocations = []
            file.symbols[1] = entry
        }
        #expect(text == (reason == "accepted" ? reason : "gurka.o: \(reason)"))
    }

    @Test(
        "relocations whose fields lie",
        arguments: [
            (
                .init(address: 5, symbol: 1, bits: 0x0d),
                "r_address 0x5: 4 bytes there are beyond .text (8 bytes)"
            ), (.init(address: 4, symbol: 1, bits: 0x0d), "accepted"),
            (
                .init(address: .max, symbol: 1, bits: 0x09),
                "r_address 0xffffffff: 1 bytes there are beyond .text (8 bytes)"
            ), (.init(address: 0, symbol: 1, bits: 0x0e), "r_length 3: a place of 8 bytes, and addresses have 4"),
            (.init(address: 0, symbol: 2, bits: 0x0c), "r_symbolnum 2: there are 2 symbols"),
            (.init(address: 0, symbol: 0xff_ffff, bits: 0x1c), "r_symbolnum 16777215: there are 2 symbols"),
            (
                .init(address: 0, symbol: 10, bits: 0x04),
                "r_symbolnum 10: no segment; without r_extern it is one of 2, 4, 6 and 8"
            ),
            (
                .init(address: 0, symbol: 0x104, bits: 0x04),
                "r_symbolnum 260: no segment; without r_extern it is one of 2, 4, 6 and 8"
            ),
            (
                .init(address: 0, symbol: 1, bits: 0x4c),
                "r_relative or r_copy, which only linked files have; take the object that the compiler made"
            ),
            (
                .init(address: 0, symbol: 1, bits: 0x8c),
                "r_relative or r_copy, which only linked files have; take the object that the compiler made"
            ),
            (
                .init(address: 1, symbol: 1, bits: 0x1c),
                "r_baserel of an external symbol with an addend; take the address out of the table and add to it"
            ),
            (
                .init(address: 0, symbol: 1, bits: 0x1d),
                "r_baserel with r_pcrel or r_jmptable, or of less than 4 bytes: none that an assembler makes"
            ),
            (
                .init(address: 0, symbol: 1, bits: 0x12),
                "r_baserel with r_pcrel or r_jmptable, or of less than 4 bytes: none that an assembler makes"
            ),
            (
                .init(address: 0, symbol: 1, bits: 0x2c),
                "r_jmptable without r_pcrel, or of less than 4 bytes: none that an assembler makes"
            ),
        ] as [(HandMade.Relocation, String)])
    func relocations(relocation: HandMade.Relocation, reason: String) {
        let text = Self.refusal { $0.textRelocations[0] = relocation }
        #expect(text == (reason == "accepted" ? reason : "gurka.o: relocation 0 of .text: \(reason)"))
    }

    @Test("a relocation against an entry for debuggers")
    func debugging() {
        #expect(
            Self.refusal { $0.symbols[1].type = 0x24 }
                == "gurka.o: relocation 0 of .text: r_symbolnum 1: an entry for debuggers, or a size, and no symbol")
        #expect(
            Self.refusal { file in
                file.dataRelocations = [.init(address: 4, symbol: 4, bits: 0)]
            } == "gurka.o: relocation 0 of .data: r_address 0x4: 1 bytes there are beyond .data (4 bytes)")
    }

    @Test("names do not reach a terminal as they are")
    func names() {
        #expect(
            Self.refusal { $0.symbols[1] = .init(name: "_\u{1b}[2J", type: 0x1e) }.hasPrefix(
                "gurka.o: symbol 1 '_\\x1b[2J': n_type 0x1e: "))
    }
}
