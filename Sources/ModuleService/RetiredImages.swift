import Posix
import Synchronization

/// Images of modules that have gone, which stay in their folder for perf(1).
///
/// perf notes only the path of a file whose code runs, and reads its names when the recording ends, or later. So while it records, images
/// stay where they were, until a module of that name is loaded again.
final class RetiredImages: Sendable {
    private struct State {
        var names: Set<String> = []
        /// When it was last looked whether perf records, and what was seen.
        var lookedAt: UInt64?
        var isRecording = false
    }
    private let state = Mutex(State())

    /// How long an answer holds, in nanoseconds: to look at all processes takes longer than to unload a module.
    private static let interval: UInt64 = 1_000_000_000

    /// Whether the image of a module that goes is to stay. It is one of these then.
    func keeps(_ name: String) -> Bool {
        state.withLock { state in
            guard Self.isRecording(&state) else { return false }
            state.names.insert(name)
            return true
        }
    }

    /// A file of that name belongs to another module now.
    func forget(_ name: String) {
        state.withLock { _ = $0.names.remove(name) }
    }

    /// Those that need not stay any longer; they are none of these from now on.
    func takeUnneeded() -> Set<String> {
        state.withLock { state in
            guard !state.names.isEmpty, !Self.isRecording(&state) else { return [] }
            defer { state.names = [] }
            return state.names
        }
    }

    private static func isRecording(_ state: inout State) -> Bool {
        let now = Clock.nanoseconds()
        if state.lookedAt.map({ now - $0 >= interval }) ?? true {
            (state.lookedAt, state.isRecording) = (now, ProcessFiles.isRunning(programNamed: "perf"))
        }
        return state.isRecording
    }
}
