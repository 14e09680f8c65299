import CPosix

/// Files without a path, in memory (memfd_create(2)).
public enum MemoryFile {
    /// An empty memory file, close-on-exec, for reading and writing.
    ///
    /// - Parameter name: what /proc shows, up to 249 bytes; it need not be unique.
    public static func create(name: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: try systemCall("memfd_create", path: name) { cposix_memory_file($0) })
    }
}
