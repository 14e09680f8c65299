import ObjectModel
import TestSupport
import Testing

@testable import ModuleIndex

/// The index in a file: what comes back, and what does not.
@Suite struct CodingTests {
    private let index = folder(
        "/modules",
        [
            File(
                name: "gurka.o", defines: ["slice", "count"], weak: ["peel"], needs: ["printf"], declared: ["gherkin"],
                required: ["tomat"]),
            File(name: "tomat.ko", defines: ["seed"], depends: ["gurka", "melon"], architecture: .i386),
        ], broken: ["torn.o"])

    /// Bytes whose digest is right whatever they say.
    private func digested(_ bytes: [UInt8]) -> [UInt8] {
        let body = Array(bytes[32...])
        let digest = contentDigest(body.span.bytes, seed: 3)
        let words = [digest.0, digest.1].flatMap { half in
            (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64($0 * 8)) }
        }
        return Array(bytes[..<16]) + words + body
    }

    @Test("an index that was written is read with all that it had")
    func roundTrip() throws {
        let other = try #require(FolderIndex(index.encoded))
        #expect(other.path == index.path)
        #expect(other.folders == index.folders)
        #expect(other.files == index.files)
        #expect(other.names == index.names)
        #expect(other.definitions == index.definitions)
        #expect(other.needs == index.needs)
        let (bytes, range) = name("slice")
        #expect(other.providers(bytes, range).map(\.file) == [0])
        #expect(other.file(ofKey: "tomat") == 1)
        #expect(other.file(ofKey: "gherkin") == 0)
        #expect(other.files[2].problem?.description == "/modules/torn.o: e_shoff: beyond the end")
    }

    @Test("a file that is cut anywhere, or has a byte too many, is none")
    func truncated() {
        let bytes = index.encoded
        for count in 0..<bytes.count { #expect(FolderIndex(Array(bytes[..<count])) == nil) }
        #expect(FolderIndex(bytes + [0]) == nil)
        #expect(FolderIndex(digested(bytes + [0])) == nil)
    }

    @Test("a byte that changed anywhere is noticed")
    func flipped() {
        let bytes = index.encoded
        for place in bytes.indices where !(12..<16).contains(place) {
            var other = bytes
            other[place] ^= 0x10
            #expect(FolderIndex(other) == nil, "byte \(place)")
        }
    }

    @Test("what lies with a right digest is refused, or harmless: every byte takes the values that hurt most")
    func lies() {
        let bytes = index.encoded
        for place in 32..<bytes.count {
            for value: UInt8 in [0, 1, 0x7f, 0x80, 0xff] {
                var other = bytes
                other[place] = value
                guard let read = FolderIndex(digested(other)) else { continue }
                // All that can be asked for is inside.
                for file in read.files {
                    #expect(file.definitions.upperBound <= read.definitions.count)
                    #expect(file.needs.upperBound <= read.needs.count)
                }
                for definition in read.definitions { #expect(definition.name.indices.upperBound <= read.names.count) }
                for need in read.needs { #expect(need.indices.upperBound <= read.names.count) }
            }
        }
    }

    @Test("a name that leads out of the folder is refused")
    func escape() throws {
        var bytes = index.encoded
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: "gurka.o".utf8) })
        bytes.replaceSubrange(place..<place + 7, with: Array("../ka.o".utf8))
        #expect(FolderIndex(digested(bytes)) == nil)
        for path in ["/urka.o", "a/../.o", "a//bc.o", "./rka.o"] {
            bytes.replaceSubrange(place..<place + 7, with: Array(path.utf8))
            #expect(FolderIndex(digested(bytes)) == nil, "\(path)")
        }
        bytes.replaceSubrange(place..<place + 7, with: Array("go/ka.o".utf8))
        #expect(FolderIndex(digested(bytes))?.files[0].module == "ka")
        bytes.replaceSubrange(place..<place + 7, with: Array("gorka.o".utf8))
        #expect(FolderIndex(digested(bytes))?.files[0].name == "gorka.o")
    }

    @Test("another version is none")
    func version() {
        var bytes = index.encoded
        bytes[8] = 1
        #expect(FolderIndex(digested(bytes)) == nil)
    }

    @Test("a file that is taken over from another index has what it had there")
    func takenOver() throws {
        var other = FolderIndex(path: "/modules", folders: index.folders)
        other.add(1, of: index)
        other.add(0, of: index)
        other.finish()
        #expect(other.files.map(\.name) == ["tomat.ko", "gurka.o"])
        for (text, file) in [("seed", 0), ("slice", 1), ("peel", 1)] {
            let (bytes, range) = name(text)
            #expect(other.providers(bytes, range).map(\.file) == [file])
        }
        #expect(other.needs[other.files[1].needs].map { printable(other.names, $0) } == ["printf"])
    }

    @Test("files that can be modules: .o and .ko, the latter first, and no hidden ones")
    func candidates() {
        #expect(
            ModuleFile.candidates(["b.o", "a.o", "a.ko", ".o", ".ko", ".x.o", "lib.a", "a.o.bak", "ko", "c-d.o"])
                == ["a.ko", "a.o", "b.o", "c-d.o"])
        #expect(ModuleFile.module("a.ko") == "a")
        #expect(ModuleFile.module("a.b.o") == "a.b")
        #expect(ModuleFile.key("snd-hda_intel") == "snd_hda_intel")
    }
}
