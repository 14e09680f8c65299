import ELFFormat
import Linking
import ModlinkInterface
import ObjectModel
import Posix

/// The folder of the linked images: one ELF file a module, which the space maps.
struct ImageStore: Sendable {
    private let path: String
    private let scratch = ScratchStore()
    private let writer: BackgroundWriter

    /// Empties the folder, or makes it.
    init(_ directory: RuntimeDirectory) throws(Failure) {
        path = directory.images
        let path = path
        try Failure.naming(path) { () throws(SystemError) in
            do throws(SystemError) {
                try File.createDirectory(path, permissions: 0o700)
            } catch {
                guard error.code == ErrorCode.fileExists else { throw error }
            }
        }
        writer = try Failure.naming("writer") { () throws(SystemError) in try BackgroundWriter() }
        removeAll()
    }

    func path(of module: String) -> String { path + "/" + module }

    /// Begins the image of a module: a new file. While the module is linked, the kernel finds room for it.
    ///
    /// - Parameter expectedSize: bytes, about.
    func begin(_ name: String, expectedSize: UInt64) throws(Failure) -> PendingImage {
        let file = path(of: name)
        try? File.remove(file)
        let descriptor = SharedDescriptor(
            try Failure.naming(file) { () throws(SystemError) in
                try File.open(file, .write, create: File.CreateMode(permissions: 0o700, exclusive: true))
            })
        let isLarge = expectedSize > Self.smallSize
        let room =
            isLarge
            ? writer.perform { () throws(SystemError) in
                try File.reserve(descriptor.descriptor, size: expectedSize, name: file)
            } : nil
        return PendingImage(name: name, descriptor: descriptor, room: room)
    }

    /// Room for less is found as fast as it is asked for.
    private static let smallSize: UInt64 = 64 << 10

    /// Completes the image of a module: its bytes are written into memory, and they and the headers and symbols go to the file.
    /// While one thread gives the bytes to the kernel, the other makes the symbols.
    ///
    /// (A shared mapping of the file would spare the copy, and was slower by two thirds: each of its pages is a fault.)
    func complete(_ image: PendingImage, module index: Int, of linker: Linker) throws(Failure) -> LinkedModule {
        let file = path(of: image.name)
        let size = Int(linker.fileSizes[index])
        let memory = try Failure.naming(file) { () throws(SystemError) in try scratch.take(size) }
        defer { scratch.giveBack(memory) }
        let writes: [MemoryWrite]
        do throws(LinkFailure) {
            writes = try memory.change(size) { (bytes) throws(LinkFailure) in try linker.relocate(index, into: &bytes) }
        } catch {
            throw Failure(error)
        }
        let descriptor = image.descriptor
        let contents = writer.perform { () throws(SystemError) in
            try memory.read(size) { (bytes) throws(SystemError) in
                try File.write(descriptor.descriptor, bytes, at: 0, name: file)
            }
        }
        let linked = memory.read(size) { linker.module(index, contents: $0, writes: writes) }
        let parts = ELFImageWriter.encode(linked.image)
        let (room, written) = (image.room?.wait(), contents.wait())
        try Failure.naming(file) { () throws(SystemError) in
            try room?.get()
            try written.get()
            try File.write(descriptor.descriptor, parts.header, at: 0, name: file)
            try File.write(descriptor.descriptor, parts.tail, at: parts.tailOffset, name: file)
            // There may have been more room than it took.
            try File.truncate(descriptor.descriptor, size: parts.tailOffset + UInt64(parts.tail.count), name: file)
        }
        return linked
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

/// An image that is being made.
struct PendingImage {
    let name: String
    let descriptor: SharedDescriptor
    /// Fulfilled when the file has its room.
    let room: Promise<Result<Void, SystemError>>?
}
