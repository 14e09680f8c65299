import Linking
import Logging
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SpaceControl

extension ModuleService {
    /// Unloads modules together, and then those that only they used and that were loaded to go. On the linker's thread.
    func unload(_ ids: [Int]) throws(Failure) -> UnloadMethod.Reply {
        try refuseUsed(ids)
        let order: [Module]
        do throws(ModuleTableError) {
            order = try state.withLock { (state) throws(ModuleTableError) in try state.modules.beginUnload(ids) }
        } catch {
            throw Failure(error)
        }
        console.beginCapture()
        var names: [String] = []
        do throws(Failure) {
            for (index, module) in order.enumerated() {
                do throws(Failure) {
                    try unload(module)
                } catch {
                    // Those that have not been asked yet stay.
                    state.withLock { state in
                        for rest in order[index...] { state.modules.cancelUnload(rest.id) }
                        if error.kind == .moduleFaulted { state.modules.cancelUnload(module.id, isBroken: true) }
                    }
                    throw error
                }
                names.append(module.name)
                log.info("\(module.name) unloaded")
            }
        } catch {
            publishSymbols()
            var failure = error
            failure.output = console.endCapture()
            replaceEndedSpaces()
            throw failure
        }
        publishSymbols()
        let output = console.endCapture()
        for name in names { console.note("\(name) unloaded") }
        let more = try unloadUnused(order)
        later { $0.tidyUp() }
        return UnloadMethod.Reply(modules: names + more.modules, output: output + more.output)
    }

    /// A module that counts its users itself goes when it counts none.
    private func refuseUsed(_ ids: [Int]) throws(Failure) {
        for id in ids {
            guard let module = state.withLock({ $0.loaded[id]?.linked }) else { continue }
            guard let count = try knownUseCount(module), count != 0 else { continue }
            throw Failure(
                .moduleBusy,
                [Problem(subject: module.name, reason: "in use: its use count is \(count) (EBUSY)")])
        }
    }

    /// What a module's own use counter says; nil when it has none. Waits while somebody else asks the space: not to know must not
    /// pass for not in use.
    private func knownUseCount(_ module: LinkedModule) throws(Failure) -> Int? {
        guard let address = module.useCount else { return nil }
        let space = try space(module.image.architecture)
        do throws(SpaceError) {
            return Self.useCount(try space.read(address, count: space.useCountSize))
        } catch {
            throw failure(error, in: module.name, calling: "use count")
        }
    }

    /// What a module's own use counter says; nil when it has none, or the space is busy.
    func useCount(_ id: Int) -> Int? {
        let place = state.withLock { state in
            state.loaded[id].flatMap { module in
                module.linked.useCount.map { (address: $0, space: state.spaces[module.architecture].host) }
            }
        }
        guard let place, let space = place.space else { return nil }
        return space.readUnlessBusy(place.address, count: space.useCountSize).map(Self.useCount)
    }

    /// The counter in its little-endian word. The flags MOD_AUTOCLEAN and MOD_VISITED of modules(2) stand in the same word.
    static func useCount(_ word: [UInt8]) -> Int {
        Int(truncatingIfNeeded: word.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } & ~0x6000_0000)
    }

    private func unload(_ module: Module) throws(Failure) {
        guard let loaded = state.withLock({ $0.loaded[module.id] }) else { return }
        let space = try space(loaded.architecture)
        if !loaded.linked.hasCleanup || loaded.isCleanedUp || module.isBroken {
            try refuseKeptByThreads(loaded.linked, space)
        }
        if !module.isBroken {
            if !loaded.isCleanedUp {
                try space.interruptibly { () throws(Failure) in try cleanUp(loaded.linked, space) }
            }
            try finishThreads(of: loaded.linked, id: module.id, space)
            runDestructors(loaded.linked)
        }
        unmap(loaded.linked)
        state.withLock { state in
            if let slot = loaded.slot { state.spaces[loaded.architecture].symbols.remove(slot) }
            state.loaded[module.id] = nil
            state.modules.remove(module.id)
            state.spaces[loaded.architecture].ranges.release(loaded.linked.range.lowerBound)
        }
        images.remove(module.name)
    }

    /// The space that a module is in, if it runs.
    func host(of module: LinkedModule) -> SpaceHost? {
        state.withLock { $0.spaces[module.image.architecture].host }
    }

    /// Asks a module that was started to clean up, and does not mind how it ends: part of undoing.
    func finish(_ module: LinkedModule) {
        guard let space = host(of: module) else { return }
        do throws(Failure) {
            try cleanUp(module, space)
        } catch {
            log.warning("\(error.problems.first?.description ?? module.name)")
        }
    }

    /// Runs what the module has left for its end: functions given to atexit(3) in its name, then destructors.
    func runDestructors(_ module: LinkedModule) {
        guard let space = host(of: module), !space.hasEnded else { return }
        do throws(SpaceError) {
            let symbols = state.withLock { $0.spaces[space.architecture].symbols }
            if let finalize = symbols.exported("__cxa_finalize").flatMap(symbols.symbol) {
                _ = try space.call(finalize.address, [module.range.lowerBound])
            }
            try space.call(module.destructors, reverse: true)
        } catch {
            let failure = failure(error, in: module.name, calling: "destructor")
            let line = failure.problems.first?.description ?? module.name
            log.warning("\(line)")
            console.note(line)
        }
    }

    /// Takes a module's memory out of the space.
    func unmap(_ module: LinkedModule) {
        guard let space = host(of: module), !space.hasEnded else { return }
        takeThreads(module, space)
        // The space may have refused to take them: nothing to take back then.
        if let frames = module.frames { try? space.unregisterFrames(frames) }
        do throws(SpaceError) {
            try space.unmap(module.range)
        } catch {
            log.error("\(module.name): cannot be unmapped: \(error)")
        }
    }

    /// Modules that were loaded to go when nobody uses them any more (`modload -k`), and that the ones just unloaded used.
    private func unloadUnused(_ gone: [Module]) throws(Failure) -> UnloadMethod.Reply {
        let candidates = Set(gone.flatMap(\.uses.keys)).sorted(by: >)
        var reply = UnloadMethod.Reply(modules: [], output: "")
        for id in candidates {
            let isUnused = state.withLock { state in
                state.modules[id]?.isAutoclean == true && state.modules.holders(of: id).isEmpty
            }
            // One that refuses, or counts users itself, stays.
            guard isUnused, mayGoByItself(id), let more = try? unload([id]) else { continue }
            reply.modules += more.modules
            reply.output += more.output
        }
        return reply
    }
}

extension SpaceHost {
    /// A `long` of modules(2), in bytes.
    fileprivate var useCountSize: Int { Int(architecture.pointerSize) }
}

extension Failure {
    /// What the module table refused.
    init(_ error: ModuleTableError) {
        let problem = Problem(subject: error.subject, reason: "\(error.reason) (\(error.errorName))")
        switch error {
        case .exists: self.init(.moduleExists, [problem])
        case .unknown: self.init(.noSuchModule, [problem])
        case .held(_, let holders): self.init(.moduleBusy, [problem], holders: holders)
        case .changing: self.init(.moduleBusy, [problem])
        }
    }
}
