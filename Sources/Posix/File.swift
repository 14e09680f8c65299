import CPosix
import Glibc

/// Files by path and by descriptor: opening, names and directories. Reading and writing are in extensions.
///
/// `name` in these calls is what an error calls the descriptor, usually its path; without one it is `descriptor 5`.
public enum File {
    /// What an opened file may be used for.
    public enum OpenMode: Sendable {
        /// O_RDONLY.
        case read
        /// O_WRONLY.
        case write
        /// O_RDWR.
        case readWrite
        /// O_WRONLY and O_APPEND: every write goes to the end.
        case append
    }

    /// That a file is created where there is none.
    public struct CreateMode: Sendable {
        /// Permission bits of the new file, from which umask(2) takes some.
        public let permissions: UInt32
        /// EEXIST where something has that path already, be it a symbolic link (O_EXCL).
        public let exclusive: Bool
        /// A file that was there becomes empty (O_TRUNC).
        public let truncate: Bool

        /// A file of that many permissions.
        public init(permissions: UInt32, exclusive: Bool = false, truncate: Bool = false) {
            self.permissions = permissions
            self.exclusive = exclusive
            self.truncate = truncate
        }
    }

    /// Opens a file, close-on-exec (open(2)). A terminal does not become the controlling one.
    public static func open(
        _ path: String, _ mode: OpenMode, create: CreateMode? = nil
    ) throws(SystemError) -> Descriptor {
        var flags = O_CLOEXEC | O_NOCTTY
        switch mode {
        case .read: flags |= O_RDONLY
        case .write: flags |= O_WRONLY
        case .readWrite: flags |= O_RDWR
        case .append: flags |= O_WRONLY | O_APPEND
        }
        if let create {
            flags |= O_CREAT | (create.exclusive ? O_EXCL : 0) | (create.truncate ? O_TRUNC : 0)
        }
        return Descriptor(
            owning: try systemCall("open", path: path) { Glibc.open($0, flags, create?.permissions ?? 0) })
    }

    /// What an open descriptor is (fstat(2)).
    public static func status(
        _ descriptor: borrowing Descriptor, name: String? = nil
    ) throws(SystemError) -> FileStatus {
        let number = descriptor.number
        var status = stat()
        _ = try systemCall("fstat", on: nameOf(descriptor, name)) { fstat(number, &status) }
        return FileStatus(status)
    }

    /// What a path is (stat(2)); of a symbolic link itself when links are not followed (lstat(2)).
    public static func status(path: String, followsLinks: Bool = true) throws(SystemError) -> FileStatus {
        var status = stat()
        if followsLinks {
            _ = try systemCall("stat", path: path) { stat($0, &status) }
        } else {
            _ = try systemCall("lstat", path: path) { lstat($0, &status) }
        }
        return FileStatus(status)
    }

    /// Takes a name that is no directory's out of its directory (unlink(2)).
    public static func remove(_ path: String) throws(SystemError) {
        _ = try systemCall("unlink", path: path) { unlink($0) }
    }

    /// Removes an empty directory (rmdir(2)).
    public static func removeDirectory(_ path: String) throws(SystemError) {
        _ = try systemCall("rmdir", path: path) { rmdir($0) }
    }

    /// Gives a file a second name (link(2)). EEXIST where something has that name.
    public static func link(_ path: String, to newPath: String) throws(SystemError) {
        try refuseNUL(in: path, call: "link")
        try refuseNUL(in: newPath, call: "link")
        _ = try systemCall("link", on: "\(path) to \(newPath)") { Glibc.link(path, newPath) }
    }

    /// Gives a file another name, in one step, in place of what had that name (rename(2)).
    public static func rename(_ path: String, to newPath: String) throws(SystemError) {
        try refuseNUL(in: path, call: "rename")
        try refuseNUL(in: newPath, call: "rename")
        _ = try systemCall("rename", on: "\(path) to \(newPath)") { Glibc.rename(path, newPath) }
    }

    /// Makes a directory, with permission bits from which umask(2) takes some (mkdir(2)). EEXIST where there is one.
    public static func createDirectory(_ path: String, permissions: UInt32) throws(SystemError) {
        _ = try systemCall("mkdir", path: path) { mkdir($0, permissions) }
    }

    /// Sets the permission bits (chmod(2)).
    public static func changeMode(_ path: String, _ permissions: UInt32) throws(SystemError) {
        _ = try systemCall("chmod", path: path) { chmod($0, permissions) }
    }

    /// Sets the permission bits of an open file (fchmod(2)).
    public static func changeMode(
        _ descriptor: borrowing Descriptor, _ permissions: UInt32, name: String? = nil
    ) throws(SystemError) {
        let number = descriptor.number
        _ = try systemCall("fchmod", on: nameOf(descriptor, name)) { fchmod(number, permissions) }
    }

    /// Sets the owner and the group of an open file (fchown(2)); nil leaves one as it is.
    public static func changeOwner(
        _ descriptor: borrowing Descriptor, user: UInt32?, group: UInt32?, name: String? = nil
    ) throws(SystemError) {
        let number = descriptor.number
        _ = try systemCall("fchown", on: nameOf(descriptor, name)) { fchown(number, user ?? .max, group ?? .max) }
    }

    /// Makes a file that many bytes long; what is new is zero (ftruncate(2)).
    public static func truncate(
        _ descriptor: borrowing Descriptor, size: UInt64, name: String? = nil
    ) throws(SystemError) {
        let number = descriptor.number
        guard let length = off_t(exactly: size) else {
            throw SystemError(call: "ftruncate", subject: nameOf(descriptor, name), code: EFBIG)
        }
        _ = try systemCall("ftruncate", on: nameOf(descriptor, name)) { ftruncate(number, length) }
    }

    /// Finds room for that many bytes of a file, which is that long afterwards if it was shorter (fallocate(2)). EOPNOTSUPP
    /// where the file system cannot.
    public static func allocate(
        _ descriptor: borrowing Descriptor, size: UInt64, name: String? = nil
    ) throws(SystemError) {
        let number = descriptor.number
        guard let length = off_t(exactly: size) else {
            throw SystemError(call: "fallocate", subject: nameOf(descriptor, name), code: EFBIG)
        }
        _ = try systemCall("fallocate", on: nameOf(descriptor, name)) { cposix_allocate(number, length) }
    }

    /// Returns once the file's content is on its device (fsync(2)).
    public static func synchronize(_ descriptor: borrowing Descriptor, name: String? = nil) throws(SystemError) {
        let number = descriptor.number
        _ = try systemCall("fsync", on: nameOf(descriptor, name)) { fsync(number) }
    }

    /// Locks an open file (flock(2)) until the last descriptor of that opening is closed, or ``unlock(_:name:)``.
    ///
    /// - Parameters:
    ///   - exclusive: alone, rather than with others who share it.
    ///   - wait: until the lock is free.
    /// - Returns: whether the lock is held; false only where `wait` is false and another has it.
    public static func lock(
        _ descriptor: borrowing Descriptor, exclusive: Bool, wait: Bool, name: String? = nil
    ) throws(SystemError) -> Bool {
        let number = descriptor.number
        let operation = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB)
        do throws(SystemError) {
            _ = try systemCall("flock", on: nameOf(descriptor, name)) { flock(number, operation) }
        } catch {
            if error.code == EWOULDBLOCK { return false }
            throw error
        }
        return true
    }

    /// Gives a lock back before the file is closed.
    public static func unlock(_ descriptor: borrowing Descriptor, name: String? = nil) throws(SystemError) {
        let number = descriptor.number
        _ = try systemCall("flock", on: nameOf(descriptor, name)) { flock(number, LOCK_UN) }
    }

    /// Whether a descriptor number is a terminal (isatty(3)).
    public static func isTerminal(_ number: Int32) -> Bool {
        isatty(number) == 1
    }
}
