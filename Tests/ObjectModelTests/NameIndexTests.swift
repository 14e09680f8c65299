import TestSupport
import Testing

@testable import ObjectModel

extension NameIndex {
    /// All payloads that a walk for a hash meets.
    fileprivate func all(_ hash: UInt64) -> [UInt64] {
        var walk = probe(hash)
        var found: [UInt64] = []
        while let payload = next(&walk) { found.append(payload) }
        return found
    }
}

@Suite struct NameIndexTests {
    /// Hashes whose home is one of the last slots of the smallest table, so that their run goes round its end.
    private static func tight(_ payload: UInt64) -> UInt64 { (payload << 52) | (14 + payload % 2) }

    /// How many slots have marks at most: all of a small table, none, or those of a table that has not grown far.
    private static let marks = [1 << 16, 0, 256]

    @Test("what was inserted is found", arguments: marks) func find(_ marks: Int) {
        var index = NameIndex(mostMarks: marks)
        index.insert(0x123, 7) { $0 }
        #expect(index.all(0x123) == [7])
        #expect(index.count == 1)
    }

    @Test(
        "names for which there is room are found as others are, and the last of them too", arguments: [10, 5000], marks)
    func reserved(count: Int, _ marks: Int) {
        var index = NameIndex(minimumCapacity: count, mostMarks: marks)
        let hash = { (payload: UInt64) in payload &* 0x9e37_79b9_7f4a_7c15 }
        for payload in 0..<UInt64(count) { index.insertReserved(hash(payload), payload) }
        #expect(index.count == count)
        for payload in 0..<UInt64(count) { #expect(index.all(hash(payload)) == [payload]) }
    }

    @Test("another hash finds nothing in the same slot", arguments: marks) func tagDiffers(_ marks: Int) {
        var index = NameIndex(mostMarks: marks)
        index.insert(0x001 << 52 | 5, 7) { $0 }
        #expect(index.all(0x002 << 52 | 5).isEmpty)
    }

    @Test("payloads of one hash are found in the order in which they came", arguments: marks) func order(_ marks: Int) {
        var index = NameIndex(mostMarks: marks)
        for payload in 0..<10 { index.insert(42, UInt64(payload)) { _ in 42 } }
        #expect(index.all(42) == Array(0..<10))
    }

    @Test("the order in which they came outlives growth, also of a run that goes round the end", arguments: marks)
    func orderAfterGrowth(_ marks: Int) {
        var index = NameIndex(mostMarks: marks)
        for payload in 0..<100 { index.insert(15, UInt64(payload)) { _ in 15 } }
        #expect(index.all(15) == Array(0..<100))
    }

    @Test("the order in which they came outlives removal", arguments: marks) func orderAfterRemoval(_ marks: Int) {
        var index = NameIndex(mostMarks: marks)
        for payload in 0..<12 { index.insert(15, UInt64(payload)) { _ in 15 } }
        index.remove(15, 4) { _ in 15 }
        index.insert(15, 50) { _ in 15 }
        #expect(index.all(15) == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 50])
    }

    @Test("the order in which they came outlives shrinking, also of a run that goes round the end", arguments: marks)
    func orderAfterShrinking(_ marks: Int) {
        var index = NameIndex(mostMarks: marks)
        // Others, that go, and among them some of one hash, that stay.
        func hash(_ payload: UInt64) -> UInt64 { payload % 100 == 7 ? 1023 : payload << 52 | payload }
        for payload in 0..<UInt64(600) { index.insert(hash(payload), payload, hashOf: hash) }
        #expect(index.slotCount == 1024)
        for payload in 0..<UInt64(600) where payload % 100 != 7 {
            index.remove(hash(payload), payload, hashOf: hash)
        }
        #expect(index.slotCount == 32)
        #expect(index.all(1023) == [7, 107, 207, 307, 407, 507])
    }

    @Test("a table gets smaller when less than an eighth of it is in use, and not before", arguments: marks)
    func shrinks(_ marks: Int) {
        var index = NameIndex(mostMarks: marks)
        func hash(_ payload: UInt64) -> UInt64 { payload &* 0x9e37_79b9_7f4a_7c15 }
        for payload in 0..<UInt64(10_000) { index.insert(hash(payload), payload, hashOf: hash) }
        #expect(index.slotCount == 16384)
        for payload in 2048..<UInt64(10_000) { index.remove(hash(payload), payload, hashOf: hash) }
        #expect(index.slotCount == 16384)
        index.remove(hash(2047), 2047, hashOf: hash)
        #expect(index.slotCount == 8192)
        for payload in 0..<UInt64(10_000) { #expect(index.all(hash(payload)).contains(payload) == (payload < 2047)) }
        for payload in 0..<UInt64(2047) { index.remove(hash(payload), payload, hashOf: hash) }
        #expect(index.slotCount == 16 && index.count == 0)
        for payload in 0..<UInt64(100) { index.insert(hash(payload), payload, hashOf: hash) }
        for payload in 0..<UInt64(100) { #expect(index.all(hash(payload)).contains(payload)) }
    }

    @Test("the largest payload is kept as it is", arguments: marks) func largestPayload(_ marks: Int) {
        var index = NameIndex(mostMarks: marks)
        let largest: UInt64 = 1 << 52 - 2
        index.insert(.max, largest) { _ in .max }
        #expect(index.all(.max) == [largest])
        index.remove(.max, largest) { _ in .max }
        #expect(index.all(.max).isEmpty)
    }

    @Test("removing what is not there changes nothing", arguments: marks) func removeAbsent(_ marks: Int) {
        var index = NameIndex(mostMarks: marks)
        index.insert(3, 1) { _ in 3 }
        index.remove(3, 2) { _ in 3 }
        index.remove(4, 1) { _ in 3 }
        #expect(index.count == 1)
        #expect(index.all(3) == [1])
    }

    @Test("removal leaves every other one of a crowded run where it can be found", arguments: 0..<14, marks)
    func shiftBack(_ victim: UInt64, _ marks: Int) {
        var index = NameIndex(minimumCapacity: 14, mostMarks: marks)
        for payload in 0..<UInt64(14) { index.insert(Self.tight(payload), payload, hashOf: Self.tight) }
        index.remove(Self.tight(victim), victim, hashOf: Self.tight)
        #expect(index.count == 13)
        for payload in 0..<UInt64(14) {
            #expect(index.all(Self.tight(payload)) == (payload == victim ? [] : [payload]))
        }
    }

    @Test("an entry in its home slot does not move before it", arguments: marks) func homeStays(_ marks: Int) {
        var index = NameIndex(mostMarks: marks)
        // Homes 3, 3, 5: the third stays in slot 5 when the first goes.
        let homes: [UInt64] = [1 << 52 | 3, 2 << 52 | 3, 3 << 52 | 5]
        for (payload, hash) in homes.enumerated() { index.insert(hash, UInt64(payload)) { homes[Int($0)] } }
        index.remove(homes[0], 0) { homes[Int($0)] }
        #expect(index.all(homes[1]) == [1])
        #expect(index.all(homes[2]) == [2])
    }

    @Test("after many operations the index holds what a dictionary holds", arguments: [1, 2, 3], marks)
    func againstDictionary(_ seed: UInt64, _ marks: Int) {
        var random = SeededNumbers(seed: seed)
        var index = NameIndex(mostMarks: marks)
        var model: [UInt64: UInt64] = [:]
        // Few homes and few tags: long runs with many collisions.
        let hashes = (0..<3000).map { _ in (random.next() % 16) << 52 | random.next() % 4096 }
        for _ in 0..<20_000 {
            let payload = random.next() % 3000
            let hash = hashes[Int(payload)]
            if model[payload] == nil {
                index.insert(hash, payload) { hashes[Int($0)] }
                model[payload] = hash
            } else {
                index.remove(hash, payload) { hashes[Int($0)] }
                model[payload] = nil
            }
        }
        #expect(index.count == model.count)
        for payload in 0..<UInt64(3000) {
            let isFound = index.all(hashes[Int(payload)]).contains(payload)
            #expect(isFound == (model[payload] != nil))
        }
    }
}
