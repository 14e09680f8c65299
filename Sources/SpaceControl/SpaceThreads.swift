import Posix
import SpaceProtocol

/// A thread of a space that its C library knows.
public struct SpaceThread: Equatable, Sendable {
    /// What it is for.
    public enum Kind: Sendable {
        /// A module has made it.
        case other
        /// It serves a connection of ours.
        case server
        /// It waits for calls, or stands where a fault or a deadline has stopped it: no more code of a module's runs on it.
        case rests
        /// It runs a call, or one that did not heed its deadline.
        case called
    }

    /// Its number (gettid(2)).
    public let number: Int32
    /// What it is for.
    public let kind: Kind
    /// The function that it began with.
    public let startRoutine: UInt64
    /// The address of the C library's descriptor of it, where its stack ends.
    public let stackEnd: UInt64
}

/// Descriptors that a module's code has opened, and that are open.
public struct OpenDescriptors: Equatable, Sendable {
    /// How many there are.
    public let count: Int
    /// The numbers of the first of them.
    public let numbers: [Int32]

    init(_ reply: space_reply) {
        count = Int(clamping: max(reply.result, 0))
        numbers = words(reply.results).prefix(count).map { Int32(truncatingIfNeeded: $0) }
    }
}

// What can be asked: threads, and what modules have opened.
extension Space {
    /// The threads that the C library knows, in ascending order, without the initial one.
    ///
    /// - Throws: ``SpaceError/refused(_:_:)`` with EDEADLK when a thread was stopped with the list of threads locked.
    public mutating func threads() throws(SpaceError) -> [SpaceThread] {
        var threads: [SpaceThread] = []
        while true {
            let reply = try ask(.listThreads, packet(SPACE_THREADS, address: UInt64(threads.last?.number ?? 0)))
            let words = words(reply.results)
            guard reply.result <= Int64(SPACE_THREAD_LIMIT), reply.result >= 0 else {
                throw violation(.listThreads, "\(reply.result) threads in one answer")
            }
            for index in 0..<Int(reply.result) {
                guard let thread = SpaceThread(words[index * 3], words[index * 3 + 1], words[index * 3 + 2]),
                    thread.number > threads.last?.number ?? 0
                else { throw violation(.listThreads, "threads that are not in order") }
                threads.append(thread)
            }
            if reply.result < Int64(SPACE_THREAD_LIMIT) { return threads }
        }
    }

    /// Ends a thread that a module has made, or whose call did not heed its deadline: no destructor runs, no lock is left.
    ///
    /// - Throws: ``SpaceError/refused(_:_:)`` with EINVAL for a thread of another kind, ESRCH when it is not there, EBUSY when it does
    ///   not heed within a second.
    public mutating func endThread(_ number: Int32) throws(SpaceError) {
        _ = try ask(.endThread, packet(SPACE_END_THREAD, address: UInt64(UInt32(bitPattern: number))))
    }

    /// What an image's code has opened that is open.
    ///
    /// - Parameter image: its lowest address.
    /// - Throws: ``SpaceError/refused(_:_:)`` with EINVAL when no image is just there.
    public mutating func descriptors(ofImage image: UInt64) throws(SpaceError) -> OpenDescriptors {
        OpenDescriptors(try ask(.descriptors, packet(SPACE_DESCRIPTORS, address: image)))
    }
}

extension SpaceThread {
    fileprivate init?(_ identity: UInt64, _ start: UInt64, _ end: UInt64) {
        let kinds: [UInt32: Kind] = [
            SPACE_THREAD_OTHER.rawValue: .other, SPACE_THREAD_SERVER.rawValue: .server,
            SPACE_THREAD_RESTS.rawValue: .rests, SPACE_THREAD_CALLED.rawValue: .called,
        ]
        guard let kind = kinds[UInt32(identity >> 32)],
            let number = Int32(exactly: identity & 0xffff_ffff), number > 0
        else { return nil }
        self.init(number: number, kind: kind, startRoutine: start, stackEnd: end)
    }
}
