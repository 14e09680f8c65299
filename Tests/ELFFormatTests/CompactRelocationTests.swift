import ELFFormat
import ObjectModel
import TestSupport
import Testing

/// Relocations in the compact form (SHT_CREL).
@Suite struct CompactRelocationTests {
    private struct Entry {
        var offset: UInt64
        var symbol: Int64
        var type: Int64
        var addend: Int64
    }

    private static func unsigned(_ value: UInt64) -> [UInt8] {
        var (value, bytes): (UInt64, [UInt8]) = (value, [])
        repeat {
            bytes.append(UInt8(value & 0x7f) | (value > 0x7f ? 0x80 : 0))
            value >>= 7
        } while value > 0
        return bytes
    }

    private static func signed(_ value: Int64) -> [UInt8] {
        var (value, bytes): (Int64, [UInt8]) = (value, [])
        while true {
            let part = UInt8(truncatingIfNeeded: value & 0x7f)
            value >>= 7
            if value == 0 && part & 0x40 == 0 || value == -1 && part & 0x40 != 0 { return bytes + [part] }
            bytes.append(part | 0x80)
        }
    }

    /// The compact form of a list, as the specification has it.
    private static func encode(_ entries: [Entry], addends: Bool, shift: UInt64 = 0) -> [UInt8] {
        var bytes = unsigned(UInt64(entries.count) * 8 + (addends ? 4 : 0) + shift)
        var last = Entry(offset: 0, symbol: 0, type: 0, addend: 0)
        let bits: UInt64 = addends ? 3 : 2
        for entry in entries {
            let delta = (entry.offset &- last.offset) >> shift
            var flags: UInt64 = (entry.symbol != last.symbol ? 1 : 0) | (entry.type != last.type ? 2 : 0)
            if addends, entry.addend != last.addend { flags |= 4 }
            if delta < 0x80 >> bits {
                bytes.append(UInt8(delta << bits | flags))
            } else {
                bytes.append(UInt8(truncatingIfNeeded: delta << bits | flags) | 0x80)
                bytes += unsigned(delta >> (7 - bits))
            }
            if flags & 1 != 0 { bytes += signed(entry.symbol - last.symbol) }
            if flags & 2 != 0 { bytes += signed(entry.type - last.type) }
            if flags & 4 != 0 { bytes += signed(entry.addend &- last.addend) }
            last = entry
        }
        return bytes
    }

    private static func entries(_ object: PatchedObject) -> [Entry] {
        let name = object.relocations(".text")
        let (start, size) = (object.contents(name), object.word == 8 ? 24 : 8)
        return (0..<object.size(name) / size).map { index in
            let place = start + index * size
            guard object.word == 8 else {
                let info: UInt32 = object.read(place + 4)
                return Entry(
                    offset: object.readWord(place), symbol: Int64(info >> 8), type: Int64(info & 0xff), addend: 0)
            }
            let info: UInt64 = object.read(place + 8)
            return Entry(
                offset: object.readWord(place), symbol: Int64(info >> 32), type: Int64(info & 0xffff_ffff),
                addend: object.read(place + 16))
        }
    }

    /// The object with a list in the compact form, which takes less room than the plain one.
    private static func compact(_ object: PatchedObject, _ bytes: [UInt8]) -> PatchedObject {
        var object = object
        let name = object.relocations(".text")
        for (index, byte) in bytes.enumerated() { object.bytes[object.contents(name) + index] = byte }
        object.set(.size, of: name, UInt64(bytes.count))
        object.set(.entrySize, of: name, 1)
        object.set(.type, of: name, 0x4000_0014)
        return object
    }

    private static func facts(_ object: PatchedObject) throws -> [String] {
        let object = try ELFObjectReader.read(object.bytes, name: "gurka.o")
        return object.relocations.map { "\($0.offset) \($0.kind) \($0.symbol) \($0.addend)" }
    }

    @Test("a list in the compact form says what the plain one does, in any order", arguments: [4, 8])
    func same(_ word: Int) throws {
        let original = try PatchedObject(word: word)
        let entries = Self.entries(original)
        #expect(entries.count > 2)
        let wanted = try Self.facts(original)
        #expect(try Self.facts(Self.compact(original, Self.encode(entries, addends: word == 8))) == wanted)
        // Offsets that descend wrap.
        let reversed = Self.compact(original, Self.encode(entries.reversed(), addends: word == 8))
        if word == 8 { #expect(try Set(Self.facts(reversed)) == Set(wanted)) }
    }

    @Test("what clang writes is what it writes without", .enabled(if: Compiler.available.contains(.clang), "no clang"))
    func clang() throws {
        let text =
            "extern int a; int b[9]; int *p[] = {b, b + 3}; int f(int n) { return a + b[n]; } int g(void) { return f(1); }"
        for machine in ["-m64", "-m32"] {
            guard
                let compact = try? Compiler.clang.object(
                    text, ["-O1", "-g", machine, "-fno-ident", "-Wa,--crel,--allow-experimental-crel"])
            else { continue }
            let plain = try Compiler.clang.object(text, ["-O1", "-g", machine, "-fno-ident"])
            #expect(try Self.facts(PatchedObject(compact)) == Self.facts(PatchedObject(plain)))
        }
    }

    private func refusal(_ bytes: [UInt8]) throws -> String? {
        Self.compact(try PatchedObject(), bytes).refusal()
    }

    @Test("heads that promise too much, or have no end") func heads() throws {
        #expect(
            try refusal([0x1c, 0, 0])
                == "gurka.o: section '.rela.text': SHT_CREL: 3 relocations in 2 bytes; each takes one")
        let head = "gurka.o: section '.rela.text': SHT_CREL: the head is not a ULEB128 number of 64 bits"
        #expect(try refusal([]) == head)
        #expect(try refusal([0x80]) == head)
        #expect(try refusal([UInt8](repeating: 0x80, count: 11)) == head)
        #expect(try refusal([UInt8](repeating: 0xff, count: 9) + [2]) == head)
        // The largest number of 64 bits.
        #expect(
            try refusal([UInt8](repeating: 0xff, count: 9) + [1])
                == "gurka.o: section '.rela.text': SHT_CREL: \(UInt64.max / 8) relocations in 0 bytes; each takes one")
    }

    @Test("relocations that end too early, or whose numbers do not fit") func fields() throws {
        let place = "gurka.o: section '.rela.text' relocation"
        #expect(
            try refusal([0x0c, 0x80])
                == "\(place) 0: SHT_CREL: the difference of its offset is not a LEB128 number of 64 bits")
        #expect(try refusal([0x0c, 0x01, 0x7f]) == "\(place) 0: SHT_CREL: its symbol is 0 - 1")
        #expect(
            try refusal([0x0c, 0x02, 0x80, 0x80, 0x80, 0x80, 0x10])
                == "\(place) 0: SHT_CREL: its type is 0 + 4294967296")
        #expect(
            try refusal([0x0c, 0x04] + [UInt8](repeating: 0x80, count: 11))
                == "\(place) 0: SHT_CREL: the difference of its addend is not a LEB128 number of 64 bits")
    }

    @Test("an offset beyond the section is refused as in the plain form") func offset() throws {
        let bytes = Self.encode([Entry(offset: 0x7fff_ffff_ffff, symbol: 1, type: 1, addend: 0)], addends: true)
        #expect(
            try refusal(bytes)?.hasPrefix(
                "gurka.o: section '.rela.text' relocation 0: r_offset 0x7fffffffffff is beyond section '.text'") == true
        )
    }
}
