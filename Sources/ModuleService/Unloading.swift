import Linking
import Logging
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SpaceControl

extension ModuleService {
    /// Unloads what is meant, or only says in which order it would go. On the linker's thread.
    func unload(
        _ parameters: UnloadMethod.Parameters, _ progress: WorkProgress
    ) throws(Failure) -> UnloadMethod.Reply {
        progress.set("", 0, 0)
        var ids = try identify(parameters)
        if parameters.dependents == true {
            ids = state.withLock { state in state.modules.withDependents(ids).map(\.id) }
        }
        guard parameters.dryRun != true else {
            try refuseHeld(ids, discards: parameters.force == true)
            return UnloadMethod.Reply(
                modules: state.withLock { state in state.modules.unloadOrder(ids).map(\.name) }, output: "")
        }
        return try unload(ids, discards: parameters.force == true, progress)
    }

    /// Unloads modules together. On the linker's thread.
    ///
    /// - Parameters:
    ///   - discards: whether those that have faulted go too, without being called.
    ///   - progress: is told which goes.
    func unload(
        _ ids: [Int], discards: Bool = false, _ progress: WorkProgress? = nil
    ) throws(Failure) -> UnloadMethod.Reply {
        try refuseHeld(ids, discards: discards)
        let order: [Module]
        do throws(ModuleTableError) {
            order = try state.withLock { (state) throws(ModuleTableError) in
                try state.modules.beginUnload(ids, discards: discards)
            }
        } catch {
            throw Failure(error)
        }
        let capture = console.beginCapture()
        progress?.setOutput { [console] in console.takeCaptured(capture) }
        var names: [String] = []
        do throws(Failure) {
            for (index, module) in order.enumerated() {
                progress?.set("unloading \(module.name)", index, order.count)
                do throws(Failure) {
                    try unload(module)
                } catch {
                    // Those that have not been asked yet stay.
                    state.withLock { state in
                        state.modules.cancelUnload(module.id, hasFaulted: error.kind == .moduleFaulted)
                        for rest in order[(index + 1)...] { state.modules.cancelUnload(rest.id) }
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
            failure.tell(gone: names, staying: order.dropFirst(names.count + 1).map(\.name))
            replaceEndedSpaces()
            throw failure
        }
        publishSymbols()
        let output = console.endCapture()
        for name in names { console.note("\(name) unloaded") }
        return UnloadMethod.Reply(modules: names, output: output)
    }

    /// What a module's own use counter says; nil when it has none, or the space is busy.
    func useCount(_ id: Int) -> Int? {
        state.withLock { $0.counterPlace(id) }?.count
    }

    private func unload(_ module: Module) throws(Failure) {
        guard let loaded = state.withLock({ $0.loaded[module.id] }) else { return }
        // Of one that has faulted: all others are kept by theirs.
        guard discardDevices(of: module.id) else {
            let holds = state.withLock { $0.deviceHolds(on: module.id, named: module.name) }
            // It stays one that has faulted.
            throw Failure(
                .moduleFaulted, [Problem(subject: module.name, reason: "\(Hold.reason(holds)) (EBUSY)")], holds: holds)
        }
        let space = try space(loaded.architecture)
        let speech = console.beginSpeech(module.name)
        defer { console.endSpeech(speech) }
        try space.busy(with: "the unload of \(module.name)") { () throws(Failure) in
            try space.within(loaded.patience) { () throws(Failure) in try leave(module, loaded, space) }
        }
        state.withLock { state in
            let set = loaded.slot.flatMap { state.spaces[loaded.architecture].symbols.owner($0) }
            if let slot = loaded.slot { state.spaces[loaded.architecture].symbols.remove(slot) }
            state.loaded[module.id] = nil
            state.modules.remove(module.id)
            state.bury(loaded.linked, set)
        }
        images.remove(module.name)
        if loaded.flat != nil { writePerfMap() }
    }

    /// Has a module clean up, and takes it out of its space.
    private func leave(_ module: Module, _ loaded: LoadedModule, _ space: SpaceHost) throws(Failure) {
        if !loaded.linked.hasCleanup || loaded.isCleanedUp || module.state == .faulted {
            try refuseKeptByThreads(loaded.linked, space)
        }
        if module.state != .faulted {
            if !loaded.isCleanedUp {
                try space.interruptibly { () throws(Failure) in try cleanUp(loaded.linked, space) }
            }
            try finishThreads(of: loaded.linked, id: module.id, space)
            runDestructors(loaded.linked)
        }
        unmap(loaded.linked)
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
            for release in module.releases { _ = try space.call(release) }
        } catch {
            let failure = failure(error, in: module.name, calling: "destructor", for: .destructor, space)
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
            let restored = try space.unmap(module.range).parts
            if !restored.isEmpty {
                console.note("\(module.name): left changed: \(restored.joined(separator: ", ")); restored")
            }
        } catch {
            log.error("\(module.name): cannot be unmapped: \(error)")
        }
    }
}

extension Failure {
    /// What the module table refused.
    init(_ error: ModuleTableError) {
        let problem = Problem(subject: error.subject, reason: "\(error.reason) (\(error.errorName))")
        switch error {
        case .exists: self.init(.moduleExists, [problem])
        case .unknown: self.init(.noSuchModule, [problem])
        case .held(_, let holders): self.init(.moduleBusy, [problem], holders: holders.map(\.name))
        case .changing, .faulted: self.init(.moduleBusy, [problem])
        }
    }

    /// Says what has become of others that were to go together with a module that refused.
    fileprivate mutating func tell(gone: [String], staying: [String]) {
        guard var problem = problems.first else { return }
        if !gone.isEmpty { problem.reason += "; gone before it: \(gone.joined(separator: ", "))" }
        if !staying.isEmpty { problem.reason += "; not asked, and staying: \(staying.joined(separator: ", "))" }
        problems[0] = problem
    }
}
