import Linking
import Logging
import ModlinkInterface
import ModulePath
import ModuleTable
import ObjectModel
import Posix
import Synchronization

/// What the daemon does: the one place where readers, linker, tables and spaces meet.
///
/// Loads and unloads happen on one thread, the linker's, one after the other. Tables are behind a lock that nobody holds for
/// longer than a look; the linker takes a copy of the symbol table, which costs nothing until it is changed.
public final class ModuleService: Sendable {
    let directory: RuntimeDirectory
    let console: Console
    let log: Logger
    let images: ImageStore
    let imageDebugging: ImageDebugWriter
    let crashes: CrashStore
    /// What is done after a fault.
    let faultPolicy: FaultPolicy
    /// Held while a crash is looked at: one after the other.
    let crashing = Mutex<Void>(())
    /// What the linker's thread does now, and for whom.
    let request = Mutex<CrashRequest?>(nil)
    /// Files of the symbol tables that are made when they are opened; nil where there can be none.
    let symbolFiles: PromisedFiles?
    let state: Mutex<State>
    let queue = BlockingQueue<@Sendable () -> Void>()
    /// Held while the linker's thread does something: who takes it keeps modules where they are.
    let quiet = Mutex<Void>(())
    /// Fulfilled when the service is to stop, for threads that wait for a time.
    let ended = Promise<Bool>()
    /// Fulfilled when the service has stopped, with what did not end by itself.
    let stopped = Promise<[String]>()
    /// The program of the native space.
    let executable: String
    /// The environment of all spaces.
    let environment: SpaceEnvironment
    /// The indices of the folders that modules are found in.
    let indexes: ModuleIndexes
    /// Those folders, for who names none.
    let folders: [String]

    /// What changes.
    struct State: Sendable {
        var spaces = Spaces()
        /// The modules of all spaces: names and numbers are given once. What a module uses is in its own space.
        var modules = ModuleTable()
        var loaded: [Int: LoadedModule] = [:]
        /// The devices that clients have open, by numbers of their own.
        var devices: [Int: OpenDevice] = [:]
        /// The greatest number that one has been given.
        var lastDevice = 0
        /// How often spaces are started again after faults.
        var restarts = RestartLimit()
        /// No space is started any more.
        var isEnding = false
    }

    /// A module as the service keeps it.
    struct LoadedModule: Sendable {
        private var record: LinkedRecord
        /// Its place in its space's symbol table, once it is running.
        var slot: Int?
        /// What it is in the tables of its space, as far as it has said so.
        var registration: Registration?
        /// It has not come back from being asked for its state: it is not asked again.
        var isSilent = false
        /// Its cleanup function has run, and threads of its own still kept it.
        var isCleanedUp = false
        /// It has begun to go so far that it cannot stay as it was: its destructors have run, or its threads have been ended.
        var isSpoiled = false
        /// How long each call of it may take; nil: as long as it wants.
        var patience: Duration? = SpaceHost.standardPatience
        /// What it was made of, where a space that is started again is to have it too.
        var origin: ModuleOrigin?
        /// What there is to know of one that create_module of modules(2) has made; nil for all others.
        var flat: FlatModule?

        /// The files that it was made of, and when it was loaded, in seconds since 1970.
        var files: [String] = []
        var time: Int?
        /// A thread of its own has crashed, in no call.
        var threadCrash: ThreadCrash?

        /// What debuggers have been told of it.
        var objects: AnnouncedObjects?

        init(linked: LinkedModule, slot: Int?, flat: FlatModule? = nil) {
            record = LinkedRecord(module: linked)
            self.slot = slot
            self.flat = flat
        }

        var linked: LinkedModule {
            get { record.module }
            set { record = LinkedRecord(module: newValue) }
        }

        /// The machine whose space it is in.
        var architecture: Architecture { record.module.image.architecture }
    }

    /// Keeps a linked module in one place: it is large, and a table of ten thousand is looked through for each list.
    private final class LinkedRecord: Sendable {
        let module: LinkedModule

        init(module: LinkedModule) {
            self.module = module
        }
    }

    /// Starts the native space, and the thread that links.
    ///
    /// - Parameters:
    ///   - spaceExecutable: the program of that space; see `program(of:)` for the others.
    ///   - environment: more variables for the spaces, `NAME=value` each.
    ///   - crashes: how many crashes are kept.
    ///   - onFault: what is done after a fault.
    ///   - symbolFiles: what makes the files of the symbol tables when they are opened; nil writes them at every change.
    public init(
        directory: RuntimeDirectory, console: Console, spaceExecutable: String, log: Logger,
        environment: [String] = [], crashes: CrashLimits = CrashLimits(), onFault: FaultPolicy = .keep,
        symbolFiles: PromisedFiles? = try? PromisedFiles()
    ) throws(Failure) {
        self.directory = directory
        self.console = console
        self.log = log
        executable = spaceExecutable
        // It is taken out again by the space, which becomes that program.
        let wrapper = Environment.value("MODLINK_SPACE_WRAPPER").map { ["MODLINK_SPACE_WRAPPER=\($0)"] }
        self.environment = SpaceEnvironment(directory, environment + (wrapper ?? []))
        indexes = ModuleIndexes(store: directory.index)
        folders = try ModuleFolders.own()
        images = try ImageStore(directory)
        imageDebugging = ImageDebugWriter(log: log)
        faultPolicy = onFault
        self.crashes = CrashStore(directory, limits: crashes)
        self.symbolFiles = symbolFiles
        state = Mutex(State())
        do throws(SystemError) {
            try Threads.start(name: "linker", stackSize: 8 << 20) { [queue, images] in
                while let job = queue.pop(afterMilliseconds: Self.restAfter, { Self.giveBackMemory(of: images) }) {
                    job()
                }
            }
        } catch {
            throw Failure(.systemFailure, subject: "linker", reason: "\(error)")
        }
        // Of a daemon that was killed.
        removeSymbolFiles()
        try perform { service throws(Failure) in _ = try service.startSpace(.native) }
    }

    /// Does something on the linker's thread, some time.
    func later(_ work: @escaping @Sendable (ModuleService) -> Void) {
        _ = queue.push { [self] in quiet.withLock { _ in work(self) } }
    }

    /// Does something on the linker's thread, and waits for it.
    ///
    /// - Parameter socket: the connection of who wants it. When they go away it is not begun; or the function of a module that
    ///   keeps it is ended, as a deadline would end it.
    /// - Parameter request: what it is and who wants it, for the report of a crash.
    /// - Parameter meanwhile: called some times a second while it lasts.
    func perform<Result: Sendable>(
        for socket: Int32? = nil, by request: CrashRequest? = nil, meanwhile: () -> Void = {},
        _ work: @escaping @Sendable (ModuleService) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let promise = Promise<Swift.Result<Result, Failure>>()
        let job = LinkerJob()
        let accepted = queue.push { [self] in
            guard job.begin() else { return }
            let result: Swift.Result<Result, Failure>
            self.request.withLock { $0 = request }
            defer { self.request.withLock { $0 = nil } }
            do throws(Failure) {
                result = .success(try quiet.withLock { (_) throws(Failure) in try work(self) })
            } catch {
                // What fails then fails for lack of a space, in one way or another. Unless a function of a module has run: that is told.
                let hasRun = !error.output.isEmpty || error.problems.contains { !$0.place.isEmpty }
                let isEnding = error.kind == .systemFailure && !hasRun && state.withLock(\.isEnding)
                result = .failure(isEnding ? Self.ending : error)
            }
            job.end()
            promise.fulfil(result)
        }
        guard accepted else { throw Self.ending }
        guard let socket else { return try promise.wait().get() }
        while true {
            if let result = promise.wait(timeout: 100) { return try result.get() }
            meanwhile()
            guard hasGone(socket) else { continue }
            if job.callOff(interrupt: { for space in state.withLock({ $0.spaces.hosts }) { space.interrupt() } }) {
                throw Failure(.systemFailure, subject: "modlinkd", reason: "the caller has gone")
            }
        }
    }

    static let ending = Failure(.unavailable, subject: "modlinkd", reason: "ending")

    private func hasGone(_ socket: Int32) -> Bool {
        var entries = [PollEntry(socket, read: false)]
        return ((try? Poll.wait(&entries, timeout: 0)) ?? 0) > 0 && entries[0].isHungUp
    }

    /// Ends the spaces. Nothing can be loaded afterwards.
    ///
    /// - Parameter keepsFiles: whether the files of modules and symbols stay: under their paths are another daemon's.
    public func stop(keepsFiles: Bool = false) {
        log.info("ending")
        ended.fulfil(true)
        // Not on the linker's thread: a module's init may keep that for ever.
        var events = endSpaces()
        let later = try? perform { service in
            let events = service.endSpaces()
            if !keepsFiles {
                service.images.removeAll()
                service.removeSymbolFiles()
            }
            service.console.drain()
            return events
        }
        events += later ?? []
        endChildren()
        queue.close()
        imageDebugging.close()
        stopped.fulfil(events)
    }

    /// The names of the modules that are loaded, in the order in which they were.
    public var moduleNames: [String] { state.withLock { $0.modules.all.map(\.name) } }

    /// Returns what had to be killed, in lines.
    private func endSpaces() -> [String] {
        // Out of the table first: their end is no accident.
        let spaces = state.withLock { state in
            state.isEnding = true
            return state.spaces.removeHosts()
        }
        var events: [String] = []
        for space in spaces {
            let task = space.busyWith
            if !space.exit() {
                let line =
                    "\(space.label) did not end by itself\(task.map { ", busy with \($0)" } ?? ""), and was killed"
                log.warning("\(line)")
                console.note(line)
                events.append(line)
            }
            removePerfMap(of: space.information.process)
        }
        return events
    }
}
