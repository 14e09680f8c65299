import Posix
import SpaceProtocol

/// Watches over the wait for an answer: whatever a module has done to its space, nobody waits for it without an end.
///
/// A space that a signal has stopped is let go on (SIGCONT), so that the deadline of its call holds; and a call that was stopped is
/// ended some seconds later. A space that does not answer long after its time is given up. The time in which a debugger has
/// the space does not count.
struct Vigil {
    private let process: ChildProcess
    private let interrupter: Interrupter
    /// Whether functions of modules are called, which can be interrupted.
    private let isCall: Bool
    /// Whether these may run as long as they want.
    private let isUnlimited: Bool
    /// When the space is looked at next, and when it is given up.
    private var nextLook: UInt64
    private var end: UInt64
    /// How often the space has been let go on.
    private(set) var continuations = 0
    /// Whether the call has been interrupted here, since the space had been stopped.
    private var hasInterrupted = false

    private static let second: UInt64 = 1_000_000_000
    /// How often a wait is ended to look at the space, in milliseconds.
    static let interval = 500
    /// How long a space may be stopped that is asked for something that takes no time.
    private static let pause = 2 * second
    /// How long the space may take for what is not code of modules.
    private static let patience = 30 * second
    /// How much longer than its function may run a call may take: the space itself takes up to a second to stop a function.
    private static let grace = 10 * second
    /// How often a space is let go on during one request.
    private static let continuationLimit = 4
    private static let continueSignal: Int32 = 18
    /// What people are told when a space has been let go on.
    static let continued = "stopped (SIGSTOP) while it was to answer: it has been let go on (SIGCONT)"

    init(over request: space_request, process: ChildProcess, interrupter: Interrupter) {
        self.process = process
        self.interrupter = interrupter
        isCall = request.callsFunctions
        isUnlimited = isCall && request.timeout_milliseconds == 0
        let now = Clock.nanoseconds()
        let time = UInt64(request.timeout_milliseconds) * 1_000_000
        nextLook = now + (isCall && !isUnlimited ? time + Self.second / 2 : Self.pause)
        end = isUnlimited ? .max : now + (isCall ? time + Self.grace : Self.patience)
    }

    /// Some time has passed without an answer.
    ///
    /// - Returns: why the space is to be given up; nil: it is still waited for.
    mutating func look() -> Death.Cause? {
        let now = Clock.nanoseconds()
        if isUnlimited, end == .max, interrupter.isInterrupted {
            // Nobody wants the answer any more.
            (nextLook, end) = (now + Self.second / 2, now + Self.grace)
        }
        guard now >= min(nextLook, end) else { return nil }
        switch ProcessCondition(ofProcess: process.process) {
        case .ended: return nil
        case .traced(let tracer) where tracer != CurrentProcess.number:
            nextLook = now + Self.second / 2
            if end != .max { end = max(end, now + Self.grace) }
        case .stopped:
            if continuations == Self.continuationLimit { return .stopped }
            letGoOn(now)
        default:
            if now >= end { return .silent }
            nextLook = now + Self.second / 2
            if continuations > 0 { interrupt() }
        }
        return nil
    }

    private mutating func letGoOn(_ now: UInt64) {
        if continuations > 0 { interrupt() }
        continuations += 1
        try? process.signal(Self.continueSignal)
        nextLook = now + (continuations == 1 ? Self.pause : Self.second)
        if end != .max { end = max(end, now + Self.grace) }
    }

    private mutating func interrupt() {
        guard isCall, !isUnlimited, !hasInterrupted else { return }
        hasInterrupted = true
        _ = try? interrupter.interrupt()
    }
}

extension space_request {
    /// Whether functions of modules are called for it.
    fileprivate var callsFunctions: Bool {
        switch kind {
        case SPACE_CALL.rawValue, SPACE_CALL_ARRAY.rawValue, SPACE_RESOLVE.rawValue, SPACE_FINISH_THREAD.rawValue,
            SPACE_SYSTEM_CALL.rawValue, SPACE_DEVICE.rawValue:
            true
        default: false
        }
    }
}
