import ObjectModel
import Testing

@Suite struct RelocationEntryTests {
    @Test("a relocation holds the largest of each field, and they do not touch each other") func limits() {
        var entry = RelocationEntry(
            offset: 0xffff_ffff, addend: .min, symbol: UInt32(RelocationEntry.symbolLimit - 1), kind: 255)
        #expect(entry.offset == 0xffff_ffff)
        #expect(entry.addend == .min)
        #expect(entry.symbol == 0xff_ffff)
        #expect(entry.kind == 255)
        entry.symbol = 1
        #expect(entry.kind == 255)
        entry.kind = 2
        #expect(entry.symbol == 1)
        entry.offset = 3
        #expect(entry.offset == 3)
        #expect(entry.addend == .min)
    }

    @Test("a relocation takes 16 bytes") func size() {
        #expect(MemoryLayout<RelocationEntry>.stride == 16)
    }
}
