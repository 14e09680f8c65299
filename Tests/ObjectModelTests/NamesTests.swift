import ObjectModel
import Testing

private func name(_ bytes: [UInt8]) -> String {
    printable(bytes, NameRange(offset: 0, count: UInt32(bytes.count)))
}

@Suite struct NamesTests {
    @Test("names are the same when their bytes are, wherever they stand") func same() {
        let left = Array("xtomatx".utf8)
        let right = Array("tomattomas".utf8)
        let tomat = NameRange(offset: 1, count: 5)
        #expect(sameName(left, tomat, right, NameRange(offset: 0, count: 5)))
        #expect(!sameName(left, tomat, right, NameRange(offset: 5, count: 5)))
        #expect(!sameName(left, tomat, right, NameRange(offset: 0, count: 4)))
        #expect(sameName(left, .empty, right, .empty))
    }

    @Test("a name's hash depends on its bytes alone") func hashOfPlace() {
        let first = Array("xxgurka".utf8)
        let second = Array("gurka".utf8)
        #expect(
            nameHash(first, NameRange(offset: 2, count: 5)) == nameHash(second, NameRange(offset: 0, count: 5)))
    }

    @Test("names of every length up to 40 that differ in one byte have different hashes") func hashDiffers() {
        var hashes = Set<UInt64>()
        var count = 0
        for length in 0...40 {
            let bytes = [UInt8](repeating: 0, count: length)
            hashes.insert(contentHash(bytes.span.bytes, seed: 0))
            count += 1
            for place in 0..<length {
                var changed = bytes
                changed[place] = 1
                hashes.insert(contentHash(changed.span.bytes, seed: 0))
                count += 1
            }
        }
        #expect(hashes.count == count)
    }

    @Test("contents of 0 to 200 bytes that differ in one byte have digests that differ in both halves")
    func digestDiffers() {
        var halves: [Set<UInt64>] = [[], []]
        var count = 0
        for length in stride(from: 0, through: 200, by: 25) {
            // What exclusive-or with the constants of the mixing turns into zeroes must not hide its neighbours either.
            for filling in [
                [0], [0x5d, 0xd1], [UInt8](littleEndian: 0xe703_7ed1_a0b4_28db),
                [UInt8](littleEndian: 0xa076_1d64_78bd_642f),
            ] {
                let bytes = (0..<length).map { filling[$0 % filling.count] }
                for place in 0..<length {
                    var changed = bytes
                    changed[place] ^= 1
                    let digest = contentDigest(changed.span.bytes, seed: 7)
                    halves[0].insert(digest.0)
                    halves[1].insert(digest.1)
                    count += 1
                }
            }
        }
        #expect(halves[0].count == count)
        #expect(halves[1].count == count)
    }

    @Test("the seed changes the hash") func seed() {
        let bytes = Array("gurka".utf8)
        #expect(contentHash(bytes.span.bytes, seed: 0) != contentHash(bytes.span.bytes, seed: 1))
    }

    @Test("the low 12 and the high 12 bits of hashes of similar names are spread") func spread() {
        var low = Set<UInt64>()
        var high = Set<UInt64>()
        for number in 0..<4096 {
            let bytes = Array("symbol_\(number)".utf8)
            let hash = contentHash(bytes.span.bytes, seed: 0)
            low.insert(hash & 4095)
            high.insert(hash >> 52)
        }
        // 4096 balls in 4096 boxes hit 2589 of them on average, with a deviation of 20.
        #expect((2450...2730).contains(low.count))
        #expect((2450...2730).contains(high.count))
    }

    @Test("an ordinary name is shown as it is") func ordinary() {
        #expect(name(Array("_ZN3foo3barEv.cold$1".utf8)) == "_ZN3foo3barEv.cold$1")
        #expect(name(Array("größe_数".utf8)) == "größe_数")
        #expect(name([]) == "")
    }

    @Test("control characters are shown by number") func control() {
        #expect(name([0x61, 0x1b, 0x5b, 0x33, 0x31, 0x6d]) == "a\\x1b[31m")
        #expect(name([0x00, 0x07, 0x0a, 0x1f, 0x20, 0x7e, 0x7f]) == "\\x00\\x07\\x0a\\x1f ~\\x7f")
    }

    @Test("control characters of the second kind are shown by their bytes") func secondControl() {
        // U+009B is "control sequence introducer" to some terminals.
        #expect(name([0xc2, 0x9b, 0x41]) == "\\xc2\\x9bA")
        #expect(name([0xc2, 0x80]) == "\\xc2\\x80")
        #expect(name([0xc2, 0xa1]) == "¡")
    }

    @Test("characters that turn the direction of a line or break it are shown by their bytes") func format() {
        #expect(name(Array("a\u{202e}b".utf8)) == "a\\xe2\\x80\\xaeb")
        #expect(name(Array("a\u{2028}b".utf8)) == "a\\xe2\\x80\\xa8b")
        #expect(name(Array("a\u{2066}b".utf8)) == "a\\xe2\\x81\\xa6b")
    }

    @Test("bytes that are not UTF-8 are shown by number") func notUTF8() {
        #expect(name([0x61, 0xff, 0x62]) == "a\\xffb")
        #expect(name([0xc3]) == "\\xc3")
        #expect(name([0xed, 0xa0, 0x80]) == "\\xed\\xa0\\x80")
    }

    @Test("a name of 256 bytes is shown whole, one of 257 is cut") func long() {
        #expect(name([UInt8](repeating: 0x61, count: 256)) == String(repeating: "a", count: 256))
        #expect(name([UInt8](repeating: 0x61, count: 257)) == String(repeating: "a", count: 256) + "…")
        #expect(name([UInt8](repeating: 0x61, count: 5_000_000)) == String(repeating: "a", count: 256) + "…")
    }

    @Test("a name is not cut inside of a character") func cutBetweenCharacters() {
        let bytes = [UInt8](repeating: 0x61, count: 255) + Array("ääää".utf8)
        #expect(name(bytes) == String(repeating: "a", count: 255) + "…")
    }

    @Test("a part of other bytes is shown without its neighbours") func part() {
        #expect(printable(Array("gurka".utf8), NameRange(offset: 1, count: 3)) == "urk")
    }

    @Test("numbers are written in hexadecimal") func numbers() {
        #expect(hexadecimal(0) == "0x0")
        #expect(hexadecimal(0x1b) == "0x1b")
        #expect(hexadecimal(.max) == "0xffffffffffffffff")
    }
}

extension [UInt8] {
    fileprivate init(littleEndian value: UInt64) {
        self = (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}
