import ModlinkInterface
import ObjectModel
import Posix

/// What a daemon has put into its runtime directory, told from what another daemon may have put into the same place since: somebody can
/// remove the directory, or rename it, while the daemon runs, and then the next tool starts another daemon under the same path.
struct OwnFiles: Sendable {
    private let directory: RuntimeDirectory
    /// The directory itself, whatever its path is now.
    private let folder: SharedDescriptor
    private let folderIdentity: Identity
    /// Nil where somebody else listens after this daemon.
    private let socket: Identity?
    private let process: Identity

    /// A file as the system knows it: its name may have become another's.
    private struct Identity: Equatable {
        let device: UInt64
        let inode: UInt64

        init(_ status: FileStatus) { (device, inode) = (status.device, status.inode) }
    }

    /// Notes the directory, the file with the process number and, where it is the daemon's own, the socket: all are in place.
    init(_ directory: RuntimeDirectory, ownsSocket: Bool) throws(SystemError) {
        self.directory = directory
        folder = SharedDescriptor(try File.open(directory.path, .read))
        folderIdentity = Identity(try File.status(folder.descriptor, name: directory.path))
        process = Identity(try File.status(path: directory.process, followsLinks: false))
        socket = ownsSocket ? Identity(try File.status(path: directory.socket, followsLinks: false)) : nil
    }

    /// What a daemon has left that was killed; nil when it is not there.
    init?(left directory: RuntimeDirectory) {
        let hasSocket = (try? File.status(path: directory.socket, followsLinks: false)) != nil
        guard let files = try? OwnFiles(directory, ownsSocket: hasSocket) else { return nil }
        self = files
    }

    /// The paths whose end ``loss`` tells of: for the kernel to watch.
    var watched: [String] { [directory.path] + (socket == nil ? [] : [directory.socket]) }

    /// Why nobody can reach this daemon any more; nil while somebody can.
    var loss: String? {
        guard let status = try? File.status(path: directory.path) else { return "the runtime directory has gone" }
        guard Identity(status) == folderIdentity else { return "another runtime directory has taken its place" }
        guard let socket else { return nil }
        guard let now = Self.identity(directory.socket) else { return "the socket has gone" }
        return now == socket ? nil : "another socket has taken its place"
    }

    /// Takes the lock of those who start a daemon: while it is held no other one comes into being whose files could be taken for these.
    /// Nil when it is not to be had soon.
    func lock() -> SharedDescriptor? {
        guard let file = try? File.open(place.lock, .readWrite) else { return nil }
        for _ in 0..<Self.attempts {
            if (try? File.lock(file, exclusive: true, wait: false)) == true { return SharedDescriptor(file) }
            var nothing: [PollEntry] = []
            _ = try? Poll.wait(&nothing, timeout: Self.pause)
        }
        return nil
    }

    /// How often the lock is asked for, and the milliseconds between: a tool that starts a daemon holds it as long as that takes.
    private static let attempts = 100
    private static let pause = 10

    /// Takes the socket away, so that nobody connects who would get no answer.
    func removeSocket() {
        if let socket, Self.identity(place.socket) == socket { try? File.remove(place.socket) }
    }

    /// Takes away what else is this daemon's. Files that are not told apart one by one, images and symbol tables, are those of the
    /// daemon whose process number is there.
    func remove() {
        removeSocket()
        guard hasImages else { return }
        let place = place
        for name in (try? File.list(place.images)) ?? [] { try? File.remove(place.images + "/" + name) }
        for space in Architecture.allCases { try? File.remove(place.symbols(of: space)) }
        try? File.remove(place.spareImage)
        try? File.remove(place.process)
    }

    /// Whether images and symbol tables of the directory's path are this daemon's.
    var isInPlace: Bool { Self.identity(directory.path) == folderIdentity && hasImages }

    private var hasImages: Bool {
        let present = Self.identity(place.process)
        return present == nil || present == process
    }

    /// Where the directory is now: a path that leads to it even when its own path leads elsewhere.
    private var place: RuntimeDirectory {
        Self.identity(directory.path) == folderIdentity
            ? directory : RuntimeDirectory(path: "/proc/self/fd/\(folder.descriptor.number)")
    }

    private static func identity(_ path: String) -> Identity? {
        (try? File.status(path: path, followsLinks: false)).map(Identity.init)
    }
}
