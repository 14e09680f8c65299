import ObjectModel
import Testing

extension [UInt8] {
    fileprivate func integer<T: FixedWidthInteger & BitwiseCopyable>(
        at offset: UInt64, as type: T.Type, order: ByteOrder = .little
    ) -> T? {
        span.bytes.integer(at: offset, as: type, order: order)
    }

    fileprivate func hasRange(offset: UInt64, count: UInt64) -> Bool {
        span.bytes.contains(offset: offset, count: count)
    }
}

@Suite struct BoundedReaderTests {
    private let bytes: [UInt8] = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88, 0x99]

    @Test("an integer is read in either byte order") func byteOrder() {
        #expect(bytes.integer(at: 0, as: UInt32.self) == 0x0403_0201)
        #expect(bytes.integer(at: 0, as: UInt32.self, order: .big) == 0x0102_0304)
        #expect(bytes.integer(at: 1, as: UInt16.self) == 0x0302)
        #expect(bytes.integer(at: 0, as: UInt64.self) == 0x8807_0605_0403_0201)
        #expect(bytes.integer(at: 7, as: Int8.self) == -0x78)
    }

    @Test("the last integer that is inside is read, the next one is nil", arguments: [1, 2, 4, 8])
    func limits(_ width: UInt64) {
        let last = 9 - width
        func isInside(_ offset: UInt64) -> Bool {
            switch width {
            case 1: bytes.integer(at: offset, as: UInt8.self) != nil
            case 2: bytes.integer(at: offset, as: UInt16.self) != nil
            case 4: bytes.integer(at: offset, as: UInt32.self) != nil
            default: bytes.integer(at: offset, as: UInt64.self) != nil
            }
        }
        #expect(isInside(last))
        #expect(!isInside(last + 1))
        #expect(!isInside(.max))
        #expect(!isInside(.max - width + 1))
    }

    @Test("nothing is inside of no bytes, except nothing") func empty() {
        let none: [UInt8] = []
        #expect(none.integer(at: 0, as: UInt8.self) == nil)
        #expect(none.hasRange(offset: 0, count: 0))
        #expect(!none.hasRange(offset: 0, count: 1))
        #expect(!none.hasRange(offset: 1, count: 0))
    }

    @Test("a range is inside up to the last byte") func containedRange() {
        #expect(bytes.hasRange(offset: 2, count: 7))
        #expect(!bytes.hasRange(offset: 2, count: 8))
        #expect(bytes.hasRange(offset: 9, count: 0))
        #expect(!bytes.hasRange(offset: 10, count: 0))
    }

    @Test("a range whose end wraps is not inside") func wrappingRange() {
        #expect(!bytes.hasRange(offset: .max, count: 1))
        #expect(!bytes.hasRange(offset: 1, count: .max))
        #expect(!bytes.hasRange(offset: .max, count: .max))
    }

    @Test("a number is aligned upwards, and stays when it is aligned") func alignment() {
        #expect(UInt64(0).aligned(to: 4096) == 0)
        #expect(UInt64(1).aligned(to: 4096) == 4096)
        #expect(UInt64(4096).aligned(to: 4096) == 4096)
        #expect(UInt64(4097).aligned(to: 4096) == 8192)
        #expect(UInt64(77).aligned(to: 1) == 77)
    }

    @Test("the last multiple in 64 bits is found, beyond it there is none") func alignmentLimit() {
        #expect((UInt64.max - 4095).aligned(to: 4096) == UInt64.max - 4095)
        #expect((UInt64.max - 4094).aligned(to: 4096) == nil)
        #expect(UInt64.max.aligned(to: 1) == .max)
        #expect(UInt64.max.aligned(to: 2) == nil)
        let half: UInt64 = 1 << 63
        #expect(half.aligned(to: half) == half)
        #expect((half + 1).aligned(to: half) == nil)
    }
}
