import AOutFormat
import ObjectModel
import TestSupport
import Testing

/// Changed objects give an object or an error, and an object links or not: nothing traps.
@Suite struct MutationTests {
    enum Outcome { case refused, notLinked, linked }

    private static func outcome(_ bytes: [UInt8]) -> Outcome {
        guard let object = try? AOutObjectReader.read(bytes, name: "gurka.o") else { return .refused }
        // What the daemon would find no room for.
        guard object.sections[2].size < 1 << 24, object.symbols.allSatisfy({ $0.size < 1 << 24 }) else {
            return .notLinked
        }
        return (try? Linked([object], ["printf": 0x40_1000, "errno": 0x40_2000])) == nil ? .notLinked : .linked
    }

    private static func originals() throws -> [[UInt8]] {
        // Without what does not fit where modules lie.
        let plain = ObjectReaderTests.source.replacing("dw value\n", with: "").replacing("dw printf - $\n", with: "")
        return [
            try Nasm.object(plain, .linux), try Nasm.object(LinkEditorTests.positionIndependent, .netBSD),
        ]
    }

    @Test("the objects themselves link, and every beginning of one is refused")
    func truncations() throws {
        for bytes in try Self.originals() {
            #expect(Self.outcome(bytes) == .linked)
            for count in bytes.indices { #expect(Self.outcome(Array(bytes[..<count])) == .refused) }
        }
    }

    @Test("a change of any one byte never traps", arguments: [0x00, 0x01, 0x04, 0x7f, 0x80, 0xff, 0x100, 0x101])
    func singleBytes(_ value: Int) throws {
        var counts: [Outcome: Int] = [:]
        for original in try Self.originals() {
            for offset in original.indices {
                var bytes = original
                // 0x100 and 0x101 stand for one more and one less.
                bytes[offset] =
                    switch value {
                    case 0x100: bytes[offset] &+ 1
                    case 0x101: bytes[offset] &- 1
                    default: UInt8(value)
                    }
                counts[Self.outcome(bytes), default: 0] += 1
            }
        }
        #expect(counts[.linked, default: 0] > 50)
        #expect(counts[.refused, default: 0] > 20)
    }

    @Test("many changes at once never trap")
    func severalBytes() throws {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var counts: [Outcome: Int] = [:]
        for original in try Self.originals() {
            for _ in 0..<4000 {
                var bytes = original
                // Beyond the first word, which alone decides most.
                for _ in 0...next(6) { bytes[4 + next(bytes.count - 4)] = UInt8(next(256)) }
                counts[Self.outcome(bytes), default: 0] += 1
            }
        }
        #expect(counts[.refused, default: 0] > 1000 && counts[.linked, default: 0] > 100)
    }
}
