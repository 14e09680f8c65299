import Glibc
import Posix
import Testing

@Suite struct LocalSocketTests {
    @Test("what is sent to a listening socket is received, both ways", arguments: [true, false])
    func roundTrip(packets: Bool) throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/socket"
            let kind: LocalSocket.Kind = packets ? .sequencedPacket : .stream
            let listening = try LocalSocket.listen(path, backlog: 1, kind: kind)
            #expect(try File.status(path: path).isSocket)
            let client = try LocalSocket.connect(path, kind: kind)
            let server = try LocalSocket.accept(listening)
            try LocalSocket.send(client, [1, 2])
            #expect(try LocalSocket.receive(server, maximum: 10).bytes == [1, 2])
            try LocalSocket.send(server, [3])
            #expect(try LocalSocket.receive(client, maximum: 10).bytes == [3])
            for number in [listening.number, client.number, server.number] {
                #expect(fcntl(number, F_GETFD) == FD_CLOEXEC)
            }
        }
    }

    @Test("a path of 107 bytes is served and one of 108 is refused")
    func pathLength() throws {
        try withTemporaryDirectory { directory in
            let longest = directory + "/" + String(repeating: "s", count: 106 - directory.utf8.count)
            #expect(longest.utf8.count == 107)
            let listening = try LocalSocket.listen(longest, backlog: 1)
            let client = try LocalSocket.connect(longest)
            let server = try LocalSocket.accept(listening)
            try LocalSocket.send(client, [1])
            #expect(try LocalSocket.receive(server, maximum: 1).bytes == [1])
            #expect(try File.list(directory) == [String(longest.dropFirst(directory.utf8.count + 1))])

            let reason = "path is 108 bytes and a socket's path may be at most 107"
            let tooLong = longest + "s"
            #expect(
                message { () throws(SystemError) in _ = try LocalSocket.listen(tooLong, backlog: 1) }
                    == "\(tooLong): \(reason): bind: file name too long (ENAMETOOLONG)")
            #expect(
                message { () throws(SystemError) in _ = try LocalSocket.connect(tooLong) }
                    == "\(tooLong): \(reason): connect: file name too long (ENAMETOOLONG)")
        }
    }

    @Test("an empty path is refused")
    func emptyPath() {
        #expect(
            message { () throws(SystemError) in _ = try LocalSocket.listen("", backlog: 1) }
                == "empty socket path: bind: no such file or directory (ENOENT)")
    }

    @Test("a path with a NUL is refused")
    func nulPath() {
        #expect(
            message { () throws(SystemError) in _ = try LocalSocket.connect("/tmp/a\0b") }
                == "/tmp/a\\0b: has a NUL in it: connect: invalid argument (EINVAL)")
    }

    @Test("connecting tells an absent socket from one where no one listens")
    func noListener() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/socket"
            #expect(
                message { () throws(SystemError) in _ = try LocalSocket.connect(path) }
                    == "\(path): connect: no such file or directory (ENOENT)")
            try LocalSocket.listen(path, backlog: 1).close()
            #expect(
                eventualMessage { () throws(SystemError) in _ = try LocalSocket.connect(path) }
                    == "\(path): connect: connection refused (ECONNREFUSED)")
        }
    }

    @Test("a path that exists cannot be listened on")
    func addressInUse() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/socket", [])
            #expect(
                message { () throws(SystemError) in _ = try LocalSocket.listen(path, backlog: 1) }
                    == "\(path): bind: address already in use (EADDRINUSE)")
            #expect(try File.list(directory) == ["socket"])
        }
    }

    @Test("a kind that cannot listen leaves no socket behind")
    func cannotListen() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/socket"
            #expect(
                message { () throws(SystemError) in _ = try LocalSocket.listen(path, backlog: 1, kind: .datagram) }
                    == "\(path): listen: operation not supported (EOPNOTSUPP)")
            let left = try File.list(directory)
            #expect(left == [])
        }
    }

    @Test("an abstract name reaches a socket that has no file")
    func abstractName() throws {
        let name = "posix-tests-\(CurrentProcess.number)"
        let receiver = Descriptor(owning: socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { place in
            for (index, byte) in name.utf8.enumerated() { place[index + 1] = byte }
        }
        let number = receiver.number
        let bound = withUnsafePointer(to: &address) { place in
            place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(2 + 1 + name.utf8.count))
            }
        }
        #expect(bound == 0)
        let sender = try LocalSocket.connect(name, kind: .datagram, abstract: true)
        try LocalSocket.send(sender, Array("READY=1".utf8))
        #expect(try LocalSocket.receive(receiver, maximum: 100).bytes == Array("READY=1".utf8))
    }

    @Test("the peer of a connection in this process is this process")
    func peerCredentials() throws {
        let pair = try LocalSocket.pair()
        let peer = try LocalSocket.peerCredentials(pair.first)
        #expect(peer.process == CurrentProcess.number)
        #expect(peer.user == User.effective)
        #expect(peer.group == getegid())
        let pipe = try DescriptorPair.pipe()
        #expect(
            message { () throws(SystemError) in _ = try LocalSocket.peerCredentials(pipe.first, name: "pipe") }
                == "pipe: getsockopt: socket operation on non-socket (ENOTSOCK)")
    }

    @Test("a receive without a byte ends with the time limit")
    func receiveTimeout() throws {
        let pair = try LocalSocket.pair()
        try LocalSocket.setReceiveTimeout(pair.first, seconds: 0.05)
        let start = Clock.nanoseconds()
        let text = message { () throws(SystemError) in
            _ = try LocalSocket.receive(pair.first, maximum: 1, name: "peer")
        }
        #expect(text == "peer: recvmsg: resource temporarily unavailable (EAGAIN)")
        #expect(Clock.nanoseconds() - start >= 40_000_000)
    }

    @Test("a send that no one receives ends with the time limit")
    func sendTimeout() throws {
        let pair = try LocalSocket.pair()
        try LocalSocket.setSendTimeout(pair.first, seconds: 0.05)
        let bytes = [UInt8](repeating: 0, count: 16 << 20)
        let text = message { () throws(SystemError) in try LocalSocket.send(pair.first, bytes, name: "peer") }
        #expect(text == "peer: sendmsg: resource temporarily unavailable (EAGAIN)")
    }

    @Test("a time limit below a microsecond still ends the wait, and none or a negative one does not count")
    func timeoutLimits() throws {
        let pair = try LocalSocket.pair()
        try LocalSocket.setReceiveTimeout(pair.first, seconds: 1e-9)
        let text = message { () throws(SystemError) in
            _ = try LocalSocket.receive(pair.first, maximum: 1, name: "peer")
        }
        #expect(text == "peer: recvmsg: resource temporarily unavailable (EAGAIN)")
        for seconds in [-1, .nan, .infinity] {
            let refused = message { () throws(SystemError) in
                try LocalSocket.setReceiveTimeout(pair.first, seconds: seconds, name: "peer")
            }
            #expect(refused == "peer: \(seconds) seconds: setsockopt: invalid argument (EINVAL)")
        }
    }

    @Test("a time limit can be taken off")
    func noTimeout() throws {
        let pair = try LocalSocket.pair()
        try LocalSocket.setReceiveTimeout(pair.first, seconds: 0.01)
        try LocalSocket.setReceiveTimeout(pair.first, seconds: nil)
        let sender = SharedDescriptor(pair.second)
        try Threads.start(name: "sender") {
            usleep(100_000)
            _ = try? LocalSocket.send(sender.descriptor, [1])
        }
        #expect(try LocalSocket.receive(pair.first, maximum: 1).bytes == [1])
    }

    @Test("shutting a listening socket down wakes the thread that accepts")
    func shutdownAccept() throws {
        try withTemporaryDirectory { directory in
            let listening = SharedDescriptor(try LocalSocket.listen("\(directory)/socket", backlog: 1))
            let woken = Promise<String>()
            try Threads.start(name: "acceptor") {
                woken.fulfil(
                    message { () throws(SystemError) in
                        _ = try LocalSocket.accept(listening.descriptor, name: "listener")
                    })
            }
            #expect(woken.wait(timeout: 50) == nil)
            try LocalSocket.shutdown(listening.descriptor)
            #expect(woken.wait(timeout: 60_000) == "listener: accept: invalid argument (EINVAL)")
        }
    }

    @Test("a peer that has stopped sending can still receive")
    func halfClose() throws {
        let pair = try LocalSocket.pair()
        try LocalSocket.shutdown(pair.first, .send)
        #expect(try LocalSocket.receive(pair.second, maximum: 1).bytes == [])
        try LocalSocket.send(pair.second, [4])
        #expect(try LocalSocket.receive(pair.first, maximum: 1).bytes == [4])
    }
}
