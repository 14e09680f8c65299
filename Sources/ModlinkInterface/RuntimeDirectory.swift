import ObjectModel
import Posix

/// The folder that daemon and tools meet in: the socket, the images, the console.
public struct RuntimeDirectory: Sendable, Equatable {
    /// Its absolute path.
    public let path: String

    /// The folder at a path.
    public init(path: String) {
        self.path = path
    }

    /// The folder of this user: `$MODLINK_RUNTIME_DIR`, else `/run/modlink` for root, else `$XDG_RUNTIME_DIR/modlink`, else
    /// `/tmp/modlink-UID`.
    public static func standard() -> RuntimeDirectory {
        let directory = standard(user: User.effective, variable: Environment.value)
        // The daemon works elsewhere than the tool that starts it.
        guard !directory.path.hasPrefix("/"), let own = try? CurrentProcess.directory() else { return directory }
        return RuntimeDirectory(path: own + "/" + directory.path)
    }

    static func standard(user: UInt32, variable: (String) -> String?) -> RuntimeDirectory {
        if let path = variable("MODLINK_RUNTIME_DIR"), !path.isEmpty { return RuntimeDirectory(path: path) }
        if user == 0 { return RuntimeDirectory(path: "/run/modlink") }
        // A relative one is not valid: XDG Base Directory Specification.
        if let path = variable("XDG_RUNTIME_DIR"), path.hasPrefix("/") {
            return RuntimeDirectory(path: path + "/modlink")
        }
        return RuntimeDirectory(path: "/tmp/modlink-\(user)")
    }

    /// What is to be said of where the folder is, if anything: in `/tmp` it may not outlive an hour, and others may take its name first.
    public var warning: String? {
        path == "/tmp/modlink-\(User.effective)" && Environment.value("MODLINK_RUNTIME_DIR") != path
            ? "XDG_RUNTIME_DIR is not set: the runtime directory is \(path)" : nil
    }

    /// Where the daemon listens.
    public var socket: String { path + "/socket" }
    /// Held while a daemon is being started.
    public var lock: String { path + "/lock" }
    /// The daemon's process number.
    public var process: String { path + "/pid" }
    /// The linked modules, one ELF file each.
    public var images: String { path + "/images" }
    /// Room that is kept for the next image.
    public var spareImage: String { path + "/.spare-image" }
    /// The symbol table of the native space as an ELF file.
    public var symbols: String { path + "/ksyms" }
    /// The symbol table of a machine's space as an ELF file: beside the native one's, with the machine's name.
    public func symbols(of architecture: Architecture) -> String {
        architecture == .native ? symbols : symbols + "." + architecture.name
    }
    /// The indices of the folders of modules.
    public var index: String { path + "/index" }
    /// What there is of crashes: a folder each.
    public var crashes: String { path + "/crash" }
    /// What modules print.
    public var console: String { path + "/console" }
    /// What the daemon says when nobody else listens to it.
    public var log: String { path + "/log" }

    /// Makes the folder unless it is there, and makes sure that it is this user's alone.
    public func prepare() throws(Failure) {
        guard socket.utf8.count <= LocalSocket.maximumPathLength else { throw socketPathTooLong }
        do throws(SystemError) {
            try File.createDirectory(path, permissions: 0o700)
        } catch {
            guard error.code == ErrorCode.fileExists else {
                throw Failure(.unavailable, subject: path, reason: "cannot be made: \(error.reason)")
            }
        }
        try check()
    }

    /// Says that no socket can be there.
    var socketPathTooLong: Failure {
        Failure(
            .unavailable, subject: socket,
            reason:
                "\(socket.utf8.count) bytes, and a socket's path may have \(LocalSocket.maximumPathLength); choose another directory with MODLINK_RUNTIME_DIR"
        )
    }

    /// Makes sure that the folder is this user's alone: who could write there could pretend to be the daemon.
    public func check() throws(Failure) {
        let status: FileStatus
        do throws(SystemError) {
            status = try File.status(path: path, followsLinks: false)
        } catch {
            throw Failure(.unavailable, subject: path, reason: "the runtime directory: \(errorName(error.code))")
        }
        guard status.isDirectory else {
            throw Failure(
                .permissionDenied, subject: path, reason: "not a directory; choose another with MODLINK_RUNTIME_DIR")
        }
        // Of root too: another user could put a socket of their own in the place of the daemon's, or change images.
        guard status.owner == User.effective else {
            throw Failure(
                .permissionDenied, subject: path,
                reason:
                    "belongs to user \(status.owner), not to you (\(User.effective)); choose another with MODLINK_RUNTIME_DIR"
            )
        }
        guard status.mode & 0o022 == 0 else {
            throw Failure(.permissionDenied, subject: path, reason: "others may write there; 'chmod 700' it")
        }
    }
}
