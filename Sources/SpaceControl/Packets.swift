import Posix
import SpaceProtocol

// Arrays of C are tuples in Swift, and structures that go over a socket are bytes: the one file that turns them over.

/// The words of an array of a C structure.
func words<Tuple: BitwiseCopyable>(_ tuple: Tuple) -> [UInt64] {
    withUnsafeBytes(of: tuple) { Array($0.bindMemory(to: UInt64.self)) }
}

/// The bytes of an array of a C structure, or of all of it.
func bytes<Value: BitwiseCopyable>(_ value: Value) -> [UInt8] {
    withUnsafeBytes(of: value) { Array($0) }
}

/// Fills an array of a C structure from its start; what does not fit is left out.
func fill<Tuple: BitwiseCopyable, Element: BitwiseCopyable>(_ tuple: inout Tuple, with elements: [Element]) {
    withUnsafeMutableBytes(of: &tuple) { place in
        elements.withUnsafeBytes { place.copyBytes(from: $0.prefix(place.count)) }
    }
}

/// The reply that a packet is; nil when it has another size.
func parseReply(_ packet: [UInt8]) -> space_reply? {
    guard packet.count == MemoryLayout<space_reply>.size else { return nil }
    return packet.withUnsafeBytes { $0.loadUnaligned(as: space_reply.self) }
}

/// A request with what most have.
func packet(
    _ kind: space_request_kind, address: UInt64 = 0, size: UInt64 = 0, timeout: Duration? = nil
) -> space_request {
    var request = space_request()
    request.kind = kind.rawValue
    request.address = address
    request.size = size
    request.timeout_milliseconds = timeout.map(milliseconds) ?? 0
    return request
}

/// Rounded up, and at least 1, which is the shortest that is not "as long as it wants".
func milliseconds(_ duration: Duration) -> UInt32 {
    let (seconds, attoseconds) = duration.components
    guard seconds >= 0, attoseconds >= 0 else { return 1 }
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    let rest = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    return overflow ? .max : max(UInt32(clamping: whole + rest), 1)
}
