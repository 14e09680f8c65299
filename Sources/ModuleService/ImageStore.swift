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

    /// Empties the folder, or makes it.
    init(_ directory: RuntimeDirectory) throws(Failure) {
        path = directory.images
        spare = SpareFile(path: directory.path + "/.spare-image")
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
    ///
    /// (A shared mapping of the file would spare the copy, and was slower by two thirds: each of its pages is a fault. A second
    /// thread, that finds room for the file or writes it meanwhile, costs what it saves; hence the spare file.)
    func write(_ name: String, module index: Int, of linker: Linker) throws(Failure) -> LinkedModule {
        let file = path(of: name)
        let size = Int(linker.fileSizes[index])
        let memory = try Failure.naming(file) { () throws(SystemError) in try scratch.take(size) }
        defer { scratch.giveBack(memory) }
        let linked: LinkedModule
        do throws(LinkFailure) {
            linked = try memory.change(size) { (bytes) throws(LinkFailure) in try linker.emit(index, into: &bytes) }
        } catch {
            throw Failure(error)
        }
        let parts = ELFImageWriter.encode(linked.image)
        let whole = parts.tailOffset + UInt64(parts.tail.count)
        try? File.remove(file)
        try Failure.naming(file) { () throws(SystemError) in
            let descriptor = try create(file, size: whole)
            try memory.read(size) { (bytes) throws(SystemError) in
                try File.write(descriptor, bytes, at: 0, name: file)
            }
            try File.write(descriptor, parts.header, at: 0, name: file)
            try File.write(descriptor, parts.tail, at: parts.tailOffset, name: file)
            try File.truncate(descriptor, size: whole, name: file)
        }
        return linked
    }

    /// A new file, perhaps with room for its bytes already, and then perhaps longer.
    private func create(_ file: String, size: UInt64) throws(SystemError) -> Descriptor {
        if let descriptor = spare.take(as: file, size) { return descriptor }
        return try File.open(file, .write, create: File.CreateMode(permissions: 0o700, exclusive: true))
    }

    /// Makes room for another image as large as that of a module, for when there is nothing else to do.
    func prepareNext(like name: String) {
        guard let status = try? File.status(path: path(of: name)) else { return }
        spare.prepare(UInt64(status.size))
    }

    /// A descriptor of an image, to read.
    func open(_ name: String) throws(SystemError) -> Descriptor {
        try File.open(path(of: name), .read)
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

    func removeAll() {
        for name in (try? File.list(path)) ?? [] { try? File.remove(path + "/" + name) }
        spare.remove()
    }
}

extension ModuleService {
    /// What an idle daemon need not keep of a large link, by far more than what a small one needs.
    private static var unusedMemoryLimit: Int { 8 << 20 }

    /// What is done when nobody waits, after a load of that module or an unload.
    func tidyUp(after load: String? = nil) {
        if let load { images.prepareNext(like: load) }
        UnusedMemory.giveBack(moreThan: Self.unusedMemoryLimit)
    }
}
