import CPosix
import Glibc
import Synchronization

/// Files that get their content when somebody opens them, and not before.
///
/// A file lease makes that possible (fcntl(2), "Leases"): who opens a file that another one has a write lease on waits in open(2), and the
/// kernel sends the holder a signal. It writes the content, ends the lease, and the opener goes on. From there it is an ordinary file:
/// who has it open keeps it as it is, whatever becomes of the path. stat(2) does not wait, and programs believe what it says: so the
/// file has a size from the start, and zeros behind a content that is shorter. Who opens with O_NONBLOCK gets EWOULDBLOCK, and the
/// content the next time.
///
/// A holder that does not react within /proc/sys/fs/lease-break-time, 45 seconds, loses the lease, and the opener finds zeros.
public final class PromisedFiles: Sendable {
    /// Writes the content of a file.
    public typealias Filler = @Sendable (borrowing Descriptor) -> Void

    private let promises: Promises
    private let stopping: EventDescriptor
    /// The thread that the kernel sends its signals to.
    private let thread: Int32

    /// Starts the thread that fills files.
    public init() throws(SystemError) {
        let promises = Promises()
        let stopping = try EventDescriptor()
        let started = Promise<Swift.Result<Int32, SystemError>>()
        try Threads.start(name: "promised-files") {
            do throws(SystemError) {
                // A lease that names no signal comes with SIGIO, to that thread alone: no other has to block it.
                let signals = try SignalDescriptor([SIGIO])
                started.fulfil(.success(cposix_thread_number()))
                while true {
                    var events = [PollEntry(signals.number), PollEntry(stopping.number)]
                    _ = try Poll.wait(&events)
                    if events[1].isReady { return }
                    _ = try signals.read()
                    promises.fulfil()
                }
            } catch {
                started.fulfil(.failure(error))
            }
        }
        self.promises = promises
        self.stopping = stopping
        thread = try started.wait().get()
    }

    deinit {
        stopping.signal()
    }

    /// Puts a file in the place of `path` that is filled when somebody opens it; when one is there that nobody has opened, it gets
    /// the new size alone.
    ///
    /// - Parameters:
    ///   - size: of the file in bytes, no less than its content's if possible.
    ///   - permissions: of the file, whatever umask(2) is.
    ///   - fill: called once at most, on a thread of this object's.
    /// - Throws: where the file cannot be made, or leases are not to be had: then what was at `path` is still there.
    public func promise(
        _ path: String, size: UInt64, permissions: UInt32, fill: @escaping Filler
    ) throws(SystemError) {
        // One that is being filled is not in the list any more: what it will say may be too old.
        guard !promises.resize(path, size) else { return }
        let (temporary, number) = try File.createTemporary(beside: path)
        let file = SharedDescriptor(Descriptor(owning: number))
        do throws(SystemError) {
            try File.changeMode(file.descriptor, permissions, name: path)
            try File.truncate(file.descriptor, size: size, name: path)
            _ = try systemCall("fcntl", on: path) { cposix_take_write_lease(number, thread) }
            // In the list first: it may be opened at once.
            promises.add(path, file, fill)
            try File.rename(temporary, to: path)
        } catch {
            promises.forget(path)
            try? File.remove(temporary)
            throw error
        }
    }

    /// Breaks the promise for a path, if there is one: who waits for the file finds it empty.
    public func forget(_ path: String) {
        promises.forget(path)
    }
}

/// Apart from the object, which can end while the thread has them.
private final class Promises: Sendable {
    private let entries = Mutex<[String: (file: SharedDescriptor, fill: PromisedFiles.Filler)]>([:])

    /// Whether there is a promise for the path, which has that size now. Under the lock: nobody fills it yet.
    func resize(_ path: String, _ size: UInt64) -> Bool {
        entries.withLock { entries in
            guard let file = entries[path]?.file else { return false }
            try? File.truncate(file.descriptor, size: size)
            return true
        }
    }

    func add(_ path: String, _ file: SharedDescriptor, _ fill: @escaping PromisedFiles.Filler) {
        entries.withLock { $0[path] = (file, fill) }
    }

    func forget(_ path: String) {
        guard let entry = entries.withLock({ $0.removeValue(forKey: path) }) else { return }
        try? File.truncate(entry.file.descriptor, size: 0)
        Self.endLease(entry.file)
    }

    /// Fills those that somebody waits for.
    func fulfil() {
        let wanted = entries.withLock { entries in
            // Out of the list before they are filled: from here on another promise makes another file.
            entries.filter { cposix_lease_is_wanted($0.value.file.number) == 1 }.keys
                .compactMap { entries.removeValue(forKey: $0) }
        }
        for entry in wanted {
            entry.fill(entry.file.descriptor)
            Self.endLease(entry.file)
        }
    }

    /// To close it would not do: a process that is just being started may have the descriptor too.
    private static func endLease(_ file: SharedDescriptor) {
        _ = cposix_end_lease(file.number)
    }
}
