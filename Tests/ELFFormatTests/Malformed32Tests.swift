import ELFFormat
import TestSupport
import Testing

/// What is wrong with a 32-bit object is said in the sizes of its class.
@Suite struct Malformed32Tests {
    private func refused(_ change: (inout PatchedObject) -> Void) throws -> String? {
        try refusal(word: 4, change)
    }

    @Test("the object that these tests change is acceptable as it is") func sound() throws {
        #expect(try refused { _ in } == nil)
    }

    @Test("a file that ends before its header does, and one that has just that") func header() throws {
        #expect(
            try refused { $0.bytes.removeSubrange(51...) }
                == "gurka.o: truncated: 51 bytes, shorter than an ELF header")
        let start = try PatchedObject(word: 4).headersOffset
        #expect(
            try refused { $0.bytes.removeSubrange(52...) }
                == "gurka.o: e_shoff: section headers at 0x\(String(start, radix: 16)) are beyond the end of the file (52 bytes): truncated?"
        )
    }

    @Test("machine and class that do not belong together") func machines() throws {
        #expect(
            try refused { $0.write(UInt16(62), at: 18) }
                == "gurka.o: e_machine: x86-64 with addresses of 32 bits (x32); compile with -m64 or -m32")
        #expect(
            try refusal(word: 8) { $0.write(UInt16(3), at: 18) }
                == "gurka.o: e_machine: i386, in a file of 64-bit addresses")
        #expect(
            try refused { $0.write(UInt16(40), at: 18) }
                == "gurka.o: e_machine: made for arm; modules are made for x86-64 or i386")
    }

    @Test("the size of a section header") func sectionHeaderSize() throws {
        #expect(try refused { $0.write(UInt16(64), at: 46) } == "gurka.o: e_shentsize: 64: not 40")
    }

    @Test("section headers that end after the file does") func sectionHeaders() throws {
        let object = try PatchedObject(word: 4)
        let count = object.bytes.count
        let last = count - object.sectionCount * 40
        #expect(object.headersOffset == last)
        let place = "gurka.o: e_shnum: \(object.sectionCount) section headers at 0x\(String(last + 4, radix: 16))"
        #expect(
            try refused { $0.writeWord(UInt64(last + 4), at: 32) }
                == "\(place) are beyond the end of the file (\(count) bytes): truncated?")
    }

    @Test("contents that end at the end of the file are good, one byte more is not") func bounds() throws {
        var object = try PatchedObject(word: 4)
        let number = object.section(".data")
        let (start, size) = (UInt64(object.bytes.count), object.size(".data"))
        object.bytes += [UInt8](repeating: 0, count: size)
        object.set(.offset, of: ".data", start)
        #expect(object.refusal() == nil)
        for bad in [UInt64(size + 1), 0xffff_ffff] {
            object.set(.size, of: ".data", bad)
            #expect(
                object.refusal()
                    == "gurka.o: section \(number): \(bad) bytes at 0x\(String(start, radix: 16)) are beyond the end of the file (\(object.bytes.count) bytes): truncated?"
            )
        }
    }

    @Test("tables whose entries have another size", arguments: [(".symtab", 16), (".rel.text", 8), (".group", 4)])
    func entrySize(_ name: String, _ right: Int) throws {
        for wrong in [0, right - 1, right + 1] {
            #expect(
                try refused { $0.set(.entrySize, of: name, UInt64(wrong)) }
                    == "gurka.o: section '\(name)': sh_entsize \(wrong): not \(right)")
        }
        let size = try PatchedObject(word: 4).size(name) - 1
        #expect(
            try refused { $0.set(.size, of: name, UInt64(size)) }
                == "gurka.o: section '\(name)': sh_size \(size): no whole number of entries of \(right) bytes")
    }

    @Test("constructors are addresses of 4 bytes") func constructors() throws {
        #expect(
            try refused { $0.set(.size, of: ".init_array", 3) }
                == "gurka.o: section '.init_array': 3 bytes are no whole number of addresses")
    }

    @Test("more local symbols than symbols") func localCount() throws {
        let count = UInt64(try PatchedObject(word: 4).size(".symtab") / 16)
        #expect(try refused { $0.set(.info, of: ".symtab", count) } == nil)
        #expect(
            try refused { $0.set(.info, of: ".symtab", count + 1) }
                == "gurka.o: section '.symtab': sh_info \(count + 1): there are \(count) symbols")
    }

    @Test("fields of a symbol") func symbols() throws {
        let object = try PatchedObject(word: 4)
        let number = object.symbol("value")
        let place = object.contents(".symtab") + number * 16
        let strings = UInt32(object.size(".strtab"))
        let count = UInt16(object.sectionCount)
        #expect(
            try refused { $0.write(strings, at: place) }
                == "gurka.o: symbol \(number): st_name \(strings) is beyond the string table")
        #expect(try refused { $0.write(UInt32(4), at: place + 4) } == nil)
        #expect(try refused { $0.write(UInt32(5), at: place + 4) } == nil)
        for bad in [count, 0xff02] {
            #expect(
                try refused { $0.write(bad, at: place + 14) }
                    == "gurka.o: symbol \(number): st_shndx \(bad): there are \(count) sections")
        }
    }

    @Test("fields of a relocation") func relocations() throws {
        let object = try PatchedObject(word: 4)
        let place = object.contents(".rel.text")
        let size = object.size(".text")
        let count = UInt32(object.size(".symtab") / 16)
        let name = "gurka.o: section '.rel.text' relocation 0"
        #expect(try refused { $0.write(UInt32(size - 4), at: place) } == nil)
        for bad in [UInt32(size - 3), .max] {
            #expect(
                try refused { $0.write(bad, at: place) }
                    == "\(name): r_offset 0x\(String(bad, radix: 16)) is beyond section '.text' (\(size) bytes)")
        }
        #expect(
            try refused { $0.write(count << 8 | 1, at: place + 4) }
                == "\(name): r_info: symbol \(count): there are \(count) symbols")
        for bad in [5, 6, 7, 8, 11, 44, 255] as [UInt32] {
            #expect(
                try refused { $0.write(bad, at: place + 4) }
                    == "\(name): r_info: type \(bad) is none that an i386 object file has")
        }
    }
}
