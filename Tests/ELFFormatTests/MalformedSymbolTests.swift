import ELFFormat
import Testing

@Suite struct MalformedSymbolTests {
    /// Where a symbol's entry stands in the file, and its number.
    private static func entry(_ name: String, in object: PatchedObject) -> (place: Int, number: Int) {
        let number = object.symbol(name)
        return (object.contents(".symtab") + number * 24, number)
    }

    @Test("a name may begin at the last byte of the strings, not after it") func name() throws {
        let object = try PatchedObject()
        let size = UInt32(object.size(".strtab"))
        let (place, number) = Self.entry("value", in: object)
        #expect(try refusal { $0.write(size - 1, at: place) } == nil)
        #expect(
            try refusal { $0.write(size, at: place) }
                == "gurka.o: symbol \(number): st_name \(size) is beyond the string table")
        #expect(
            try refusal { $0.write(UInt32.max, at: place) }
                == "gurka.o: symbol \(number): st_name 4294967295 is beyond the string table")
    }

    @Test("the first symbol is null whatever it says") func first() throws {
        #expect(try refusal { $0.write(UInt64.max, at: $0.contents(".symtab")) } == nil)
    }

    @Test("a section that is beyond the last") func section() throws {
        let object = try PatchedObject()
        let (place, number) = Self.entry("value", in: object)
        let count = UInt16(object.sectionCount)
        #expect(
            try refusal { $0.write(count, at: place + 6) }
                == "gurka.o: symbol \(number): st_shndx \(count): there are \(count) sections")
        for reserved in [0xff00, 0xff01, 0xff03, 0xfffe] as [UInt16] {
            #expect(
                try refusal { $0.write(reserved, at: place + 6) }
                    == "gurka.o: symbol \(number): st_shndx \(reserved): there are \(count) sections")
        }
    }

    @Test("a symbol of type section whose section is beyond the last") func sectionSymbol() throws {
        let object = try PatchedObject()
        let (place, number) = Self.entry("counter", in: object)
        let count = UInt16(object.sectionCount)
        #expect(
            try refusal {
                $0.write(UInt8(3), at: place + 4)
                $0.write(count, at: place + 6)
            } == "gurka.o: symbol \(number): st_shndx \(count): there are \(count) sections")
    }

    @Test("an extended section number without a table of them") func extendedWithoutTable() throws {
        let (place, number) = Self.entry("value", in: try PatchedObject())
        #expect(
            try refusal { $0.write(UInt16(0xffff), at: place + 6) }
                == "gurka.o: symbol \(number): st_shndx: no table of extended section numbers covers it")
    }

    @Test(
        "a value at the end of its section is a label there, one beyond or before is noted",
        arguments: [(8, false), (9, true), (UInt64.max, true)])
    func value(_ value: UInt64, _ isOutside: Bool) throws {
        var patched = try PatchedObject()
        let (place, number) = Self.entry("value", in: patched)
        patched.write(value, at: place + 8)
        let object = try ELFObjectReader.read(patched.bytes, name: "gurka.o")
        #expect(object.symbols[number].value == value && object.hasSymbolsOutside == isOutside)
    }

    @Test("the alignment of a common symbol") func commonAlignment() throws {
        let (place, number) = Self.entry("shared", in: try PatchedObject())
        for good in [0, 1, 1 << 30] as [UInt64] { #expect(try refusal { $0.write(good, at: place + 8) } == nil) }
        for bad in [3, 1 << 31, .max] as [UInt64] {
            #expect(
                try refusal { $0.write(bad, at: place + 8) }
                    == "gurka.o: symbol \(number): st_value \(bad): alignment of a common symbol, not a power of two")
        }
    }

    @Test("bindings and types that nobody knows") func information() throws {
        let (place, number) = Self.entry("value", in: try PatchedObject())
        #expect(
            try refusal { $0.write(UInt8(0x31), at: place + 4) }
                == "gurka.o: symbol \(number): st_info: binding 3 is unknown")
        #expect(
            try refusal { $0.write(UInt8(0x1f), at: place + 4) }
                == "gurka.o: symbol \(number): st_info: type 15 is unknown")
    }
}

@Suite struct MalformedGroupTests {
    @Test("the name of a group is a symbol beyond the last") func signature() throws {
        let count = try UInt64(PatchedObject().size(".symtab") / 24)
        #expect(try refusal { $0.set(.info, of: ".group", count - 1) } == nil)
        #expect(
            try refusal { $0.set(.info, of: ".group", count) }
                == "gurka.o: section '.group': sh_info \(count): the symbol that names the group is beyond the symbol table"
        )
    }

    @Test("a group without flags") func empty() throws {
        #expect(
            try refusal { $0.set(.size, of: ".group", 0) }
                == "gurka.o: section '.group': empty: a group begins with its flags")
    }

    @Test("a member that is no section") func member() throws {
        let count = UInt32(try PatchedObject().sectionCount)
        for member in [0, count, .max] {
            #expect(
                try refusal { $0.write(member, at: $0.contents(".group") + 4) }
                    == "gurka.o: section '.group': member \(member): there are \(count) sections")
        }
    }

    @Test("a member of two groups") func twice() throws {
        #expect(
            try refusal {
                let place = $0.contents(".group")
                $0.set(.size, of: ".group", 12)
                $0.write($0.read(place + 4, as: UInt32.self), at: place + 8)
            } == "gurka.o: section '.group': member section '.text.inline' is in two groups")
    }
}

@Suite struct MalformedRelocationTests {
    @Test("relocations of a section that is beyond the last, or none") func target() throws {
        let count = UInt64(try PatchedObject().sectionCount)
        for bad in [0, count, 0xffff_ffff] {
            #expect(
                try refusal { $0.set(.info, of: ".rela.text", bad) }
                    == "gurka.o: section '.rela.text': sh_info \(bad): there are \(count) sections")
        }
    }

    @Test("relocations of themselves, and of what is not loaded, are not looked at") func notLoaded() throws {
        for name in [".rela.text", ".note.GNU-stack", ".strtab"] {
            #expect(
                try refusal {
                    $0.set(.info, of: ".rela.text", UInt64($0.section(name)))
                    $0.write(UInt64.max, at: $0.contents(".rela.text"))
                } == nil)
        }
    }

    @Test("relocations of a section without contents") func zeroes() throws {
        #expect(
            try refusal { $0.set(.info, of: ".rela.text", UInt64($0.section(".bss"))) }
                == "gurka.o: section '.rela.text': relocations of section '.bss', which has no contents")
    }

    @Test("relocations with another symbol table than the one there is") func link() throws {
        let strings = try PatchedObject().section(".strtab")
        #expect(
            try refusal { $0.set(.link, of: ".rela.text", UInt64(strings)) }
                == "gurka.o: section '.rela.text': sh_link \(strings): not the symbol table")
    }

    @Test("two lists of relocations of one section") func twice() throws {
        #expect(
            try refusal { $0.set(.info, of: ".rela.data", UInt64($0.section(".text"))) }
                == "gurka.o: section '.rela.data': a second list of relocations of section '.text'")
    }

    @Test("relocations without addends are smaller") func withoutAddends() throws {
        #expect(
            try refusal { $0.set(.type, of: ".rela.data", 9) }
                == "gurka.o: section '.rela.data': sh_entsize 24: not 16")
    }

    @Test("a symbol that is beyond the last") func symbol() throws {
        let count = UInt32(try PatchedObject().size(".symtab") / 24)
        #expect(try refusal { $0.write(count - 1, at: $0.contents(".rela.text") + 24 + 12) } == nil)
        for bad in [count, .max] {
            #expect(
                try refusal { $0.write(bad, at: $0.contents(".rela.text") + 24 + 12) }
                    == "gurka.o: section '.rela.text' relocation 1: r_info: symbol \(bad): there are \(count) symbols")
        }
    }

    @Test("a kind that no object has", arguments: [5, 6, 7, 8, 37, 52, 255, .max] as [UInt32])
    func kind(_ number: UInt32) throws {
        #expect(
            try refusal { $0.write(number, at: $0.contents(".rela.text") + 8) }
                == "gurka.o: section '.rela.text' relocation 0: r_info: type \(number) is none that an x86-64 object file has"
        )
    }

    @Test("the last place that is inside of the section, and the first that is not") func offset() throws {
        let size = UInt64(try PatchedObject().size(".text"))
        #expect(try refusal { $0.write(size - 4, at: $0.contents(".rela.text")) } == nil)
        for bad in [size - 3, size, size + 1, .max] {
            #expect(
                try refusal { $0.write(bad, at: $0.contents(".rela.text")) }
                    == "gurka.o: section '.rela.text' relocation 0: r_offset 0x\(String(bad, radix: 16)) is beyond section '.text' (\(size) bytes)"
            )
        }
        // 8 bytes need 8.
        #expect(try refusal { $0.write(UInt64(0), at: $0.contents(".rela.data")) } == nil)
        #expect(
            try refusal { $0.write(UInt64(1), at: $0.contents(".rela.data")) }
                == "gurka.o: section '.rela.data' relocation 0: r_offset 0x1 is beyond section '.data' (8 bytes)")
    }
}
