import ModlinkInterface
import ModuleIndex
import ObjectFormats
import ObjectModel
import Posix
import Synchronization

/// Tells how far a piece of work is: what is being done, how many of how many.
public typealias ProgressReport = (_ activity: String, _ done: Int, _ total: Int) -> Void

/// The indices of folders: in memory, and as files for the next process. Files that have changed are read again, others are not.
public final class ModuleIndexes: Sendable {
    /// The folder of the indices' files; nil: they are kept in memory only.
    private let store: IndexStore?
    private let state = Mutex(State())

    private struct State: Sendable {
        var indexes: [String: FolderIndex] = [:]
        /// Folders in the order of their last use.
        var order: [String] = []
    }

    /// Every client may name other folders: those of which the use is longest ago are forgotten.
    private static let folderLimit = 16
    /// What objects are read of at once: nearly all are smaller.
    private static let headSize = 64 << 10
    /// No object is larger.
    private static let sizeLimit: UInt64 = 1 << 30
    /// A file that was changed so short a time ago may change again without its time changing: clocks of file systems tick every few
    /// milliseconds.
    private static let tick: Int64 = 50_000_000
    /// The same for file systems whose clocks know seconds.
    private static let coarseTick: Int64 = 2_000_000_000

    /// Makes indices that are kept in a folder of this user's own.
    public init(store: String?) {
        self.store = store.map(IndexStore.init)
    }

    /// The indices of folders as they are now, and what of them cannot be used. Each file is complained of once, when it is read.
    ///
    /// A folder that is not there has no index, and is no problem.
    public func refresh(
        _ folders: [String], progress: ProgressReport
    ) -> (indexes: [FolderIndex], warnings: [Problem]) {
        var indexes: [FolderIndex] = []
        var warnings: [Problem] = []
        for folder in folders {
            let known = state.withLock { $0.indexes[folder] } ?? store?.read(folder)
            guard let index = Self.index(of: folder, known: known, progress, &warnings) else { continue }
            if index.isChanged { store?.write(index.value) }
            keep(index.value)
            indexes.append(index.value)
        }
        return (indexes, warnings)
    }

    private func keep(_ index: FolderIndex) {
        state.withLock { state in
            state.indexes[index.path] = index
            state.order.removeAll { $0 == index.path }
            state.order.append(index.path)
            while state.order.count > Self.folderLimit { state.indexes[state.order.removeFirst()] = nil }
        }
    }

    // MARK: Folders

    private static func index(
        of folder: String, known: FolderIndex?, _ progress: ProgressReport, _ warnings: inout [Problem]
    ) -> (value: FolderIndex, isChanged: Bool)? {
        do throws(SystemError) {
            var (folders, names) = try listing(of: folder, known, &warnings)
            var found: [(name: String, stamp: FileStamp)] = []
            found.reserveCapacity(names.count)
            var missing = Set<Substring>()
            for name in names {
                guard let status = try? File.status(path: folder + "/" + name), status.isRegular else {
                    missing.insert(parent(of: name))
                    continue
                }
                found.append((name, stamp(status)))
            }
            // What is no file may become one while the folder stays as it is: a symbolic link.
            for index in folders.indices where !missing.isEmpty && missing.contains(folders[index].path[...]) {
                folders[index].stamp = .unsure
            }
            if var known, isSame(known, found) {
                let isChanged = known.folders != folders
                known.folders = folders
                return (known, isChanged)
            }
            let index = read(folder, folders, found, known, progress, &warnings)
            return (index, true)
        } catch {
            if error.code != ErrorCode.noSuchFile {
                warnings.append(
                    Problem(
                        subject: folder, reason: "no modules are looked for there: \(error.call): \(error.reason)"))
            }
            return nil
        }
    }

    /// The folder and those below it as they are now, and the paths of their files: those that are known, when no folder has changed.
    private static func listing(
        of folder: String, _ known: FolderIndex?, _ warnings: inout [Problem]
    ) throws(SystemError) -> (folders: [IndexedFolder], names: [String]) {
        let root = try File.status(path: folder)
        if let known, !known.folders.isEmpty {
            let isListed = known.folders.allSatisfy { own in
                let status = own.path.isEmpty ? root : try? File.status(path: folder + "/" + own.path)
                return status.map { own.stamp.matches(stamp($0)) } ?? false
            }
            if isListed { return (known.folders, known.files.map(\.name)) }
        }
        let tree = try FolderTree(folder)
        for (path, reason) in tree.problems {
            // The same is not said twice.
            guard known?.folders.contains(where: { $0.path == path }) != true else { continue }
            warnings.append(
                Problem(subject: "\(folder)/\(path)", reason: "no modules are looked for there: \(reason)"))
        }
        let folders = tree.folders.map {
            IndexedFolder(path: $0.path, stamp: $0.mayChange ? .unsure : stamp($0.status))
        }
        return (folders, tree.files)
    }

    private static func parent(of name: String) -> Substring {
        name.utf8.lastIndex(of: UInt8(ascii: "/")).map { name[..<$0] } ?? ""
    }

    private static func isSame(_ known: FolderIndex, _ found: [(name: String, stamp: FileStamp)]) -> Bool {
        guard known.files.count == found.count else { return false }
        for (file, other) in zip(known.files, found) where !file.stamp.matches(other.stamp) || file.name != other.name {
            return false
        }
        return true
    }

    private static func stamp(_ status: FileStatus) -> FileStamp {
        let time = max(status.modified, status.changed)
        // A time without nanoseconds is that of a file system that has none.
        let tick = status.modified % 1_000_000_000 == 0 && status.changed % 1_000_000_000 == 0 ? coarseTick : tick
        guard WallClock.nanoseconds() &- time > tick else { return .unsure }
        return FileStamp(
            size: status.size, device: status.device, inode: status.inode, modified: status.modified,
            changed: status.changed)
    }

    private static func read(
        _ folder: String, _ folders: [IndexedFolder], _ found: [(name: String, stamp: FileStamp)],
        _ known: FolderIndex?,
        _ progress: ProgressReport, _ warnings: inout [Problem]
    ) -> FolderIndex {
        var index = FolderIndex(path: folder, folders: folders)
        var places: [String: Int] = [:]
        if let known { for (place, file) in known.files.enumerated() { places[file.name] = place } }
        for (number, file) in found.enumerated() {
            if let known, let place = places[file.name], known.files[place].stamp.matches(file.stamp) {
                index.add(place, of: known)
                continue
            }
            if number % 64 == 0 { progress("indexing \(folder)", number, found.count) }
            let (entry, summary) = read(file.name, in: folder)
            if let problem = entry.problem {
                let before = known.flatMap { known in places[file.name].flatMap { known.files[$0].problem } }
                // Of a file that is read again because it is new the same is not said twice.
                if problem != before { warnings.append(problem) }
            }
            index.add(entry, summary)
        }
        index.finish()
        return index
    }

    // MARK: Files

    private static func read(_ name: String, in folder: String) -> (IndexedFile, ObjectSummary?) {
        let path = folder + "/" + name
        var entry = IndexedFile(name: name, stamp: .unsure)
        do throws(Problem) {
            let partial: PartialFile
            do throws(SystemError) {
                let file = SharedDescriptor(try File.open(path, .read))
                let status = try File.status(file.descriptor, name: path)
                entry.stamp = stamp(status)
                partial = try PartialFile(file, size: status.size, path: path, headSize: headSize)
            } catch {
                throw Problem(subject: path, reason: "\(error.call): \(error.reason)")
            }
            guard partial.size <= sizeLimit else { throw Problem(subject: path, reason: "larger than 1 GiB") }
            return (entry, try ObjectSummaryReader.read(partial))
        } catch {
            entry.problem = error
            return (entry, nil)
        }
    }

    /// Whether a file is still as the index has it.
    static func isUnchanged(_ status: FileStatus, _ file: IndexedFile) -> Bool {
        file.stamp == .unsure || stamp(status).matches(file.stamp)
    }
}
