import Glibc
import Posix
import Testing

@Suite struct ChildProcessTests {
    @Test("a program's exit status is told")
    func exitStatus() throws {
        let child = try ChildProcess.spawn(executable: "/bin/sh", arguments: ["-c", "exit 255"])
        let status = try child.wait()
        #expect(status == .exited(255))
        #expect(status.description == "exited with status 255")
    }

    @Test("the signal that ended a program is told")
    func signaled() throws {
        let child = try ChildProcess.spawn(executable: "/bin/sh", arguments: ["-c", "kill -SEGV $$"])
        let status = try child.wait()
        #expect(status == .signaled(SIGSEGV))
        #expect(status.description == "ended by SIGSEGV")
    }

    @Test("a program that is not there is an error of its path, and leaves no child")
    func noProgram() throws {
        let text = message { () throws(SystemError) in _ = try ChildProcess.spawn(executable: "/no/program") }
        #expect(text == "/no/program: execve: no such file or directory (ENOENT)")
    }

    @Test("a file that may not be executed is an error of its path")
    func notExecutable() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [])
            let text = message { () throws(SystemError) in _ = try ChildProcess.spawn(executable: path) }
            #expect(text == "\(path): execve: permission denied (EACCES)")
        }
    }

    @Test("a descriptor that is not open is an error of the program's path")
    func badDescriptor() {
        let closed = message { () throws(SystemError) in
            _ = try ChildProcess.spawn(executable: "/bin/true", descriptors: [(1_000_000, 3)])
        }
        #expect(closed == "/bin/true: dup2: bad file descriptor (EBADF)")
        let negative = message { () throws(SystemError) in
            _ = try ChildProcess.spawn(executable: "/bin/true", descriptors: [(0, -1)])
        }
        #expect(negative == "/bin/true: descriptor 0 as -1: dup2: bad file descriptor (EBADF)")
    }

    @Test("a NUL in an argument is refused")
    func nul() {
        let text = message { () throws(SystemError) in
            _ = try ChildProcess.spawn(executable: "/bin/true", arguments: ["a\0b"])
        }
        #expect(text == "a\\0b: has a NUL in it: execve: invalid argument (EINVAL)")
    }

    @Test("arguments arrive as they are, the executable first")
    func arguments() throws {
        let text = try output(of: "/bin/sh", ["-c", "printf '%s|' \"$0\" \"$@\"", "zero", "a b", "", "*"])
        #expect(text == "zero|a b||*|")
        #expect(try output(of: "/bin/sh", ["-c", "tr '\\0' '|' < /proc/$$/cmdline"]).hasPrefix("/bin/sh|-c|"))
    }

    @Test("a program has the environment it is given and nothing else")
    func environment() throws {
        #expect(try output(of: "/usr/bin/env", [], environment: ["B=2", "A=1 1"]) == "B=2\nA=1 1\n")
        #expect(try output(of: "/usr/bin/env", [], environment: []) == "")
    }

    @Test("an environment by name is given in the order of names")
    func environmentByName() throws {
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        let writer = pipe.second
        let child = try ChildProcess.spawn(
            executable: "/usr/bin/env", environment: ["B": "2", "A": "1"], descriptors: [(writer.number, 1)])
        try writer.close()
        #expect(try File.readAll(reader, limit: 100) == Array("A=1\nB=2\n".utf8))
        #expect(try child.wait() == .exited(0))
    }

    @Test("without an environment a program has this process's own")
    func inheritedEnvironment() throws {
        let path = try #require(Environment.value("PATH"))
        #expect(try output(of: "/bin/sh", ["-c", "printf %s \"$PATH\""]) == path)
    }

    @Test("LISTEN_PID is the program's own number, and one that was there before is gone")
    func listenProcess() throws {
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        let writer = pipe.second
        let child = try ChildProcess.spawn(
            executable: "/usr/bin/env", environment: ["LISTEN_PID=77", "LISTEN_FDS=1"],
            descriptors: [(writer.number, 1)], passesListenProcess: true)
        try writer.close()
        let text = String(decoding: try File.readAll(reader, limit: 100), as: UTF8.self)
        #expect(text == "LISTEN_FDS=1\nLISTEN_PID=\(child.process)\n")
        #expect(try child.wait() == .exited(0))
    }

    @Test("descriptors reach their targets even when they change places")
    func exchange() throws {
        let first = try MemoryFile.create(name: "first")
        let second = try MemoryFile.create(name: "second")
        try File.writeAll(first, Array("first".utf8))
        try File.writeAll(second, Array("second".utf8))
        let (one, two) = (first.number, second.number)
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        let writer = pipe.second
        let script = "cat /proc/self/fd/\(one) /proc/self/fd/\(two)"
        let child = try ChildProcess.spawn(
            executable: "/bin/sh", arguments: ["-c", script],
            descriptors: [(writer.number, 1), (one, two), (two, one)])
        try writer.close()
        #expect(try File.readAll(reader, limit: 100) == Array("secondfirst".utf8))
        #expect(try child.wait() == .exited(0))
    }

    @Test("a descriptor that keeps its number is passed on")
    func sameNumber() throws {
        let file = try MemoryFile.create(name: "same")
        try File.writeAll(file, [65])
        let text = try outputPassing(file.number)
        #expect(text == "A")
    }

    @Test("a program has no descriptors but 0, 1, 2 and its targets, even such as do not end at exec")
    func noOthers() throws {
        let leaking = try MemoryFile.create(name: "leaking")
        try leaking.setCloseOnExec(false)
        // ls has the directory open itself, as 3.
        #expect(try output(of: "/bin/ls", ["/proc/self/fd"]) == "0\n1\n2\n3\n")
        #expect(fcntl(leaking.number, F_GETFD) == 0)
    }

    @Test("a program of a new session leads it")
    func newSession() throws {
        // Of proc_pid_stat(5): the number, the name, the state, the parent, the group, the session.
        let script = "read number name state parent group session rest < /proc/$$/stat; echo $number $group $session"
        let own = try output(of: "/bin/sh", ["-c", script], newSession: true).split(separator: " ")
        #expect(own.count == 3 && Set(own.map { $0.filter(\.isNumber) }).count == 1)
        let shared = try output(of: "/bin/sh", ["-c", script]).split(separator: " ")
        #expect(shared.last?.filter(\.isNumber) == "\(getsid(0))")
    }

    @Test("signals that are blocked and ignored here are not in the program")
    func signals() throws {
        signal(SIGUSR2, SIG_IGN)
        var blocked = sigset_t()
        var before = sigset_t()
        sigemptyset(&blocked)
        sigaddset(&blocked, SIGUSR2)
        pthread_sigmask(SIG_BLOCK, &blocked, &before)
        defer {
            pthread_sigmask(SIG_SETMASK, &before, nil)
            signal(SIGUSR2, SIG_DFL)
        }
        let child = try ChildProcess.spawn(executable: "/bin/sh", arguments: ["-c", "kill -USR2 $$; exit 5"])
        #expect(try child.wait() == .signaled(SIGUSR2))
    }

    @Test("a process that was waited for is no child any more")
    func waitTwice() throws {
        let child = try ChildProcess.spawn(executable: "/bin/true")
        #expect(try child.wait() == .exited(0))
        let text = message { () throws(SystemError) in _ = try child.wait() }
        #expect(text == "process \(child.process): waitpid: no child processes (ECHILD)")
    }

    @Test("a running process has not ended, and one that was killed has")
    func waitIfEnded() throws {
        let child = try ChildProcess.spawn(executable: "/bin/sleep", arguments: ["60"])
        let descriptor = try child.processDescriptor()
        #expect(try child.waitIfEnded() == nil)
        #expect(try !Poll.waitReadable(descriptor.number, timeout: 0))
        try child.signal(SIGKILL)
        #expect(try Poll.waitReadable(descriptor.number, timeout: 60_000))
        #expect(try child.waitIfEnded() == .signaled(SIGKILL))
    }

    @Test("a process that is not there can be neither signalled nor opened")
    func noProcess() throws {
        let child = try ChildProcess.spawn(executable: "/bin/true")
        _ = try child.wait()
        let name = "process \(child.process)"
        #expect(message { () throws(SystemError) in try child.signal(0) } == "\(name): kill: no such process (ESRCH)")
        #expect(
            message { () throws(SystemError) in _ = try child.processDescriptor() }
                == "\(name): pidfd_open: no such process (ESRCH)")
    }

    @Test("numbers that mean several processes are never signalled", arguments: [0, -1] as [Int32])
    func severalProcesses(number: Int32) {
        let text = message { () throws(SystemError) in try ChildProcess(process: number).signal(0) }
        #expect(text == "process \(number): kill: no such process (ESRCH)")
    }

    @Test("children that threads start at the same time all end")
    func concurrent() throws {
        let results = BlockingQueue<Posix.ExitStatus?>()
        for _ in 0..<8 {
            try Threads.start(name: "parent") {
                for _ in 0..<5 {
                    results.push(try? ChildProcess.spawn(executable: "/bin/true").wait())
                }
            }
        }
        for _ in 0..<40 { #expect(results.pop() == .some(.exited(0))) }
    }

    private func outputPassing(_ number: Int32) throws -> String {
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        let writer = pipe.second
        let child = try ChildProcess.spawn(
            executable: "/bin/cat", arguments: ["/proc/self/fd/\(number)"],
            descriptors: [(writer.number, 1), (number, number)])
        try writer.close()
        let bytes = try File.readAll(reader, limit: 100)
        #expect(try child.wait() == .exited(0))
        return String(decoding: bytes, as: UTF8.self)
    }
}
