import ELFFormat
import Linking
import ObjectModel
import SymbolTable
import TestSupport
import Testing

/// Fields that are sound one by one, and lie together.
@Suite struct MalformedWholeTests {
    @Test("bytes of the file that belong to two sections") func overlap() throws {
        let object = try PatchedObject()
        let (text, data) = (object.section(".text"), object.section(".data"))
        let start = UInt64(object.contents(".text"))
        let last = start + UInt64(object.size(".text")) - 1
        #expect(
            try refusal { $0.set(.offset, of: ".data", last) }
                == "gurka.o: section \(data): 8 bytes at \(hexadecimal(last)) are part of section \(text) as well")
        #expect(
            try refusal { $0.set(.offset, of: ".data", start) }
                == "gurka.o: section \(data): 8 bytes at \(hexadecimal(start)) are part of section \(text) as well")
        // Nothing is where nothing is.
        #expect(
            try refusal {
                $0.set(.offset, of: ".note.GNU-stack", start + 1)
            } == nil)
    }

    @Test("relocations that lie in contents, and those in which contents lie") func overlapWithRelocations() throws {
        let object = try PatchedObject()
        let relocations = object.section(".rela.text")
        let start = UInt64(object.contents(".rela.text"))
        let size = object.size(".rela.text")
        #expect(
            try refusal { $0.set(.offset, of: ".rela.data", start) }
                == "gurka.o: section \(object.section(".rela.data")): 24 bytes at \(hexadecimal(start)) are part of section \(relocations) as well"
        )
        #expect(
            try refusal { $0.set(.offset, of: ".data", UInt64($0.contents(".rela.text"))) }
                == "gurka.o: section \(relocations): \(size) bytes at \(hexadecimal(start)) are part of section \(object.section(".data")) as well"
        )
    }

    @Test("a section that lies in the file's headers") func overlapWithHeaders() throws {
        let object = try PatchedObject()
        let data = object.section(".data")
        #expect(
            try refusal { $0.set(.offset, of: ".data", 56) }
                == "gurka.o: section \(data): 8 bytes at 0x38 are part of the ELF header as well")
        let headers = object.read(40, as: UInt64.self)
        #expect(
            try refusal { $0.set(.offset, of: ".data", headers) }
                == "gurka.o: section \(data): 8 bytes at \(hexadecimal(headers)) are part of the section headers as well"
        )
    }

    @Test("a group that is a member of itself") func ownMember() throws {
        let group = try PatchedObject().section(".group")
        #expect(
            try refusal { $0.write(UInt32(group), at: $0.contents(".group") + 4) }
                == "gurka.o: section '.group': member \(group): the group itself")
    }

    @Test("a group that is a member of another one") func groupInGroup() throws {
        let text =
            ".section .text.a,\"axG\",@progbits,a,comdat\nret\n.section .text.b,\"axG\",@progbits,b,comdat\nret\n"
        var object = try PatchedObject()
        object.bytes = try Compiler.gcc.object(text, [], language: .assembly)
        // The groups are the first two sections.
        object.write(UInt32(2), at: object.contents(".group") + 4)
        #expect(object.refusal() == "gurka.o: section '.group': member section '.group' is a group")
    }
}

@Suite struct MalformedCompressionTests {
    /// An object with compressed debug information, and the first section of it.
    private static func object(_ method: String = "zlib") throws -> (object: PatchedObject, section: Int) {
        var object = try PatchedObject()
        object.bytes = try Compiler.gcc.object(
            "struct gurka { int weight; char name[8]; }; int f(struct gurka *g) { return g->weight; }",
            ["-g", "-gz=\(method)"])
        let section = try #require(
            (1..<object.sectionCount).first { object.read(object.field(.flags, of: $0), as: UInt64.self) & 0x800 != 0 })
        return (object, section)
    }

    private static func refusal(_ change: (inout PatchedObject, Int) -> Void) throws -> String? {
        var (object, section) = try object()
        change(&object, Int(object.read(object.field(.offset, of: section), as: UInt64.self)))
        return object.refusal()
    }

    @Test("compressed debug information is taken as it is") func sound() throws {
        #expect(try Self.refusal { _, _ in } == nil)
    }

    @Test("the compressed bytes are for whoever decompresses them") func contents() throws {
        #expect(try Self.refusal { $0.bytes[$1 + 30] ^= 0xff } == nil)
    }

    @Test("a size that no method could have compressed to that few bytes") func size() throws {
        let (object, section) = try Self.object()
        let held = object.read(object.field(.size, of: section), as: UInt64.self) - 24
        #expect(try Self.refusal { $0.write(held * 1032, at: $1 + 8) } == nil)
        for size in [held * 1032 + 1, .max] {
            #expect(
                try Self.refusal { $0.write(size, at: $1 + 8) }
                    == "gurka.o: section \(section): ch_size \(size): more than \(held) compressed bytes can hold")
        }
    }

    @Test("a method that nobody knows, an alignment that is none") func fields() throws {
        let section = try Self.object().section
        for method in [0, 3, .max] as [UInt32] {
            #expect(
                try Self.refusal { $0.write(method, at: $1) }
                    == "gurka.o: section \(section): ch_type \(method): neither zlib (1) nor zstd (2)")
        }
        #expect(
            try Self.refusal { $0.write(UInt64(3), at: $1 + 16) }
                == "gurka.o: section \(section): ch_addralign 3: not a power of two")
    }

    @Test("a section that is too short for the header") func short() throws {
        var (object, section) = try Self.object()
        object.write(UInt64(23), at: object.field(.size, of: section))
        #expect(
            object.refusal()
                == "gurka.o: section \(section): sh_size 23: compressed, and too short for the header of 24 bytes")
        object.write(UInt64(24), at: object.field(.size, of: section))
        #expect(object.refusal()?.contains("ch_size") == true)
    }
}

@Suite struct ExtendedNumberTests {
    /// The object with one more section, which holds the numbers of sections that do not fit 16 bits, and a symbol whose number stands there.
    private static func object(_ number: UInt32, entries: Int = 0) throws -> PatchedObject {
        var object = try PatchedObject()
        let count = object.size(".symtab") / 24 + entries
        let value = object.symbol("value")
        object.write(UInt16(0xffff), at: object.contents(".symtab") + value * 24 + 6)
        // The numbers are put at the end of the file; the section without contents becomes theirs.
        let start = object.bytes.count
        object.bytes += [UInt8](repeating: 0, count: count * 4)
        object.write(number, at: start + value * 4)
        let table = ".note.GNU-stack"
        let symbols = UInt64(object.section(".symtab"))
        let fields: [(PatchedObject.Field, UInt64)] = [
            (.type, 18), (.offset, UInt64(start)), (.size, UInt64(count * 4)), (.link, symbols), (.entrySize, 4),
        ]
        for (field, content) in fields { object.set(field, of: table, content) }
        return object
    }

    @Test("a section's number is taken from the table of those that do not fit") func sound() throws {
        let data = try PatchedObject().section(".data")
        let object = try Self.object(UInt32(data))
        let read = try ELFObjectReader.read(object.bytes, name: "gurka.o")
        #expect(read.symbols[object.symbol("value")].place == .section(UInt32(data)))
    }

    @Test("numbers of the table that are no section's, reserved ones among them") func lie() throws {
        let original = try PatchedObject()
        let count = UInt32(original.sectionCount)
        for number in [0, count, 0xfff1, .max] {
            #expect(
                try Self.object(number).refusal()
                    == "gurka.o: symbol \(original.symbol("value")): st_shndx \(number): there are \(count) sections")
        }
    }

    @Test("a table of fewer or more entries than there are symbols", arguments: [-1, 1])
    func count(_ more: Int) throws {
        let object = try Self.object(1, entries: more)
        let count = object.size(".symtab") / 24
        #expect(
            object.refusal()
                == "gurka.o: section '.note.GNU-stack': sh_size \((count + more) * 4): \(count + more) entries for \(count) symbols"
        )
    }
}

@Suite struct LongNameTests {
    @Test("a name of a megabyte is linked as any other, and cut in messages") func megabyte() throws {
        let name = String(repeating: "g", count: 1 << 20)
        let text = ".globl \(name)\n\(name): call \(name)2\n"
        let object = try ELFObjectReader.read(
            try Compiler.gcc.object(text, [], language: .assembly), name: "gurka.o")
        let settings = LinkSettings(
            architecture: .x86_64, window: 0x1000_0000..<0x7000_0000, headerSize: ELFImageWriter.headerSize)
        let cut = name.prefix(256)
        #expect {
            _ = try Linker(
                [ModuleSource(name: "gurka", objects: [object])], against: SymbolTable(), settings: settings)
        } throws: { error in
            let message = "\(error)"
            return message.hasPrefix("gurka.o: .text+0x1: undefined symbol '\(cut)") && message.utf8.count < 400
        }
    }

    @Test("control characters of a symbol's name do not reach the terminal") func control() throws {
        let text = "call \"gur\u{1b}[31mka\"\n"
        let object = try ELFObjectReader.read(
            try Compiler.gcc.object(text, [], language: .assembly), name: "gurka.o")
        let settings = LinkSettings(
            architecture: .x86_64, window: 0x1000_0000..<0x7000_0000, headerSize: ELFImageWriter.headerSize)
        #expect {
            _ = try Linker(
                [ModuleSource(name: "gurka", objects: [object])], against: SymbolTable(), settings: settings)
        } throws: { error in
            "\(error)" == "gurka.o: .text+0x1: undefined symbol 'gur\\x1b[31mka'"
        }
    }
}
