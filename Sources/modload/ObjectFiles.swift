import ELFFormat
import ModlinkInterface
import ObjectModel
import Posix

/// Files that a user names.
enum ObjectFiles {
    /// Objects are as large as memory allows; this is only against mistakes.
    static let sizeLimit = 1 << 30

    /// Whether an argument is the name of a module, which is looked for in the module path: without a folder, without the ending of
    /// an object or archive, and no file is there.
    static func isModuleName(_ argument: String) -> Bool {
        guard !argument.contains("/"), !argument.isEmpty else { return false }
        guard ![".o", ".ko", ".a"].contains(where: withoutCompression(argument[...]).hasSuffix) else { return false }
        return (try? File.status(path: argument)) == nil
    }

    /// Whether a path is that of an archive. What cannot be read is none here, and is a problem when it is opened.
    static func isArchive(_ path: String) -> Bool {
        // Only a file can be looked at without taking something out of it.
        guard let status = try? File.status(path: path), status.isRegular, let file = try? File.open(path, .read) else {
            return false
        }
        return ArchiveReader.isArchive((try? File.read(file, at: 0, count: 8)) ?? [])
    }

    /// Opens an object or an archive. Of a thin archive the members are opened too, with this user's rights; what is returned is
    /// an archive with everything in it.
    static func open(_ path: String) throws(Failure) -> SharedDescriptor {
        let (file, isRegular) = try Failure.naming(path, .notAnObject) { () throws(SystemError) in
            let file = SharedDescriptor(try File.open(path, .read))
            let status = try File.status(file.descriptor, name: path)
            return (file, !status.isDirectory)
        }
        guard isRegular else { throw Failure(.notAnObject, subject: path, reason: "a directory, not an object") }
        return isArchive(path) ? try wholeArchive(path, file) : file
    }

    private static func wholeArchive(_ path: String, _ file: SharedDescriptor) throws(Failure) -> SharedDescriptor {
        let bytes = try Failure.naming(path, .notAnObject) { () throws(SystemError) in
            try File.readAll(file.descriptor, name: path, limit: sizeLimit)
        }
        guard ArchiveReader.isThin(bytes) else { return file }
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        var contents: [[UInt8]] = []
        let whole: [UInt8]
        do throws(Problem) {
            let archive = try ThinArchive(bytes, name: path)
            for member in archive.members { contents.append(try read(member, in: folder)) }
            whole = archive.whole(contents)
        } catch {
            throw Failure(.notAnObject, [error])
        }
        return try Failure.naming(path) { () throws(SystemError) in
            let memory = try MemoryFile.create(name: "archive")
            try File.writeAll(memory, whole, name: path)
            return SharedDescriptor(memory)
        }
    }

    /// The contents of a file that a thin archive names.
    private static func read(_ member: ThinArchive.Member, in folder: Substring) throws(Problem) -> [UInt8] {
        let path = member.path.hasPrefix("/") ? member.path : folder + member.path
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try File.read(path: path, limit: sizeLimit)
        } catch {
            throw Problem(subject: member.label, reason: "member of a thin archive: \(error.call): \(error.reason)")
        }
        guard let origin = member.origin else { return bytes }
        guard let contents = try ThinArchive.contents(ofMemberAt: origin, in: bytes, name: path) else {
            throw Problem(
                subject: member.label,
                reason: "member of a thin archive: that archive has none at \(hexadecimal(origin))")
        }
        return contents
    }

    /// Writes to a path that the user has named.
    static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        try Failure.naming(path) { () throws(SystemError) in
            try File.writeOutput(path, bytes)
        }
    }
}
