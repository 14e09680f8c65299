import Posix
import SpaceProtocol

/// A process that modules live and run in, and the connection to it.
///
/// It is owned by one, who asks it one thing at a time. Somebody reads the other end of its console while requests are
/// under way: a space whose console is full waits. To let go of a space ends its process.
public struct Space: ~Copyable, Sendable {
    /// What a space says of itself when it starts.
    public struct Information: Equatable, Sendable {
        /// Its process number.
        public let process: Int32
        /// The addresses at which images can be mapped.
        public let window: Range<UInt64>
        /// Bytes in a page.
        public let pageSize: UInt64
        /// The room in each thread for thread-local variables of modules.
        public let reserve: ThreadReserve
    }

    /// Room that each thread has for thread-local variables of modules, at the same distance from its thread pointer.
    public struct ThreadReserve: Equatable, Sendable {
        /// The lowest byte, in bytes from the thread pointer.
        public let offset: Int64
        /// How many bytes it has.
        public let size: UInt64
        /// What its address is a multiple of: a power of two.
        public let alignment: UInt64
    }

    /// What the space said of itself.
    public internal(set) var information: Information
    /// Its process, to send signals to. To wait for it is the space's: ``checkDeath()``.
    public let process: ChildProcess
    /// How the process ended, once that is known.
    public internal(set) var death: Death?

    /// Ends, from another thread, what the space is being asked.
    public let interrupter: Interrupter
    /// What happens in the space by itself, for another thread to follow.
    public let events: SpaceEvents
    /// Why its process ends, for whoever sees that it has to end.
    public let ending: Ending
    /// Told in words what has been done to a space that did not answer.
    public var observer: @Sendable (String) -> Void = { _ in }

    let socket: Descriptor
    let processDescriptor: Descriptor
    /// The same for all lanes, which may outlive this.
    let lanesEnd: SharedDescriptor
    var lastSequence: UInt32 = 0
    /// What SPACE_DIED said, until the process is gone.
    var lastFault: Fault?

    /// The number of a descriptor that is readable (``Poll``) once the process has ended; open as long as the space is.
    public var processDescriptorNumber: Int32 { processDescriptor.number }

    private init(
        process: ChildProcess, processDescriptor: consuming Descriptor, socket: consuming Descriptor,
        lanesEnd: consuming Descriptor, interrupter: Interrupter, events: SpaceEvents
    ) {
        self.lanesEnd = SharedDescriptor(lanesEnd)
        self.interrupter = interrupter
        self.events = events
        ending = Ending(of: process)
        information = Information(
            process: process.process, window: 0..<0, pageSize: 0,
            reserve: ThreadReserve(offset: 0, size: 0, alignment: 1))
        self.process = process
        self.processDescriptor = processDescriptor
        self.socket = socket
    }

    /// Starts a space and waits until it is ready.
    ///
    /// - Parameters:
    ///   - executable: the path of `modspace`.
    ///   - console: becomes its standard output and error.
    ///   - environment: `NAME=value` each; nil is this process's own.
    ///   - timeout: how long it may take to say that it is ready.
    /// - Throws: ``SpaceError/system(_:)`` with what execve(2) says; ``SpaceError/died(_:_:)`` when it ends at once;
    ///   ``SpaceError/protocolViolation(_:_:)`` when it is no space, or one of another version.
    public static func start(
        executable: String, console: borrowing Descriptor, environment: [String]? = nil,
        timeout: Duration = .seconds(10)
    ) throws(SpaceError) -> Space {
        var space: Space
        do throws(SystemError) {
            space = try spawn(executable, console, environment)
        } catch {
            throw .system(error)
        }
        try space.receiveHello(timeout: timeout)
        return space
    }

    private static func spawn(
        _ executable: String, _ console: borrowing Descriptor, _ environment: [String]?
    ) throws(SystemError) -> Space {
        let pair = try LocalSocket.pair(kind: .sequencedPacket)
        let ours = pair.first
        let theirs = pair.second
        let eventPair = try LocalSocket.pair(kind: .sequencedPacket)
        let ourEvents = eventPair.first
        let theirEvents = eventPair.second
        let null = try File.open("/dev/null", .read)
        let output = console.number
        let process = try ChildProcess.spawn(
            executable: executable, environment: environment,
            descriptors: [
                (source: null.number, target: 0), (source: output, target: 1), (source: output, target: 2),
                (source: theirs.number, target: SPACE_DESCRIPTOR),
                (source: theirEvents.number, target: SPACE_EVENT_DESCRIPTOR),
            ],
            // What a module sends to its process group, or to a terminal's, is not for the daemon and other spaces.
            newSession: true)
        do throws(SystemError) {
            // Kept open here, it would hide the end of the process from us.
            try theirs.close()
            try theirEvents.close()
            let interrupter = Interrupter(socket: SharedDescriptor(try ours.duplicate()))
            return Space(
                process: process, processDescriptor: try process.processDescriptor(), socket: ours,
                lanesEnd: try process.processDescriptor(), interrupter: interrupter,
                events: SpaceEvents(socket: ourEvents))
        } catch {
            try process.signal(killSignal)
            _ = try process.wait()
            throw error
        }
    }

    deinit {
        if death == nil {
            try? LocalSocket.shutdown(socket)
            _ = try? Space.reap(process, processDescriptor, ending)
        }
    }
}

// The end of a process.
extension Space {
    /// SIGKILL.
    static var killSignal: Int32 { 9 }
    /// How long a process may take to end once its socket is closed.
    private static var endMilliseconds: Int { 5_000 }

    /// Lets the space end, with all that runs in it, and returns its status: ``ExitStatus/exited(_:)`` with 0.
    ///
    /// Functions that modules gave to atexit(3) are not called.
    /// - Throws: ``SpaceError/died(_:_:)`` when it had ended before.
    public consuming func exit() throws(SpaceError) -> ExitStatus {
        _ = try ask(.exit, packet(SPACE_EXIT))
        do throws(SystemError) {
            return try noteDeath().status
        } catch {
            throw .system(error)
        }
    }

    /// How the process ended, without waiting: nil while it runs.
    ///
    /// To be called when ``processDescriptorNumber`` is readable; this reads what the space still said as it died.
    public mutating func checkDeath() throws(SpaceError) -> Death? {
        do throws(SystemError) {
            guard death == nil, try Poll.waitReadable(processDescriptor.number, timeout: 0) else { return death }
            while let packet = try receivePacket() {
                noteFault(parseReply(packet))
            }
            return try noteDeath()
        } catch {
            throw .system(error)
        }
    }

    /// Waits until the process has ended, and kills it if it takes too long.
    private static func reap(
        _ process: ChildProcess, _ processDescriptor: borrowing Descriptor, _ ending: Ending
    ) throws(SystemError) -> ExitStatus {
        if let status = try process.waitForEnd(processDescriptor, milliseconds: endMilliseconds) { return status }
        ending.end(because: .damaged("something has closed it"))
        // The kernel may have its reasons to keep it: nobody waits for those.
        return try process.waitForEnd(processDescriptor, milliseconds: endMilliseconds) ?? .signaled(killSignal)
    }

    mutating func noteDeath() throws(SystemError) -> Death {
        if try !Poll.waitReadable(processDescriptor.number, timeout: 0) { ending.endIfReplaced() }
        let status = try Space.reap(process, processDescriptor, ending)
        if status == .exited(SPACE_EXIT_UNCONNECTED) { ending.end(because: .damaged("something has closed it")) }
        let death = Death(status: status, fault: lastFault, cause: ending.cause)
        self.death = death
        return death
    }

    mutating func noteFault(_ reply: space_reply?) {
        if let reply, reply.kind == SPACE_DIED.rawValue {
            lastFault = Fault(reply.fault)
        }
    }

    /// Ends a space that is not to be asked again.
    mutating func give(up request: SpaceRequest, because cause: Death.Cause) -> SpaceError {
        ending.end(because: cause)
        do throws(SystemError) {
            return .died(request, try noteDeath())
        } catch {
            return .system(error)
        }
    }

    /// Ends a process that is not a space, and is not to be asked again.
    mutating func violation(_ request: SpaceRequest, _ reason: String) -> SpaceError {
        do throws(SystemError) {
            try process.signal(Space.killSignal)
            _ = try noteDeath()
            return .protocolViolation(request, reason)
        } catch {
            return .system(error)
        }
    }
}
