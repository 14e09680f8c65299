import Linking
import Logging
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SpaceControl
import SymbolTable

/// A space as the service keeps it.
struct SpaceRecord: Sendable {
    /// Its process; nil before it is needed, and when it has ended and no other has been started.
    var host: SpaceHost?
    /// Every symbol of it. The table outlives the process, so that its generation only ever grows.
    var symbols = SymbolTable()
    /// The modules that have been unloaded last.
    var departed = DepartedOwners()
    /// Which addresses of its window are taken.
    var ranges = AddressRanges(window: 0..<0)
    /// Which bytes are taken of the room that each thread has for thread-local variables, counted from its start.
    var threadRanges = AddressRanges(window: 0..<0)
    /// The module whose code was given up last in the middle of what it did, and may have left locks taken.
    var givenUp: String?
    /// The generation of `symbols` that whoever opens the file of the symbol table finds, or a later one.
    var publishedGeneration: UInt64 = 0
}

/// All spaces: one a machine. The native one is there from the start, another from when the first object for its machine comes.
struct Spaces: Sendable {
    private var records = Architecture.allCases.map { _ in SpaceRecord() }

    /// The space of a machine, whether it runs or not.
    subscript(architecture: Architecture) -> SpaceRecord {
        get { records[Int(architecture.rawValue)] }
        // In place: to set a copy would copy the whole symbol table.
        _modify { yield &records[Int(architecture.rawValue)] }
    }

    /// Those that run, the native one first.
    var hosts: [SpaceHost] { records.compactMap(\.host) }

    /// Takes out those that run.
    mutating func removeHosts() -> [SpaceHost] {
        let hosts = hosts
        for index in records.indices { records[index].host = nil }
        return hosts
    }
}

extension ModuleService {
    /// The space of a machine; it is started when it does not run. On the linker's thread.
    func space(_ architecture: Architecture) throws(Failure) -> SpaceHost {
        if let host = state.withLock({ $0.spaces[architecture].host }) { return host }
        return try startSpace(architecture)
    }

    /// Starts a space, and fills its symbol table with what it offers. On the linker's thread.
    @discardableResult func startSpace(_ architecture: Architecture) throws(Failure) -> SpaceHost {
        if state.withLock(\.isEnding) { throw Self.ending }
        let program = try program(of: architecture)
        let space: SpaceHost
        do throws(SpaceError) {
            space = try SpaceHost(
                executable: program, architecture: architecture, console: console.writing.descriptor,
                environment: environment
            ) { [weak self] what in
                self?.noteRemark(what, on: architecture)
            }
        } catch {
            throw Failure(.systemFailure, subject: architecture.spaceSubject, reason: error.reason)
        }
        let resident = try residentSymbols(space)
        state.withLock { state in
            _ = state.spaces[architecture].symbols.insert(resident)
            state.spaces[architecture].departed = DepartedOwners()
            state.spaces[architecture].ranges = AddressRanges(
                window: space.information.window, restingLimit: DepartedOwners.limit)
            state.spaces[architecture].threadRanges = AddressRanges(window: 0..<space.information.reserve.size)
            state.spaces[architecture].host = space
            state.spaces[architecture].givenUp = nil
        }
        log.info("\(space.label) started: \(resident.symbols.entries.count) symbols")
        watch(space)
        publishSymbols()
        return space
    }

    /// The program of a space: those of other machines lie beside the native one and have the machine's name in theirs.
    private func program(of architecture: Architecture) throws(Failure) -> String {
        guard architecture != .native else { return executable }
        let path = executable + "-" + architecture.name
        guard (try? File.status(path: path))?.isRegular == true else {
            throw Failure(
                .noSuchSpace, subject: architecture.spaceSubject,
                reason: "\(path) is missing; \(architecture.spacePackage.map { "install \($0) and " } ?? "")build again"
            )
        }
        return path
    }

    /// Tells the linker when the space has ended by itself.
    private func watch(_ space: SpaceHost) {
        do throws(SystemError) {
            try Threads.start(name: "space-\(space.information.process)") { [self] in
                follow(space)
                endChildren(of: space)
                later { $0.spaceEnded(space) }
            }
        } catch {
            log.error("\(space.label) cannot be watched: \(error)")
        }
    }

    /// A space has ended: its modules are gone. A new one takes its place, at once or when it is needed.
    private func spaceEnded(_ space: SpaceHost) {
        let isCurrent = state.withLock { $0.spaces[space.architecture].host === space }
        guard isCurrent else { return }
        guard faultPolicy == .restart else { return replaceSpace(space.architecture) }
        noteEnd(of: space)
        restart(space, without: nil)
    }

    /// Says how a space has ended, and what was lost with it.
    private func noteEnd(of space: SpaceHost) {
        let lost = state.withLock { $0.modules(in: space.architecture).filter { $0.state != .loading }.map(\.name) }
        let line =
            "\(space.label) \(space.end ?? "ended")"
            + (lost.isEmpty ? "" : "; lost with it: \(lost.joined(separator: ", "))")
        log.error("\(line)")
        console.note(line)
    }

    /// Says what has been done to a space that did not answer.
    private func noteRemark(_ what: String, on architecture: Architecture) {
        guard let space = state.withLock({ $0.spaces[architecture].host }) else { return }
        let task = space.busyWith.map { ", busy with \($0)" } ?? ""
        let line = "\(space.label)\(task): \(what)"
        log.warning("\(line)")
        console.note(line)
    }

    /// Forgets a space that has ended. Another native one is started; the others wait for the next object for their machine.
    func replaceSpace(_ architecture: Architecture) {
        if let space = state.withLock({ $0.spaces[architecture].host }) {
            noteEnd(of: space)
            removePerfMap(of: space.information.process)
        }
        for name in state.withLock({ $0.forget(architecture) }) { images.remove(name) }
        do throws(Failure) {
            if architecture == .native { try startSpace(architecture) }
        } catch {
            log.critical("\(error.problems.map(\.description).joined(separator: "; "))")
        }
        // What tools read now says that there is nothing, unless there is another already.
        publishSymbols()
    }

    /// Does `replaceSpace` for those that have ended and are not noticed yet.
    func replaceEndedSpaces() {
        for space in state.withLock({ $0.spaces.hosts }) where space.hasEnded { replaceSpace(space.architecture) }
    }
}

extension ModuleService.State {
    /// The modules of one space, in the order in which they were loaded.
    func modules(in architecture: Architecture) -> [Module] {
        modules.all.filter { loaded[$0.id]?.architecture == architecture }
    }

    /// Forgets a space that has ended, and all that was in it. Returns the names of its modules.
    mutating func forget(_ architecture: Architecture) -> [String] {
        spaces[architecture].host = nil
        spaces[architecture].symbols.removeAll()
        let lost = modules(in: architecture)
        for module in lost {
            modules.remove(module.id)
            loaded[module.id] = nil
            for (number, device) in devices where device.module == module.id { devices[number] = nil }
        }
        return lost.map(\.name)
    }
}

extension SpaceHost {
    /// What messages call it: `space 4711`, `space 4712 (i386)`.
    var label: String {
        "space \(information.process)" + (architecture == .native ? "" : " (\(architecture.name))")
    }
}

extension Architecture {
    /// What messages call a space that does not run.
    fileprivate var spaceSubject: String { self == .native ? "space" : "space \(name)" }

    /// Debian's package with which the compiler makes programs for it, where that is not the compiler's own.
    fileprivate var spacePackage: String? {
        switch self {
        case .x86_64: nil
        case .i386: "gcc-i686-linux-gnu or gcc-multilib"
        }
    }
}
