import Glibc

/// An entry of a directory.
public struct DirectoryEntry: Equatable, Sendable {
    /// What it is, as far as the directory says.
    public enum Kind: Sendable {
        case regular, directory, symbolicLink
        /// Something else, or the file system does not say.
        case other
    }

    /// Its name. Bytes that are not UTF-8 have become U+FFFD.
    public let name: String
    /// What it is.
    public let kind: Kind
}

extension File {
    /// The names in a directory, without `.` and `..`, sorted. Bytes of a name that are not UTF-8 become U+FFFD.
    public static func list(_ directory: String) throws(SystemError) -> [String] {
        try entries(directory).map(\.name)
    }

    /// The entries of a directory, without `.` and `..`, sorted by name.
    public static func entries(_ directory: String) throws(SystemError) -> [DirectoryEntry] {
        try refuseNUL(in: directory, call: "opendir")
        guard let stream = opendir(directory) else {
            throw SystemError(call: "opendir", subject: directory, code: errno)
        }
        defer { closedir(stream) }
        var entries: [DirectoryEntry] = []
        while true {
            // readdir(3) returns NULL at the end and on failure; errno tells them apart.
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { place in
                place.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: place.pointee)) {
                    String(cString: $0)
                }
            }
            guard name != ".", name != ".." else { continue }
            let kind: DirectoryEntry.Kind =
                switch Int(entry.pointee.d_type) {
                case Int(DT_REG): .regular
                case Int(DT_DIR): .directory
                case Int(DT_LNK): .symbolicLink
                default: .other
                }
            entries.append(DirectoryEntry(name: name, kind: kind))
        }
        let code = errno
        guard code == 0 else { throw SystemError(call: "readdir", subject: directory, code: code) }
        return entries.sorted { $0.name < $1.name }
    }
}
