import ObjectModel
import Posix

extension Workers {
    /// More of them would wait for memory, and for each other.
    private static let most = 8

    /// The threads of ``processors``.
    static let threads = WorkerThreads(count: min(Threads.processorCount, most))

    /// A thread for each processor that the daemon may use, this one included; the others are there from the first large piece of work
    /// until nothing has been asked for a while.
    static let processors: Workers =
        threads.count == 1 ? .alone : Workers(count: threads.count) { parts, body in threads.share(parts, body) }
}
