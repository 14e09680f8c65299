import Posix
import Synchronization

/// Why a space's process ends, when that is not by itself: known to all who talk to the space.
public final class Ending: Sendable {
    private let process: ChildProcess
    /// The file of the program that the process began with; nil when that could not be seen.
    private let program: FileStatus?
    private let known = Mutex<Death.Cause?>(nil)

    init(of process: ChildProcess) {
        self.process = process
        program = Self.program(of: process)
    }

    private static func program(of process: ChildProcess) -> FileStatus? {
        try? File.status(path: "/proc/\(process.process)/exe")
    }

    /// Why, if that is known.
    public var cause: Death.Cause? { known.withLock { $0 } }

    /// Ends the process. The first cause is the one.
    public func end(because cause: Death.Cause) {
        known.withLock { $0 = $0 ?? cause }
        try? process.signal(Space.killSignal)
    }

    /// The space has closed a connection, or a module has, and its process is still there: another program may have taken its place.
    /// Then the process is ended.
    public func endIfReplaced() {
        guard let program, let now = Self.program(of: process),
            (now.device, now.inode) != (program.device, program.inode)
        else { return }
        end(because: .replaced((try? ProcessFiles.executable(of: process.process)) ?? "another"))
    }
}
