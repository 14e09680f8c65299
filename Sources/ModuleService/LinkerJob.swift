import Synchronization

/// Work that one thread wants of the linker's, and may want no longer before it is done.
final class LinkerJob: Sendable {
    private enum Stage {
        case waiting, running, over
    }

    private let stage = Mutex(Stage.waiting)

    /// On the linker's thread: whether the work is to be done.
    func begin() -> Bool {
        stage.withLock { stage in
            guard stage == .waiting else { return false }
            stage = .running
            return true
        }
    }

    /// On the linker's thread: the work is done.
    func end() {
        stage.withLock { $0 = .over }
    }

    /// Nobody wants it any more. True when it had not begun, and never will. While it is under way `interrupt` is done, and
    /// returns before the next job begins: nothing that others want is hit.
    func callOff(interrupt: () -> Void) -> Bool {
        stage.withLock { stage in
            switch stage {
            case .waiting:
                stage = .over
                return true
            case .running:
                interrupt()
                return false
            case .over:
                return false
            }
        }
    }
}
