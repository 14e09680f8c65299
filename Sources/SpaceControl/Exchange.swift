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
        lastSequence &+= 1
        var packet = packet
        packet.sequence = lastSequence
        interrupter.begin(lastSequence)
        defer { interrupter.end() }
        do throws(SystemError) {
            try LocalSocket.send(socket, bytes(packet), descriptors: descriptors, name: "space")
        } catch {
            // When it has died, what it said before is still to be read.
            guard [ErrorCode.brokenPipe, ErrorCode.connectionReset].contains(error.code) else { throw .system(error) }
        }
        let reply = try receiveReply(to: request)
        guard reply.sequence == lastSequence else {
            throw violation(request, "reply \(reply.sequence) came to request \(lastSequence)")
        }
        return try successful(reply, to: request)
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

    /// The next reply, past what a dying space says of itself.
    private mutating func receiveReply(
        to request: SpaceRequest, timeout: Int? = nil
    ) throws(SpaceError) -> space_reply {
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

    /// The reply itself when its status is 0, or else the error that it says.
    private mutating func successful(_ reply: space_reply, to request: SpaceRequest) throws(SpaceError) -> space_reply {
        do throws(SpaceError) {
            return try reply.outcome(of: request)
        } catch .protocolViolation(_, let reason) {
            throw violation(request, reason)
        }
    }

    /// What a space says first.
    mutating func receiveHello(timeout: Duration) throws(SpaceError) {
        let hello = try receiveReply(to: .start, timeout: Int(milliseconds(timeout)))
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
