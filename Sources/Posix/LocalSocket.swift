import CPosix
import Glibc

/// Sockets between processes of one machine (unix(7)). All are close-on-exec, and no send raises SIGPIPE.
public enum LocalSocket {
    /// How a socket keeps bytes together.
    public enum Kind: Sendable {
        /// Bytes in order, without boundaries.
        case stream
        /// Packets in order, of a connection.
        case sequencedPacket
        /// Packets without a connection, such as sd_notify(3) takes.
        case datagram

        var type: Int32 {
            switch self {
            case .stream: Int32(SOCK_STREAM.rawValue)
            case .sequencedPacket: Int32(SOCK_SEQPACKET.rawValue)
            case .datagram: Int32(SOCK_DGRAM.rawValue)
            }
        }
    }

    /// The most bytes a socket's path may have: `sun_path` holds 108, the last of them NUL.
    public static let maximumPathLength = 107

    /// The most descriptors that one message carries.
    public static let maximumDescriptors = Int(CPOSIX_MAXIMUM_DESCRIPTORS)

    /// Connects to the socket of that path.
    ///
    /// - Parameter abstract: the path is a name without a file, which other programs write with a leading `@`; give it
    ///   without.
    /// - Throws: among others ENOENT (no such path) and ECONNREFUSED (no one listens); ENAMETOOLONG.
    public static func connect(
        _ path: String, kind: Kind = .stream, abstract: Bool = false
    ) throws(SystemError) -> Descriptor {
        var address = try Address(path, abstract: abstract, call: "connect")
        let socket = try create(kind, path: path)
        let number = socket.number
        _ = try systemCall("connect", on: path) {
            address.withPointer { Glibc.connect(number, $0, $1) }
        }
        return socket
    }

    /// Makes a socket of that path and listens on it.
    ///
    /// - Parameter backlog: how many may be connected and not yet accepted.
    /// - Throws: among others EADDRINUSE (the path exists, whoever listens) and ENAMETOOLONG.
    public static func listen(
        _ path: String, backlog: Int32, kind: Kind = .stream
    ) throws(SystemError) -> Descriptor {
        var address = try Address(path, abstract: false, call: "bind")
        let socket = try create(kind, path: path)
        let number = socket.number
        _ = try systemCall("bind", on: path) {
            address.withPointer { Glibc.bind(number, $0, $1) }
        }
        do throws(SystemError) {
            _ = try systemCall("listen", on: path) { Glibc.listen(number, backlog) }
        } catch {
            unlink(path)
            throw error
        }
        return socket
    }

    /// The next connection to a listening socket. EINVAL once another thread has called ``shutdown(_:_:name:)`` on it.
    public static func accept(
        _ listening: borrowing Descriptor, name: String? = nil
    ) throws(SystemError) -> Descriptor {
        let number = listening.number
        return Descriptor(owning: try systemCall("accept", on: nameOf(listening, name)) { cposix_accept(number) })
    }

    /// Whether a descriptor is a socket that connections can be accepted from (SO_ACCEPTCONN of socket(7)).
    public static func isListening(_ socket: borrowing Descriptor) -> Bool {
        var listens: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(socket.number, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0
    }

    /// Two sockets that are connected to each other.
    public static func pair(kind: Kind = .stream) throws(SystemError) -> DescriptorPair {
        var ends: [Int32] = [-1, -1]
        _ = try systemCall("socketpair", on: "socket pair") {
            socketpair(AF_UNIX, kind.type | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
        }
        return DescriptorPair(Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
    }

    private static func create(_ kind: Kind, path: String) throws(SystemError) -> Descriptor {
        Descriptor(
            owning: try systemCall("socket", on: path) {
                socket(AF_UNIX, kind.type | Int32(SOCK_CLOEXEC.rawValue), 0)
            })
    }
}

extension LocalSocket {
    /// Who is at the other end, as the kernel saw them when they called connect, listen or socketpair.
    public struct Credentials: Equatable, Sendable {
        /// The process number.
        public let process: Int32
        /// The effective user.
        public let user: UInt32
        /// The effective group.
        public let group: UInt32
    }

    /// Who is at the other end of a connection (SO_PEERCRED of unix(7)).
    public static func peerCredentials(
        _ socket: borrowing Descriptor, name: String? = nil
    ) throws(SystemError) -> Credentials {
        let number = socket.number
        var (process, user, group): (Int32, UInt32, UInt32) = (0, 0, 0)
        _ = try systemCall("getsockopt", on: nameOf(socket, name)) {
            cposix_peer_credentials(number, &process, &user, &group)
        }
        return Credentials(process: process, user: user, group: group)
    }

    /// Lets a receive that long without a byte fail with EAGAIN (SO_RCVTIMEO of socket(7)). Nil or 0: never.
    public static func setReceiveTimeout(
        _ socket: borrowing Descriptor, seconds: Double?, name: String? = nil
    ) throws(SystemError) {
        try setTimeout(SO_RCVTIMEO, socket, seconds: seconds, name: name)
    }

    /// Lets a send that makes no progress for that long fail with EAGAIN (SO_SNDTIMEO of socket(7)). Nil or 0: never.
    public static func setSendTimeout(
        _ socket: borrowing Descriptor, seconds: Double?, name: String? = nil
    ) throws(SystemError) {
        try setTimeout(SO_SNDTIMEO, socket, seconds: seconds, name: name)
    }

    private static func setTimeout(
        _ option: Int32, _ socket: borrowing Descriptor, seconds: Double?, name: String?
    ) throws(SystemError) {
        let number = socket.number
        let wanted = seconds ?? 0
        // Not a number is refused as well: it compares as false.
        guard wanted >= 0, wanted <= 1e9 else {
            throw SystemError(call: "setsockopt", subject: "\(nameOf(socket, name)): \(wanted) seconds", code: EINVAL)
        }
        // A time below one microsecond would read as none at all.
        let microseconds = wanted > 0 ? max(Int(wanted * 1e6), 1) : 0
        var time = timeval(tv_sec: microseconds / 1_000_000, tv_usec: microseconds % 1_000_000)
        _ = try systemCall("setsockopt", on: nameOf(socket, name)) {
            setsockopt(number, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    /// Which half of a connection ends.
    public enum Direction: Sendable {
        /// Nothing more is received.
        case receive
        /// Nothing more is sent; the peer receives the end.
        case send
        /// Neither.
        case both
    }

    /// Ends a connection without closing the descriptor, so that a thread that waits on it wakes (shutdown(2)).
    public static func shutdown(
        _ socket: borrowing Descriptor, _ direction: Direction = .both, name: String? = nil
    ) throws(SystemError) {
        let number = socket.number
        let how =
            switch direction {
            case .receive: Int32(SHUT_RD)
            case .send: Int32(SHUT_WR)
            case .both: Int32(SHUT_RDWR)
            }
        _ = try systemCall("shutdown", on: nameOf(socket, name)) { Glibc.shutdown(number, how) }
    }
}

/// A path as bind(2) and connect(2) want it.
private struct Address {
    private var address = sockaddr_un()
    private let length: socklen_t

    init(_ path: String, abstract: Bool, call: String) throws(SystemError) {
        try refuseNUL(in: path, call: call)
        let count = path.utf8.count
        guard count <= LocalSocket.maximumPathLength else {
            let reason = "path is \(count) bytes and a socket's path may be at most \(LocalSocket.maximumPathLength)"
            throw SystemError(call: call, subject: "\(path): \(reason)", code: ENAMETOOLONG)
        }
        // The kernel would take an empty path for the wish for any abstract name.
        guard count > 0 else {
            throw SystemError(call: call, subject: "empty socket path", code: ENOENT)
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { place in
            let text = UnsafeMutableRawBufferPointer(rebasing: place[(abstract ? 1 : 0)...])
            text.copyBytes(from: path.utf8)
        }
        // An abstract name begins with NUL and ends where the length says; a path ends with NUL.
        let head = MemoryLayout<sockaddr_un>.size - MemoryLayout.size(ofValue: address.sun_path)
        length = socklen_t(head + count + 1)
    }

    mutating func withPointer(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        let length = length
        return withUnsafePointer(to: &address) { place in
            place.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}
