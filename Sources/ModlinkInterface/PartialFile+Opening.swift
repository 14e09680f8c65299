import ObjectModel
import Posix

extension PartialFile {
    /// Opens a file that is read in parts. It stays open as long as the value is there.
    ///
    /// - Parameters:
    ///   - name: what messages call it; nil: as its path.
    ///   - headSize: how many bytes of its start are read at once.
    public init(path: String, name: String? = nil, headSize: Int = 4096) throws(SystemError) {
        let file = SharedDescriptor(try File.open(path, .read))
        let size = try File.status(file.descriptor, name: path).size
        try self.init(file, size: size, path: path, name: name, headSize: headSize)
    }

    /// Reads a file that is open in parts.
    ///
    /// - Parameters:
    ///   - size: its size in bytes, as its status said.
    ///   - path: what errors of the system call it.
    ///   - name: as above.
    ///   - headSize: as above.
    public init(
        _ file: SharedDescriptor, size: UInt64, path: String, name: String? = nil, headSize: Int
    ) throws(SystemError) {
        let name = name ?? path
        let head = try File.read(file.descriptor, at: 0, count: min(Int(clamping: size), headSize), name: path)
        self.init(name: name, size: size, head: head) { (offset, count) throws(Problem) in
            do throws(SystemError) {
                return try File.read(file.descriptor, at: offset, count: count, name: name)
            } catch {
                throw Problem(subject: name, reason: "\(error.call): \(error.reason)")
            }
        }
    }
}
