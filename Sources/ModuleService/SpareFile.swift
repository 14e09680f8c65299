import Posix
import Synchronization

/// A file that has its room already, for the next image.
///
/// To find a page of memory and enter it into a file takes the kernel as long as to fill it, and half of writing an image is
/// that. It is done ahead, when a load is over and nobody waits: who edits, compiles and loads again loads something of about
/// the same size.
final class SpareFile: Sendable {
    private let path: String
    /// How large the spare file is; 0 when there is none.
    private let size = Mutex<UInt64>(0)
    /// What lies about unused is others' loss.
    private static let largest: UInt64 = 16 << 20
    /// The same where nothing has been asked for a while.
    private static let largestIdle: UInt64 = 2 << 20

    /// The spare file is to be at that path, in the file system of those that it becomes.
    init(path: String) {
        self.path = path
    }

    /// Removes the spare file, be it that of a daemon before.
    func remove() {
        size.withLock { size in
            size = 0
            try? File.remove(path)
        }
    }

    /// Makes room for a file of about that size, unless there is.
    func prepare(_ wanted: UInt64) {
        let wanted = min(wanted, Self.largest)
        size.withLock { size in
            guard !Self.fits(size, wanted) else { return }
            size = 0
            try? File.remove(path)
            do throws(SystemError) {
                let file = try File.open(path, .write, create: File.CreateMode(permissions: 0o700, exclusive: true))
                try File.allocate(file, size: wanted)
                size = wanted
            } catch {
                // A file system without room, or that cannot: images are written as they come.
                try? File.remove(path)
            }
        }
    }

    /// Gives the spare file another name, opened for writing, if it is about that large. To be cut to its size once written.
    func take(as name: String, _ wanted: UInt64) -> Descriptor? {
        size.withLock { size in
            guard Self.fits(size, min(wanted, Self.largest)) else { return nil }
            size = 0
            do throws(SystemError) {
                try File.rename(path, to: name)
                return try File.open(name, .write)
            } catch {
                return nil
            }
        }
    }

    /// Keeps no more than an idle daemon may.
    func rest() {
        if size.withLock({ $0 > Self.largestIdle }) { remove() }
    }

    /// Too small is of little use; too large has to be given back, page by page.
    private static func fits(_ size: UInt64, _ wanted: UInt64) -> Bool {
        size >= wanted / 2 && size <= wanted + wanted / 8 && wanted > 0
    }
}
