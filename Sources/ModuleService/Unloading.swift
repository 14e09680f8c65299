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
        var reply = UnloadMethod.Reply(modules: [], output: "")
        do throws(Failure) {
            for (index, module) in order.enumerated() {
                progress?.set("unloading \(module.name)", index, order.count)
                do throws(Failure) {
                    try unload(module, discards: discards, &reply)
                } catch {
                    // Those that have not been asked yet stay.
                    state.withLock { state in
                        let isSpoiled = state.loaded[module.id]?.isSpoiled == true
                        state.modules.cancelUnload(module.id, hasFaulted: error.kind == .moduleFaulted || isSpoiled)
                        for rest in order[(index + 1)...] { state.modules.cancelUnload(rest.id) }
                    }
                    throw error
                }
                reply.modules.append(module.name)
                log.info("\(module.name) unloaded")
            }
        } catch {
            publishSymbols()
            var failure = error
            failure.output = console.endCapture()
            failure.tell(gone: reply.modules, staying: order.dropFirst(reply.modules.count + 1).map(\.name))
            // What went wrong before, and what has been done.
            failure.problems += (reply.problems ?? []) + (reply.warnings ?? [])
            replaceEndedSpaces()
            throw failure
        }
        publishSymbols()
        reply.output = console.endCapture()
        for note in (reply.warnings ?? []) + (reply.notes ?? []) { console.note("\(note)") }
        for name in reply.modules { console.note("\(name) unloaded") }
        return reply
    }

    /// What a module's own use counter says; nil when it has none, or the space is busy.
    func useCount(_ id: Int) -> Int? {
        state.withLock { $0.counterPlace(id) }?.count
    }

    private func unload(
        _ module: Module, discards: Bool, _ reply: inout UnloadMethod.Reply
    ) throws(Failure) {
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
            try space.within(loaded.patience) { () throws(Failure) in
                try leave(module, loaded, space, discards: discards, &reply)
            }
        }
        state.withLock { state in
            let set = loaded.slot.flatMap { state.spaces[loaded.architecture].symbols.owner($0) }
            if let slot = loaded.slot { state.spaces[loaded.architecture].symbols.remove(slot) }
            state.loaded[module.id] = nil
            state.modules.remove(module.id)
            state.bury(loaded.linked, set)
        }
        images.retire(module.name)
        if loaded.flat != nil { writePerfMap() }
    }

    /// Has a module clean up, and takes it out of its space: one stage after the other, none of which is done twice.
    private func leave(
        _ module: Module, _ loaded: LoadedModule, _ space: SpaceHost, discards: Bool,
        _ reply: inout UnloadMethod.Reply
    ) throws(Failure) {
        let linked = loaded.linked
        var isDiscarded = module.state == .faulted
        if !linked.hasCleanup || loaded.isCleanedUp || isDiscarded { try refuseKeptByThreads(linked, space) }
        if !isDiscarded, !loaded.isCleanedUp {
            isDiscarded = try cleanUp(linked, space, discards: discards, &reply)
        }
        if isDiscarded {
            noteSpoiled(module.id)
            try settleThreads(of: linked, ends: true, &reply)
        } else {
            try finish(linked, id: module.id, space, discards: discards, &reply)
        }
        unmap(linked, discards: isDiscarded, &reply)
    }

    /// Has a module clean up. Returns whether it has refused, and is discarded all the same.
    private func cleanUp(
        _ module: LinkedModule, _ space: SpaceHost, discards: Bool, _ reply: inout UnloadMethod.Reply
    ) throws(Failure) -> Bool {
        do throws(Failure) {
            try space.interruptibly { () throws(Failure) in try cleanUp(module, space) }
            return false
        } catch {
            guard discards, error.kind == .moduleBusy, var refusal = error.problems.first else { throw error }
            refusal.reason += "; discarded all the same"
            reply.tell(refusal)
            return true
        }
    }

    /// What is to be done for a module that has cleaned up.
    private func finish(
        _ module: LinkedModule, id: Int, _ space: SpaceHost, discards: Bool, _ reply: inout UnloadMethod.Reply
    ) throws(Failure) {
        let isEndedByDestructors = mayEndThreads(module, space)
        state.withLock { $0.loaded[id]?.isCleanedUp = true }
        if !isEndedByDestructors { try settleThreads(of: module, ends: discards, &reply) }
        try finishThreads(of: module, id: id, space)
        let problem = runDestructors(module)
        if var problem {
            problem.reason += "; it is gone all the same"
            reply.complain(problem)
        }
        guard isEndedByDestructors || problem != nil else { return }
        noteSpoiled(id)
        do throws(Failure) {
            try settleThreads(of: module, ends: discards, &reply)
        } catch {
            // It is not gone.
            reply.problems?.removeLast(problem == nil ? 0 : 1)
            var failure = error
            if let problem { failure.problems.insert(problem, at: 0) }
            throw failure
        }
    }

    private func noteSpoiled(_ id: Int) {
        state.withLock { $0.loaded[id]?.isSpoiled = true }
    }

    /// The space that a module is in, if it runs.
    func host(of module: LinkedModule) -> SpaceHost? {
        state.withLock { $0.spaces[module.image.architecture].host }
    }

    /// Asks a module that was started to clean up: part of undoing. Returns how it failed.
    func finish(_ module: LinkedModule) -> Problem? {
        guard let space = host(of: module), !space.hasEnded else { return nil }
        do throws(Failure) {
            try cleanUp(module, space)
            return nil
        } catch {
            let problem = error.telling
            log.warning("\(problem?.description ?? module.name)")
            return problem
        }
    }

    /// Runs what the module has left for its end: functions given to atexit(3) in its name, then destructors. Returns how that failed.
    func runDestructors(_ module: LinkedModule) -> Problem? {
        guard let space = host(of: module), !space.hasEnded else { return nil }
        do throws(SpaceError) {
            let symbols = state.withLock { $0.spaces[space.architecture].symbols }
            if let finalize = symbols.exported("__cxa_finalize").flatMap(symbols.symbol) {
                _ = try space.call(finalize.address, [module.range.lowerBound])
            }
            try space.call(module.destructors, reverse: true)
            for release in module.releases { _ = try space.call(release) }
            return nil
        } catch {
            let failure = failure(error, in: module.name, calling: "destructor", for: .destructor, space)
            let line = failure.problems.first?.description ?? module.name
            log.warning("\(line)")
            console.note(line)
            return failure.telling
        }
    }

    /// Takes a module's memory out of the space; no thread runs its code any more.
    ///
    /// - Parameters:
    ///   - discards: whether what it has left open is closed.
    ///   - reply: is told of that, and of what failed.
    func unmap(_ module: LinkedModule, discards: Bool, _ reply: inout UnloadMethod.Reply) {
        guard let space = host(of: module), !space.hasEnded else { return }
        takeThreads(module, space)
        // Told of before they are closed.
        let names = discards ? describe((try? space.descriptors(module.range))?.numbers ?? [], of: space) : []
        // The space may have refused to take them: nothing to take back then.
        if let frames = module.frames { try? space.unregisterFrames(frames) }
        do throws(SpaceError) {
            let remains = try space.unmap(module.range, discards: discards)
            let restored = remains.restored.parts
            if !restored.isEmpty {
                console.note("\(module.name): left changed: \(restored.joined(separator: ", ")); restored")
            }
            let left = remains.descriptors
            for name in discards ? names : describe(left.numbers, of: space) {
                reply.note(
                    Problem(subject: module.name, reason: discards ? "\(name) is closed" : "leaves \(name) open"))
            }
            let more = left.count - left.numbers.count
            if more > 0 {
                reply.note(
                    Problem(
                        subject: module.name,
                        reason: discards ? "\(more) more descriptors are closed" : "leaves \(more) more open"))
            }
        } catch {
            log.error("\(module.name): cannot be unmapped: \(error)")
            reply.complain(Problem(subject: module.name, reason: "its memory stays mapped: \(error)"))
        }
    }

    /// Descriptors of a space as people know them: `descriptor 5 (socket:[4711])`.
    private func describe(_ descriptors: [Int32], of space: SpaceHost) -> [String] {
        descriptors.map { number in
            let target = try? File.readLink("/proc/\(space.information.process)/fd/\(number)")
            return "descriptor \(number)" + (target.map { " (\($0))" } ?? "")
        }
    }
}

extension Failure {
    /// Its first problem, and where to find more of a crash.
    fileprivate var telling: Problem? {
        guard var problem = problems.first else { return nil }
        if let crash { problem.reason += " ('modstat --crash \(crash)' tells more)" }
        return problem
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
