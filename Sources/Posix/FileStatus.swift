import Glibc

/// What stat(2) and inode(7) say about a file.
public struct FileStatus: Equatable, Sendable {
    /// Bytes; of a regular file, a symbolic link or a memory file.
    public let size: UInt64
    /// Bytes on the device: those of holes are not among them.
    public let allocatedSize: UInt64
    /// How many names it has (link(2)).
    public let linkCount: UInt64
    /// The user who owns it.
    public let owner: UInt32
    /// The group that owns it.
    public let group: UInt32
    /// The twelve permission bits: 0o600, with set-user-ID 0o4000 and so on; without the file's type.
    public let mode: UInt32
    /// An ordinary file, or a memory file.
    public let isRegular: Bool
    /// A directory.
    public let isDirectory: Bool
    /// A socket, by path or by descriptor.
    public let isSocket: Bool
    /// A symbolic link; only where links are not followed.
    public let isSymbolicLink: Bool
    /// The device that holds the file; with ``inode`` it tells files apart.
    public let device: UInt64
    /// The file's number on its device.
    public let inode: UInt64
    /// When the content last changed: seconds since 1970, UTC.
    public let modifiedSeconds: Int64
    /// When the content last changed: nanoseconds after ``modifiedSeconds``, below 1,000,000,000.
    public let modifiedNanoseconds: Int64

    /// When the content, or what is said here, last changed, in nanoseconds since 1970, UTC: nobody can set it.
    public let changed: Int64

    /// When the content last changed, in nanoseconds since 1970, UTC.
    public var modified: Int64 { modifiedSeconds &* 1_000_000_000 &+ modifiedNanoseconds }

    init(_ status: stat) {
        size = UInt64(max(status.st_size, 0))
        // Counted by 512 on Linux, whatever the device's blocks have.
        allocatedSize = UInt64(max(status.st_blocks, 0)) &* 512
        linkCount = UInt64(status.st_nlink)
        owner = status.st_uid
        group = status.st_gid
        mode = status.st_mode & 0o7777
        let type = status.st_mode & S_IFMT
        isRegular = type == S_IFREG
        isDirectory = type == S_IFDIR
        isSocket = type == S_IFSOCK
        isSymbolicLink = type == S_IFLNK
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        modifiedSeconds = Int64(status.st_mtim.tv_sec)
        modifiedNanoseconds = Int64(status.st_mtim.tv_nsec)
        changed = Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec)
    }
}
