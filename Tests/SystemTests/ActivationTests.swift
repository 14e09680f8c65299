import Glibc
import ModlinkInterface
import Posix
import Synchronization
import TestSupport
import Testing
import Varlink

/// Starts by systemd, by hand as systemd does it, and by many tools at once.
@Suite struct ActivationTests {
    /// A daemon in the foreground with a socket of ours as descriptor 3.
    private func activated(_ session: Session, _ socket: borrowing Descriptor) throws -> RunningTool {
        try RunningTool(
            executable: "\(Session.programs)/modlinkd", ["--foreground"],
            environment: session.environment(["LISTEN_FDS": "1"]), descriptors: [(socket.number, 3)],
            passesListenProcess: true)
    }

    @Test("a socket that is handed over is served, and is still there when the daemon has ended")
    func socketActivation() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try File.createDirectory(session.runtime, permissions: 0o700)
        let path = session.runtime + "/socket"
        let socket = try LocalSocket.listen(path, backlog: 8)
        let inode = try File.status(path: path).inode
        // Connected before anyone serves: the daemon finds it waiting.
        let early = try session.start("modload", ["--no-autostart", "gurka.o"])
        let daemon = try activated(session, socket)
        try expect(early.wait(), .done("gurka: hello\nModule loaded as ID 1\n"))
        #expect(session.daemon == daemon.process.process)
        try session.output("modlinkd", "--stop")
        #expect(try daemon.wait().status == .exited(0))
        #expect(try File.status(path: path).inode == inode)
        // The next tool waits in the socket for the next daemon, as systemd would start it.
        let late = try session.start("modstat", ["--no-autostart"])
        let next = try activated(session, socket)
        try expect(late.wait(), .done("ID  NAME  STATE  REFS  SIZE  ADDRESS  USED BY\n"))
        try next.process.signal(15)
        #expect(try next.wait().status == .exited(0))
    }

    @Test("LISTEN_PID of another process is not ours, and several sockets are refused")
    func otherListenProcess() throws {
        let session = try Session()
        let foreign = try session.start("modlinkd", ["--foreground"], ["LISTEN_FDS": "1", "LISTEN_PID": "1"])
        #expect(try eventually { try session.run("modstat", "--no-autostart").status == .exited(0) })
        try session.output("modlinkd", "--stop")
        #expect(try foreign.wait().status == .exited(0))
        let null = try File.open("/dev/null", .read)
        let two = try RunningTool(
            executable: "\(Session.programs)/modlinkd", ["--foreground"],
            environment: session.environment(["LISTEN_FDS": "2"]), descriptors: [(null.number, 3), (null.number, 4)],
            passesListenProcess: true)
        try expect(
            two.wait(), .failed(1, "modlinkd: LISTEN_FDS: 2 sockets were passed; modlinkd listens on one\n"))
    }

    @Test("$NOTIFY_SOCKET is told READY=1 once the daemon serves, and STOPPING=1", arguments: [false, true])
    func notify(abstract: Bool) throws {
        let session = try Session()
        let name = abstract ? "@modlink-test-\(CurrentProcess.number)" : session.path + "/notify"
        let socket = try #require(datagramSocket(name))
        let daemon = try session.start("modlinkd", ["--foreground"], ["NOTIFY_SOCKET": name])
        #expect(try received(socket) == "READY=1")
        #expect(try session.run("modstat", "--no-autostart").status == .exited(0))
        try daemon.process.signal(15)
        #expect(try received(socket) == "STOPPING=1")
        #expect(try daemon.wait().status == .exited(0))
    }

    /// A bound datagram socket; a name that begins with @ is abstract (unix(7)).
    private func datagramSocket(_ name: String) -> SharedDescriptor? {
        let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return nil }
        let descriptor = SharedDescriptor(Descriptor(owning: number))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(number, $0, length) }
        }
        return result == 0 ? descriptor : nil
    }

    private func received(_ socket: SharedDescriptor) throws -> String? {
        guard try Poll.waitReadable(socket.number, timeout: 60_000) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = recv(socket.number, &bytes, 256, 0)
        return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    @Test("lines have journald's prefixes when standard error is the stream that JOURNAL_STREAM names, and else not")
    func journal() throws {
        let session = try Session()
        try session.compile("bad.o", "extern int qqzzxx(void); int init_module(void) { return qqzzxx(); }")
        for isJournal in [true, false] {
            let path = try session.write("journal", [])
            let file = try File.open(path, .append)
            let status = try File.status(file)
            let stream = "\(status.device):\(status.inode + (isJournal ? 0 : 1))"
            let daemon = try RunningTool(
                executable: "\(Session.programs)/modlinkd", ["--foreground"],
                environment: session.environment(["JOURNAL_STREAM": stream]), descriptors: [(file.number, 2)])
            #expect(try eventually { try session.run("modload", "--no-autostart", "bad.o").status == .exited(1) })
            try daemon.process.signal(15)
            #expect(try daemon.wait().status == .exited(0))
            let lines = String(decoding: try session.read("journal"), as: UTF8.self).split(separator: "\n")
            #expect(lines.count > 3)
            if isJournal {
                #expect(lines.first?.hasPrefix("<6>space ") == true)
                #expect(lines.contains { $0.hasPrefix("<5>load failed: bad.o: ") })
            } else {
                #expect(lines.allSatisfy { !$0.hasPrefix("<") })
            }
        }
    }

    @Test("of 32 tools at the same instant one starts the daemon, and all succeed, 200 times")
    func manyTools() throws {
        let session = try Session()
        for _ in 1...200 {
            let tools = try (1...32).map { _ in try session.start("modstat", []) }
            for tool in tools { try expect(tool.wait(), .done("ID  NAME  STATE  REFS  SIZE  ADDRESS  USED BY\n")) }
            try session.output("modlinkd", "--stop")
        }
        #expect(try startedDaemons(session) == 200)
    }

    // Threads with the tools' own code are closer to one instant than processes can be started.
    @Test("of 32 that connect as the tools do at the same instant one starts the daemon, and all succeed, 200 times")
    func race() throws {
        let session = try Session()
        let directory = RuntimeDirectory(path: session.runtime)
        for _ in 1...200 {
            let processes = Mutex<[Int]>([])
            let failures = Mutex<[String]>([])
            let gate = try EventDescriptor()
            let done = BlockingQueue<Bool>()
            for _ in 1...32 {
                try Threads.start(name: "tool") {
                    _ = try? Poll.waitReadable(gate.number)
                    do {
                        var client = try DaemonConnection.open(directory)
                        let process = try client.call(StatusMethod.self, SpaceParameters()).reply.process
                        processes.withLock { $0.append(process) }
                    } catch {
                        failures.withLock { $0.append("\(error)") }
                    }
                    _ = done.push(true)
                }
            }
            gate.signal()
            for _ in 1...32 { _ = done.pop() }
            #expect(failures.withLock { $0 } == [])
            let answered = processes.withLock { $0 }
            #expect(answered.count == 32 && Set(answered).count == 1)
            var client = try DaemonConnection.open(directory, starts: false)
            _ = try client.call(StopMethod.self, Empty())
            // Started from here, it is a child of this process.
            #expect(try ChildProcess(process: Int32(answered.first ?? 0)).wait() == .exited(0))
        }
        #expect(try startedDaemons(session) == 200)
    }

    /// How many daemons the log tells of.
    private func startedDaemons(_ session: Session) throws -> Int {
        try session.runtimeText("log").split(separator: "\n").count { $0.contains(" listens at ") }
    }
}
