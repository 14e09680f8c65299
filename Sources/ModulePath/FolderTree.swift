import ModuleIndex
import ObjectModel
import Posix

/// The files of a folder and of those below it that can be modules: as `/lib/modules/VERSION` has them.
struct FolderTree {
    /// A folder that was listed.
    struct Folder {
        /// From the folder that all are below; that one is "".
        let path: String
        let status: FileStatus
        /// Whether it may lead elsewhere without having changed: a symbolic link in it leads to nothing.
        var mayChange = false
    }

    /// The folders, that which all are below first.
    private(set) var folders: [Folder] = []
    /// The paths of the files from there, in the order in which they are looked at.
    private(set) var files: [String] = []
    /// What could not be listed.
    private(set) var problems: [(folder: String, reason: String)] = []

    /// So far below a folder modules are looked for, and in so many folders.
    static let depthLimit = 16
    static let folderLimit = 10_000

    private struct Place: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    private let root: String
    private var seen = Set<Place>()
    /// Those that are to be listed: folders, and symbolic links to folders, which come later.
    private var own: [(path: String, depth: Int)] = []
    private var linked: [(path: String, depth: Int)] = []
    private var listed: [(rank: Int, depth: Int, folder: String, names: [String])] = []

    /// Lists a folder. Of those below it some may not be readable: that is in `problems`.
    init(_ root: String) throws(SystemError) {
        self.root = root
        try list("", 0)
        var next = (own: 0, linked: 0)
        while next.own < own.count || next.linked < linked.count {
            let isOwn = next.own < own.count
            let (path, depth) = isOwn ? own[next.own] : linked[next.linked]
            if isOwn { next.own += 1 } else { next.linked += 1 }
            guard folders.count < Self.folderLimit else {
                problems.append((path, "more than \(Self.folderLimit) folders are below \(root)"))
                break
            }
            do throws(SystemError) {
                try list(path, depth)
            } catch {
                // One that has just gone is none.
                if error.code != ErrorCode.noSuchFile { problems.append((path, "\(error.call): \(error.reason)")) }
            }
        }
        listed.sort { ($0.rank, $0.depth, $0.folder) < ($1.rank, $1.depth, $1.folder) }
        for (_, _, folder, names) in listed { files += names.map { folder.isEmpty ? $0 : folder + "/" + $0 } }
    }

    /// Lists one folder, unless that has been done already: two ways may lead to it, or a circle.
    private mutating func list(_ path: String, _ depth: Int) throws(SystemError) {
        let place = path.isEmpty ? root : root + "/" + path
        let status = try File.status(path: place)
        guard seen.insert(Place(device: status.device, inode: status.inode)).inserted else { return }
        var folder = Folder(path: path, status: status)
        folders.append(folder)
        var names: [String] = []
        for entry in try File.entries(place) where !entry.name.hasPrefix(".") {
            if entry.kind != .directory, ModuleFile.isCandidate(entry.name) {
                names.append(entry.name)
            } else if entry.kind != .regular {
                note(entry, in: &folder, depth)
            }
        }
        folders[folders.count - 1] = folder
        // Those that are put there to take the place of others: depmod.d(5).
        let rank = depth == 0 ? 0 : path == "updates" || path.hasPrefix("updates/") ? 1 : 2
        listed.append((rank, depth, path, ModuleFile.candidates(names)))
    }

    private mutating func note(_ entry: DirectoryEntry, in folder: inout Folder, _ depth: Int) {
        // Of a kernel's modules these lead to its sources and what was made of them.
        let isBuildTree = depth == 0 && ["build", "source"].contains(entry.name) && entry.kind == .symbolicLink
        guard depth < Self.depthLimit, !isBuildTree else { return }
        let path = folder.path.isEmpty ? entry.name : folder.path + "/" + entry.name
        switch entry.kind {
        case .directory: own.append((path, depth + 1))
        case .symbolicLink, .other:
            guard let status = try? File.status(path: root + "/" + path) else {
                folder.mayChange = true
                return
            }
            if status.isDirectory { linked.append((path, depth + 1)) }
        case .regular: break
        }
    }
}
