import ELFFormat
import Linking
import ModlinkInterface
import ObjectModel
import Posix
import SpaceControl
import Synchronization

/// A space, to be asked by several threads: one at a time.
final class SpaceHost: Sendable {
    /// What the space said of itself when it started.
    let information: Space.Information
    /// The machine that it is a space of.
    let architecture: Architecture
    /// The program that it runs.
    let executable: String
    /// Readable once its process has ended.
    private let processDescriptor: SharedDescriptor
    private let space: Mutex<Space?>
    private let interrupter: Interrupter
    private let patience = Mutex<Duration?>(standardPatience)
    private let events: SpaceEvents
    /// The build ID of its program, in hexadecimal digits; nil when it has none.
    let buildID: [UInt8]?
    /// How far below the thread pointer its program's own thread-local variables begin, in bytes; nil when that is not known.
    let threadBlockSize: UInt64?
    private let wasJunkTold = Atomic<Bool>(false)
    private let ending: Ending
    private let mayInterrupt = Atomic<Bool>(false)
    private let wasInterrupted = Atomic<Bool>(false)
    /// What keeps it busy, for those who ask from inside: `the load of gurka`.
    private let task = Mutex<String?>(nil)
    /// The call that is under way, but for those of devices.
    private let callUnderWay = Mutex<CallUnderWay?>(nil)
    /// The crash of a thread that ended the last call that failed; nil when it failed by itself.
    private let crashOfThread = Mutex<ThreadCrash?>(nil)

    /// Starts a space that prints to `console`.
    ///
    /// - Parameters:
    ///   - environment: of its process.
    ///   - observer: told in words what has been done to it when it did not answer, and what it was busy with.
    init(
        executable: String, architecture: Architecture, console: borrowing Descriptor, environment: SpaceEnvironment,
        observer: @escaping @Sendable (String) -> Void
    ) throws(SpaceError) {
        var space = try Space.start(executable: executable, console: console, environment: environment.variables)
        space.observer = observer
        ending = space.ending
        information = space.information
        interrupter = space.interrupter
        events = space.events
        let head = Self.head(of: executable)
        buildID = BuildIDReader.buildID(head)
        threadBlockSize = StaticThreadBlock.size(head)
        self.executable = executable
        self.architecture = architecture
        do throws(SystemError) {
            processDescriptor = SharedDescriptor(try space.process.processDescriptor())
        } catch {
            throw .system(error)
        }
        self.space = Mutex(space)
    }

    /// What a program's file begins with; nothing where it cannot be read.
    private static func head(of program: String) -> [UInt8] {
        guard let file = try? SharedDescriptor(File.open(program, .read)) else { return [] }
        return (try? File.read(file.descriptor, at: 0, count: BuildIDReader.headSize, name: program)) ?? []
    }

    /// The next that it says by itself, waiting for it; nil when it has ended, or a module has closed the connection for that.
    func nextMessage() -> SpaceMessage? {
        // Both: a process that a module forked may hold the connection open when the space itself has gone.
        var entries = [PollEntry(events.number), PollEntry(processDescriptor.number)]
        guard ((try? Poll.wait(&entries)) ?? 0) > 0, entries[0].isReady else { return nil }
        return events.nextMessage()
    }

    /// Lets the thread of an event end.
    func release(_ event: SpaceEvent) { events.release(event) }

    /// Lets the thread end that a call was stopped in.
    func releaseStopped() {
        try? ask { (space) throws(SpaceError) in try space.release() }
    }

    /// Whether its process has ended.
    var hasEnded: Bool {
        waitForEnd(milliseconds: 0)
    }

    /// Whether nothing has been said yet of what modules wrote to its connection for what happens by itself.
    var isFirstJunk: Bool {
        wasJunkTold.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
    }

    /// Waits until its process has ended, which has closed its connection for what happens by itself. When it goes on without, another
    /// program may have taken its place; or it could not tell of faults: then it is ended.
    func waitForEndOfUnconnected() {
        if !waitForEnd(milliseconds: Self.patienceMilliseconds / 20) { ending.endIfReplaced() }
        if !waitForEnd(milliseconds: Self.patienceMilliseconds) {
            ending.end(because: .damaged("something has closed the one for events"))
        }
        _ = try? Poll.waitReadable(processDescriptor.number)
    }

    /// Waits until its process has ended, so long at the most; whether it has.
    func waitForEnd(milliseconds: Int) -> Bool {
        (try? Poll.waitReadable(processDescriptor.number, timeout: milliseconds)) ?? true
    }

    /// How its process ended, in words; nil while it runs.
    var end: String? {
        // Two ways to nil: it runs, or it cannot be asked.
        (try? ask { (space) throws(SpaceError) in try space.checkDeath() }).flatMap { $0 }.map { "\($0)" }
    }

    /// Asks the space; waits while another thread does.
    private func ask<Result: Sendable>(
        _ question: (inout Space) throws(SpaceError) -> Result
    ) throws(SpaceError) -> Result {
        let answer = space.withLock { Self.answer(&$0, question) }
        return try answer.get()
    }

    private static func answer<Result: Sendable>(
        _ space: inout Space?, _ question: (inout Space) throws(SpaceError) -> Result
    ) -> Swift.Result<Result, SpaceError> {
        guard var present = space.take() else { return .failure(.refused(.exit, ErrorCode.noSuchProcess)) }
        let result: Swift.Result<Result, SpaceError>
        do throws(SpaceError) {
            result = .success(try question(&present))
        } catch {
            result = .failure(error)
        }
        space = consume present
        return result
    }

    /// Asks the space to call code of modules. A crash of another thread of the module that is called ends the call: see `endCall`.
    ///
    /// - Parameter addresses: what is called, and what that is given: one of them lies in the module that is called.
    private func ask<Result: Sendable>(
        calling addresses: [UInt64], _ request: SpaceRequest,
        _ question: (inout Space) throws(SpaceError) -> Result
    ) throws(SpaceError) -> Result {
        let (answer, crash) = space.withLock { space in
            callUnderWay.withLock { $0 = CallUnderWay(addresses: addresses) }
            let answer = Self.answer(&space, question)
            let crash = callUnderWay.withLock { call in
                defer { call = nil }
                return call?.crash
            }
            return (answer, crash)
        }
        crashOfThread.withLock { $0 = crash }
        if case .failure(.died) = answer { return try answer.get() }
        // Also when the function has come back meanwhile: it may have waited for that very thread.
        if let crash { throw .faulted(request, crash.fault) }
        return try answer.get()
    }

    /// A thread of the module in that range has crashed, in no call: what the module is being called for is ended, and fails.
    func endCall(ofModuleIn range: Range<UInt64>, because crash: ThreadCrash) {
        callUnderWay.withLock { call in
            guard call?.addresses.contains(where: range.contains) == true else { return }
            call?.crash = crash
            // Under the lock: the next call is not meant.
            _ = try? interrupter.interrupt()
        }
    }

    /// The crash of a thread that ended the last call that failed, once; nil when that failed by itself.
    func takeCrashOfThread() -> ThreadCrash? {
        crashOfThread.withLock { $0.take() }
    }

    /// What code of modules is being run for; nil when it is run for nothing that the linker does.
    var busyWith: String? { task.withLock { $0 } }

    /// Does something that runs code of modules, whose name is told to those who ask for something from inside.
    func busy<Result, Problem: Error>(
        with name: String, _ body: () throws(Problem) -> Result
    ) throws(Problem) -> Result {
        task.withLock { $0 = name }
        defer { task.withLock { $0 = nil } }
        return try body()
    }

    /// Does something that can be given up: functions that it calls are ended by `interrupt`.
    func interruptibly<Result, Problem: Error>(_ body: () throws(Problem) -> Result) throws(Problem) -> Result {
        wasInterrupted.store(false, ordering: .relaxed)
        mayInterrupt.store(true, ordering: .releasing)
        defer { mayInterrupt.store(false, ordering: .releasing) }
        return try body()
    }

    /// Does something whose calls may take so long each; nil: as long as they want. Other calls have ``standardPatience``.
    func within<Result, Problem: Error>(
        _ patience: Duration?, _ body: () throws(Problem) -> Result
    ) throws(Problem) -> Result {
        let before = self.patience.withLock { own in
            defer { own = patience }
            return own
        }
        defer { self.patience.withLock { $0 = before } }
        return try body()
    }

    /// How long a call may take.
    static let standardPatience = Duration.seconds(LoadMethod.Parameters.standardTimeout)

    private var timeout: Duration? { patience.withLock { $0 } }

    /// Ends the function that is being called, if it is called on behalf of somebody who may have gone.
    func interrupt() {
        guard mayInterrupt.load(ordering: .acquiring) else { return }
        wasInterrupted.store(true, ordering: .releasing)
        _ = try? interrupter.interrupt()
    }

    /// Whether that has happened since what can be given up began.
    var isInterrupted: Bool { wasInterrupted.load(ordering: .acquiring) }

    /// How long a module may take to return from what it is doing when the space is to end.
    private static var patienceMilliseconds: Int { 2_000 }

    /// Lets the space end; kills it when a module does not return. Returns whether it ended by itself.
    @discardableResult func exit() -> Bool {
        // On a thread of its own: one that is stopped takes the request and does not answer.
        let asking: Void? = try? Threads.start(name: "exit") { [self] in askToExit() }
        if asking != nil, waitForEnd(milliseconds: Self.patienceMilliseconds) { return true }
        try? ChildProcess(process: information.process).signal(9)
        _ = waitForEnd(milliseconds: Self.patienceMilliseconds)
        return false
    }

    /// Waits while another thread asks.
    private func askToExit() {
        space.withLock { space in
            guard let ending = space.take() else { return }
            _ = try? ending.exit()
        }
    }
}

extension SpaceHost {
    /// Maps an image's segments: all, or none; and registers its debug objects. Returns where those are, 0 without any.
    @discardableResult func map(
        _ image: SharedDescriptor, _ segments: [ImageSegment], objects: SharedDescriptor?
    ) throws(SpaceError) -> UInt64 {
        let segments = segments.map {
            Segment(
                address: $0.address, fileOffset: $0.fileOffset, fileSize: $0.fileSize, memorySize: $0.memorySize,
                protection: Segment.Protection(rawValue: UInt32($0.protection.rawValue)))
        }
        return try ask { (space) throws(SpaceError) in
            try space.map(image: image.descriptor, segments: segments, objects: objects?.number)
        }
    }

    /// Registers debug objects of an image that is mapped, and returns where they are.
    func register(_ objects: SharedDescriptor, ofImage range: Range<UInt64>) throws(SpaceError) -> UInt64 {
        try ask { (space) throws(SpaceError) in
            try space.register(objects.descriptor, ofImage: range.lowerBound)
        }
    }

    /// Maps a flat image.
    func mapFlat(_ range: Range<UInt64>) throws(SpaceError) {
        try ask { (space) throws(SpaceError) in
            try space.mapFlat(address: range.lowerBound, size: range.upperBound - range.lowerBound)
        }
    }

    /// Copies the first bytes of a file into memory of images.
    func copy(to address: UInt64, size: UInt64, from file: SharedDescriptor) throws(SpaceError) {
        try ask { (space) throws(SpaceError) in
            try space.copy(to: address, size: size, from: file.descriptor)
        }
    }

    /// Takes an image out of memory. Returns what its code has left: descriptors are closed when it is discarded.
    func unmap(_ range: Range<UInt64>, discards: Bool) throws(SpaceError) -> ImageRemains {
        try ask { (space) throws(SpaceError) in
            try space.unmap(
                address: range.lowerBound, size: range.upperBound - range.lowerBound, discards: discards)
        }
    }

    /// What an image's code has opened and not closed.
    func descriptors(_ range: Range<UInt64>) throws(SpaceError) -> OpenDescriptors {
        try ask { (space) throws(SpaceError) in try space.descriptors(ofImage: range.lowerBound) }
    }

    /// Its threads, but for the initial one.
    func threads() throws(SpaceError) -> [SpaceThread] {
        try ask { (space) throws(SpaceError) in try space.threads() }
    }

    /// Ends one of its threads.
    func endThread(_ number: Int32) throws(SpaceError) {
        try ask { (space) throws(SpaceError) in try space.endThread(number) }
    }

    /// Calls a function with words, and returns the word that it returns.
    func call(_ function: UInt64, _ arguments: [UInt64] = []) throws(SpaceError) -> Int64 {
        let timeout = timeout
        // A function of the space's own that calls one of the module is given it first.
        return try ask(calling: [function] + arguments.prefix(1), .call) { (space) throws(SpaceError) in
            try space.call(function, arguments, timeout: timeout)
        }
    }

    /// What is in a slot of a table that modules register in.
    func entry(_ slot: UInt64, in table: RegistrationTable) throws(SpaceError) -> RegisteredEntry {
        try ask { (space) throws(SpaceError) in try space.entry(slot, in: table) }
    }

    /// The first entry of such a table that lies in an image.
    func entry(ofImage range: Range<UInt64>, in table: RegistrationTable) throws(SpaceError) -> RegisteredEntry {
        try ask { (space) throws(SpaceError) in try space.entry(ofImage: range.lowerBound, in: table) }
    }

    /// Calls a system call with words.
    ///
    /// - Parameter function: the address of its function, if it has one.
    func systemCall(
        _ number: UInt64, _ arguments: [UInt64], function: UInt64?
    ) throws(SpaceError) -> (error: Int64, values: [Int64]) {
        let timeout = timeout
        return try ask(calling: function.map { [$0] } ?? [], .systemCall) { (space) throws(SpaceError) in
            try space.systemCall(number, arguments, timeout: timeout)
        }
    }

    /// A connection of its own for a device.
    func connect() throws(SpaceError) -> Lane {
        try ask { (space) throws(SpaceError) in try space.connect() }
    }

    /// Does something with a device, over a connection of its own. Nobody else waits meanwhile.
    ///
    /// - Parameter client: a socket: when its other end goes, the function is ended.
    func operate(
        _ operation: DeviceOperation, over lane: Lane, file: SharedDescriptor, timeout: Duration?, client: Int32?
    ) throws(SpaceError) -> (error: Int64, count: Int) {
        try telling { () throws(SpaceError) in
            try lane.operate(operation, file: file.descriptor, timeout: timeout, client: client)
        }
    }

    /// Runs what the thread of a device is to do before it ends.
    func finishThread(of lane: Lane, timeout: Duration?) throws(SpaceError) {
        try telling { () throws(SpaceError) in try lane.finishThread(timeout: timeout) }
    }

    /// A device's connection only knows that the space has ended; this says how.
    private func telling<Result>(_ question: () throws(SpaceError) -> Result) throws(SpaceError) -> Result {
        do throws(SpaceError) {
            return try question()
        } catch .refused(let request, ErrorCode.noSuchProcess) {
            _ = waitForEnd(milliseconds: Self.patienceMilliseconds)
            let death = try ask { (space) throws(SpaceError) in try space.checkDeath() }
            throw death.map { .died(request, $0) } ?? .refused(request, ErrorCode.noSuchProcess)
        }
    }

    /// Calls each function of an array.
    func call(_ array: FunctionArray, reverse: Bool = false) throws(SpaceError) {
        guard array.count > 0 else { return }
        let timeout = timeout
        try ask(calling: [array.address], .callArray) { (space) throws(SpaceError) in
            try space.callArray(address: array.address, count: array.count, reverse: reverse, timeout: timeout)
        }
    }

    /// Calls resolvers of indirect functions.
    func resolve(_ resolvers: [UInt64]) throws(SpaceError) -> [UInt64] {
        let timeout = timeout
        return try ask(calling: resolvers, .resolve) { (space) throws(SpaceError) in
            try space.resolve(resolvers, timeout: timeout)
        }
    }

    /// Reads memory of images; waits while the space is busy.
    func read(_ address: UInt64, count: Int) throws(SpaceError) -> [UInt8] {
        try ask { (space) throws(SpaceError) in try space.read(address: address, count: count) }
    }

    /// Asks the space, unless it is busy with something that may take long, or refuses: then nil.
    func unlessBusy<Answer: Sendable>(
        _ question: (inout Space) throws(SpaceError) -> Answer
    ) -> Answer? {
        let answer = space.withLockIfAvailable { space in Self.answer(&space, question) }
        return try? answer?.get()
    }

    /// Reads memory of images, unless the space is busy with something that may take long: then nil.
    func readUnlessBusy(_ address: UInt64, count: Int) -> [UInt8]? {
        unlessBusy { (space) throws(SpaceError) in try space.read(address: address, count: count) }
    }

    /// Calls a function with words, unless the space is busy with something that may take long: then nil.
    ///
    /// - Parameter timeout: how long it may run.
    func callUnlessBusy(
        _ function: UInt64, _ arguments: [UInt64], timeout: Duration
    ) -> Result<Int64, SpaceError>? {
        space.withLockIfAvailable { space in
            crashOfThread.withLock { $0 = nil }
            return Self.answer(&space) { (space) throws(SpaceError) in
                try space.call(function, arguments, timeout: timeout)
            }
        }
    }

    /// Gives a module a name by which others can hold it.
    func introduce(_ module: LinkedModule, _ name: String) throws(SpaceError) {
        guard let useCount = module.useCount else { return }
        try ask { (space) throws(SpaceError) in
            try space.introduce(image: module.range.lowerBound, name: name, useCount: useCount)
        }
    }

    /// Writes memory of images.
    func write(_ write: MemoryWrite) throws(SpaceError) {
        try self.write(write.address, write.bytes)
    }

    /// Writes memory of images.
    func write(_ address: UInt64, _ bytes: [UInt8]) throws(SpaceError) {
        try ask { (space) throws(SpaceError) in try space.write(address: address, bytes) }
    }

    /// Gives each thread a module's thread-local variables; or zeroes in their place, when they are given back.
    func fillThreads(_ storage: ThreadStorage, clears: Bool = false) throws(SpaceError) {
        let values = clears ? 0..<0 : storage.values
        let offset = UInt64(bitPattern: storage.block &- information.reserve.offset)
        try ask { (space) throws(SpaceError) in
            try space.fillThreads(values: values, offset: offset, size: storage.size)
        }
    }

    /// How many destructors of thread-local variables a module has pending in threads that modules made.
    func pendingDestructors(_ range: Range<UInt64>) throws(SpaceError) -> Int64 {
        try ask { (space) throws(SpaceError) in try space.pendingDestructors(image: range.lowerBound) }
    }

    /// Whether a module has given functions to atexit(3) and its like.
    func hasExitFunctions(_ range: Range<UInt64>) throws(SpaceError) -> Bool {
        try ask { (space) throws(SpaceError) in try space.hasExitFunctions(image: range.lowerBound) }
    }

    /// Runs the destructors of thread-local variables that a module has pending in the thread of calls.
    func finishThread(_ range: Range<UInt64>) throws(SpaceError) {
        let timeout = timeout
        return try ask(calling: [range.lowerBound], .finishThread) { (space) throws(SpaceError) in
            try space.finishThread(image: range.lowerBound, timeout: timeout)
        }
    }

    /// Tells the unwinder of a module's frames.
    func registerFrames(_ range: Range<UInt64>) throws(SpaceError) {
        try ask { (space) throws(SpaceError) in
            try space.registerFrames(address: range.lowerBound, size: range.upperBound - range.lowerBound)
        }
    }

    /// Takes them back.
    func unregisterFrames(_ range: Range<UInt64>) throws(SpaceError) {
        try ask { (space) throws(SpaceError) in
            try space.unregisterFrames(address: range.lowerBound, size: range.upperBound - range.lowerBound)
        }
    }
}

/// A crash of a thread that a module made, which ends what the module is being called for.
struct ThreadCrash: Sendable {
    /// Where the thread was.
    let fault: Fault
    /// `thread 4711: SIGSEGV at 0x8 in gurka:work+0x4`.
    let text: String
    /// What people are told of it: a line, or more.
    let report: String
}

/// A call of code of modules.
struct CallUnderWay: Sendable {
    /// What is called, and what that is given: one of them lies in the module that is called.
    let addresses: [UInt64]
    /// A thread of the module has crashed meanwhile.
    var crash: ThreadCrash?
}
