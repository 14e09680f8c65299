import Glibc

/// Some bytes of one of two arrays.
public struct GatheredPiece: Sendable {
    /// Which bytes.
    public let range: Range<Int>
    /// Whether they are of the second array.
    public let isOfOther: Bool

    /// Makes a piece of the first array, or of the second.
    public init(_ range: Range<Int>, ofOther isOfOther: Bool = false) {
        self.range = range
        self.isOfOther = isOfOther
    }
}

extension File {
    /// Writes pieces of two arrays one behind the other into a file, which grows as needed (pwritev(2)). The file's own offset stays.
    ///
    /// - Parameters:
    ///   - pieces: within the arrays; traps where they are not, as subscripts do.
    ///   - bytes: the first array.
    ///   - other: the second array.
    ///   - offset: where in the file the first piece goes.
    /// - Returns: where in the file they end.
    @discardableResult
    public static func write(
        _ descriptor: borrowing Descriptor, _ pieces: [GatheredPiece], of bytes: [UInt8], _ other: [UInt8],
        at offset: UInt64, name: String? = nil
    ) throws(SystemError) -> UInt64 {
        let number = descriptor.number
        let name = nameOf(descriptor, name)
        let count = pieces.reduce(0) { $0 + $1.range.count }
        guard let start = off_t(exactly: offset), !start.addingReportingOverflow(count).overflow else {
            throw SystemError(call: "pwritev", subject: name, code: EFBIG)
        }
        try bytes.span.withUnsafeBytes { (bytes) throws(SystemError) in
            try other.span.withUnsafeBytes { (other) throws(SystemError) in
                var parts = pieces.filter { !$0.range.isEmpty }.map { piece in
                    let part = UnsafeRawBufferPointer(rebasing: (piece.isOfOther ? other : bytes)[piece.range])
                    return iovec(iov_base: UnsafeMutableRawPointer(mutating: part.baseAddress), iov_len: part.count)
                }
                try writeAll(number, &parts, at: start, name)
            }
        }
        return offset + UInt64(count)
    }

    /// Changes the parts where the kernel takes some of one alone.
    private static func writeAll(
        _ number: Int32, _ parts: inout [iovec], at start: off_t, _ name: String
    ) throws(SystemError) {
        var place = start
        var first = 0
        while first < parts.count {
            let next = min(parts.count - first, mostParts)
            var written = try parts.span.withUnsafeBufferPointer { (parts) throws(SystemError) in
                try systemCall("pwritev", on: name) {
                    pwritev(number, parts.baseAddress.map { $0 + first }, Int32(next), place)
                }
            }
            guard written > 0 else { throw SystemError(call: "pwritev", subject: name, code: ENOSPC) }
            place += off_t(written)
            while first < parts.count, written >= parts[first].iov_len {
                written -= parts[first].iov_len
                first += 1
            }
            if written > 0 {
                parts[first].iov_base = parts[first].iov_base.map { $0 + written }
                parts[first].iov_len -= written
            }
        }
    }

    /// In one call: `IOV_MAX`, of which POSIX promises 16 and Linux has 1024.
    private static let mostParts = 1024
}
