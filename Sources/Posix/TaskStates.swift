/// What the threads of a process are doing, as /proc/PID/task/TID/status says (proc(5)).
public struct TaskStates: Equatable, Sendable {
    /// How many threads there are.
    public private(set) var count = 0
    /// How many of them a debugger has.
    public private(set) var tracedCount = 0
    /// How many stand still, for a debugger or after SIGSTOP.
    public private(set) var stoppedCount = 0

    /// Looks at a process.
    ///
    /// - Throws: ENOENT when there is no such process.
    public init(ofProcess process: Int32) throws(SystemError) {
        let folder = "/proc/\(process)/task"
        for task in try File.list(folder) {
            // One that has ended since is none.
            guard let text = try? File.read(path: "\(folder)/\(task)/status", limit: 1 << 16) else { continue }
            add(String(decoding: text, as: UTF8.self))
        }
    }

    init(_ statuses: [String]) {
        for status in statuses { add(status) }
    }

    private mutating func add(_ status: String) {
        count += 1
        for line in status.split(separator: "\n") {
            if line.hasPrefix("State:\t"), let letter = line.dropFirst(7).first, "tT".contains(letter) {
                stoppedCount += 1
            }
            if line.hasPrefix("TracerPid:\t"), line.dropFirst(11) != "0" { tracedCount += 1 }
        }
    }

    /// Whether a debugger has all threads, and lets them run.
    public var isRunningTraced: Bool { count > 0 && tracedCount == count && stoppedCount == 0 }
    /// Whether some thread stands still, so that an answer may take long.
    public var isStopped: Bool { stoppedCount > 0 }
}
