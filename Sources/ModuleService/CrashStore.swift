import ModlinkInterface
import Posix
import Synchronization

/// How many crashes are kept.
public struct CrashLimits: Sendable, Equatable {
    /// How many, 1 at least.
    public var count: Int
    /// How many bytes on the disk all of them together have at the most; the newest is kept even if it has more.
    public var bytes: UInt64

    /// Limits of the given values.
    public init(count: Int = 10, bytes: UInt64 = 512 << 20) {
        self.count = count
        self.bytes = bytes
    }
}

/// The folder of crashes: one folder each, numbered from 1 on.
final class CrashStore: Sendable {
    private let path: String
    private let limits: CrashLimits
    /// The number of the newest.
    private let last: Mutex<Int>

    /// A crash's folder in the making: nobody looks into it before it has its name.
    struct Folder: Sendable {
        /// The crash's number.
        let number: Int
        /// Where it is now.
        let path: String
        /// Where it is when it is finished.
        let final: String
    }

    init(_ directory: RuntimeDirectory, limits: CrashLimits) {
        path = directory.crashes
        self.limits = limits
        let names = (try? File.list(directory.crashes)) ?? []
        last = Mutex(names.compactMap(KeptCrashes.number(of:)).max() ?? 0)
        // Of a daemon that was killed.
        for name in names where name.hasPrefix(".") && name.hasSuffix(Self.suffix) {
            FileTree.remove(directory.crashes + "/" + name)
        }
    }

    private static let suffix = ".partial"

    /// Makes a folder for the next crash, with the folders that it has inside.
    func begin() throws(SystemError) -> Folder {
        let number = last.withLock { last in
            last += 1
            return last
        }
        let folder = Folder(number: number, path: "\(path)/.\(number)\(Self.suffix)", final: "\(path)/\(number)")
        try? File.createDirectory(path, permissions: 0o700)
        do throws(SystemError) {
            try File.createDirectory(folder.path, permissions: 0o700)
            for name in ["objects", "images"] { try File.createDirectory(folder.path + "/" + name, permissions: 0o700) }
        } catch {
            abandon(folder)
            throw error
        }
        return folder
    }

    /// Gives a folder its name, and removes the oldest ones that are too many. Returns its path.
    func finish(_ folder: Folder) throws(SystemError) -> String {
        try File.rename(folder.path, to: folder.final)
        prune()
        return folder.final
    }

    /// Gives a folder up.
    func abandon(_ folder: Folder) {
        FileTree.remove(folder.path)
    }

    private func prune() {
        let numbers = ((try? File.list(path)) ?? []).compactMap(KeptCrashes.number(of:)).sorted(by: >)
        var bytes: UInt64 = 0
        for (index, number) in numbers.enumerated() {
            let folder = "\(path)/\(number)"
            bytes += FileTree.size(folder)
            if index > 0, index >= limits.count || bytes > limits.bytes { FileTree.remove(folder) }
        }
        removeUnusedPrograms()
    }

    // MARK: Programs of spaces

    private static let programPrefix = ".program-"

    /// Puts a space's program into a folder: a link to one copy for all of them, since it may lie on another file system.
    ///
    /// - Parameter buildID: hexadecimal digits.
    func addProgram(_ program: String, buildID: String, as file: String) throws(SystemError) {
        let copy = path + "/" + Self.programPrefix + buildID
        if (try? File.status(path: copy)) == nil {
            try File.writeAtomically(copy, try File.read(path: program, limit: 1 << 30), permissions: 0o700)
        }
        try File.link(copy, to: file)
    }

    /// Copies that no crash has any more.
    private func removeUnusedPrograms() {
        for name in (try? File.list(path)) ?? [] where name.hasPrefix(Self.programPrefix) {
            let copy = path + "/" + name
            if (try? File.status(path: copy).linkCount) == 1 { try? File.remove(copy) }
        }
    }
}

/// Folders with all that is in them.
enum FileTree {
    /// Removes a folder; what cannot be removed stays.
    static func remove(_ folder: String) {
        for name in (try? File.list(folder)) ?? [] {
            let path = folder + "/" + name
            if (try? File.status(path: path, followsLinks: false).isDirectory) == true {
                remove(path)
            } else {
                try? File.remove(path)
            }
        }
        try? File.removeDirectory(folder)
    }

    /// How many bytes its files have on the disk: holes have none.
    static func size(_ folder: String) -> UInt64 {
        var size: UInt64 = 0
        for name in (try? File.list(folder)) ?? [] {
            let path = folder + "/" + name
            guard let status = try? File.status(path: path, followsLinks: false) else { continue }
            size += status.isDirectory ? Self.size(path) : status.allocatedSize
        }
        return size
    }
}
