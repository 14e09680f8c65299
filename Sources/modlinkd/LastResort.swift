import Logging
import Posix

/// Sees to it that a daemon that is to end does so, whatever hangs.
///
/// All that is waited for on the way has a time limit of its own; what has none, by mistake, must not keep the daemon. The times are
/// such that `modlinkd --stop`, which waits ten seconds, sees the end.
enum LastResort {
    /// After so many milliseconds, all that the daemon has started is killed: spaces, and programs that make reports.
    private static let killAfter = 5_000
    /// After so many more, the daemon ends without the rest.
    private static let endAfter = 2_000

    /// Begins to count.
    ///
    /// - Parameters:
    ///   - ended: fulfilled when the daemon has ended in order.
    ///   - files: goes in any case.
    static func start(unless ended: Promise<Bool>, _ files: OwnFiles, _ log: Logger) {
        let watch: @Sendable () -> Void = {
            guard ended.wait(timeout: killAfter) == nil else { return }
            for process in ProcessAncestry.children(of: CurrentProcess.number) {
                log.error("process \(process) keeps the daemon from ending, and is killed")
                try? ChildProcess(process: process).signal(9)
            }
            guard ended.wait(timeout: endAfter) == nil else { return }
            files.remove()
            log.error("ended, with something under way that did not end")
            CurrentProcess.exitNow(1)
        }
        do throws(SystemError) {
            try Threads.start(name: "last-resort", watch)
        } catch {
            log.error("\(error)")
        }
    }
}
