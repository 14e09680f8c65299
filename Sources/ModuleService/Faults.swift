import Linking
import ModlinkInterface
import ObjectModel
import Posix
import SpaceControl
import SymbolTable

extension ModuleService {
    /// What went wrong while the space called a function of a module. What crashed is looked at before anything else happens in the space.
    ///
    /// - Parameters:
    ///   - activity: what the function was called for.
    ///   - device: of a device's function, which was not called on behalf of the linker's thread.
    func failure(
        _ error: SpaceError, in module: String, calling function: String, for activity: Crash.Activity,
        _ space: SpaceHost, device: DeviceCall? = nil
    ) -> Failure {
        if let crash = threadCrash(ending: error, in: module, space, device) {
            return Failure(crash, in: module, calling: function)
        }
        switch error {
        case .faulted(_, let fault):
            let kind = Crash.Kind(fault)
            return crashed(kind, fault, in: module, calling: function, activity, space, device)
        // Who only wants to look has little patience, and that is no fault.
        case .timedOut(_, let fault?) where fault.kind == .deadline && activity != .state:
            return crashed(.hung, fault, in: module, calling: function, activity, space, device)
        case .timedOut(_, nil) where activity != .state && !(device?.lane.wasInterrupted ?? space.isInterrupted):
            return crashed(.hung, .leftRunning, in: module, calling: function, activity, space, device)
        case .died(_, let death):
            return Failure(
                .systemFailure,
                [
                    Problem(
                        subject: module, place: function,
                        reason: "ended the space\(death.words); all its modules are lost")
                ])
        case .threadEnded:
            return Failure(
                .systemFailure,
                [Problem(subject: module, place: function, reason: "ended its thread instead of returning")])
        case .damaged:
            markFaulty(module)
            return Failure(
                .moduleFaulted,
                [
                    Problem(
                        subject: module, place: function,
                        reason: "data of the space's own has been overwritten meanwhile; its thread is left to itself")
                ], signal: "overwritten")
        case .timedOut(_, let fault):
            let place =
                fault.map { " in \(describe($0.instructionPointer, in: space.architecture))" }
                ?? ", and goes on: no signal ends what it waits for"
            return Failure(
                .moduleFaulted, [Problem(subject: module, place: function, reason: "interrupted\(place)")],
                signal: "interrupted")
        default:
            return Failure(.systemFailure, [Problem(subject: module, place: function, reason: "\(error)")])
        }
    }

    /// The crash of a thread of the module that ended what the module was being called for; nil when the call failed by itself.
    private func threadCrash(
        ending error: SpaceError, in module: String, _ space: SpaceHost, _ device: DeviceCall?
    ) -> ThreadCrash? {
        guard let device else {
            let crash = space.takeCrashOfThread()
            if crash != nil { space.releaseStopped() }
            return crash
        }
        guard case .timedOut(_, let fault) = error, fault.map({ $0.kind == .interrupt }) ?? device.lane.wasInterrupted,
            let crash = threadCrash(of: module)
        else { return nil }
        try? device.lane.release()
        return crash
    }

    /// The crash of a thread that made a module one that has faulted.
    func threadCrash(of module: String) -> ThreadCrash? {
        state.withLock { state in
            state.modules.module(named: module).flatMap { state.loaded[$0.id]?.threadCrash }
        }
    }

    /// A thread of a module has crashed, in no call. Whatever the module is being called for is ended.
    private func endCalls(of module: String, because crash: ThreadCrash, in space: SpaceHost) {
        let (range, lanes) = state.withLock { state -> (Range<UInt64>?, [Lane]) in
            guard let module = state.modules.module(named: module) else { return (nil, []) }
            state.loaded[module.id]?.threadCrash = crash
            let devices = state.devices.values.filter { $0.module == module.id && $0.running != nil }
            return (module.range, devices.map(\.lane))
        }
        if let range { space.endCall(ofModuleIn: range, because: crash) }
        for lane in lanes { lane.interrupt() }
    }

    /// A function of a module has crashed: its thread stands still.
    private func crashed(
        _ kind: Crash.Kind, _ fault: Fault, in module: String, calling function: String, _ activity: Crash.Activity,
        _ space: SpaceHost, _ device: DeviceCall?
    ) -> Failure {
        let place = place(of: fault, in: space)
        let problem = Problem(
            subject: module, place: function, reason: describe(fault, place, in: space.architecture))
        let culprit = place.flatMap { place in state.withLock { $0.modules[place.module]?.name } } ?? module
        let record = record(
            Crash(
                kind: kind, fault: fault, module: culprit, activity: activity,
                request: device.map(\.caller) ?? request.withLock { $0 }, line: problem.description), space)
        if let device { try? device.lane.release() } else { space.releaseStopped() }
        markFaulty(culprit)
        noteGivenUp(culprit, in: space.architecture)
        restartLater(space, without: culprit)
        var failure = Failure(.moduleFaulted, [problem], signal: fault.signalName)
        let parts = [record.report, String(record.opening.dropLast())]
        failure.report = parts.filter { !$0.isEmpty }.joined(separator: "\n")
        failure.crash = record.folder.flatMap { $0.split(separator: "/").last }.flatMap { Int($0) }
        return failure
    }

    /// A module that runs is not called any more. One that is being loaded goes anyway, and one that is being unloaded is dealt with there.
    func markFaulty(_ module: String) {
        state.withLock { state in
            if let id = state.modules.module(named: module)?.id { state.modules.setFaulted(id) }
        }
    }

    /// How long a call of a module may take; nil: as long as it wants.
    func patience(with module: String) -> Duration? {
        state.withLock { state in
            guard let id = state.modules.module(named: module)?.id, let loaded = state.loaded[id] else {
                return SpaceHost.standardPatience
            }
            return loaded.patience
        }
    }

    /// Refuses to call a module that has faulted.
    func refuseFaulted(_ module: String) throws(Failure) {
        guard state.withLock({ $0.modules.module(named: module)?.state }) == .faulted else { return }
        throw Failure(
            .moduleFaulted, subject: module,
            reason: "has faulted and is not called any more; 'modunload -f \(module)' discards it")
    }

    /// What happened to a thread, and where: `SIGSEGV at 0x0 in gurka:slice+0x1b`.
    ///
    /// - Parameter place: where it belongs; of an exit, where that was called.
    func describe(_ fault: Fault, _ place: FaultPlace?, in architecture: Architecture) -> String {
        if fault == .leftRunning { return "hung: not back in time, and goes on: no signal ends what it waits for" }
        let here = describe(fault.instructionPointer, in: architecture)
        switch fault.kind {
        case .signal: return "\(fault.signalName)\(touched(fault, in: architecture)) in \(here)"
        case .deadline where fault.stoppedSpace:
            return "hung: stopped the space (SIGSTOP), and was not back in time, in \(here)"
        case .deadline: return "hung: not back in time, in \(here)\(waitedLock(fault, in: architecture))"
        case .interrupt: return "interrupted in \(here)"
        case .exit:
            let caller = place.map { describe($0.address, isBehindCall: true, in: architecture) } ?? here
            return "called exit(\(fault.code)) in \(caller)"
        case .execute:
            let caller = place.map { describe($0.address, isBehindCall: true, in: architecture) } ?? here
            return "called execve in \(caller)"
        }
    }

    /// The address that was touched, where the signal has one.
    private func touched(_ fault: Fault, in architecture: Architecture) -> String {
        guard ["SIGSEGV", "SIGBUS"].contains(fault.signalName), fault.code > 0 else { return "" }
        // A jump to where a module was is explained by where it was.
        let stale =
            fault.address == fault.instructionPointer ? nil : departed(fault.address, in: architecture)?.departed
        return " at \(hexadecimal(fault.address))" + (stale.map { " (\($0))" } ?? "")
    }

    /// An address of a space, as people read it: `gurka:slice+0x1b`.
    ///
    /// - Parameter isBehindCall: whether a call returns there. The last instruction of a function that does not return is a call, and
    ///   what is behind it belongs to the next one.
    func describe(_ address: UInt64, isBehindCall: Bool = false, in architecture: Architecture) -> String {
        let sets = symbolSets(of: architecture)
        let inside = isBehindCall ? address &- 1 : address
        guard let set = sets.first(where: { $0.range.contains(inside) }), let index = set.symbol(at: inside) else {
            return departed(address, in: architecture)?.departed ?? "unknown code at \(hexadecimal(address))"
        }
        let offset = hexadecimal(address - set.symbols.entries[index].address)
        return "\(set.owner.isEmpty ? "" : set.owner + ":")\(set.name(index))+\(offset)"
    }
}

extension ModuleService {
    /// The symbols of a space: its own, and those of all its modules.
    func symbolSets(of architecture: Architecture) -> [SymbolSet] {
        state.withLock { state in
            // Those that are being loaded are in no table yet.
            let loading = state.loaded.values.filter { $0.slot == nil && $0.architecture == architecture }
            return state.spaces[architecture].symbols.snapshot + loading.map { SymbolSet($0.linked) }
        }
    }
}

// MARK: Whose fault it is

extension ModuleService {
    /// Where a fault belongs.
    func place(of fault: Fault, in space: SpaceHost) -> FaultPlace? {
        FaultPlace(
            programCounter: fault.instructionPointer, stackPointer: fault.stackPointer,
            startRoutine: fault.startRoutine, in: surroundings(space))
    }

    /// What has to be known of a space to find code of modules on stacks.
    func surroundings(_ space: SpaceHost) -> FaultPlace.Surroundings {
        let process = space.information.process
        let (code, program) = state.withLock { state in
            let code = state.modules(in: space.architecture).flatMap { module in
                (state.loaded[module.id]?.linked.codeRanges ?? []).map { (range: $0, module: module.id) }
            }
            let program = state.spaces[space.architecture].symbols.snapshot.first { $0.owner.isEmpty }?.range
            return (ModuleCode(code), program ?? 0..<0)
        }
        return FaultPlace.Surroundings(
            architecture: space.architecture,
            module: code.module(at:),
            isProgram: program.contains,
            read: { address, count in (try? ProcessMemory.read(process, at: address, count: count)) ?? [] })
    }

    /// Deals with what happens in a space by itself, until it has ended.
    func follow(_ space: SpaceHost) {
        while let message = space.nextMessage() {
            guard case .event(let event) = message else {
                if case .junk(let count) = message { noteJunk(count, from: space) }
                continue
            }
            guard let fault = event.fault else {
                tell(of: event, in: space)
                continue
            }
            let place = place(of: fault, in: space)
            let culprit = place.flatMap { place in state.withLock { $0.modules[place.module]?.name } }
            let what = describe(fault, place, in: space.architecture)
            switch event {
            case .threadFaulted:
                let kind = Crash.Kind(fault)
                let text = "thread \(fault.thread): \(what)"
                let line = "\(culprit ?? space.label): \(text); the thread is ended"
                let record = record(
                    Crash(kind: kind, fault: fault, module: culprit, activity: .thread, line: line), space)
                if let culprit {
                    let crash = ThreadCrash(fault: fault, text: text, report: record.report)
                    endCalls(of: culprit, because: crash, in: space)
                }
            case .dying:
                let line = "\(space.label): \(what); it ends"
                _ = record(Crash(kind: .died, fault: fault, module: culprit, line: line), space)
            case .signalIgnored: break
            }
            if let culprit { markFaulty(culprit) }
            space.release(event)
            if case .threadFaulted = event { restartLater(space, without: culprit) }
        }
        space.waitForEndOfUnconnected()
    }

    /// Tells of what has harmed nobody.
    private func tell(of event: SpaceEvent, in space: SpaceHost) {
        guard case .signalIgnored(let signal, let sender) = event else { return }
        let origin = sender.map { " of process \($0)" } ?? ""
        console.note("\(space.label): \(signalName(signal))\(origin): no module handles it; ignored")
    }

    /// A module has written to the connection over which a space tells of what happens by itself. It is said once of a space: there may
    /// be no end of it.
    private func noteJunk(_ count: Int, from space: SpaceHost) {
        guard space.isFirstJunk else { return }
        let task = space.busyWith.map { " during \($0)" } ?? ""
        let line = "\(space.label): a module has written \(count) bytes to the space's connection for events\(task)"
        log.error("\(line)")
        console.note(line)
    }
}

extension Crash.Kind {
    /// What a thread was stopped by.
    init(_ fault: Fault) {
        self =
            switch fault.kind {
            case .exit: .exit
            case .execute: .execute
            case .signal, .deadline, .interrupt: .fault
            }
    }
}

extension Death {
    /// How a space ended while a module was called: `: it ended by SIGKILL`, ` by exit_group(7)`.
    fileprivate var words: String {
        // exit(3) and its like do not end a space.
        if case .exited(let code) = status, cause == nil, fault == nil { return " by exit_group(\(code))" }
        return ": it \(self)"
    }
}

extension Failure {
    /// A call of a module was ended, since a thread of the module has crashed meanwhile.
    init(_ crash: ThreadCrash, in module: String, calling function: String) {
        let problem = Problem(subject: module, place: function, reason: crash.text)
        self.init(.moduleFaulted, [problem], signal: crash.fault.signalName)
        if crash.report.contains("\n") { report = crash.report }
    }
}

extension LinkedModule {
    /// Where its code is: of one that is flat, anywhere.
    var codeRanges: [Range<UInt64>] {
        guard !image.segments.isEmpty else { return [range] }
        return image.segments.filter { $0.protection.contains(.execute) }.map {
            $0.address..<$0.address &+ $0.memorySize
        }
    }
}
