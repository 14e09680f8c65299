import ELFFormat
import Linking
import ObjectModel
import SymbolTable
import TestSupport
import Testing

/// Changed objects give an object or an error, and an object links or not: nothing traps.
@Suite struct MutationTests {
    private static func settings(_ architecture: Architecture) -> LinkSettings {
        LinkSettings(
            architecture: architecture, window: 0x1000_0000..<0x7000_0000, headerSize: ELFImageWriter.headerSize)
    }

    private static let table: SymbolTable = {
        var symbols = SymbolList()
        let name = symbols.intern(Array("helper".utf8), NameRange(offset: 0, count: 6)) ?? .empty
        symbols.entries.append(
            SymbolEntry(address: 0x40_1000, size: 4, name: name, section: nil, binding: .global, type: .function))
        var table = SymbolTable()
        _ = table.insert(SymbolSet(owner: "", symbols: symbols, sections: [], range: 0x40_0000..<0x50_0000))
        return table
    }()

    enum Outcome { case refused, notLinked, linked, tooLarge }

    /// Reads, links, places, writes and reads back.
    private static func outcome(_ bytes: [UInt8]) -> Outcome {
        guard let object = try? ELFObjectReader.read(bytes, name: "gurka.o") else { return .refused }
        let source = ModuleSource(
            name: "gurka", objects: [object],
            parameters: [Parameter(name: "value", value: "7"), Parameter(name: "counter", value: "1,2,3")])
        guard var linker = try? Linker([source], against: table, settings: settings(object.architecture)) else {
            return .notLinked
        }
        // What the daemon would find no room for.
        guard linker.sizes[0].size < 1 << 24, linker.sizes[0].alignment < 1 << 20 else { return .tooLarge }
        linker.place(at: [0x1000_0000])
        var image = [UInt8](repeating: 0, count: Int(linker.fileSizes[0]))
        var span = image.mutableSpan
        var raw = span.mutableBytes
        guard let module = try? linker.emit(0, into: &raw) else { return .notLinked }
        for write in module.writes where !inside(write, module.range) {
            Issue.record("a write outside of the module at \(hexadecimal(write.address))")
        }
        let file = ELFImageWriter.file(module.image, contents: image)
        if (try? SymbolFile(file, name: "gurka")) == nil { Issue.record("what was written cannot be read") }
        return .linked
    }

    private static func inside(_ write: MemoryWrite, _ range: Range<UInt64>) -> Bool {
        range.contains(write.address) && UInt64(write.bytes.count) <= range.upperBound - write.address
    }

    @Test("the object itself links", arguments: [4, 8]) func sound(_ word: Int) throws {
        let bytes = try PatchedObject(word: word).bytes
        #expect(Self.outcome(bytes) == .linked)
    }

    @Test("every beginning of an object is refused", arguments: [4, 8]) func truncations(_ word: Int) throws {
        let bytes = try PatchedObject(word: word).bytes
        for count in 0..<bytes.count {
            #expect(Self.outcome(Array(bytes[..<count])) == .refused)
        }
    }

    @Test(
        "a change of any one byte never traps",
        arguments: [0x00, 0x01, 0x7f, 0x80, 0xff].map(ByteChange.value) + [.increment, .decrement], [4, 8])
    func singleBytes(_ change: ByteChange, _ word: Int) throws {
        let original = try PatchedObject(word: word).bytes
        var counts: [Outcome: Int] = [:]
        for offset in original.indices {
            counts[Self.outcome(change.applied(to: original, at: offset)), default: 0] += 1
        }
        // Bytes of contents and of names matter to nobody, those of headers do.
        #expect(counts[.linked, default: 0] > 100)
        #expect(counts[.refused, default: 0] > 40)
    }

    @Test("fields of section headers with absurd values never trap", arguments: [4, 8])
    func fields(_ word: Int) throws {
        let object = try PatchedObject(word: word)
        let values: [UInt64] = [0, 1, 3, 7, 0x7fff_ffff, 0xffff_ffff, 1 << 40, 1 << 63, .max - 7, .max]
        let types: [UInt64] = Array(0...19) + [0x4000_0014, 0x6fff_fff6, 0x7000_0001]
        for section in 1..<object.sectionCount {
            for field in PatchedObject.Field.allCases {
                for value in field == .type ? types : values + [0x800, UInt64(object.sectionCount - 1)] {
                    var changed = object
                    let place = changed.field(field, of: section)
                    if field.isNarrow {
                        changed.write(UInt32(truncatingIfNeeded: value), at: place)
                    } else {
                        changed.writeWord(value, at: place)
                    }
                    _ = Self.outcome(changed.bytes)
                }
            }
        }
    }

    @Test("a variable that claims to be larger than its section is no parameter") func sizeBeyondSection() throws {
        var object = try PatchedObject()
        let place = object.contents(".symtab") + object.symbol("value") * 24
        object.write(UInt64(8), at: place + 8)
        let source = ModuleSource(
            name: "gurka", objects: [try ELFObjectReader.read(object.bytes, name: "gurka.o")],
            parameters: [Parameter(name: "value", value: "7")])
        #expect {
            _ = try Linker([source], against: Self.table, settings: Self.settings(.x86_64))
        } throws: { error in
            "\(error)" == "gurka: parameter 'value': the variable reaches beyond its section"
        }
    }
}
