import Glibc

/// A descriptor to wait for, and what the wait found.
public struct PollEntry: Equatable, Sendable {
    /// The descriptor's number; a negative one is passed over.
    public let number: Int32
    /// Wait until there is something to read, a connection to accept, or the end.
    public var wantsRead: Bool
    /// Wait until there is room to write.
    public var wantsWrite: Bool
    /// Found: a read would not wait.
    public internal(set) var isReadable = false
    /// Found: a write would not wait.
    public internal(set) var isWritable = false
    /// Found: the other end has gone. There may be bytes left to read.
    public internal(set) var isHungUp = false
    /// Found: an error, or a number that is no open descriptor.
    public internal(set) var isFailed = false

    /// A descriptor to wait for; that the other end goes is waited for in any case.
    public init(_ number: Int32, read: Bool = true, write: Bool = false) {
        self.number = number
        wantsRead = read
        wantsWrite = write
    }

    /// Whether anything was found.
    public var isReady: Bool { isReadable || isWritable || isHungUp || isFailed }
}

/// Waiting for several descriptors at once (poll(2)).
public enum Poll {
    /// Waits until something is found for one of the entries, and notes it in all for which there is.
    ///
    /// - Parameter timeout: milliseconds; nil waits for ever, 0 looks and does not wait.
    /// - Returns: how many entries are ready; 0 when the time passed.
    @discardableResult
    public static func wait(_ entries: inout [PollEntry], timeout: Int? = nil) throws(SystemError) -> Int {
        let deadline = Deadline(milliseconds: timeout)
        var requests = entries.map { entry in
            let events = (entry.wantsRead ? POLLIN : 0) | (entry.wantsWrite ? POLLOUT : 0)
            return pollfd(fd: entry.number, events: Int16(events), revents: 0)
        }
        var ready: Int32 = 0
        repeat {
            // Computed anew each time: an interrupted wait must not start over.
            ready = try systemCall("poll", on: "\(entries.count) descriptors") {
                poll(&requests, nfds_t(requests.count), deadline.remainingMilliseconds())
            }
        } while ready == 0 && !deadline.hasPassed
        for (index, request) in requests.enumerated() {
            let found = Int32(request.revents)
            entries[index].isReadable = found & POLLIN != 0
            entries[index].isWritable = found & POLLOUT != 0
            entries[index].isHungUp = found & POLLHUP != 0
            entries[index].isFailed = found & (POLLERR | POLLNVAL) != 0
        }
        return Int(ready)
    }

    /// Waits until a descriptor is readable or its other end has gone; false when the time (milliseconds) passed.
    public static func waitReadable(_ number: Int32, timeout: Int? = nil) throws(SystemError) -> Bool {
        var entries = [PollEntry(number)]
        return try wait(&entries, timeout: timeout) > 0
    }
}

/// A moment of the monotonic clock, or never.
struct Deadline {
    private let moment: UInt64?

    init(milliseconds: Int?) {
        moment = milliseconds.map { milliseconds in
            let (nanoseconds, overflow) = UInt64(max(milliseconds, 0)).multipliedReportingOverflow(by: 1_000_000)
            let (sum, late) = Clock.nanoseconds().addingReportingOverflow(overflow ? .max : nanoseconds)
            return late ? .max : sum
        }
    }

    var hasPassed: Bool {
        moment.map { Clock.nanoseconds() >= $0 } ?? false
    }

    /// For poll(2): -1 for ever; rounded up, so that the wait does not end early; no more than fits, so that it may.
    func remainingMilliseconds() -> Int32 {
        guard let moment else { return -1 }
        let now = Clock.nanoseconds()
        guard moment > now else { return 0 }
        return Int32(clamping: (moment - now - 1) / 1_000_000 + 1)
    }

    /// For pthread_cond_timedwait(3); nil is for ever.
    var time: timespec? {
        moment.map { timespec(tv_sec: Int(clamping: $0 / 1_000_000_000), tv_nsec: Int($0 % 1_000_000_000)) }
    }
}
