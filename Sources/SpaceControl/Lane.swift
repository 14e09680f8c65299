import Posix
import SpaceProtocol
import Synchronization

/// Another connection to a space, whose calls are made on a thread of their own: what waits there keeps nobody else.
///
/// It is asked one thing at a time; whoever comes second waits. To let go of it ends its thread.
public final class Lane: Sendable {
    private let socket: SharedDescriptor
    private let process: ChildProcess
    private let processDescriptor: SharedDescriptor
    private let interrupter: Interrupter
    private let ending: Ending
    private let observer: @Sendable (String) -> Void
    /// The number of the last request. The lock is held while it is answered.
    private let lastSequence = Mutex<UInt32>(0)
    private let interrupted = Atomic<Bool>(false)

    init(
        socket: consuming Descriptor, process: ChildProcess, processDescriptor: SharedDescriptor, ending: Ending,
        observer: @escaping @Sendable (String) -> Void
    ) {
        self.process = process
        self.ending = ending
        self.observer = observer
        self.processDescriptor = processDescriptor
        self.socket = SharedDescriptor(socket)
        interrupter = Interrupter(socket: self.socket)
    }

    /// Ends the function that is being called; nothing happens when none is.
    public func interrupt() {
        interrupted.store(true, ordering: .releasing)
        _ = try? interrupter.interrupt()
    }

    /// Whether the last request has been interrupted, or nobody wanted its answer any more.
    public var wasInterrupted: Bool { interrupted.load(ordering: .acquiring) }

    /// Does something with a device.
    ///
    /// - Parameters:
    ///   - file: a regular file that is open for reading and writing; it begins with the bytes of a write or an ioctl, and then with
    ///     those of a read or an ioctl.
    ///   - timeout: how long its function may run; nil is as long as it wants.
    ///   - client: a socket: when its other end goes, the function is ended as by ``interrupt()``.
    /// - Returns: what the device's function returned, 0 or an error number, ENODEV where it has none, ENXIO where the entry is not there
    ///   any more; and how many bytes a read or a write moved.
    /// - Throws: ``SpaceError/refused(_:_:)`` with EINVAL when the operation is beyond a limit, EIO when the file is too short, ENOMEM,
    ///   ESRCH when the space has ended; else as ``Space/call(_:_:timeout:)``.
    public func operate(
        _ operation: DeviceOperation, file: borrowing Descriptor, timeout: Duration? = nil, client: Int32? = nil
    ) throws(SpaceError) -> (error: Int64, count: Int) {
        let request = operation.request(timeout: timeout)
        let reply = try ask(.device, request, descriptors: [file.number], client: client)
        let count = words(reply.results)[0]
        switch operation.kind {
        case .ioctl, .ioctlValue: return (reply.result, Int(Int64(bitPattern: count)))
        case .open, .close, .read, .write:
            return (reply.result, count <= UInt64(max(operation.size, 0)) ? Int(count) : 0)
        }
    }

    /// Runs all destructors of thread-local variables that are pending in the thread of its calls.
    public func finishThread(timeout: Duration? = nil) throws(SpaceError) {
        _ = try ask(.finishThread, packet(SPACE_FINISH_THREAD, timeout: timeout))
    }

    /// Ends the thread that the last fault or deadline stopped, so that its stack goes. Nothing to do is no error.
    public func release() throws(SpaceError) {
        _ = try ask(.release, packet(SPACE_RELEASE))
    }

    private func ask(
        _ request: SpaceRequest, _ packet: space_request, descriptors: [Int32] = [], client: Int32? = nil
    ) throws(SpaceError) -> space_reply {
        let answer = lastSequence.withLock { last -> Result<space_reply, SpaceError> in
            last &+= 1
            var packet = packet
            packet.sequence = last
            do throws(SpaceError) {
                return .success(try exchange(request, packet, descriptors, client))
            } catch {
                return .failure(error)
            }
        }
        do throws(SpaceError) {
            return try answer.get()
        } catch {
            // It is not to be asked again.
            guard case .protocolViolation(let request, let reason) = error else { throw error }
            ending.end(because: .damaged(reason))
            throw .refused(request, ErrorCode.noSuchProcess)
        }
    }

    private func exchange(
        _ request: SpaceRequest, _ packet: space_request, _ descriptors: [Int32], _ client: Int32?
    ) throws(SpaceError) -> space_reply {
        interrupted.store(false, ordering: .releasing)
        interrupter.begin(packet.sequence)
        defer { interrupter.end() }
        var vigil = Vigil(over: packet, process: process, interrupter: interrupter)
        do throws(SystemError) {
            try LocalSocket.send(socket.descriptor, bytes(packet), descriptors: descriptors, name: "space")
        } catch {
            guard [ErrorCode.brokenPipe, ErrorCode.connectionReset].contains(error.code) else { throw .system(error) }
            throw .refused(request, ErrorCode.noSuchProcess)
        }
        let received: [UInt8]?
        do throws(SystemError) {
            received = try receive(client, &vigil)
        } catch {
            throw .system(error)
        }
        guard let received else { throw .refused(request, ErrorCode.noSuchProcess) }
        guard let reply = parseReply(received), reply.sequence == packet.sequence else {
            throw .protocolViolation(request, "packet of \(received.count) bytes is not the reply")
        }
        do throws(SpaceError) {
            return try reply.outcome(of: request)
        } catch .timedOut(let request, let fault?) where vigil.continuations > 0 {
            throw .timedOut(request, fault.ofStoppedSpace)
        }
    }

    /// The next packet; nil when the space has ended.
    private func receive(_ client: Int32?, _ vigil: inout Vigil) throws(SystemError) -> [UInt8]? {
        var client = client
        while true {
            // The process too: one that a module forked may hold the connection open when the space itself has gone.
            var entries = [
                PollEntry(socket.number), PollEntry(processDescriptor.number), PollEntry(client ?? -1, read: false),
            ]
            if try Poll.wait(&entries, timeout: Vigil.interval) == 0 {
                let before = vigil.continuations
                if let cause = vigil.look() {
                    ending.end(because: cause)
                    return nil
                }
                if before == 0, vigil.continuations > 0 { observer(Vigil.continued) }
                continue
            }
            if entries[0].isReady { break }
            if entries[1].isReady { return nil }
            if entries[2].isReady {
                interrupt()
                client = nil
            }
        }
        do throws(SystemError) {
            // One byte more than a reply: a packet that is too long shows.
            let size = MemoryLayout<space_reply>.size + 1
            let packet = try LocalSocket.receive(socket.descriptor, maximum: size, name: "space").bytes
            return packet.isEmpty ? nil : packet
        } catch {
            switch error.code {
            case ErrorCode.connectionReset: return nil
            case ErrorCode.messageTooLong: return []
            default: throw error
            }
        }
    }
}

extension Space {
    /// Opens another connection, over which devices can be used while the space does other things.
    ///
    /// - Throws: ``SpaceError/refused(_:_:)`` with EMFILE, ENOMEM or EAGAIN when the space can have no more.
    public mutating func connect() throws(SpaceError) -> Lane {
        let theirs: SharedDescriptor
        let lane: Lane
        do throws(SystemError) {
            (lane, theirs) = try makeLane()
        } catch {
            throw .system(error)
        }
        _ = try ask(.connect, packet(SPACE_CONNECT), descriptors: [theirs.number])
        return lane
    }

    private func makeLane() throws(SystemError) -> (Lane, SharedDescriptor) {
        let pair = try LocalSocket.pair(kind: .sequencedPacket)
        let ours = pair.first
        let theirs = pair.second
        let lane = Lane(
            socket: ours, process: process, processDescriptor: lanesEnd, ending: ending, observer: observer)
        return (lane, SharedDescriptor(theirs))
    }
}

extension space_reply {
    /// The reply itself when its status is 0, or else the error that it says; ``SpaceError/protocolViolation(_:_:)`` when it says what
    /// cannot be.
    func outcome(of request: SpaceRequest) throws(SpaceError) -> space_reply {
        let isTimeout = kind == SPACE_REPLY.rawValue && UInt32(bitPattern: status) == SPACE_TIMED_OUT.rawValue
        if kind == SPACE_FAULTED.rawValue || (isTimeout && fault.thread != 0) {
            guard let fault = Fault(fault) else { throw .protocolViolation(request, "fault that cannot be") }
            throw isTimeout ? .timedOut(request, fault) : .faulted(request, fault)
        }
        guard kind == SPACE_REPLY.rawValue, status >= 0 else {
            throw .protocolViolation(request, "reply of kind \(kind) and status \(status)")
        }
        switch UInt32(bitPattern: status) {
        case 0: return self
        case SPACE_TIMED_OUT.rawValue: throw .timedOut(request, nil)
        case SPACE_THREAD_ENDED.rawValue: throw .threadEnded(request)
        case SPACE_DAMAGED.rawValue: throw .damaged(request)
        default: throw .refused(request, status)
        }
    }
}
