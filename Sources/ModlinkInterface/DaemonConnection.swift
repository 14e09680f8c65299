import ObjectModel
import Posix
import Varlink

/// Finds the daemon of a runtime directory, and starts it when there is none.
public enum DaemonConnection {
    /// A client of the daemon.
    ///
    /// - Parameters:
    ///   - starts: whether a daemon is started when no one listens.
    ///   - answersWithin: how many seconds each answer may take; nil: as long as it wants.
    ///   - warn: gets what there is to say when one is started: of the runtime directory, and of one that was killed.
    public static func open(
        _ directory: RuntimeDirectory = .standard(), starts: Bool = true, answersWithin seconds: Double? = nil,
        warn: (String) -> Void = { _ in }
    ) throws(Failure) -> Client {
        if let socket = try connect(directory) {
            try? LocalSocket.setReceiveTimeout(socket, seconds: seconds)
            return Client(Connection(socket))
        }
        guard starts else {
            throw Failure(
                .unavailable, subject: directory.socket, reason: "no daemon listens there; start one with 'modlinkd'")
        }
        try directory.prepare()
        if let warning = directory.warning { warn(warning) }
        try start(directory, warn: warn)
        guard let socket = try connect(directory) else {
            throw Failure(
                .unavailable, subject: directory.socket,
                reason: "the daemon that was started does not listen; see \(directory.log)")
        }
        return Client(Connection(socket))
    }

    /// What an error of a call says; where the two may not understand each other, whether that is because they are of different
    /// versions. Only then is the daemon asked for its own.
    public static func failure(_ error: VarlinkError, _ directory: RuntimeDirectory = .standard()) -> Failure {
        switch error {
        case .transport, .closed, .unusable: return Failure(error)
        case .remote(let remote) where !remote.name.hasPrefix("org.varlink.service."): return Failure(error)
        default: break
        }
        guard let version = otherVersion(directory) else { return Failure(error) }
        return Failure(
            .unavailable, subject: "modlinkd",
            reason:
                "the daemon is of version \(version), and this tool of \(Product.version): end it with 'modlinkd --stop', and the next tool starts one of its own version"
        )
    }

    /// The version of the daemon that runs, where that is not the one of this program.
    public static func otherVersion(_ directory: RuntimeDirectory = .standard()) -> String? {
        guard var client = try? open(directory, starts: false, answersWithin: 10),
            let answer = try? client.call(ServiceInterface.GetInfo.self, Empty())
        else { return nil }
        let version = answer.reply.version
        guard version != Product.version else { return nil }
        let bytes = Array(version.utf8.prefix(64))
        return printable(bytes, NameRange(offset: 0, count: UInt32(bytes.count)))
    }

    /// Connects to who listens; nil when no one does.
    static func connect(_ directory: RuntimeDirectory) throws(Failure) -> Descriptor? {
        do throws(SystemError) {
            let socket = try LocalSocket.connect(directory.socket)
            try checkPeer(socket, directory)
            return socket
        } catch {
            switch error.code {
            case ErrorCode.noSuchFile, ErrorCode.connectionRefused: return nil
            case ErrorCode.permissionDenied, ErrorCode.notPermitted:
                throw Failure(
                    .permissionDenied, subject: directory.socket,
                    reason: "the daemon of another user; choose a directory of your own with MODLINK_RUNTIME_DIR")
            case ErrorCode.nameTooLong: throw directory.socketPathTooLong
            default: throw Failure(.unavailable, subject: directory.socket, reason: "cannot connect: \(error.reason)")
            }
        }
    }

    /// What a daemon of another user answers is not to be believed.
    private static func checkPeer(_ socket: borrowing Descriptor, _ directory: RuntimeDirectory) throws(SystemError) {
        let peer = try LocalSocket.peerCredentials(socket, name: directory.socket)
        guard peer.user == User.effective || peer.user == 0 || User.effective == 0 else {
            throw SystemError(call: "connect", subject: directory.socket, code: ErrorCode.permissionDenied)
        }
    }

    /// Starts a daemon, or waits for the one that someone else is starting.
    ///
    /// Whoever holds the lock binds the socket and hands it to the daemon as systemd would (sd_listen_fds(3)); the lock is let go when
    /// the daemon says that it is ready. So of many that try at once one starts a daemon, and the others find it listening.
    ///
    /// - Parameters:
    ///   - options: more options for the daemon that is started.
    ///   - warn: is told of a daemon before it that was killed.
    public static func start(
        _ directory: RuntimeDirectory, options: [String] = [], warn: (String) -> Void = { _ in }
    ) throws(Failure) {
        let complaint = try Failure.naming("modlinkd", .unavailable) { () throws(SystemError) in
            let lock = try File.open(directory.lock, .readWrite, create: File.CreateMode(permissions: 0o600))
            _ = try File.lock(lock, exclusive: true, wait: true)
            guard (try? LocalSocket.connect(directory.socket)) == nil else { return "" }
            // The daemon that is started takes its remains away: this is said once.
            if let killed = KilledDaemon(directory) { warn(killed.description) }
            try? File.remove(directory.socket)
            let listening = try LocalSocket.listen(directory.socket, backlog: 128)
            let complaint = try launch(directory, listening, options)
            if !complaint.isEmpty { try? File.remove(directory.socket) }
            return complaint
        }
        guard complaint.isEmpty else {
            // The daemon's own lines say what is wrong, and begin with its name.
            let lines = complaint.split(separator: "\n").map { $0.hasPrefix("modlinkd: ") ? $0.dropFirst(10) : $0 }
            throw Failure(
                .unavailable, subject: "modlinkd", place: "cannot be started", reason: lines.joined(separator: "; "))
        }
    }

    /// Runs modlinkd with the listening socket as descriptor 3, and waits until it is ready: then it closes its standard error,
    /// a pipe from here. What it wrote there is why it is not.
    private static func launch(
        _ directory: RuntimeDirectory, _ listening: borrowing Descriptor, _ options: [String]
    ) throws(SystemError) -> String {
        let executable = try Programs.path(of: "modlinkd")
        let pipe = try DescriptorPair.pipe()
        let null = try File.open("/dev/null", .readWrite)
        var variables = Environment.all().filter {
            !["LISTEN_FDS=", "LISTEN_FDNAMES=", "NOTIFY_SOCKET=", "JOURNAL_STREAM=", "MODLINK_RUNTIME_DIR="].contains(
                where: $0.hasPrefix)
        }
        variables += ["LISTEN_FDS=1", "MODLINK_RUNTIME_DIR=\(directory.path)"]
        _ = try ChildProcess.spawn(
            executable: executable, arguments: ["--foreground", "--detach-when-ready"] + options,
            environment: variables,
            descriptors: [(null.number, 0), (null.number, 1), (pipe.second.number, 2), (listening.number, 3)],
            newSession: true, passesListenProcess: true)
        let reading = pipe.first
        // Kept open here, it would hide the daemon's closing it.
        try pipe.second.close()
        var text: [UInt8] = []
        while text.count < 65536 {
            let more = try File.readSome(reading, maximum: 4096)
            if more.isEmpty { break }
            text += more
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Finds the programs that belong together.
public enum Programs {
    /// The path of a program that is installed beside this one, or under `libexec/modlink` of the same prefix.
    public static func path(of name: String) throws(SystemError) -> String {
        let own = try CurrentProcess.executable()
        let folder = own.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let candidates = [folder + "/" + name, folder + "/../libexec/modlink/" + name, folder + "/../sbin/" + name]
        for candidate in candidates {
            if let status = try? File.status(path: candidate), status.isRegular { return candidate }
        }
        throw SystemError(call: "find", subject: candidates[0], code: ErrorCode.noSuchFile)
    }
}
