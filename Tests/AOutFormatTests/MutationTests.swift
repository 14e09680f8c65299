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

    @Test(
        "a change of any one byte never traps",
        arguments: [0x00, 0x01, 0x04, 0x7f, 0x80, 0xff].map(ByteChange.value) + [.increment, .decrement])
    func singleBytes(_ change: ByteChange) throws {
        var counts: [Outcome: Int] = [:]
        for original in try Self.originals() {
            for offset in original.indices {
                counts[Self.outcome(change.applied(to: original, at: offset)), default: 0] += 1
            }
        }
        #expect(counts[.linked, default: 0] > 50)
        #expect(counts[.refused, default: 0] > 20)
    }

    @Test("many changes at once never trap")
    func severalBytes() throws {
        var numbers = SeededNumbers(seed: 1)
        var counts: [Outcome: Int] = [:]
        for original in try Self.originals() {
            for _ in 0..<4000 {
                var bytes = original
                // Beyond the first word, which alone decides most.
                for _ in 0..<Int.random(in: 1...6, using: &numbers) {
                    bytes[Int.random(in: 4..<bytes.count, using: &numbers)] = .random(in: 0...255, using: &numbers)
                }
                counts[Self.outcome(bytes), default: 0] += 1
            }
        }
        #expect(counts[.refused, default: 0] > 1000 && counts[.linked, default: 0] > 100)
    }
}
