import Posix

/// One end of a Unix stream socket that carries messages: JSON texts, each ended by a NUL, with descriptors.
///
/// Owns the socket. Sending and receiving block.
///
/// Source: varlink.org, Service; unix(7) for the descriptors.
public struct Connection: ~Copyable {
    /// The most bytes that a message may have, without the NUL that ends it: 16 MiB.
    public static let maximumMessageSize = 16 << 20
    /// The most descriptors that a message may carry.
    public static let maximumDescriptorCount = LocalSocket.maximumDescriptors

    private static let chunkSize = 64 << 10

    /// Shared with the context of the call that is being handled: it sends replies while the handler runs.
    let socket: MessageSocket
    /// What came and was not handed out: first the bytes of the oldest message.
    private var buffer: [UInt8] = []
    /// Where in the buffer the oldest message starts.
    private var start = 0
    /// No NUL stands before this place of the buffer, from `start` on.
    private var searched = 0
    private var arrivals: [Arrival] = []
    /// After a fault of the protocol nobody knows where the next message starts.
    private var isBroken = false

    /// Descriptors that came, and the place in the buffer behind the bytes that came with them.
    private struct Arrival {
        var end: Int
        var places: [Descriptors.Place]
    }

    /// Takes over a connected socket.
    public init(_ socket: consuming Descriptor) {
        self.socket = MessageSocket(SharedDescriptor(socket))
    }

    /// Connects to the Unix stream socket at this path.
    public static func connect(to path: String) throws(VarlinkError) -> Connection {
        do {
            return Connection(try LocalSocket.connect(path))
        } catch {
            throw VarlinkError.transport(error)
        }
    }

    /// The socket's number, to wait on it with poll(2); the connection keeps it.
    public var descriptorNumber: Int32 { socket.descriptor.number }

    /// Who is at the other end, as the kernel saw them when the connection was made.
    public func peerCredentials() throws(VarlinkError) -> LocalSocket.Credentials {
        do {
            return try LocalSocket.peerCredentials(socket.descriptor.descriptor, name: MessageSocket.name)
        } catch {
            throw VarlinkError.transport(error)
        }
    }

    /// Sends one message.
    ///
    /// - Parameters:
    ///   - message: the JSON text, without a NUL.
    ///   - descriptors: sent with the first byte; they stay the caller's, and have to be open until this returns.
    /// - Throws: when the message is too long, has a NUL or has too many descriptors, nothing was sent.
    ///   ``VarlinkError/closed`` when the peer has gone. After a send that failed otherwise, a send timeout among them,
    ///   nothing more can be sent: ``VarlinkError/unusable``.
    public func send(_ message: consuming [UInt8], descriptors: [Int32] = []) throws(VarlinkError) {
        try socket.send(message, descriptors: descriptors)
    }

    /// Waits for the next message.
    ///
    /// - Returns: nil when the peer ended the connection after a whole message, or before the first.
    /// - Throws: after any error but EAGAIN, which says that a receive timeout passed, nothing more is received:
    ///   ``VarlinkError/unusable``.
    public mutating func receive() throws(VarlinkError) -> Message? {
        guard !isBroken else { throw VarlinkError.unusable }
        isBroken = true
        while true {
            if let end = endOfMessage() {
                let message = try takeMessage(end: end)
                isBroken = false
                return message
            }
            let waiting = buffer.count - start
            guard waiting <= Self.maximumMessageSize else {
                throw VarlinkError.messageTooLong(byteCount: waiting)
            }
            try checkDescriptorCount(arrivals.reduce(0) { $0 + $1.places.count })
            guard try receiveChunk() else {
                isBroken = false
                guard waiting == 0 else { throw VarlinkError.closedInsideMessage(byteCount: waiting) }
                return nil
            }
        }
    }

    private mutating func endOfMessage() -> Int? {
        let end = buffer.firstZero(from: searched)
        searched = end ?? buffer.count
        return end
    }

    private mutating func takeMessage(end: Int) throws(VarlinkError) -> Message {
        let count = end - start
        guard count <= Self.maximumMessageSize else { throw VarlinkError.messageTooLong(byteCount: count) }
        let bytes = takeBytes(end: end)
        var places: [Descriptors.Place] = []
        while let arrival = arrivals.first, arrival.end <= start {
            places += arrival.places
            arrivals.removeFirst()
        }
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= Self.chunkSize)
            (start, searched) = (0, 0)
        }
        try checkDescriptorCount(places.count)
        return Message(bytes: bytes, descriptors: Descriptors(places))
    }

    /// Takes the bytes of the oldest message out of the buffer.
    private mutating func takeBytes(end: Int) -> [UInt8] {
        if start == 0, end == buffer.count - 1, end > Self.chunkSize {
            // A long one, and nothing else is there: it is handed out as it is, and an empty buffer takes its place.
            buffer.removeLast()
            let bytes = buffer
            buffer = []
            for index in arrivals.indices { arrivals[index].end -= end + 1 }
            searched = 0
            return bytes
        }
        let bytes = Array(buffer[start..<end])
        start = end + 1
        searched = start
        return bytes
    }

    private func checkDescriptorCount(_ count: Int) throws(VarlinkError) {
        guard count <= Self.maximumDescriptorCount else { throw VarlinkError.tooManyDescriptors(count: count) }
    }

    /// - Returns: false at the end of the connection.
    private mutating func receiveChunk() throws(VarlinkError) -> Bool {
        var received = try nextChunk()
        guard !received.bytes.isEmpty else { return false }
        if start > 0 {
            buffer.removeSubrange(..<start)
            for index in arrivals.indices { arrivals[index].end -= start }
            searched -= start
            start = 0
        }
        buffer += received.bytes
        var places: [Descriptors.Place] = []
        for index in 0..<received.descriptors.count {
            if let descriptor = received.descriptors.take(index) { places.append(Descriptors.Place(descriptor)) }
        }
        // The kernel ends a receive with the bytes that the descriptors were sent with, but may put bytes before them
        // that were sent earlier, without any. So they belong to the message of the last byte, not of the first.
        if !places.isEmpty { arrivals.append(Arrival(end: buffer.count, places: places)) }
        return true
    }

    private mutating func nextChunk() throws(VarlinkError) -> Received {
        do {
            return try LocalSocket.receive(
                socket.descriptor.descriptor, maximum: Self.chunkSize, name: MessageSocket.name)
        } catch {
            isBroken = error.code != ErrorCode.tryAgain
            throw VarlinkError(error)
        }
    }
}

/// The sending half of a connection. A class, so that all who send know when one of them failed.
final class MessageSocket {
    /// What a failed system call is about.
    static let name = "socket"

    let descriptor: SharedDescriptor
    /// After a failed send the peer may have half a message: another one would be read as the rest of it.
    private var isBroken = false

    init(_ descriptor: SharedDescriptor) {
        self.descriptor = descriptor
    }

    func send(_ message: consuming [UInt8], descriptors: [Int32]) throws(VarlinkError) {
        guard !isBroken else { throw VarlinkError.unusable }
        guard message.count <= Connection.maximumMessageSize else {
            throw VarlinkError.messageTooLong(byteCount: message.count)
        }
        guard descriptors.count <= Connection.maximumDescriptorCount else {
            throw VarlinkError.tooManyDescriptors(count: descriptors.count)
        }
        if let place = message.firstZero(from: 0) {
            throw VarlinkError.malformed(offset: place, expected: "no NUL inside the message")
        }
        message.append(0)
        do {
            try LocalSocket.send(descriptor.descriptor, message, descriptors: descriptors, name: Self.name)
        } catch {
            isBroken = true
            throw VarlinkError(error)
        }
    }
}

extension [UInt8] {
    /// The first zero byte from a place on; eight at a time, since a list of modules has millions.
    fileprivate func firstZero(from start: Int) -> Int? {
        withUnsafeBytes { bytes in
            var place = start
            while bytes.count - place >= 8 {
                let word = bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
                // A borrow reaches the highest bit of a byte that is 0, and of none before the first of these.
                if (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 != 0 { break }
                place += 8
            }
            return bytes[place...].firstIndex(of: 0)
        }
    }
}

extension VarlinkError {
    /// A failed send or receive. That the peer has gone is no fault of the transport.
    init(_ error: SystemError) {
        switch error.code {
        case ErrorCode.brokenPipe, ErrorCode.connectionReset: self = .closed
        default: self = .transport(error)
        }
    }
}
