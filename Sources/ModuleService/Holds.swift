import Linking
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SpaceControl

extension ModuleService {
    /// Refuses modules that something keeps which does not leave with them: all of them, and each with all that keeps it.
    ///
    /// - Parameter discards: whether modules that have faulted are kept by modules that refer to them alone: the rest will never let go.
    func refuseHeld(_ ids: [Int], discards: Bool = false) throws(Failure) {
        let leaving = Set(ids)
        var problems: [Problem] = []
        var all: [Hold] = []
        for id in ids {
            let isDiscarded = discards && state.withLock { $0.modules[id]?.state == .faulted }
            // What has faulted cannot let go by itself, and threads are ended.
            let holds = try holds(on: id, leaving: leaving, discards: discards).filter {
                !isDiscarded || $0.kind == .module
            }
            guard let module = holds.first?.module else { continue }
            problems.append(Problem(subject: module, reason: "\(Hold.reason(holds)) (EBUSY)"))
            all += holds
        }
        guard !problems.isEmpty else { return }
        throw Failure(
            .moduleBusy, problems, holders: all.filter { $0.kind == .module }.map(\.holder), holds: all)
    }

    /// Everything that keeps a module. What knows of another kind of hold adds it here.
    ///
    /// - Parameters:
    ///   - leaving: modules that are to go together with it.
    ///   - discards: whether threads that run its code are going to be ended.
    ///   - waits: whether a space that is busy is waited for; else its counter and threads count for nothing then.
    func holds(
        on id: Int, leaving: Set<Int>, discards: Bool = false, waits: Bool = true
    ) throws(Failure) -> [Hold] {
        let (module, holders, isCleanedUp) = state.withLock { state in
            (
                state.loaded[id]?.linked, state.modules.moduleHolders(of: id, leaving: leaving),
                state.loaded[id]?.isCleanedUp == true
            )
        }
        guard let module else { return [] }
        var holds = holders.map { holder in
            Hold(
                module: module.name, kind: .module, holder: holder.name, symbols: holder.symbols,
                count: holder.symbols.count)
        }
        if let count = waits ? try knownUseCounter(module)?.count : useCount(id), count != 0 {
            holds.append(Hold(module: module.name, kind: .count, count: count))
        }
        holds += state.withLock { $0.deviceHolds(on: id, named: module.name) }
        // Looked for last: what is refused anyway needs no look at stacks.
        if holds.isEmpty, !discards, waits { holds += try threadHolds(on: module, isCleanedUp: isCleanedUp) }
        return holds
    }

    /// A module's own use counter; nil when it has none. Waits while somebody else asks the space: not to know must not pass for not
    /// in use.
    func knownUseCounter(_ module: LinkedModule) throws(Failure) -> UseCounter? {
        guard let address = module.useCount else { return nil }
        let space = try space(module.image.architecture)
        do throws(SpaceError) {
            return UseCounter(littleEndian: try space.read(address, count: space.useCountSize))
        } catch {
            throw failure(error, in: module.name, calling: "use count", for: .state, space)
        }
    }

    /// Refuses what a process asks that code of a module has started, while the linker waits for that code: it would wait for itself.
    ///
    /// That is known by who started whom. A process that has cut itself off from those that started it (daemon(3)) is not
    /// recognised: it waits until the module has returned, and if that waits for it, until whoever loads the module gives up.
    func refuseFromWithin(_ peer: LocalSocket.Credentials) throws(Failure) {
        for space in state.withLock({ $0.spaces.hosts }) {
            guard let task = space.busyWith, ProcessAncestry.isWithin(peer.process, space.information.process) else {
                continue
            }
            throw Failure(
                .moduleBusy, subject: "process \(peer.process)",
                reason: "the space is busy with \(task), which this is part of, and would wait for itself (EDEADLK)")
        }
    }
}

extension SpaceHost {
    /// A `long` of modules(2), in bytes.
    var useCountSize: Int { Int(architecture.pointerSize) }

    /// Sets or clears a flag of a module's use counter. Both flags are in the highest byte of the lower 4, of a little-endian word:
    /// that is the byte which is written, so that what a thread of the module counts meanwhile is not lost.
    func setCounterFlag(_ flag: UInt64, _ isSet: Bool = true, at address: UInt64) throws(SpaceError) {
        let place = address + 3
        let mask = UInt8(truncatingIfNeeded: flag >> 24)
        guard let byte = try read(place, count: 1).first else { return }
        try write(place, [isSet ? byte | mask : byte & ~mask])
    }
}

extension UseCounter {
    /// The counter in the bytes of a little-endian word.
    init(littleEndian bytes: [UInt8]) {
        self.init(word: bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
}
