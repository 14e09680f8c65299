import Posix

/// Measures the phases of a piece of work, in nanoseconds of the monotonic clock.
public struct PhaseClock: Sendable {
    /// Those that have ended, in order.
    public private(set) var phases: [Phase]
    private var start: UInt64

    /// Begins the first phase, after others that were measured elsewhere.
    public init(_ phases: [Phase] = [], at start: UInt64 = Clock.nanoseconds()) {
        self.phases = phases
        self.start = start
    }

    /// Ends the phase that began with the end of the one before.
    public mutating func end(_ name: String, at now: UInt64 = Clock.nanoseconds()) {
        phases.append(Phase(name: name, nanoseconds: Int(now - start)))
        start = now
    }

    /// The same; a part of it, of that many nanoseconds, is a phase of its own, and comes behind it.
    public mutating func end(_ name: String, thereof part: UInt64, _ partName: String) {
        let now = Clock.nanoseconds()
        end(name, at: now - min(part, now - start))
        end(partName, at: now)
    }
}
