import ModlinkInterface
import ToolSupport

/// How long each phase took, as text.
enum PhaseReport {
    /// A line a phase, in microseconds, and one for the whole.
    static func text(_ phases: [Phase], total: UInt64) -> String {
        (phases + [Phase(name: "total", nanoseconds: Int(total))]).map { phase in
            "  \(phase.name.filled(to: 10))\("\(phase.nanoseconds / 1000)".indented(to: 9)) µs\n"
        }.joined()
    }
}
