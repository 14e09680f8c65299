import ELFFormat
import ObjectModel
import Relocation
import TestSupport
import Testing

/// Relocations with addends of their own (SHT_RELA) and with addends in place (SHT_REL).
@Suite struct RelocationFormTests {
    private static func read(_ object: PatchedObject) throws -> Object {
        try ELFObjectReader.read(object.bytes, name: "gurka.o")
    }

    private static func section(_ name: String, of object: Object) throws -> Section {
        try #require(object.sections.first { object.text($0.name) == name })
    }

    /// Turns a list of an x86-64 object into one whose addends stand in place.
    private static func moveAddends(_ name: String, to target: String, in object: inout PatchedObject) {
        let count = object.size(name) / 24
        for index in 0..<count {
            let from = object.contents(name) + index * 24
            let place = Int(object.readWord(from))
            let type: UInt32 = object.read(from + 8)
            let (info, addend) = (object.readWord(from + 8), object.readWord(from + 16))
            if type == 1 {
                object.writeWord(addend, at: object.contents(target) + place)
            } else {
                object.write(UInt32(truncatingIfNeeded: addend), at: object.contents(target) + place)
            }
            let to = object.contents(name) + index * 16
            object.writeWord(UInt64(place), at: to)
            object.writeWord(info, at: to + 8)
        }
        object.set(.type, of: name, 9)
        object.set(.entrySize, of: name, 16)
        object.set(.size, of: name, UInt64(count * 16))
    }

    private static func facts(_ object: Object, _ section: Section) -> [String] {
        object.relocations[section.relocations].map { "\($0.offset) \($0.kind) \($0.symbol) \($0.addend)" }
    }

    @Test("an x86-64 object with addends in place has the relocations of one with addends beside") func inPlace()
        throws
    {
        let original = try PatchedObject()
        var changed = original
        Self.moveAddends(".rela.text", to: ".text", in: &changed)
        Self.moveAddends(".rela.data", to: ".data", in: &changed)
        let (before, after) = (try Self.read(original), try Self.read(changed))
        for name in [".text", ".data", ".init_array"] {
            let wanted = Self.facts(before, try Self.section(name, of: before))
            #expect(!wanted.isEmpty)
            #expect(Self.facts(after, try Self.section(name, of: after)) == wanted)
        }
        #expect(Self.facts(before, try Self.section(".text", of: before)).contains { $0.hasSuffix(" -4") })
    }

    @Test("a section may have a list of each form, wherever they stand") func bothForms() throws {
        var changed = try PatchedObject()
        let wanted = Self.facts(try Self.read(changed), try Self.section(".text", of: try Self.read(changed)))
        Self.moveAddends(".rela.data", to: ".data", in: &changed)
        changed.set(.info, of: ".rela.data", UInt64(changed.section(".text")))
        let object = try Self.read(changed)
        let facts = Self.facts(object, try Self.section(".text", of: object))
        #expect(facts.count == wanted.count + 1)
        #expect(Array(facts[..<wanted.count]) == wanted)
        #expect(object.sections.reduce(0) { $0 + $1.relocations.count } == object.relocations.count)
    }

    @Test("a list of each form and one more") func threeLists() throws {
        var changed = try PatchedObject()
        Self.moveAddends(".rela.data", to: ".data", in: &changed)
        Self.moveAddends(".rela.init_array", to: ".init_array", in: &changed)
        for name in [".rela.data", ".rela.init_array"] {
            changed.set(.info, of: name, UInt64(changed.section(".text")))
        }
        #expect(changed.refusal()?.hasSuffix("a second list of relocations of section '.text'") == true)
    }

    @Test("addends of i386 are read in the width of their kind, with the sign") func widths() throws {
        let text = """
            .data
            .long tomat + 0x12345678, tomat - 2
            .short tomat - 3
            .short tomat + 0x7fff
            .byte tomat - 4
            .byte tomat + 0x7f
            .reloc ., R_386_NONE, tomat
            .byte 0xaa
            """
        let bytes = try Compiler.gcc.object(text, ["-m32"], language: .assembly)
        let object = try ELFObjectReader.read(bytes, name: "gurka.o")
        #expect(object.relocations.map(\.addend) == [0x1234_5678, -2, -3, 0x7fff, -4, 0x7f, 0])
        #expect(object.relocations.map(\.offset) == [0, 4, 8, 10, 12, 13, 14])
        #expect(
            object.relocations.compactMap { I386.Kind(rawValue: $0.kind) } == [
                .absolute32, .absolute32, .absolute16, .absolute16, .absolute8, .absolute8, .none,
            ])
    }

    @Test("an i386 object with addends beside is read as well") func i386WithAddends() throws {
        var changed = try PatchedObject(word: 4)
        // The two entries of 8 bytes in `.rel.text` that come first make room for one of 12.
        let start = changed.contents(".rel.text")
        changed.write(UInt32(bitPattern: -7), at: start + 8)
        changed.set(.type, of: ".rel.text", 4)
        changed.set(.entrySize, of: ".rel.text", 12)
        changed.set(.size, of: ".rel.text", 12)
        let object = try Self.read(changed)
        let section = try Self.section(".text", of: object)
        #expect(object.relocations[section.relocations].map(\.addend) == [-7])
    }
}

/// Names with a version (`.symver`).
@Suite struct VersionTests {
    private static func names(_ text: String) throws -> [String] {
        let object = try ELFObjectReader.read(
            try Compiler.gcc.object(text, [], language: .assembly), name: "gurka.o")
        return object.symbols.filter { $0.binding != .local }.map { object.text($0.name) }.sorted()
    }

    @Test("a reference has its plain name, a default version too, another one its whole name") func versions() throws {
        let text = """
            .text
            call copy
            .symver copy, memcpy@GLIBC_2.2.5
            .globl first, second
            first: ret
            .symver first, slice@V1
            second: ret
            .symver second, slice@@V2
            """
        #expect(try Self.names(text) == ["first", "memcpy", "second", "slice", "slice@V1"])
    }

    @Test("a sign at the beginning of a name, or in one of a local symbol, is part of it") func noVersion() throws {
        var object = try PatchedObject()
        for (name, place) in [("value", 0), ("counter", 3)] {
            let symbol = object.contents(".symtab") + object.symbol(name) * 24
            let start = object.contents(".strtab") + Int(object.read(symbol, as: UInt32.self))
            object.bytes[start + place] = UInt8(ascii: "@")
        }
        let read = try ELFObjectReader.read(object.bytes, name: "gurka.o")
        let names = read.symbols.map { read.text($0.name) }
        #expect(names.contains("@alue") && names.contains("cou@ter"))
    }
}
