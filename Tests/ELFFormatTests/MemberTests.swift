import ELFFormat
import ObjectModel
import TestSupport
import Testing

/// An object in the midst of other bytes, as a member lies in its archive, is read as the file that it was.
@Suite struct MemberTests {
    /// What a reader says of a file, without where the file lies.
    private static func reading(_ bytes: [UInt8], in range: Range<Int>? = nil) -> String {
        do throws(Problem) {
            let object = try ELFObjectReader.read(bytes, in: range, name: "gurka.o")
            let sections = object.sections.map { section in
                let contents =
                    section.kind == .zeroFill || !section.isAllocated
                    ? [] : object.bytes[section.contentsOffset..<section.contentsOffset + Int(section.size)]
                return "\(object.text(section.name)) \(section.kind) \(section.alignment) \(section.size) \(contents)"
            }
            let symbols = object.symbols.map {
                "\(object.text($0.name)) \($0.place) \($0.value) \($0.size) \($0.binding)"
            }
            let relocations = object.relocations.map { "\($0.offset) \($0.symbol) \($0.kind) \($0.addend)" }
            return "\(sections) \(symbols) \(relocations) \(object.groups.map { object.text($0.signature) })"
        } catch {
            return error.description
        }
    }

    /// Bytes around it that would be taken for names, offsets or sizes.
    private static func surrounded(_ bytes: [UInt8], by distance: Int) -> (bytes: [UInt8], range: Range<Int>) {
        let others = [UInt8](repeating: 0x41, count: distance)
        return (others + bytes + others, distance..<distance + bytes.count)
    }

    @Test("an object is the same wherever it lies", arguments: [1, 60, 4097])
    func place(_ distance: Int) throws {
        let object = try PatchedObject(word: 8).bytes
        let (bytes, range) = Self.surrounded(object, by: distance)
        #expect(Self.reading(bytes, in: range) == Self.reading(object))
        #expect(Self.reading(object).contains(".text"))
        let read = try ELFObjectReader.read(bytes, in: range, name: "gurka.o")
        #expect(read.fileBytes == object)
    }

    @Test("what is wrong with an object is the same wherever it lies", arguments: [4, 8])
    func changes(_ word: Int) throws {
        let object = try PatchedObject(word: word).bytes
        var refused = 0
        for position in object.indices {
            var changed = object
            changed[position] ^= 0xff
            let (bytes, range) = Self.surrounded(changed, by: 62)
            let alone = Self.reading(changed)
            guard Self.reading(bytes, in: range) != alone else {
                refused += alone.hasPrefix("gurka.o: ") ? 1 : 0
                continue
            }
            Issue.record("byte \(position): \(alone), and in an archive \(Self.reading(bytes, in: range))")
            return
        }
        // Not all changes are harmless.
        #expect(refused > 100)
    }

    @Test("an object ends where its file ends, not with the archive", arguments: [4, 8])
    func end(_ word: Int) throws {
        let object = try PatchedObject(word: word).bytes
        for count in [object.count - 1, 63, 15, 0] {
            let (bytes, range) = Self.surrounded(object, by: 60)
            let cut = Array(object.prefix(count))
            #expect(Self.reading(bytes, in: range.lowerBound..<range.lowerBound + count) == Self.reading(cut))
            #expect(Self.reading(cut).hasPrefix("gurka.o: "))
        }
    }
}
