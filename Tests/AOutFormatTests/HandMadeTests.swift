import AOutFormat
import ObjectModel
import TestSupport
import Testing

/// What compilers and assemblers of the time wrote and nasm does not.
@Suite struct HandMadeTests {
    /// N_SO, a line, and a function's N_FUN around a symbol: the symbol keeps its number.
    @Test(
        "debugging entries and names of files are passed over, and symbols keep their numbers",
        arguments: [
            [0x00, 0x86, 0x01, 0x07], HandMade.linux,
        ])
    func stabs(_ firstWord: [UInt8]) throws {
        var file = HandMade(firstWord: firstWord, text: [0xe8, 0xfb, 0xff, 0xff, 0xff])
        file.symbols = [
            .init(name: "gurka.c", type: 0x64), .init(name: "gurka.o", type: 0x1f), .init(name: "slice:F1", type: 0x24),
            .init(type: 0x44, value: 99), .init(name: "_slice", type: 5), .init(name: "_helper", type: 1),
        ]
        file.textRelocations = [.init(address: 1, symbol: 5, bits: 0x0d)]
        let object = try file.read()
        #expect(object.relocations(of: ".text") == ["0x1 R_386_PC32 helper-4"])
        #expect(object.symbols.map { object.text($0.name) }.filter { !$0.isEmpty } == ["slice", "helper"])
        let linked = try Linked([object], ["helper": 0x40_0000])
        #expect(linked.address("slice") == 0x1000_1000)
        #expect(linked.module.image.symbols.entries.count == 1)
    }

    @Test("a size belongs to the symbol of its name and kind, whichever comes first")
    func sizes() throws {
        var file = HandMade(text: [0x90, 0x90, 0xc3, 0xc3])
        file.symbols = [
            .init(name: "_slice", type: 0x0d, value: 3), .init(name: "_slice", type: 5, other: 2),
            .init(name: "_slice", type: 4, value: 3), .init(name: "_other", type: 0x0d, value: 9),
            .init(name: "_slice", type: 0x0c, value: 1), .init(name: "_absent", type: 1),
        ]
        let object = try file.read()
        let slices = object.symbols.filter { object.text($0.name) == "slice" }
        #expect(slices.map(\.size) == [3, 1])
        #expect(slices.map(\.type) == [.function, .none])
        // Linux's objects have a weak undefined symbol of that number.
        file.firstWord = HandMade.linux
        file.symbols = [.init(name: "_slice", type: 0x0d)]
        let slice = try #require(try file.read().symbols.last)
        #expect(slice.place == .undefined && slice.binding == .weak)
    }

    @Test("weak symbols, in NetBSD's way and in GNU's")
    func weak() throws {
        var file = HandMade(text: [0x90, 0xc3])
        file.symbols = [
            .init(name: "_a", type: 1, other: 0x20), .init(name: "_b", type: 5, other: 0x22, value: 1),
            .init(name: "_c", type: 3, other: 0x10, value: 7),
        ]
        var symbols = try file.read().symbols.dropFirst(4)
        #expect(symbols.map(\.binding) == [.weak, .weak, .global])
        #expect(symbols.map(\.place) == [.undefined, .section(0), .absolute])
        #expect(symbols.map(\.type) == [.none, .function, .none])
        file.firstWord = HandMade.linux
        file.symbols = [
            .init(name: "_a", type: 0x0d), .init(name: "_b", type: 0x0e, value: 5), .init(name: "_c", type: 0x0f),
            .init(name: "_d", type: 0x10, value: 2), .init(name: "_e", type: 0x11, value: 2),
        ]
        symbols = try file.read().symbols.dropFirst(4)
        #expect(symbols.map(\.binding) == [.weak, .weak, .weak, .weak, .weak])
        #expect(symbols.map(\.place) == [.undefined, .absolute, .section(0), .section(1), .section(2)])
    }

    @Test(
        "a common symbol is aligned by its size, to 16 at most",
        arguments: [
            (1, 1), (2, 2), (3, 2), (4, 4), (7, 4), (8, 8), (15, 8), (16, 16), (1000, 16),
        ] as [(UInt32, UInt64)])
    func commons(size: UInt32, alignment: UInt64) throws {
        let file = HandMade(symbols: [.init(name: "_shared", type: 1, value: size)])
        let symbol = try #require(try file.read().symbols.last)
        #expect(symbol.place == .common && symbol.size == UInt64(size) && symbol.value == alignment)
    }

    @Test("a name without underscore stays as it is, and the linker's table has its name with one or two")
    func names() throws {
        var file = HandMade(text: [0x90])
        file.symbols = [
            .init(name: "mcount", type: 5), .init(name: "__start", type: 5), .init(name: "_", type: 1),
            .init(name: "__GLOBAL_OFFSET_TABLE_", type: 1),
        ]
        var object = try file.read()
        #expect(
            object.symbols.dropFirst(4).map { object.text($0.name) } == [
                "mcount", "_start", "_", "_GLOBAL_OFFSET_TABLE_",
            ])
        file.symbols[3].name = "_GLOBAL_OFFSET_TABLE_"
        object = try file.read()
        #expect(object.symbols.last.map { object.text($0.name) } == "_GLOBAL_OFFSET_TABLE_")
    }

    @Test("two names that would become one are told")
    func sameNames() throws {
        var file = HandMade(text: [0x90])
        file.symbols = [.init(name: "_mcount", type: 5), .init(name: "mcount", type: 1)]
        #expect(
            file.refusal()
                == "gurka.o: symbol 0 '_mcount': is 'mcount' without the underscore of C, as symbol 1 is called too; rename that one"
        )
        // A local name is no one else's business.
        file.symbols[1].type = 4
        #expect(file.refusal() == "accepted")
    }

    @Test("segments are meant by addresses inside the object, and places count from their own segment")
    func segments() throws {
        // text 8 bytes, data 8, bss 4.
        var file = HandMade(text: [1, 0, 0, 0, 9, 0, 0, 0], data: [18, 0, 0, 0, 0xf0, 0xff, 0xff, 0xff], bss: 4)
        file.textRelocations = [
            .init(address: 0, symbol: 4, bits: 0x04), .init(address: 4, symbol: 7, bits: 0x04),
        ]
        file.dataRelocations = [.init(address: 0, symbol: 8, bits: 0x04), .init(address: 4, symbol: 4, bits: 0x05)]
        let object = try file.read()
        #expect(object.relocations(of: ".text") == ["0x0 R_386_32 .text+1", "0x4 R_386_32 .data+1"])
        #expect(object.relocations(of: ".data") == ["0x0 R_386_32 .bss+2", "0x4 R_386_PC32 .text-12"])
        // An absolute address; a jump to one; an address inside the object has no sign.
        file.data = [0xff, 0x90, 0, 0, 0xf8, 0xff, 0xff, 0xff]
        file.dataRelocations = [
            .init(address: 0, symbol: 2, bits: 0x02), .init(address: 4, symbol: 2, bits: 0x05),
            .init(address: 0, symbol: 4, bits: 0x00), .init(address: 0, symbol: 4, bits: 0x02),
        ]
        #expect(
            try file.read().relocations(of: ".data") == [
                "0x0 R_386_16 -28417", "0x4 R_386_PC32 -4", "0x0 R_386_8 .text+255", "0x0 R_386_16 .text+37119",
            ])
    }

    @Test("a jump by way of a stub is a call; to the own module it is as any other")
    func jumps() throws {
        var file = HandMade(text: [0xe8, 0xfb, 0xff, 0xff, 0xff], symbols: [.init(name: "_printf", type: 1)])
        file.textRelocations = [.init(address: 1, symbol: 0, bits: 0x2d)]
        #expect(try file.read().relocations(of: ".text") == ["0x1 R_386_PLT32 printf-4"])
        file.textRelocations = [.init(address: 1, symbol: 4, bits: 0x25)]
        #expect(try file.read().relocations(of: ".text") == ["0x1 R_386_PC32 .text-4"])
    }

    @Test("a table entry that is not just loaded is kept in a table, by its offset")
    func tableEntries() throws {
        // `push _errno@GOT(%ebx)`, `lea _value@GOTOFF(%ebx), %eax`; data: an address.
        var file = HandMade(
            text: [0xff, 0xb3, 0, 0, 0, 0, 0x8d, 0x83, 4, 0, 0, 0], data: [1, 2, 3, 4, 5, 6, 7, 8])
        file.firstWord[0] = 0x40
        file.symbols = [.init(name: "_errno", type: 1), .init(name: "value", type: 6, value: 12)]
        file.textRelocations = [.init(address: 2, symbol: 0, bits: 0x1c), .init(address: 8, symbol: 1, bits: 0x14)]
        let object = try file.read()
        #expect(object.relocations(of: ".text") == ["0x2 R_386_GOT32 errno+0", "0x8 R_386_GOTOFF value+4"])
        let linked = try Linked([object], ["errno": 0x40_2000])
        let table = try #require(linked.section(".got"))
        #expect(linked.contents(".got") == [0x00, 0x20, 0x40, 0x00])
        let text = linked.contents(".text")
        #expect(text[2..<6].elementsEqual([0, 0, 0, 0]), "the first entry")
        let data = try #require(linked.section(".data"))
        let offset = UInt32(truncatingIfNeeded: data.address + 4 - table.address)
        #expect(text.span.bytes.integer(at: 8, as: UInt32.self) == offset)
    }
}
