import ObjectModel
import Posix

extension Workers {
    /// More of them would wait for memory, and for each other.
    private static let most = 8

    /// A thread for each processor that the daemon may use, this one included; the others are there only while there is work.
    static let processors: Workers = {
        let count = min(Threads.processorCount, most)
        return count == 1 ? .alone : Workers(count: count) { parts, body in Threads.share(parts, among: count, body) }
    }()
}
