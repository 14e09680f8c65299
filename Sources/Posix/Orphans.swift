import CPosix
import Synchronization

/// Processes that others have started and left: they come to this process when it adopts orphans (prctl(2), PR_SET_CHILD_SUBREAPER).
public enum Orphans {
    private static let adopts = Atomic<Bool>(false)

    /// Whether that is so.
    public static var areAdopted: Bool { adopts.load(ordering: .acquiring) }

    /// From now on, whatever process is below this one and loses its parent becomes this one's child.
    public static func adopt() throws(SystemError) {
        _ = try systemCall("prctl", on: "PR_SET_CHILD_SUBREAPER") { cposix_adopt_orphans() }
        adopts.store(true, ordering: .releasing)
    }

    /// The children of this process that it has not started itself.
    private static func adopted() -> [Int32] {
        // Before: one that is just being started is in neither list, or in both.
        let children = ProcessAncestry.children(of: CurrentProcess.number)
        return ChildProcess.started.withLock { started in children.filter { !started.contains($0) } }
    }

    /// Takes note of the end of those that have ended. Returns the rest, and all that these have started, be it by way of others.
    ///
    /// Nothing happens in a process that adopts none: other code may wait for what it has started.
    @discardableResult public static func bury() -> [Int32] {
        guard areAdopted else { return [] }
        var rest: [Int32] = []
        for process in adopted() {
            let state = try? ChildProcess(process: process).waitIfEnded()
            if state == .some(nil) { rest += [process] + ProcessAncestry.descendants(of: process) }
        }
        return rest
    }
}
