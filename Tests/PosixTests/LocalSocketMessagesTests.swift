import Glibc
import Posix
import Testing

@Suite struct LocalSocketMessagesTests {
    @Test("a peer's close ends receive with no bytes")
    func end() throws {
        let pair = try LocalSocket.pair()
        let receiver = pair.first
        try LocalSocket.send(pair.second, [1])
        try pair.second.close()
        #expect(try LocalSocket.receive(receiver, maximum: 10).bytes == [1])
        #expect(try LocalSocket.receive(receiver, maximum: 10).bytes == [])
    }

    @Test("a send to a peer that has gone is EPIPE and no signal")
    func brokenPipe() throws {
        let pair = try LocalSocket.pair()
        let sender = pair.first
        try pair.second.close()
        let text = eventualMessage { () throws(SystemError) in try LocalSocket.send(sender, [1], name: "peer") }
        #expect(text == "peer: sendmsg: broken pipe (EPIPE)")
    }

    @Test("more bytes than a socket holds arrive whole, even when a signal interrupts, and their descriptor once")
    func large() throws {
        let pair = try LocalSocket.pair()
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 / 11) }
        let sender = SharedDescriptor(pair.second)
        let thread = Promise<pthread_t>()
        let sent = Promise<String>()
        try Threads.start(name: "sender") {
            letSignalInterrupt(SIGURG)
            thread.fulfil(pthread_self())
            sent.fulfil(
                message { () throws(SystemError) in
                    try LocalSocket.send(sender.descriptor, bytes, descriptors: [sender.number])
                })
        }
        // A signal ends the call with so many bytes as the socket holds; nothing is received yet, so the thread is there.
        let target = thread.wait()
        usleep(50_000)
        #expect(pthread_kill(target, SIGURG) == 0)
        usleep(50_000)
        #expect(hasInterrupted(SIGURG))

        var received: [UInt8] = []
        var counts: [Int] = []
        while received.count < bytes.count {
            let part = try LocalSocket.receive(pair.first, maximum: 70_000)
            received += part.bytes
            counts.append(part.descriptors.count)
        }
        #expect(sent.wait() == "no error")
        #expect(received == bytes)
        #expect(counts.first == 1)
        #expect(counts.dropFirst().allSatisfy { $0 == 0 })
        #expect(counts.count > 40)
    }

    @Test("a descriptor arrives as one of the receiver's own, close-on-exec")
    func descriptor() throws {
        let pair = try LocalSocket.pair()
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        let writer = pipe.second
        try LocalSocket.send(pair.first, [1], descriptors: [writer.number])
        try writer.close()
        var received = try LocalSocket.receive(pair.second, maximum: 10)
        #expect(received.descriptors.count == 1)
        guard let arrived = received.descriptors.take(0) else {
            Issue.record("the descriptor cannot be taken")
            return
        }
        #expect(fcntl(arrived.number, F_GETFD) == FD_CLOEXEC)
        try File.writeAll(arrived, [8])
        #expect(try File.readSome(reader, maximum: 10) == [8])
    }

    @Test("descriptors keep their order and each can be taken once")
    func taking() throws {
        let pair = try LocalSocket.pair()
        let files = [try MemoryFile.create(name: "a").release(), try MemoryFile.create(name: "b").release()]
        for (number, byte) in zip(files, [UInt8(10), 20]) { #expect(pwrite(number, [byte], 1, 0) == 1) }
        try LocalSocket.send(pair.first, [1], descriptors: files)
        for number in files { _ = Descriptor(owning: number) }

        var received = try LocalSocket.receive(pair.second, maximum: 10)
        #expect(try takeContent(1, of: &received) == [20])
        #expect(try takeContent(0, of: &received) == [10])
        for index in [-1, 0, 1, 2] { #expect(try takeContent(index, of: &received) == nil) }
        #expect(received.descriptors.count == 2)
    }

    @Test("descriptors that no one takes are closed")
    func untaken() throws {
        let pair = try LocalSocket.pair()
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        let writer = pipe.second
        try LocalSocket.send(pair.first, [1], descriptors: [writer.number, writer.number])
        try writer.close()
        #expect(try !Poll.waitReadable(reader.number, timeout: 0))
        #expect(try LocalSocket.receive(pair.second, maximum: 10).bytes == [1])
        #expect(try isEnded(reader) == true)
    }

    @Test("253 descriptors travel with one message and 254 are refused")
    func descriptorLimit() throws {
        let pair = try LocalSocket.pair()
        let numbers = [Int32](repeating: pair.first.number, count: 254)
        try LocalSocket.send(pair.first, [1], descriptors: Array(numbers.dropLast()))
        let received = try LocalSocket.receive(pair.second, maximum: 1)
        #expect(received.descriptors.count == 253)
        let text = message { () throws(SystemError) in
            try LocalSocket.send(pair.first, [1], descriptors: numbers, name: "peer")
        }
        #expect(
            text == "peer: 254 descriptors and a message may carry at most 253: sendmsg: invalid argument (EINVAL)")
    }

    @Test("descriptors without a byte to travel with are refused, and no bytes alone are not sent")
    func noBytes() throws {
        let pair = try LocalSocket.pair(kind: .sequencedPacket)
        let text = message { () throws(SystemError) in
            try LocalSocket.send(pair.first, [UInt8](), descriptors: [0], name: "peer")
        }
        #expect(
            text == "peer: descriptors need at least one byte to travel with: sendmsg: invalid argument (EINVAL)")
        try LocalSocket.send(pair.first, [UInt8]())
        #expect(try !Poll.waitReadable(pair.second.number, timeout: 0))
    }

    @Test("a descriptor that is not open cannot be sent")
    func badDescriptor() throws {
        let pair = try LocalSocket.pair()
        let text = message { () throws(SystemError) in
            try LocalSocket.send(pair.first, [1], descriptors: [-1], name: "peer")
        }
        #expect(text == "peer: sendmsg: bad file descriptor (EBADF)")
    }

    @Test("descriptors that the process has no room for are an error, and all of them are closed")
    func noRoom() async {
        // The limit on descriptors holds for a whole process: not for this one.
        await #expect(processExitsWith: .success) {
            let pair = try LocalSocket.pair()
            // Far from the limit on both sides: the process has threads that may take one, too.
            let numbers = [Int32](repeating: pair.first.number, count: 40)
            try LocalSocket.send(pair.first, [1, 2], descriptors: numbers)
            try LocalSocket.send(pair.first, [3], descriptors: Array(numbers.prefix(10)))
            try limitDescriptors(free: 20)
            let text = message { () throws(SystemError) in
                _ = try LocalSocket.receive(pair.second, maximum: 2, name: "peer")
            }
            // What an expectation says here is lost on the way to the parent: a status is not.
            guard text == "peer: more descriptors came than this process may have: recvmsg: message too long (EMSGSIZE)"
            else { exit(2) }
            do {
                let fitting = try LocalSocket.receive(pair.second, maximum: 2)
                guard fitting.descriptors.count == 10 else { exit(3) }
            }
            try limitDescriptors(free: 100)
            // Only what was sent counts: other threads of the process open and close files, too.
            guard try openDescriptors(sameFileAs: pair.first) == [pair.first.number] else { exit(4) }
        }
    }

    @Test("packets keep their boundaries")
    func packets() throws {
        let pair = try LocalSocket.pair(kind: .sequencedPacket)
        try LocalSocket.send(pair.first, [1, 2])
        try LocalSocket.send(pair.first, [3])
        #expect(try LocalSocket.receive(pair.second, maximum: 100).bytes == [1, 2])
        #expect(try LocalSocket.receive(pair.second, maximum: 100).bytes == [3])
    }

    @Test("a packet as long as the buffer is received and a longer one is an error that closes its descriptors")
    func packetLimit() throws {
        let pair = try LocalSocket.pair(kind: .sequencedPacket)
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        let writer = pipe.second
        try LocalSocket.send(pair.first, [1, 2, 3])
        try LocalSocket.send(pair.first, [1, 2, 3, 4], descriptors: [writer.number])
        try writer.close()
        #expect(try LocalSocket.receive(pair.second, maximum: 3).bytes == [1, 2, 3])
        let text = message { () throws(SystemError) in
            _ = try LocalSocket.receive(pair.second, maximum: 3, name: "peer")
        }
        #expect(text == "peer: packet is longer than 3 bytes: recvmsg: message too long (EMSGSIZE)")
        #expect(try isEnded(reader) == true)
    }

    @Test("a receive into a buffer fills it from its start and closes descriptors")
    func intoBuffer() throws {
        let pair = try LocalSocket.pair(kind: .sequencedPacket)
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        let writer = pipe.second
        try LocalSocket.send(pair.first, [7, 8], descriptors: [writer.number])
        try writer.close()
        var buffer: [UInt8] = [0, 0, 0]
        var count = 0
        do {
            var span = buffer.mutableSpan
            var bytes = span.mutableBytes
            count = try LocalSocket.receive(pair.second, into: &bytes)
        }
        #expect(count == 2)
        #expect(buffer == [7, 8, 0])
        #expect(try isEnded(reader) == true)
        try pair.first.close()
        var rest = buffer.mutableSpan
        var bytes = rest.mutableBytes
        #expect(try LocalSocket.receive(pair.second, into: &bytes) == 0)
    }

    @Test("a receive into no room is an error and not an end")
    func emptyBuffer() throws {
        let pair = try LocalSocket.pair()
        var buffer: [UInt8] = []
        var text = "no error"
        do throws(SystemError) {
            var span = buffer.mutableSpan
            var bytes = span.mutableBytes
            _ = try LocalSocket.receive(pair.first, into: &bytes, name: "peer")
        } catch {
            text = error.description
        }
        #expect(text == "peer: empty buffer: recvmsg: invalid argument (EINVAL)")
    }

    @Test("a signal does not end a receive")
    func interrupted() throws {
        let pair = try LocalSocket.pair()
        let receiver = SharedDescriptor(pair.first)
        let thread = Promise<pthread_t>()
        let received = Promise<[UInt8]?>()
        try Threads.start(name: "receiver") {
            letSignalInterrupt(SIGUSR1)
            thread.fulfil(pthread_self())
            received.fulfil(try? LocalSocket.receive(receiver.descriptor, maximum: 10).bytes)
        }
        let target = thread.wait()
        for _ in 0..<5 {
            usleep(20_000)
            #expect(pthread_kill(target, SIGUSR1) == 0)
        }
        usleep(20_000)
        #expect(hasInterrupted(SIGUSR1))
        #expect(received.wait(timeout: 0) == nil)
        try LocalSocket.send(pair.second, [6])
        #expect(received.wait(timeout: 60_000) == [6])
    }

    private func takeContent(_ index: Int, of received: inout Received) throws -> [UInt8]? {
        guard let descriptor = received.descriptors.take(index) else { return nil }
        return try File.readAll(descriptor, limit: 10)
    }
}

/// Limits this process to so many descriptors more than it has.
func limitDescriptors(free: Int) throws {
    let open = Set(try openDescriptors())
    var limit: Int32 = 0
    var room = 0
    while room < free {
        if !open.contains(limit) { room += 1 }
        limit += 1
    }
    var value = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &value)
    value.rlim_cur = rlim_t(limit)
    guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &value) == 0 else {
        throw SystemError(call: "setrlimit", subject: "\(limit) descriptors", code: errno)
    }
}
