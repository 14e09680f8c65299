import Posix

/// Measures the phases of a piece of work.
public struct PhaseClock: Sendable {
    /// Those that have ended, in order.
    public private(set) var phases: [Phase]
    private var start = Clock.nanoseconds()

    /// Begins the first phase, after others that were measured elsewhere.
    public init(_ phases: [Phase] = []) {
        self.phases = phases
    }

    /// Ends the phase that began with the end of the one before.
    public mutating func end(_ name: String) {
        let now = Clock.nanoseconds()
        phases.append(Phase(name: name, nanoseconds: Int(now - start)))
        start = now
    }
}
