import Linking
import Logging
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix

/// What is done after a fault of a module.
public enum FaultPolicy: String, Sendable, CaseIterable {
    /// The space goes on without the module.
    case keep
    /// A fresh space takes its place, and the other modules are loaded into it again.
    case restart
}

/// What a module was made of, to be loaded again. Its objects' bytes are what this costs: as much memory as their files have.
struct ModuleOrigin: Sendable {
    var source: ModuleSource
    var isAutoclean: Bool
    var isDependency: Bool
    var required: [String]
    /// Modules of one number were loaded together, and may refer to each other.
    var transaction: Int
}

/// How often spaces are started again: three times in a minute at the most, all of them together.
struct RestartLimit: Sendable {
    /// How often.
    static let count = 3
    /// In which time, in nanoseconds.
    static let interval: UInt64 = 60_000_000_000

    /// When it was done.
    private var times: [UInt64] = []

    /// Whether it may be done once more; then that is noted.
    ///
    /// - Parameter now: by a clock that never goes back, in nanoseconds.
    mutating func allows(at now: UInt64) -> Bool {
        times.removeAll { now - $0 >= Self.interval }
        guard times.count < Self.count else { return false }
        times.append(now)
        return true
    }
}

extension ModuleService {
    /// Keeps what modules are made of.
    func keepOrigins(_ request: LoadRequest, _ ids: [Int]) {
        state.withLock { state in
            for (index, id) in ids.enumerated() where request.sources.indices.contains(index) {
                state.loaded[id]?.origin = ModuleOrigin(
                    source: request.sources[index], isAutoclean: request.autoclean[index],
                    isDependency: request.isDependency.indices.contains(index) && request.isDependency[index],
                    required: request.required.indices.contains(index) ? request.required[index] : [],
                    transaction: ids[0])
            }
        }
    }

    /// After what is under way, which the fault has just undone or ended, the space is started again, if that is wanted.
    func restartLater(_ space: SpaceHost, without culprit: String?) {
        guard faultPolicy == .restart else { return }
        later { $0.restart(space, without: culprit) }
    }

    /// Puts a fresh space in the place of one, and loads its modules again in their order, but for those that have faulted. On the
    /// linker's thread.
    func restart(_ space: SpaceHost, without culprit: String?) {
        let architecture = space.architecture
        let survivors = state.withLock { state -> [(name: String, origin: ModuleOrigin?, patience: Duration?)]? in
            // Another one has been started already.
            guard state.spaces[architecture].host === space, !state.isEnding else { return nil }
            return state.modules(in: architecture).filter { $0.state == .running && $0.name != culprit }.map {
                ($0.name, state.loaded[$0.id]?.origin, state.loaded[$0.id]?.patience)
            }
        }
        guard let survivors else { return }
        let (mayStart, lost) = state.withLock { state in
            (state.restarts.allows(at: Clock.nanoseconds()), state.forget(architecture))
        }
        for name in lost { images.remove(name) }
        space.exit()
        // Before another takes its place: they may have what its modules want, a port.
        endChildren(of: space)
        removePerfMap(of: space.information.process)
        let names = lost.joined(separator: ", ")
        guard mayStart else {
            let times = "\(RestartLimit.count) times in a minute"
            tell(
                "\(space.label) has been started again \(times): it stays down until something is loaded; lost: \(names)"
            )
            publishSymbols()
            return
        }
        do throws(Failure) {
            let fresh = try startSpace(architecture)
            tell("\(space.label) is replaced by \(fresh.label)\(culprit.map { ", without \($0)" } ?? "")")
        } catch {
            tell("\(space.label): no other can be started: \(error.problems.first?.description ?? ""); lost: \(names)")
            publishSymbols()
            return
        }
        reload(survivors, architecture)
    }

    private func reload(
        _ survivors: [(name: String, origin: ModuleOrigin?, patience: Duration?)], _ architecture: Architecture
    ) {
        var rest = survivors[...]
        while let first = rest.first {
            // What was loaded together is loaded together.
            let group =
                first.origin.map { origin in rest.prefix { $0.origin?.transaction == origin.transaction } }
                ?? rest.prefix(1)
            rest = rest.dropFirst(group.count)
            let origins = group.compactMap(\.origin)
            guard !origins.isEmpty else {
                tell("\(first.name): cannot be loaded again: it was not made of objects")
                continue
            }
            var request = LoadRequest(sources: origins.map(\.source), autoclean: origins.map(\.isAutoclean), phases: [])
            request.space = architecture
            request.isDependency = origins.map(\.isDependency)
            request.required = origins.map(\.required)
            request.patience = first.patience
            do throws(Failure) {
                _ = try load(request)
            } catch {
                let names = origins.map(\.source.name).joined(separator: ", ")
                tell("\(names): cannot be loaded again: \(error.problems.first?.description ?? "")")
            }
        }
    }

    private func tell(_ line: String) {
        log.error("\(line)")
        console.note(line)
    }
}
