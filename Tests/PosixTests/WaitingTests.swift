import Glibc
import Posix
import Testing

@Suite struct PollTests {
    @Test("only the descriptors that are ready are found ready")
    func ready() throws {
        let full = try DescriptorPair.pipe()
        let empty = try DescriptorPair.pipe()
        try File.writeAll(full.second, [1])
        var entries = [
            PollEntry(empty.first.number), PollEntry(full.first.number),
            PollEntry(empty.second.number, read: false, write: true),
        ]
        #expect(try Poll.wait(&entries) == 2)
        #expect(entries.map(\.isReadable) == [false, true, false])
        #expect(entries.map(\.isWritable) == [false, false, true])
        #expect(entries.map(\.isReady) == [false, true, true])
    }

    @Test("a peer that has gone is found, with the bytes it left")
    func hungUp() throws {
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        try File.writeAll(pipe.second, [1])
        try pipe.second.close()
        var entries = [PollEntry(reader.number)]
        #expect(try Poll.wait(&entries) == 1)
        #expect(entries[0].isReadable && entries[0].isHungUp && !entries[0].isFailed)
    }

    @Test("a number that is not open is found failed, and a negative one is passed over")
    func failed() throws {
        var entries = [PollEntry(1_000_000), PollEntry(-1)]
        #expect(try Poll.wait(&entries) == 1)
        #expect(entries.map(\.isFailed) == [true, false])
    }

    @Test("what an earlier wait found is forgotten by the next")
    func again() throws {
        let pipe = try DescriptorPair.pipe()
        try File.writeAll(pipe.second, [1])
        var entries = [PollEntry(pipe.first.number)]
        #expect(try Poll.wait(&entries, timeout: 0) == 1)
        _ = try File.readSome(pipe.first, maximum: 1)
        #expect(try Poll.wait(&entries, timeout: 0) == 0)
        #expect(!entries[0].isReady)
    }

    @Test("a time limit passes, no sooner, even when signals interrupt")
    func timeout() throws {
        let thread = Promise<pthread_t>()
        let waited = Promise<UInt64>()
        let interrupted = Promise<Bool>()
        let pipe = try DescriptorPair.pipe()
        let number = pipe.first.number
        try Threads.start(name: "poller") {
            letSignalInterrupt(SIGWINCH)
            thread.fulfil(pthread_self())
            let start = Clock.nanoseconds()
            let found = (try? Poll.waitReadable(number, timeout: 300)) ?? true
            waited.fulfil(found ? 0 : Clock.nanoseconds() - start)
            _ = interrupted.wait()
        }
        // So often that the limit would never pass if it began anew each time; and not for ever.
        let target = thread.wait()
        var rounds = 0
        while rounds < 1000, waited.wait(timeout: 50) == nil {
            #expect(pthread_kill(target, SIGWINCH) == 0)
            rounds += 1
        }
        #expect(rounds < 1000)
        interrupted.fulfil(true)
        #expect(hasInterrupted(SIGWINCH))
        let nanoseconds = waited.wait()
        #expect(nanoseconds >= 300_000_000)
        _ = consume pipe
    }

    @Test("a time limit beyond what poll(2) takes does not end the wait")
    func longTimeout() throws {
        let pipe = try DescriptorPair.pipe()
        try File.writeAll(pipe.second, [1])
        #expect(try Poll.waitReadable(pipe.first.number, timeout: .max))
        #expect(try !Poll.waitReadable(pipe.second.number, timeout: .min))
    }
}

@Suite struct NotificationTests {
    @Test("an event is raised until it is cleared, however often it was raised")
    func event() throws {
        let event = try EventDescriptor()
        #expect(try !Poll.waitReadable(event.number, timeout: 0))
        #expect(!event.clear())
        event.signal()
        event.signal()
        #expect(try Poll.waitReadable(event.number, timeout: 0))
        #expect(event.clear())
        #expect(try !Poll.waitReadable(event.number, timeout: 0))
    }

    @Test("an event wakes another thread")
    func eventWakes() throws {
        let event = try EventDescriptor()
        let woken = Promise<Bool>()
        try Threads.start(name: "waiter") {
            woken.fulfil((try? Poll.waitReadable(event.number, timeout: 60_000)) == true)
        }
        #expect(woken.wait(timeout: 20) == nil)
        event.signal()
        #expect(woken.wait())
    }

    @Test("signals are read by number instead of ending the process")
    func signals() throws {
        let result = Promise<String>()
        try Threads.start(name: "signals") {
            do throws(SystemError) {
                let signals = try SignalDescriptor([SIGTERM, SIGHUP])
                let before = try Poll.waitReadable(signals.number, timeout: 0)
                raise(SIGHUP)
                let first = try signals.read()
                raise(SIGTERM)
                let second = try signals.read()
                result.fulfil("\(before) \(signalName(first)) \(signalName(second))")
            } catch {
                result.fulfil(error.description)
            }
        }
        #expect(result.wait() == "false SIGHUP SIGTERM")
    }

    @Test("the last signal there is can be taken over and the number after it can not")
    func signalLimits() throws {
        let result = Promise<[String]>()
        try Threads.start(name: "signals") {
            result.fulfil(
                [64, 65].map { number in
                    message { () throws(SystemError) in _ = try SignalDescriptor([number]) }
                })
        }
        #expect(result.wait() == ["no error", "SIG65: signalfd: invalid argument (EINVAL)"])
    }

    @Test("a watch of a file tells of a write, once")
    func fileWatch() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/console", [1])
            let watch = try FileWatch(path: path)
            #expect(try !watch.wait(timeout: 0))
            try File.writeAll(File.open(path, .append), [2])
            #expect(try watch.wait(timeout: 60_000))
            #expect(try !watch.wait(timeout: 0))
        }
    }

    @Test("a watch of a directory tells of files that are created, renamed and removed")
    func directoryWatch() throws {
        try withTemporaryDirectory { directory in
            let watch = try FileWatch(path: directory)
            let path = try makeFile("\(directory)/a", [])
            #expect(try watch.wait(timeout: 60_000))
            try File.rename(path, to: "\(directory)/b")
            #expect(try watch.wait(timeout: 60_000))
            try File.remove("\(directory)/b")
            #expect(try watch.wait(timeout: 60_000))
            #expect(try !watch.wait(timeout: 0))
        }
    }

    @Test("many changes are one answer")
    func manyChanges() throws {
        try withTemporaryDirectory { directory in
            let watch = try FileWatch(path: directory)
            for index in 0..<3000 {
                try File.remove(makeFile("\(directory)/file-of-some-length-\(index)", []))
            }
            #expect(try watch.wait(timeout: 60_000))
            #expect(try !watch.wait(timeout: 0))
        }
    }

    @Test("a path that is not there cannot be watched")
    func noFile() {
        let text = message { () throws(SystemError) in _ = try FileWatch(path: "/no/file") }
        #expect(text == "/no/file: inotify_add_watch: no such file or directory (ENOENT)")
    }
}
