import Posix
import SpaceProtocol

// One request and its reply.
extension Space {
    /// Sends a request and waits for its reply, which says that all went well; all else is thrown.
    ///
    /// - Parameter descriptors: the numbers of those that go with the request.
    mutating func ask(
        _ request: SpaceRequest, _ packet: space_request, descriptors: [Int32] = []
    ) throws(SpaceError) -> space_reply {
        if let death { throw .died(request, death) }
        try checkSilence(before: request)
        lastSequence &+= 1
        var packet = packet
        packet.sequence = lastSequence
        interrupter.begin(lastSequence)
        defer { interrupter.end() }
        var vigil = Vigil(over: packet, process: process, interrupter: interrupter)
        do throws(SystemError) {
            try LocalSocket.send(socket, bytes(packet), descriptors: descriptors, name: "space")
        } catch {
            // When it has died, what it said before is still to be read.
            guard [ErrorCode.brokenPipe, ErrorCode.connectionReset].contains(error.code) else { throw .system(error) }
        }
        let reply = try receiveReply(to: request, &vigil)
        guard reply.sequence == lastSequence else {
            throw give(up: request, because: .damaged("reply \(reply.sequence) came to request \(lastSequence)"))
        }
        do throws(SpaceError) {
            return try reply.outcome(of: request)
        } catch {
            throw settled(error, vigil)
        }
    }

    /// What an error of the space means: one that cannot be ends it; a call that had to be ended, because it had stopped the space, was
    /// late.
    private mutating func settled(_ error: SpaceError, _ vigil: Vigil) -> SpaceError {
        switch error {
        case .protocolViolation(let request, let reason): give(up: request, because: .damaged(reason))
        case .timedOut(let request, let fault?) where vigil.continuations > 0: .timedOut(request, fault.ofStoppedSpace)
        default: error
        }
    }

    /// Between requests a space says nothing, but that it dies. Whatever else is there was written by a module.
    private mutating func checkSilence(before request: SpaceRequest) throws(SpaceError) {
        var damage: String?
        do throws(SystemError) {
            while try Poll.waitReadable(socket.number, timeout: 0) {
                // The end of it is seen when the answer does not come.
                guard let packet = try receivePacket() else { return }
                guard let reply = parseReply(packet), reply.kind == SPACE_DIED.rawValue else {
                    damage = "\(packet.count) bytes came without a request"
                    break
                }
                noteFault(reply)
            }
        } catch {
            // Whatever stands in the way is met again when the answer is received.
        }
        if let damage { throw give(up: request, because: .damaged(damage)) }
    }

    /// The next packet; nil when the connection or the process has ended. EAGAIN when the time (milliseconds) passed.
    func receivePacket(timeout: Int? = nil) throws(SystemError) -> [UInt8]? {
        while true {
            // Both: a process that a module forked may hold the connection open when the space itself has gone.
            var entries = [PollEntry(socket.number), PollEntry(processDescriptor.number)]
            guard try Poll.wait(&entries, timeout: timeout) > 0 else {
                throw SystemError(call: "poll", subject: "space", code: ErrorCode.tryAgain)
            }
            guard entries[0].isReady else { return nil }
            do throws(SystemError) {
                // One byte more than a reply: a packet that is too long shows.
                let size = MemoryLayout<space_reply>.size + 1
                let packet = try LocalSocket.receive(socket, maximum: size, name: "space").bytes
                return packet.isEmpty ? nil : packet
            } catch {
                // The kernel says once that requests were left unread; what came before that is still to be had.
                guard error.code == ErrorCode.connectionReset else { throw error }
            }
        }
    }

    /// The reply to a request of the space that serves us, past what it says of itself as it dies.
    private mutating func receiveReply(
        to request: SpaceRequest, _ vigil: inout Vigil
    ) throws(SpaceError) -> space_reply {
        while true {
            let received: [UInt8]?
            do throws(SystemError) {
                received = try receivePacket(timeout: Vigil.interval)
            } catch {
                switch error.code {
                case ErrorCode.tryAgain:
                    try look(at: request, &vigil)
                    continue
                case ErrorCode.messageTooLong:
                    throw give(up: request, because: .damaged("packet is longer than a reply"))
                default: throw .system(error)
                }
            }
            guard let received else { throw try died(during: request) }
            guard let reply = parseReply(received) else {
                throw give(up: request, because: .damaged("packet of \(received.count) bytes is no reply"))
            }
            guard reply.kind == SPACE_DIED.rawValue else { return reply }
            noteFault(reply)
        }
    }

    /// An answer is late.
    private mutating func look(at request: SpaceRequest, _ vigil: inout Vigil) throws(SpaceError) {
        let before = vigil.continuations
        if let cause = vigil.look() { throw give(up: request, because: cause) }
        if before == 0, vigil.continuations > 0 { observer(Vigil.continued) }
    }

    /// The first reply, past what a dying space says of itself.
    private mutating func receiveGreeting(
        timeout: Int
    ) throws(SpaceError) -> space_reply {
        let request = SpaceRequest.start
        while true {
            let received: [UInt8]?
            do throws(SystemError) {
                received = try receivePacket(timeout: timeout)
            } catch {
                switch error.code {
                case ErrorCode.tryAgain: throw violation(request, "no answer in time")
                case ErrorCode.messageTooLong: throw violation(request, "packet is longer than a reply")
                default: throw .system(error)
                }
            }
            guard let received else { throw try died(during: request) }
            guard let reply = parseReply(received) else {
                throw violation(request, "packet of \(received.count) bytes is no reply")
            }
            guard reply.kind == SPACE_DIED.rawValue else { return reply }
            noteFault(reply)
        }
    }

    private mutating func died(during request: SpaceRequest) throws(SpaceError) -> SpaceError {
        do throws(SystemError) {
            return .died(request, try noteDeath())
        } catch {
            throw .system(error)
        }
    }

    /// What a space says first.
    mutating func receiveHello(timeout: Duration) throws(SpaceError) {
        let hello = try receiveGreeting(timeout: Int(milliseconds(timeout)))
        guard hello.kind == SPACE_HELLO.rawValue, hello.window_start <= hello.window_end, hello.page_size > 0 else {
            throw violation(.start, "first packet is no greeting")
        }
        guard hello.version == SPACE_PROTOCOL_VERSION else {
            let versions = "protocol version \(hello.version), not \(SPACE_PROTOCOL_VERSION)"
            throw violation(.start, "\(versions); install modspace and modlinkd of one version")
        }
        let alignment = UInt64(hello.reserve_alignment)
        guard alignment.nonzeroBitCount == 1, Int64.max - Int64(hello.reserve_size) > hello.reserve_offset else {
            throw violation(.start, "reserve for thread-local variables that cannot be")
        }
        information = Information(
            process: hello.process, window: hello.window_start..<hello.window_end, pageSize: UInt64(hello.page_size),
            reserve: ThreadReserve(
                offset: hello.reserve_offset, size: UInt64(hello.reserve_size), alignment: alignment))
    }
}
