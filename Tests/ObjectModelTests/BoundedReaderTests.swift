import ObjectModel
import Testing

@Suite struct BoundedReaderTests {
    private let bytes: [UInt8] = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88, 0x99]

    @Test("an integer is read in either byte order") func byteOrder() {
        let raw = bytes.span.bytes
        #expect(raw.integer(at: 0, as: UInt32.self) == 0x0403_0201)
        #expect(raw.integer(at: 0, as: UInt32.self, order: .big) == 0x0102_0304)
        #expect(raw.integer(at: 1, as: UInt16.self) == 0x0302)
        #expect(raw.integer(at: 0, as: UInt64.self) == 0x8807_0605_0403_0201)
        #expect(raw.integer(at: 7, as: Int8.self) == -0x78)
    }

    @Test("the last integer that is inside is read, the next one is nil", arguments: [1, 2, 4, 8])
    func limits(_ width: UInt64) {
        let raw = bytes.span.bytes
        let last = 9 - width
        func isInside(_ offset: UInt64) -> Bool {
            switch width {
            case 1: raw.integer(at: offset, as: UInt8.self) != nil
            case 2: raw.integer(at: offset, as: UInt16.self) != nil
            case 4: raw.integer(at: offset, as: UInt32.self) != nil
            default: raw.integer(at: offset, as: UInt64.self) != nil
            }
        }
        #expect(isInside(last))
        #expect(!isInside(last + 1))
        #expect(!isInside(.max))
        #expect(!isInside(.max - width + 1))
    }

    @Test("nothing is inside of no bytes, except nothing") func empty() {
        let none: [UInt8] = []
        let raw = none.span.bytes
        #expect(raw.integer(at: 0, as: UInt8.self) == nil)
        #expect(raw.contains(offset: 0, count: 0))
        #expect(!raw.contains(offset: 0, count: 1))
        #expect(!raw.contains(offset: 1, count: 0))
    }

    @Test("a range is inside up to the last byte") func containedRange() {
        let raw = bytes.span.bytes
        #expect(raw.contains(offset: 2, count: 7))
        #expect(!raw.contains(offset: 2, count: 8))
        #expect(raw.contains(offset: 9, count: 0))
        #expect(!raw.contains(offset: 10, count: 0))
    }

    @Test("a range whose end wraps is not inside") func wrappingRange() {
        let raw = bytes.span.bytes
        #expect(!raw.contains(offset: .max, count: 1))
        #expect(!raw.contains(offset: 1, count: .max))
        #expect(!raw.contains(offset: .max, count: .max))
    }

    @Test("a number is aligned upwards, and stays when it is aligned") func alignment() {
        #expect(UInt64(0).aligned(to: 4096) == 0)
        #expect(UInt64(1).aligned(to: 4096) == 4096)
        #expect(UInt64(4096).aligned(to: 4096) == 4096)
        #expect(UInt64(4097).aligned(to: 4096) == 8192)
        #expect(UInt64(77).aligned(to: 1) == 77)
    }

    @Test("the last multiple in 64 bits is found, beyond it there is none") func alignmentLimit() {
        #expect((UInt64.max - 4095).aligned(to: 4096) == .max - 4095)
        #expect((UInt64.max - 4094).aligned(to: 4096) == nil)
        #expect(UInt64.max.aligned(to: 1) == .max)
        #expect(UInt64.max.aligned(to: 2) == nil)
        #expect(UInt64(1 << 63).aligned(to: 1 << 63) == 1 << 63)
        #expect(UInt64(1 << 63 + 1).aligned(to: 1 << 63) == nil)
    }
}
