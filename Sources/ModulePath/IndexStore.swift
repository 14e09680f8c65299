import ModuleIndex
import ObjectModel
import Posix

/// Indices as files of a folder that is this user's alone, named after what they are of.
struct IndexStore: Sendable {
    private let folder: String

    /// No index is larger.
    private static let sizeLimit = 1 << 28
    /// So many folders have an index; beyond that all are made anew.
    private static let fileLimit = 64

    init(_ folder: String) {
        self.folder = folder
    }

    private func path(of indexed: String) -> String {
        let bytes = Array(indexed.utf8)
        let digest = contentDigest(bytes.span.bytes, seed: 0)
        return folder + "/" + String(digest.0, radix: 16) + String(digest.1, radix: 16)
    }

    /// The index of a folder; nil when there is none, or none that can be believed.
    func read(_ indexed: String) -> FolderIndex? {
        let path = path(of: indexed)
        guard let status = try? File.status(path: path, followsLinks: false), status.isRegular,
            status.owner == User.effective, status.mode & 0o022 == 0,
            let bytes = try? File.read(path: path, limit: Self.sizeLimit), let index = FolderIndex(bytes),
            index.path == indexed
        else { return nil }
        return index
    }

    /// Keeps an index. Where it cannot be kept, it is made anew the next time.
    func write(_ index: FolderIndex) {
        if let status = try? File.status(path: folder, followsLinks: false) {
            guard status.isDirectory, status.owner == User.effective, status.mode & 0o022 == 0 else { return }
        } else {
            try? File.createDirectory(folder, permissions: 0o700)
        }
        if let names = try? File.list(folder), names.count >= Self.fileLimit {
            for name in names { try? File.remove(folder + "/" + name) }
        }
        try? File.writeAtomically(path(of: index.path), index.encoded, permissions: 0o600)
    }
}
