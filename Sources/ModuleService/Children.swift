import Logging
import ModlinkInterface
import Posix
import SpaceControl

// Processes that modules have started. They go with their space, as those of a service of systemd do: also those that have made daemons of
// themselves, which the daemon adopts.

extension ModuleService {
    /// How long they may take to end when they are told (SIGTERM), and then when they are made to, in milliseconds.
    private static let termPatience = 1000
    private static let killPatience = 5000
    private static let terminate: Int32 = 15
    private static let goOn: Int32 = 18
    private static let kill: Int32 = 9

    /// Adopts processes that modules start and that lose their parent: for a process that does nothing else.
    public func adoptOrphans() {
        do throws(SystemError) {
            try Orphans.adopt()
        } catch {
            log.warning("processes that modules start may outlive their space: \(error)")
        }
    }

    /// Ends the processes that the modules of a space, which has ended, have started; nil: of all spaces.
    func endChildren(of space: SpaceHost? = nil) {
        guard Orphans.areAdopted else { return }
        let find = { [self] in children(of: space) }
        var rest = find()
        guard !rest.isEmpty else { return }
        log.info("\(rest.count) processes that modules have started are ended")
        for (signal, patience) in [(Self.terminate, Self.termPatience), (Self.kill, Self.killPatience)] {
            let last = Clock.nanoseconds() + UInt64(patience) * 1_000_000
            var told = Set<Int32>()
            while !rest.isEmpty, Clock.nanoseconds() < last {
                for process in rest where signal == Self.kill || told.insert(process).inserted {
                    try? ChildProcess(process: process).signal(signal)
                    // One that stands still takes no other signal.
                    if signal != Self.kill { try? ChildProcess(process: process).signal(Self.goOn) }
                }
                Threads.pause(milliseconds: 5)
                rest = find()
            }
            if rest.isEmpty { return }
        }
        let line = "processes that modules have started do not end: \(rest.map(String.init).joined(separator: ", "))"
        log.warning("\(line)")
        console.note(line)
    }

    /// Those that are there.
    private func children(of space: SpaceHost?) -> [Int32] {
        let all = Orphans.bury()
        guard let space else { return all }
        let others = state.withLock { $0.spaces.hosts }.filter { $0 !== space }
        // Of one space alone, all are; else they are known by its session or its program, as far as they have kept them.
        return others.isEmpty
            ? all
            : all.filter { process in
                ProcessAncestry.session(of: process) == space.information.process
                    || (try? File.readLink("/proc/\(process)/exe")) == space.executable
            }
    }
}
