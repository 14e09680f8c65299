import ModlinkInterface
import Posix

/// The socket that clients connect to: made here, or handed over by who started the daemon.
struct ListeningSocket: ~Copyable {
    private let descriptor: Descriptor
    /// Held from before the socket is made until the daemon is ready; nil when who started the daemon holds it.
    private let lock: SharedDescriptor?
    /// Whether nobody else will listen on the socket after this daemon.
    let isOwn: Bool

    var number: Int32 { descriptor.number }

    /// The socket that was passed, else a new one.
    static func open(_ directory: RuntimeDirectory, isPassedByTool: Bool) throws(Failure) -> ListeningSocket {
        if Environment.value("LISTEN_PID") == "\(CurrentProcess.number)", let count = Environment.value("LISTEN_FDS"),
            count != "0"
        {
            return try passed(count, isPassedByTool: isPassedByTool)
        }
        return try make(directory)
    }

    /// Takes descriptor 3 (sd_listen_fds(3)).
    private static func passed(_ count: String, isPassedByTool: Bool) throws(Failure) -> ListeningSocket {
        guard count == "1" else {
            throw Failure(
                .systemFailure, subject: "LISTEN_FDS", reason: "\(count) sockets were passed; modlinkd listens on one")
        }
        let descriptor = Descriptor(owning: 3)
        // Waiting for connections to something else would fail without end.
        guard LocalSocket.isListening(descriptor) else {
            throw Failure(
                .systemFailure, subject: "LISTEN_FDS", reason: "descriptor 3 is no socket that somebody listens on")
        }
        try Failure.naming("LISTEN_FDS") { () throws(SystemError) in
            try descriptor.setCloseOnExec(true)
            // They are not for the space.
            for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { try Environment.set(name, nil) }
        }
        return ListeningSocket(descriptor: descriptor, lock: nil, isOwn: isPassedByTool)
    }

    private static func make(_ directory: RuntimeDirectory) throws(Failure) -> ListeningSocket {
        let lock = try Failure.naming(directory.lock) { () throws(SystemError) in
            let file = try File.open(directory.lock, .readWrite, create: File.CreateMode(permissions: 0o600))
            _ = try File.lock(file, exclusive: true, wait: true)
            return SharedDescriptor(file)
        }
        guard (try? LocalSocket.connect(directory.socket)) == nil else {
            throw Failure(
                .systemFailure, subject: directory.socket,
                reason: "a daemon is running already; end it with 'modlinkd --stop'")
        }
        try? File.remove(directory.socket)
        let descriptor = try Failure.naming(directory.socket) { () throws(SystemError) in
            try LocalSocket.listen(directory.socket, backlog: 128)
        }
        return ListeningSocket(descriptor: descriptor, lock: lock, isOwn: true)
    }

    func accept() throws(SystemError) -> Descriptor {
        try LocalSocket.accept(descriptor)
    }

    /// The daemon is ready: whoever waits for the lock finds it listening.
    func letOthersStart() {
        guard let lock else { return }
        try? File.unlock(lock.descriptor)
    }
}
