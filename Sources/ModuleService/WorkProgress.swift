import ModlinkInterface
import Posix
import Synchronization
import Varlink

/// How far a piece of work is. Whoever works says it, whoever waits reads it.
final class WorkProgress: Sendable {
    private let state: Mutex<Progress>
    private let output = Mutex<(@Sendable () -> String)?>(nil)

    /// The progress of work that has not begun: for that an activity, which is empty where there is nothing to say.
    init(_ activity: String = "") {
        state = Mutex(Progress(activity: activity, done: 0, total: 0))
    }

    var value: Progress { state.withLock { $0 } }

    func set(_ activity: String, _ done: Int, _ total: Int) {
        state.withLock { $0 = Progress(activity: activity, done: done, total: total) }
    }

    /// What modules have printed since the last call.
    func takeOutput() -> String { output.withLock { $0 }?() ?? "" }

    /// From now on there may be output.
    func setOutput(_ source: @escaping @Sendable () -> String) { output.withLock { $0 = source } }

    /// It waits for a debugger to attach to a process.
    func wait(forDebuggerOf process: Int32) {
        state.withLock {
            $0 = Progress(activity: "waiting for a debugger", done: 0, total: 0, debuggee: Int(process))
        }
    }
}

/// Tells a caller who waits what modules print, and how far the work is: of that nothing in the first half second, and no more than
/// ten times a second.
struct ProgressSender {
    /// Work that takes longer shows its progress, in nanoseconds.
    static let patience: UInt64 = 500_000_000
    private static let pause: UInt64 = 100_000_000

    private var next = Clock.nanoseconds() + patience
    private var last: Progress?

    mutating func send<Call: Method>(_ progress: WorkProgress, _ context: inout CallContext<Call>)
    where Call.Reply: ProgressReply {
        guard context.wantsMore else { return }
        let now = Clock.nanoseconds()
        let value = progress.value
        let output = progress.takeOutput()
        if !output.isEmpty {
            var reply = Call.Reply(progress: Progress(activity: "", done: 0, total: 0))
            reply.output = output
            try? context.reply(reply)
        }
        // Whoever has to start a debugger waits for that, and not for us.
        guard now >= next || value.debuggee != nil else { return }
        guard value != last, !value.activity.isEmpty else { return }
        (last, next) = (value, now + Self.pause)
        // A caller who has gone is noticed elsewhere.
        try? context.reply(Call.Reply(progress: value))
    }
}
