// The one place where integers are taken out of bytes that came from outside. Every access is checked;
// what lies outside is nil, and the caller names the field.

/// The order of the bytes of an integer.
@frozen public enum ByteOrder: Sendable, Equatable {
    /// The lowest first.
    case little
    /// The highest first.
    case big
}

extension RawSpan {
    /// The integer of type `T` that begins at a byte offset, or nil when any byte of it is outside.
    @inlinable @inline(__always)
    public func integer<T: FixedWidthInteger & BitwiseCopyable>(
        at offset: UInt64, as type: T.Type = T.self, order: ByteOrder = .little
    ) -> T? {
        let width = UInt64(MemoryLayout<T>.size)
        guard UInt64(byteCount) >= width, offset <= UInt64(byteCount) - width else { return nil }
        let value = unsafe unsafeLoadUnaligned(fromByteOffset: Int(offset), as: T.self)
        return order == .little ? T(littleEndian: value) : T(bigEndian: value)
    }

    /// Whether `count` bytes from `offset` lie inside.
    @inlinable
    public func contains(offset: UInt64, count: UInt64) -> Bool {
        let (end, wraps) = offset.addingReportingOverflow(count)
        return !wraps && end <= UInt64(byteCount)
    }

    /// The eight bytes at an offset, the lowest first; traps outside, as a subscript does.
    func littleEndian64(at offset: Int) -> UInt64 {
        UInt64(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The byte at an offset; traps outside, as a subscript does.
    func byte(at offset: Int) -> UInt8 {
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self)
    }
}

extension UInt64 {
    /// The next multiple of `alignment` (a power of two) that is not below, or nil when there is none in 64 bits.
    @inlinable
    public func aligned(to alignment: UInt64) -> UInt64? {
        let mask = alignment &- 1
        let (sum, wraps) = addingReportingOverflow(mask)
        return wraps ? nil : sum & ~mask
    }
}
