import ModlinkInterface

/// How long each phase took, as text.
enum PhaseReport {
    /// A line a phase, in microseconds, and one for the whole.
    static func text(_ phases: [Phase], total: UInt64) -> String {
        (phases + [Phase(name: "total", nanoseconds: Int(total))]).map { phase in
            let name = phase.name + String(repeating: " ", count: max(0, 10 - phase.name.count))
            let microseconds = "\(phase.nanoseconds / 1000)"
            return "  \(name)\(String(repeating: " ", count: max(0, 9 - microseconds.count)))\(microseconds) µs\n"
        }.joined()
    }
}
