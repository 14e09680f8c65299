/// What a process is doing, as far as it matters to those who wait for it.
public enum ProcessCondition: Equatable, Sendable {
    /// It runs, or waits for something.
    case running
    /// A signal has stopped it (SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU); SIGCONT lets it go on.
    case stopped
    /// A process of that number traces it (ptrace(2)): a debugger.
    case traced(Int32)
    /// It has ended, or there is no such process.
    case ended

    /// Looks at a process.
    public init(ofProcess process: Int32) {
        let status = (try? File.read(path: "/proc/\(process)/status", limit: 1 << 16)) ?? []
        self.init(status: String(decoding: status, as: UTF8.self))
    }

    /// - Parameter status: the text of `/proc/PID/status` (proc(5)).
    init(status: String) {
        var state: Character = "X"
        var tracer: Int32 = 0
        for line in status.split(separator: "\n") {
            if line.hasPrefix("State:\t"), let letter = line.dropFirst(7).first { state = letter }
            if line.hasPrefix("TracerPid:\t") { tracer = Int32(line.dropFirst(11)) ?? 0 }
        }
        self =
            switch state {
            case "Z", "X", "x": .ended
            case _ where tracer != 0: .traced(tracer)
            case "T": .stopped
            default: .running
            }
    }
}
