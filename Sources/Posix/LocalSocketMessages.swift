import CPosix
import Glibc

/// What came in one receive.
@frozen public struct Received: ~Copyable, Sendable {
    /// The bytes; none when the peer has ended the connection.
    public let bytes: [UInt8]
    /// The descriptors that came with them.
    public var descriptors: ReceivedDescriptors
}

/// Descriptors from a peer, close-on-exec. Those that nobody takes are closed with it.
public struct ReceivedDescriptors: ~Copyable, Sendable {
    /// In the order in which they were sent; nil once taken.
    private var numbers: [Int32?]

    init(_ numbers: [Int32]) {
        self.numbers = numbers
    }

    deinit {
        for case let number? in numbers { _ = close(number) }
    }

    /// How many came, whether taken or not.
    public var count: Int { numbers.count }

    /// The descriptor of that index, counted from 0, from now on its caller's; nil when there is none or it was taken.
    public mutating func take(_ index: Int) -> Descriptor? {
        guard numbers.indices.contains(index), let number = numbers[index] else { return nil }
        numbers[index] = nil
        return Descriptor(owning: number)
    }
}

extension LocalSocket {
    /// Sends all bytes, and descriptors with the first of them (SCM_RIGHTS of unix(7)).
    ///
    /// A packet goes in one piece. Nothing is sent where there are no bytes.
    /// - Parameter descriptors: numbers of descriptors to lend, at most ``maximumDescriptors``; the peer gets its own.
    /// - Throws: EINVAL for more descriptors than that, or for descriptors without bytes; EPIPE when the peer has gone.
    public static func send(
        _ socket: borrowing Descriptor, _ bytes: RawSpan, descriptors: [Int32] = [], name: String? = nil
    ) throws(SystemError) {
        let number = socket.number
        guard descriptors.count <= maximumDescriptors else {
            let reason = "\(descriptors.count) descriptors and a message may carry at most \(maximumDescriptors)"
            throw SystemError(call: "sendmsg", subject: "\(nameOf(socket, name)): \(reason)", code: EINVAL)
        }
        guard descriptors.isEmpty || bytes.byteCount > 0 else {
            let reason = "descriptors need at least one byte to travel with"
            throw SystemError(call: "sendmsg", subject: "\(nameOf(socket, name)): \(reason)", code: EINVAL)
        }
        try forAll(bytes) { (rest, done) throws(SystemError) in
            try systemCall("sendmsg", on: nameOf(socket, name)) {
                cposix_send(number, rest.baseAddress, rest.count, descriptors, done == 0 ? descriptors.count : 0)
            }
        }
    }

    /// Sends all bytes; see ``send(_:_:descriptors:name:)-(_,RawSpan,_,_)``.
    public static func send(
        _ socket: borrowing Descriptor, _ bytes: [UInt8], descriptors: [Int32] = [], name: String? = nil
    ) throws(SystemError) {
        try send(socket, bytes.span.bytes, descriptors: descriptors, name: name)
    }

    /// Receives up to `maximum` bytes, waiting for the first, with the descriptors that came with them.
    ///
    /// No bytes mean that the peer has ended the connection (or, of packets, an empty one, which this module never sends).
    /// - Throws: EMSGSIZE when descriptors did not fit into this process or a packet was longer than `maximum`; what did
    ///   arrive is dropped and closed then. EAGAIN when a receive timeout passed. ECONNRESET.
    public static func receive(
        _ socket: borrowing Descriptor, maximum: Int, name: String? = nil
    ) throws(SystemError) -> Received {
        // A byte at least: where none fits, none that come would mean the end.
        let capacity = max(maximum, 1)
        var numbers: [Int32] = []
        let bytes = try filled(capacity: capacity) { (buffer) throws(SystemError) in
            let (count, arrived) = try receiveMessage(socket, UnsafeMutableRawBufferPointer(buffer), name: name)
            numbers = arrived
            return count
        }
        return Received(bytes: bytes, descriptors: ReceivedDescriptors(numbers))
    }

    /// Receives into a buffer of one's own, such as a packet of fixed size, and returns how many bytes came; 0 at the end.
    ///
    /// Descriptors that come with them are closed. Errors are those of ``receive(_:maximum:name:)``.
    public static func receive(
        _ socket: borrowing Descriptor, into buffer: inout MutableRawSpan, name: String? = nil
    ) throws(SystemError) -> Int {
        try buffer.withUnsafeMutableBytes { (bytes) throws(SystemError) in
            let (count, arrived) = try receiveMessage(socket, bytes, name: name)
            _ = ReceivedDescriptors(arrived)
            return count
        }
    }

    private static func receiveMessage(
        _ socket: borrowing Descriptor, _ buffer: UnsafeMutableRawBufferPointer, name: String?
    ) throws(SystemError) -> (count: Int, descriptors: [Int32]) {
        let number = socket.number
        guard buffer.count > 0 else {
            throw SystemError(call: "recvmsg", subject: "\(nameOf(socket, name)): empty buffer", code: EINVAL)
        }
        var arrived: [Int32] = []
        var truncated: Int32 = 0
        let count = try systemCall("recvmsg", on: nameOf(socket, name)) {
            withUnsafeTemporaryAllocation(of: Int32.self, capacity: maximumDescriptors) { place in
                var present = 0
                let count = cposix_receive(
                    number, buffer.baseAddress, buffer.count, place.baseAddress, &present, &truncated)
                arrived = Array(place[..<present])
                return count
            }
        }
        guard truncated == 0 else {
            _ = ReceivedDescriptors(arrived)
            let reason =
                truncated & CPOSIX_DESCRIPTORS_TRUNCATED != 0
                ? "more descriptors came than this process may have"
                : "packet is longer than \(buffer.count) bytes"
            throw SystemError(call: "recvmsg", subject: "\(nameOf(socket, name)): \(reason)", code: EMSGSIZE)
        }
        return (count, arrived)
    }
}
