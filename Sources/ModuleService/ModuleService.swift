import Linking
import Logging
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SpaceControl
import SymbolTable
import Synchronization

/// What the daemon does: the one place where readers, linker, tables and space meet.
///
/// Loads and unloads happen on one thread, the linker's, one after the other. Tables are behind a lock that nobody holds for
/// longer than a look; the linker takes a copy of the symbol table, which costs nothing until it is changed.
public final class ModuleService: Sendable {
    let directory: RuntimeDirectory
    let console: Console
    let log: Logger
    let images: ImageStore
    let state: Mutex<State>
    let queue = BlockingQueue<@Sendable () -> Void>()
    private let executable: String

    /// What changes.
    struct State: Sendable {
        var symbols = SymbolTable()
        var modules = ModuleTable()
        var loaded: [Int: LoadedModule] = [:]
        var space: SpaceRecord?
        /// The generation of `symbols` that the file of the symbol table shows.
        var publishedGeneration: UInt64 = 0
        /// No space is started any more.
        var isEnding = false

        /// Forgets the space that has ended, and all that was in it.
        mutating func forgetSpace() {
            space = nil
            symbols.removeAll()
            modules.removeAll()
            loaded = [:]
        }
    }

    /// The space, and which addresses of its window are taken.
    struct SpaceRecord: Sendable {
        let space: SpaceHost
        var ranges: AddressRanges
        let window: Range<UInt64>
    }

    /// A module as the service keeps it.
    struct LoadedModule: Sendable {
        var linked: LinkedModule
        /// Its place in the symbol table, once it is running.
        var slot: Int?
    }

    /// Starts a space, and the thread that links.
    public init(
        directory: RuntimeDirectory, console: Console, spaceExecutable: String, log: Logger
    ) throws(Failure) {
        self.directory = directory
        self.console = console
        self.log = log
        executable = spaceExecutable
        images = try ImageStore(directory)
        state = Mutex(State())
        do throws(SystemError) {
            try Threads.start(name: "linker", stackSize: 8 << 20) { [queue] in
                while let job = queue.pop() { job() }
            }
        } catch {
            throw Failure(.systemFailure, subject: "linker", reason: "\(error)")
        }
        try perform { service throws(Failure) in try service.startSpace() }
    }

    /// Does something on the linker's thread, and waits for it.
    ///
    /// - Parameter socket: the connection of who wants it. When they go away it is not begun; or the function of a module that
    ///   keeps it is ended, as a deadline would end it.
    func perform<Result: Sendable>(
        for socket: Int32? = nil, _ work: @escaping @Sendable (ModuleService) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let promise = Promise<Swift.Result<Result, Failure>>()
        let job = LinkerJob()
        let accepted = queue.push { [self] in
            guard job.begin() else { return }
            let result: Swift.Result<Result, Failure>
            do throws(Failure) {
                result = .success(try work(self))
            } catch {
                // What fails then fails for lack of a space, in one way or another. Unless a module has run: that is told.
                let isEnding = error.kind == .systemFailure && error.output.isEmpty && state.withLock(\.isEnding)
                result = .failure(isEnding ? Self.ending : error)
            }
            job.end()
            promise.fulfil(result)
        }
        guard accepted else { throw Self.ending }
        guard let socket else { return try promise.wait().get() }
        while true {
            if let result = promise.wait(timeout: 100) { return try result.get() }
            guard hasGone(socket) else { continue }
            if job.callOff(interrupt: { state.withLock { $0.space }?.space.interrupt() }) {
                throw Failure(.systemFailure, subject: "modlinkd", reason: "the caller has gone")
            }
        }
    }

    private static let ending = Failure(.unavailable, subject: "modlinkd", reason: "ending")

    private func hasGone(_ socket: Int32) -> Bool {
        var entries = [PollEntry(socket, read: false)]
        return ((try? Poll.wait(&entries, timeout: 0)) ?? 0) > 0 && entries[0].isHungUp
    }

    /// Ends the space. Nothing can be loaded afterwards.
    public func stop() {
        log.info("ending")
        // Not on the linker's thread: a module's init may keep that for ever.
        endSpace()
        try? perform { service in
            service.endSpace()
            service.images.removeAll()
            service.console.drain()
        }
        queue.close()
    }

    private func endSpace() {
        // Out of the table first: its end is no accident.
        let space = state.withLock { state in
            state.isEnding = true
            defer { state.space = nil }
            return state.space?.space
        }
        space?.exit()
    }

    // MARK: The space

    /// Starts a space, and fills the symbol table with what it offers. On the linker's thread.
    func startSpace() throws(Failure) {
        if state.withLock(\.isEnding) { throw Self.ending }
        let space: SpaceHost
        do throws(SpaceError) {
            space = try SpaceHost(executable: executable, console: console.writing.descriptor)
        } catch {
            throw Failure(.systemFailure, subject: "space", reason: "\(error)")
        }
        let resident = try residentSymbols(space)
        let window = space.information.window
        state.withLock { state in
            _ = state.symbols.insert(resident)
            state.space = SpaceRecord(space: space, ranges: AddressRanges(window: window), window: window)
        }
        log.info("space \(space.information.process) started: \(resident.symbols.entries.count) symbols")
        watch(space)
        publishSymbols()
    }

    /// Tells the linker when the space has ended by itself.
    private func watch(_ space: SpaceHost) {
        let process = space.information.process
        do throws(SystemError) {
            try Threads.start(name: "space-\(process)") { [self] in
                space.waitForEnd()
                _ = queue.push { [self] in spaceEnded(process) }
            }
        } catch {
            log.error("space \(process) cannot be watched: \(error)")
        }
    }

    /// A space has ended: its modules are gone. A new one takes its place.
    private func spaceEnded(_ process: Int32) {
        guard let record = state.withLock({ $0.space }), record.space.information.process == process else { return }
        let lost = state.withLock { $0.modules.all.map(\.name) }
        let line =
            "space \(process) \(record.space.end ?? "ended")"
            + (lost.isEmpty ? "" : "; lost with it: \(lost.joined(separator: ", "))")
        log.error("\(line)")
        console.note(line)
        replaceSpace()
    }

    /// Starts another space after one has ended.
    func replaceSpace() {
        images.removeAll()
        state.withLock { $0.forgetSpace() }
        do throws(Failure) {
            try startSpace()
        } catch {
            // What tools read now says that there is nothing.
            publishSymbols()
            log.critical("\(error.problems.map(\.description).joined(separator: "; "))")
        }
    }

    /// The space, which there is unless it has just ended and could not be started again.
    func currentSpace() throws(Failure) -> SpaceRecord {
        if let record = state.withLock({ $0.space }) { return record }
        try startSpace()
        if let record = state.withLock({ $0.space }) { return record }
        throw Failure(.systemFailure, subject: "space", reason: "cannot be started")
    }

    /// Writes the symbol table where tools that know only files find it. Never older than the last finished load.
    func publishSymbols() {
        let (sets, generation) = state.withLock { ($0.symbols.snapshot, $0.symbols.generation) }
        do throws(SystemError) {
            try File.writeAtomically(
                directory.symbols, SymbolImage.file(sets, architecture: .x86_64), permissions: 0o600)
            state.withLock { $0.publishedGeneration = generation }
        } catch {
            log.error("the symbol table is not written: \(error)")
        }
    }
}
