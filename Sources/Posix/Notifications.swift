import CPosix
import Glibc

/// A flag with a descriptor: any thread raises it, and a thread that polls the descriptor wakes (eventfd(2)).
public final class EventDescriptor: Sendable {
    private let descriptor: Descriptor

    /// A flag that is not raised.
    public init() throws(SystemError) {
        descriptor = Descriptor(owning: try systemCall("eventfd", on: "event") { cposix_event_descriptor() })
    }

    /// For ``Poll``: readable while the flag is raised.
    public var number: Int32 { descriptor.number }

    /// Raises the flag.
    public func signal() {
        // The one failure there is, EAGAIN of a full counter, means that it is raised.
        var one: UInt64 = 1
        _ = try? systemCall("write", on: "event") { write(descriptor.number, &one, MemoryLayout.size(ofValue: one)) }
    }

    /// Lowers the flag, and tells whether it was raised.
    @discardableResult
    public func clear() -> Bool {
        var count: UInt64 = 0
        let size = MemoryLayout.size(ofValue: count)
        let read = try? systemCall("read", on: "event") { Glibc.read(descriptor.number, &count, size) }
        return read == size
    }
}

/// Signals that arrive as reads of a descriptor instead of interrupting anyone (signalfd(2)).
public final class SignalDescriptor: Sendable {
    private let descriptor: Descriptor

    /// Takes the signals over.
    ///
    /// They are blocked in the calling thread and in those that it starts afterwards. So that they are in the whole
    /// process, make it before any thread is started.
    public init(_ signals: [Int32]) throws(SystemError) {
        descriptor = Descriptor(
            owning: try systemCall("signalfd", on: signals.map(signalName).joined(separator: ", ")) {
                cposix_signal_descriptor(signals, signals.count)
            })
    }

    /// For ``Poll``: readable when a signal has come.
    public var number: Int32 { descriptor.number }

    /// The number of the next signal, waiting for it.
    public func read() throws(SystemError) -> Int32 {
        try systemCall("read", on: "signals") { cposix_read_signal(descriptor.number) }
    }
}

/// Tells when a file, or a directory's list of files, changes (inotify(7)).
public final class FileWatch: Sendable {
    private let descriptor: Descriptor
    private let path: String

    /// Begins to watch a path: for writes to the file or the directory's files, and for files that are created, removed
    /// or moved.
    public init(path: String) throws(SystemError) {
        let descriptor = Descriptor(
            owning: try systemCall("inotify_init", on: path) { inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) })
        let number = descriptor.number
        let changes =
            IN_MODIFY | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF
        _ = try systemCall("inotify_add_watch", path: path) { inotify_add_watch(number, $0, UInt32(changes)) }
        self.descriptor = descriptor
        self.path = path
    }

    /// Begins to watch whether paths lose what they lead to now: a file or a directory that is removed or moved. What happens inside
    /// of them is nothing to this watch, nor is what happens to the directories above them.
    public init(endOf paths: [String]) throws(SystemError) {
        let path = paths.joined(separator: ", ")
        let descriptor = Descriptor(
            owning: try systemCall("inotify_init", on: path) { inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) })
        let number = descriptor.number
        // A file that somebody has open goes later than its name: of that tells its number of names, an attribute.
        let changes = UInt32(IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
        for path in paths {
            _ = try systemCall("inotify_add_watch", path: path) { inotify_add_watch(number, $0, changes) }
        }
        self.descriptor = descriptor
        self.path = path
    }

    /// For ``Poll``: readable when something has changed since the last ``wait(timeout:)``.
    public var number: Int32 { descriptor.number }

    /// Waits for a change since the last call or since the watch began; false when the time passed without.
    ///
    /// - Parameter timeout: milliseconds; nil waits for ever.
    public func wait(timeout: Int? = nil) throws(SystemError) -> Bool {
        guard try Poll.waitReadable(number, timeout: timeout) else { return false }
        // What changed is for the caller to look up; so many notes at a time as there may be are taken off.
        while true {
            do throws(SystemError) {
                if try File.readSome(descriptor, maximum: 65536, name: path).count < 32768 { return true }
            } catch {
                if error.code == EAGAIN { return true }
                throw error
            }
        }
    }
}
