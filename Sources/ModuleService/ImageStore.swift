import ELFFormat
import Linking
import ModlinkInterface
import ObjectModel
import Posix

/// The folder of the linked images: one ELF file a module, which the space maps.
struct ImageStore: Sendable {
    private let path: String
    private let scratch = ScratchStore()
    private let spare: SpareFile
    private let retired = RetiredImages()

    /// Empties the folder, or makes it.
    init(_ directory: RuntimeDirectory) throws(Failure) {
        path = directory.images
        spare = SpareFile(path: directory.spareImage)
        let path = path
        try Failure.naming(path) { () throws(SystemError) in
            do throws(SystemError) {
                try File.createDirectory(path, permissions: 0o700)
            } catch {
                guard error.code == ErrorCode.fileExists else { throw error }
            }
        }
        removeAll()
    }

    func path(of module: String) -> String { path + "/" + module }

    /// Makes the image of a module: its bytes are written into memory, and they and the headers and symbols become a new file.
    /// What the file has beside the bytes is written while they are made.
    ///
    /// (A shared mapping of the file would spare the copy, and was slower by two thirds: each of its pages is a fault. To find
    /// room for the file on a second thread costs what it saves; hence the spare file.)
    ///
    /// - Parameter tell: is given the image as soon as it is known, without its build ID.
    func write(
        _ name: String, module index: Int, of linker: Linker, tell: @Sendable (Image) -> Void = { _ in }
    ) throws(Failure) -> LinkedModule {
        let file = path(of: name)
        let size = Int(linker.fileSizes[index])
        let memory = try Failure.naming(file) { () throws(SystemError) in try scratch.take(size) }
        defer { scratch.giveBack(memory) }
        try? File.remove(file)
        retired.forget(name)
        let linked: (module: LinkedModule, stored: Result<BegunImage, SystemError>)
        do throws(LinkFailure) {
            linked = try memory.change(size) { (bytes) throws(LinkFailure) in
                try linker.emit(index, into: &bytes) { image in
                    tell(image)
                    return Result { () throws(SystemError) in try begin(file, image) }
                } storing: { begun, bytes in
                    Result { () throws(SystemError) in
                        let begun = try begun.get()
                        try File.write(begun.file.descriptor, bytes, at: 0, name: file)
                        return begun
                    }
                }
            }
        } catch {
            throw Failure(error)
        }
        try Failure.naming(file) { () throws(SystemError) in
            let begun = try linked.stored.get()
            let header = begun.parts.header(buildID: linked.module.image.buildID)
            try File.write(begun.file.descriptor, header, at: 0, name: file)
        }
        return linked.module
    }

    /// A file that has all of an image but its bytes and its header.
    private struct BegunImage: Sendable {
        let file: SharedDescriptor
        let parts: EncodedImage
    }

    private func begin(_ file: String, _ image: Image) throws(SystemError) -> BegunImage {
        let parts = ELFImageWriter.encode(image)
        let whole = parts.tailOffset + UInt64(parts.tail.count)
        let descriptor = SharedDescriptor(try create(file, size: whole))
        try File.write(descriptor.descriptor, parts.tail, at: parts.tailOffset, name: file)
        try File.truncate(descriptor.descriptor, size: whole, name: file)
        return BegunImage(file: descriptor, parts: parts)
    }

    /// A new file, perhaps with room for its bytes already, and then perhaps longer.
    private func create(_ file: String, size: UInt64) throws(SystemError) -> Descriptor {
        if let descriptor = spare.take(as: file, size) { return descriptor }
        return try File.open(file, .write, create: File.CreateMode(permissions: 0o700, exclusive: true))
    }

    /// Makes room for another image as large as that of a module, for when there is nothing else to do.
    func prepareNext(like name: String) {
        scratch.clear()
        guard let status = try? File.status(path: path(of: name)) else { return }
        spare.prepare(UInt64(status.size))
    }

    /// Keeps no more than an idle daemon may.
    func rest() {
        scratch.rest()
        spare.rest()
    }

    /// A descriptor of an image, to read.
    func open(_ name: String) throws(SystemError) -> Descriptor {
        try File.open(path(of: name), .read)
    }

    /// A descriptor of an image, to read and to write.
    func openToChange(_ name: String) throws(SystemError) -> Descriptor {
        try File.open(path(of: name), .readWrite)
    }

    /// Writes bytes into an image that is mapped already.
    func change(_ name: String, _ bytes: [UInt8], at offset: UInt64) throws(SystemError) {
        let file = path(of: name)
        try File.write(try File.open(file, .write), bytes, at: offset, name: file)
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

    /// Removes the image of a module that has been unloaded, unless perf(1) may still want it.
    func retire(_ name: String) {
        if !retired.keeps(name) { remove(name) }
        removeUnneeded()
    }

    /// Removes images that perf(1) wants no longer.
    func removeUnneeded() {
        for name in retired.takeUnneeded() { remove(name) }
    }

    func removeAll() {
        for name in (try? File.list(path)) ?? [] { try? File.remove(path + "/" + name) }
        spare.remove()
    }
}

extension ModuleService {
    /// What an idle daemon need not keep of a large link, by far more than what a small one needs.
    private static let unusedMemoryLimit = 1 << 20

    /// How long nothing is asked of the linker before it gives memory back, in milliseconds. Who edits, compiles and loads again is
    /// back before: to get memory anew from the system, page by page, is a quarter of a large link.
    static let restAfter = 10_000

    /// What is done when nobody waits, after a load of that module.
    func tidyUp(after load: String) {
        images.prepareNext(like: load)
    }

    /// What is done when nothing has been asked for a while.
    static func giveBackMemory(of images: ImageStore) {
        images.rest()
        images.removeUnneeded()
        Workers.threads.dismiss()
        UnusedMemory.giveBack(moreThan: unusedMemoryLimit)
        // Processes that modules had started, and that nobody waits for.
        Orphans.bury()
    }
}
