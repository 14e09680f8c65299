import CPosix
import Glibc

/// Files without a path, in memory (memfd_create(2)), that can be sealed against every change.
public enum MemoryFile {
    private static let seals = CPOSIX_SEAL_SHRINK | CPOSIX_SEAL_GROW | CPOSIX_SEAL_WRITE

    /// An empty memory file, close-on-exec, for reading and writing.
    ///
    /// - Parameter name: what /proc shows, up to 249 bytes; it need not be unique.
    public static func create(name: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: try systemCall("memfd_create", path: name) { cposix_memory_file($0) })
    }

    /// Seals a memory file for good: nobody can shorten, lengthen or write it (F_ADD_SEALS of fcntl(2)).
    ///
    /// The descriptor must be open for writing (EPERM). EBUSY while a shared writable mapping of the file exists; EINVAL
    /// for what is no memory file.
    public static func seal(_ descriptor: borrowing Descriptor, name: String? = nil) throws(SystemError) {
        let number = descriptor.number
        _ = try systemCall("fcntl", on: nameOf(descriptor, name)) { cposix_add_seals(number, seals) }
    }

    /// Whether no one can change the file any more. False for everything that is no memory file.
    public static func isSealed(_ descriptor: borrowing Descriptor) -> Bool {
        let present = cposix_get_seals(descriptor.number)
        return present >= 0 && present & seals == seals
    }
}
