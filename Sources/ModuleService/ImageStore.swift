import ELFFormat
import Linking
import ModlinkInterface
import ObjectModel
import Posix

/// The folder of the linked images: one ELF file a module, which the space maps.
struct ImageStore: Sendable {
    private let path: String

    /// Empties the folder, or makes it.
    init(_ directory: RuntimeDirectory) throws(Failure) {
        path = directory.images
        do throws(SystemError) {
            do throws(SystemError) {
                try File.createDirectory(path, permissions: 0o700)
            } catch {
                guard error.code == ErrorCode.fileExists else { throw error }
            }
        } catch {
            throw Failure(.systemFailure, subject: path, reason: "\(error)")
        }
        removeAll()
    }

    func path(of module: String) -> String { path + "/" + module }

    /// Makes the image of a module: a new file that is mapped, written by `emit`, and completed with headers and symbols.
    func write(
        _ name: String, size: UInt64, emit: (inout MutableRawSpan) throws(LinkFailure) -> LinkedModule
    ) throws(ImageError) -> LinkedModule {
        do {
            let file = path(of: name)
            try? File.remove(file)
            let descriptor = try File.open(file, .readWrite, create: File.CreateMode(permissions: 0o700, exclusive: true))
            try File.truncate(descriptor, to: size, name: file)
            var mapping = try Mapping(descriptor, size: Int(size), writable: true, shared: true, name: file)
            var bytes = mapping.mutableBytes
            let linked = try emit(&bytes)
            _ = consume mapping
            let parts = ELFImageWriter.encode(linked.image)
            try File.write(descriptor, parts.header, at: 0, name: file)
            try File.write(descriptor, parts.tail, at: parts.tailOffset, name: file)
            return linked
        } catch let error as SystemError {
            throw .system(error)
        } catch let error as LinkFailure {
            throw .link(error)
        } catch {
            throw .link(LinkFailure([LinkProblem(subject: name, reason: "\(error)")]))
        }
    }

    /// A descriptor of an image, to read.
    func open(_ name: String) throws(SystemError) -> Descriptor {
        try File.open(path(of: name), .read)
    }

    /// A copy of an image that can be mapped as code wherever the folder is: file systems that are mounted noexec refuse it.
    func copyInMemory(_ name: String) throws(SystemError) -> Descriptor {
        let bytes = try File.read(path: path(of: name), limit: 1 << 31)
        let memory = try MemoryFile.create(name: "modlink:\(name)")
        try File.writeAll(memory, bytes, name: name)
        return memory
    }

    func remove(_ name: String) {
        try? File.remove(path(of: name))
    }

    func removeAll() {
        for name in (try? File.list(path)) ?? [] { try? File.remove(path + "/" + name) }
    }
}

/// Why an image was not made.
enum ImageError: Error {
    case system(SystemError)
    case link(LinkFailure)
}
