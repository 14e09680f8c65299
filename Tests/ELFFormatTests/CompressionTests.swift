import ELFFormat
import TestSupport
import Testing

/// Compressed debug sections: kept as they are, but their headers have to be possible.
@Suite struct CompressionTests {
    private static let text = "struct s { int a; long b; char text[99]; } x; int f(struct s *p) { return p->a + x.b; }"
    private static let name = ".debug_info"

    /// Made once: the folder's name is part of the debug information, and compressed to another size each time.
    private static let originals = [4, 8].map { word in
        Result { try Compiler.gcc.object(text, ["-g3", "-gz=zlib", "-m\(word * 8)"]) }
    }

    private static func object(word: Int) throws -> PatchedObject {
        PatchedObject(try originals[word / 8].get(), word: word)
    }

    /// Why an object is refused whose compression header is changed; the offset of a field in words.
    private static func refusal(word: Int, _ change: (inout PatchedObject, _ header: Int) -> Void) throws -> String? {
        var object = try object(word: word)
        change(&object, object.contents(name))
        return object.refusal()
    }

    @Test("an object with compressed debug information is read, and keeps it as it is", arguments: [4, 8])
    func sound(_ word: Int) throws {
        let object = try Self.object(word: word)
        #expect(object.readWord(object.field(.flags, of: object.section(Self.name))) & 0x800 != 0)
        #expect(object.refusal() == nil)
    }

    @Test("types of compression", arguments: [4, 8])
    func types(_ word: Int) throws {
        // zstd reads no data of zlib.
        let object = try Self.object(word: word)
        let stored = object.size(Self.name) - 3 * word
        let size = object.readWord(object.contents(Self.name) + word)
        #expect(
            try Self.refusal(word: word) { $0.write(UInt32(2), at: $1) }
                == "gurka.o: section '.debug_info': ch_size \(size): not what its \(stored) compressed bytes hold")
        for bad in [0, 3, .max] as [UInt32] {
            #expect(
                try Self.refusal(word: word) { $0.write(bad, at: $1) }
                    == "gurka.o: section '.debug_info': ch_type \(bad): neither zlib (1) nor zstd (2)")
        }
    }

    @Test("what zstd compressed is in the object as it was before", arguments: [4, 8])
    func zstd(_ word: Int) throws {
        let plain = try Compiler.gcc.object(Self.text, ["-g3", "-gz=none", "-m\(word * 8)"])
        var object = PatchedObject(plain, word: word)
        let name = ".debug_str"
        let (start, size) = (object.contents(name), object.size(name))
        let directory = try ScratchDirectory()
        let path = try directory.write("section", Array(object.bytes[start..<start + size]))
        try Tool.output("zstd", ["-q", "-k", path])
        let stored = try directory.read("section.zst")
        object.bytes += [UInt8](repeating: 0, count: (8 - object.bytes.count % 8) % 8)
        let place = object.bytes.count
        object.bytes += [UInt8](repeating: 0, count: 3 * word) + stored
        object.write(UInt32(2), at: place)
        object.writeWord(UInt64(size), at: place + word)
        object.writeWord(1, at: place + 2 * word)
        let flags = object.readWord(object.field(.flags, of: object.section(name)))
        object.set(.flags, of: name, flags | 0x800)
        object.set(.offset, of: name, UInt64(place))
        object.set(.size, of: name, UInt64(3 * word + stored.count))
        func section(_ object: PatchedObject) throws -> [UInt8] {
            let object = try ELFObjectReader.read(object.bytes, name: "gurka.o")
            let section = try #require(object.sections.first { object.text($0.name) == name })
            return Array(object.bytes[section.contentsOffset..<section.contentsOffset + Int(section.size)])
        }
        #expect(try section(object) == section(PatchedObject(plain, word: word)))
        object.writeWord(UInt64(size + 1), at: place + word)
        #expect(
            object.refusal()
                == "gurka.o: section '.debug_str': ch_size \(size + 1): not what its \(stored.count) compressed bytes hold"
        )
    }

    @Test("alignments are powers of two up to 1 GiB", arguments: [4, 8])
    func alignment(_ word: Int) throws {
        for good in [0, 1, 1 << 30] as [UInt64] {
            #expect(try Self.refusal(word: word) { $0.writeWord(good, at: $1 + 2 * word) } == nil)
        }
        for bad in [3, 1 << 31] as [UInt64] {
            #expect(
                try Self.refusal(word: word) { $0.writeWord(bad, at: $1 + 2 * word) }
                    == "gurka.o: section '.debug_info': ch_addralign \(bad): not a power of two up to 1 GiB")
        }
    }

    @Test("a size that no compression reaches", arguments: [4, 8])
    func size(_ word: Int) throws {
        let object = try Self.object(word: word)
        let stored = UInt64(object.size(Self.name) - 3 * word)
        let most = stored * 1032 + 1031
        #expect(
            try Self.refusal(word: word) { $0.writeWord(most, at: $1 + word) }
                == "gurka.o: section '.debug_info': ch_size \(most): not what its \(stored) compressed bytes hold")
        for bad in [most + 1, 0xffff_ffff] {
            #expect(
                try Self.refusal(word: word) { $0.writeWord(bad, at: $1 + word) }
                    == "gurka.o: section '.debug_info': ch_size \(bad): impossible for \(stored) compressed bytes")
        }
    }

    @Test("a header that does not fit its section, or has none", arguments: [4, 8])
    func room(_ word: Int) throws {
        let size = 3 * word
        #expect(
            try Self.refusal(word: word) { object, _ in object.set(.size, of: Self.name, UInt64(size - 1)) }
                == "gurka.o: section '.debug_info': sh_size \(size - 1): shorter than a compression header (\(size) bytes)"
        )
        #expect(
            try Self.refusal(word: word) { object, _ in object.set(.type, of: Self.name, 8) }
                == "gurka.o: section '.debug_info': compressed, yet without contents")
    }

    @Test("a size that is one byte more or less than what was compressed, and data that is damaged", arguments: [4, 8])
    func lie(_ word: Int) throws {
        let object = try Self.object(word: word)
        let stored = object.size(Self.name) - 3 * word
        let size = object.readWord(object.contents(Self.name) + word)
        for bad in [size - 1, size + 1, 0] {
            #expect(
                try Self.refusal(word: word) { $0.writeWord(bad, at: $1 + word) }
                    == "gurka.o: section '.debug_info': ch_size \(bad): not what its \(stored) compressed bytes hold")
        }
        #expect(
            try Self.refusal(word: word) { $0.bytes[$1 + 3 * word + stored / 2] ^= 0x55 }
                == "gurka.o: section '.debug_info': ch_size \(size): not what its \(stored) compressed bytes hold")
    }
}
