import ELFFormat
import ObjectModel
import TestSupport
import Testing

@Suite struct MalformedSectionTests {
    @Test("contents that end at the end of the file are good, one byte more is not") func bounds() throws {
        let object = try PatchedObject()
        let number = object.section(".data")
        let count = UInt64(object.bytes.count)
        let start = UInt64(object.contents(".data"))
        #expect(try refusal { $0.set(.size, of: ".data", count - start) } == nil)
        #expect(
            try refusal { $0.set(.size, of: ".data", count - start + 1) }
                == "gurka.o: section \(number): \(count - start + 1) bytes at 0x\(String(start, radix: 16)) are beyond the end of the file (\(count) bytes): truncated?"
        )
    }

    @Test("an offset and a size whose sum wraps") func wraps() throws {
        let object = try PatchedObject()
        let number = object.section(".data")
        #expect(
            try refusal { $0.set(.offset, of: ".data", .max - 3) }
                == "gurka.o: section \(number): 8 bytes at 0xfffffffffffffffc are beyond the end of the file (\(object.bytes.count) bytes): truncated?"
        )
        #expect(
            try refusal { $0.set(.size, of: ".data", .max) }?.hasPrefix(
                "gurka.o: section \(number): 18446744073709551615 bytes at ") == true)
    }

    @Test("zeroes may be larger than the file") func hugeZeroes() throws {
        #expect(try refusal { $0.set(.size, of: ".bss", 1 << 62) } == nil)
    }

    @Test("alignments are powers of two up to 1 GiB") func alignment() throws {
        let number = try PatchedObject().section(".data")
        for good in [0, 1, 2, 4096, 1 << 30] as [UInt64] {
            #expect(try refusal { $0.set(.alignment, of: ".data", good) } == nil)
        }
        for bad in [3, 1 << 30 + 1, 1 << 31, 1 << 63, .max] as [UInt64] {
            #expect(
                try refusal { $0.set(.alignment, of: ".data", bad) }
                    == "gurka.o: section \(number): sh_addralign \(bad): not a power of two up to 1 GiB")
        }
    }

    /// SHF_ALLOC, SHF_WRITE, SHF_LINK_ORDER.
    private static let linkOrder: UInt64 = 2 | 1 | 1 << 7

    @Test("a section is about one that there is, or about none") func subject() throws {
        let object = try PatchedObject()
        let count = object.sectionCount
        let patch = { (link: Int) in
            { (object: inout PatchedObject) in
                object.set(.flags, of: ".data", Self.linkOrder)
                object.set(.link, of: ".data", UInt64(link))
            }
        }
        for good in [0, object.section(".text"), count - 1] { #expect(try refusal(patch(good)) == nil) }
        #expect(
            try refusal(patch(count)) == "gurka.o: section '.data': sh_link \(count): there are \(count) sections")
        #expect(
            try refusal(patch(object.section(".data")))
                == "gurka.o: section '.data': sh_link: leads through more than 16 sections, or in a circle")
    }

    @Test("two sections that are about each other") func circle() throws {
        let object = try PatchedObject()
        #expect(
            try refusal {
                for (name, other) in [(".data", ".init_array"), (".init_array", ".data")] {
                    $0.set(.flags, of: name, Self.linkOrder)
                    $0.set(.link, of: name, UInt64(object.section(other)))
                }
            }?.hasSuffix("sh_link: leads through more than 16 sections, or in a circle") == true)
    }

    @Test("a list of constructors holds whole addresses, also an old one") func olderArray() throws {
        let text = { (size: Int) in ".section .ctors,\"aw\"\n.zero \(size)\n" }
        for (size, reason) in [(8, nil), (9, "gurka.o: section '.ctors': 9 bytes are no whole number of addresses")] {
            var object = try PatchedObject()
            object.bytes = try Compiler.gcc.object(text(size), [], language: .assembly)
            #expect(object.refusal() == reason)
        }
    }

    @Test("a second symbol table") func secondTable() throws {
        #expect(
            try refusal {
                $0.set(.type, of: ".note.GNU-stack", 2)
                $0.set(.entrySize, of: ".note.GNU-stack", 24)
            }?.hasSuffix("a second symbol table") == true)
    }

    @Test("an object without symbol table has relocations that refer to none") func noTable() throws {
        let object = try PatchedObject()
        #expect(
            try refusal { $0.set(.type, of: ".symtab", 1) }
                == "gurka.o: section '.group': sh_info \(object.read(object.field(.info, of: object.section(".group")), as: UInt32.self)): the symbol that names the group is beyond the symbol table"
        )
    }

    @Test("tables whose entries have another size, or none", arguments: [".symtab", ".rela.text", ".group"])
    func entrySize(_ name: String) throws {
        let right = name == ".group" ? 4 : 24
        for wrong in [0, right - 1, right + 1] {
            #expect(
                try refusal { $0.set(.entrySize, of: name, UInt64(wrong)) }
                    == "gurka.o: section '\(name)': sh_entsize \(wrong): not \(right)")
        }
    }

    @Test("tables that end within an entry", arguments: [".symtab", ".rela.text", ".group"])
    func partOfEntry(_ name: String) throws {
        let size = try PatchedObject().size(name) - 1
        let entry = name == ".group" ? 4 : 24
        #expect(
            try refusal { $0.set(.size, of: name, UInt64(size)) }
                == "gurka.o: section '\(name)': sh_size \(size): no whole number of entries of \(entry) bytes")
    }

    @Test("constructors that are no whole number of addresses") func partOfAddress() throws {
        #expect(
            try refusal { $0.set(.size, of: ".init_array", 7) }
                == "gurka.o: section '.init_array': 7 bytes are no whole number of addresses")
    }

    @Test("a compressed section that is loaded") func compressed() throws {
        #expect(
            try refusal { $0.set(.flags, of: ".data", 0x803) }
                == "gurka.o: section '.data': compressed, yet part of the running module")
    }

    @Test("intermediate code of a compiler") func linkTime() throws {
        let bytes = try Compiler.gcc.object("int f(void) { return 1; }", ["-O2", "-flto"])
        #expect(
            throws: Problem(
                subject: "gurka.o",
                reason: "holds the compiler's intermediate code, not machine code; compile without -flto")
        ) { try ELFObjectReader.read(bytes, name: "gurka.o") }
    }

    @Test("strings that the symbol table names, in no section or none of strings") func stringLink() throws {
        let count = try PatchedObject().sectionCount
        #expect(
            try refusal { $0.set(.link, of: ".symtab", UInt64(count)) }
                == "gurka.o: section '.symtab': sh_link \(count): there are \(count) sections")
        for other in [".symtab", ".text"] {
            #expect(
                try refusal { $0.set(.link, of: ".symtab", UInt64($0.section(other))) }
                    == "gurka.o: section '.symtab': their section is no string table")
        }
        #expect(
            try refusal { $0.set(.size, of: ".strtab", 0) }
                == "gurka.o: section '.symtab': the string table is empty, or beyond the end of the file")
        #expect(
            try refusal { $0.bytes[$0.contents(".strtab") + $0.size(".strtab") - 1] = 0x41 }
                == "gurka.o: section '.symtab': the string table does not start and end with NUL")
    }

    @Test("more local symbols than symbols") func localCount() throws {
        let count = UInt64(try PatchedObject().size(".symtab") / 24)
        #expect(try refusal { $0.set(.info, of: ".symtab", count) } == nil)
        #expect(
            try refusal { $0.set(.info, of: ".symtab", count + 1) }
                == "gurka.o: section '.symtab': sh_info \(count + 1): there are \(count) symbols")
    }

    @Test("control characters of a section's name do not reach the terminal") func controlCharacters() throws {
        let text = try refusal {
            let name =
                $0.contents(".shstrtab") + Int($0.read($0.field(.name, of: $0.section(".data")), as: UInt32.self))
            $0.set(.flags, of: ".data", 0x803)
            $0.bytes.replaceSubrange(name..<name + 3, with: [0x1b, 0x5b, 0x0a])
        }
        #expect(text == "gurka.o: section '\\x1b[\\x0ata': compressed, yet part of the running module")
    }
}
