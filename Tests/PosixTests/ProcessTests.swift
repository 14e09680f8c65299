import Glibc
import Posix
import Testing

@Suite struct EnvironmentTests {
    @Test("a variable that is set is there, by name and in the list, and one that is removed is not")
    func set() async {
        // Variables are the whole process's, and its threads read them: not those of this one.
        await #expect(processExitsWith: .success) {
            #expect(Environment.value("POSIX_TESTS") == nil)
            try Environment.set("POSIX_TESTS", "a=b")
            #expect(Environment.value("POSIX_TESTS") == "a=b")
            #expect(Environment.all().filter { $0.hasPrefix("POSIX_TESTS") } == ["POSIX_TESTS=a=b"])
            try Environment.set("POSIX_TESTS", "")
            #expect(Environment.value("POSIX_TESTS") == "")
            try Environment.set("POSIX_TESTS", nil)
            #expect(Environment.value("POSIX_TESTS") == nil)
            #expect(Environment.all().allSatisfy { !$0.hasPrefix("POSIX_TESTS") })
        }
    }

    @Test("a name that is empty or has = or NUL in it is refused")
    func names() {
        #expect(
            message { () throws(SystemError) in try Environment.set("A=B", "1") }
                == "A=B: setenv: invalid argument (EINVAL)")
        #expect(
            message { () throws(SystemError) in try Environment.set("", nil) }
                == ": unsetenv: invalid argument (EINVAL)")
        #expect(
            message { () throws(SystemError) in try Environment.set("A\0", "1") }
                == "A\\0: has a NUL in it: setenv: invalid argument (EINVAL)")
        #expect(Environment.value("PATH\0") == nil)
    }
}

@Suite struct CurrentProcessTests {
    @Test("the executable's path leads to the program that runs")
    func executable() throws {
        let path = try CurrentProcess.executable()
        #expect(path.hasPrefix("/"))
        #expect(try File.status(path: path).inode == File.status(path: "/proc/self/exe").inode)
    }

    @Test("number and user are what the kernel says")
    func numbers() throws {
        let status = try File.read(path: "/proc/self/status", limit: 1 << 16)
        let lines = String(decoding: status, as: UTF8.self).split(separator: "\n").map { $0.split(separator: "\t") }
        #expect(lines.first { $0.first == "Tgid:" }?.last == "\(CurrentProcess.number)")
        #expect(lines.first { $0.first == "Uid:" }?.dropFirst(2).first == "\(User.effective)")
    }

    @Test("relative paths start from the directory that was changed to")
    func changeDirectory() async {
        await #expect(processExitsWith: .success) {
            try withTemporaryDirectory { directory in
                _ = try makeFile("\(directory)/a", [7])
                try CurrentProcess.changeDirectory(directory)
                #expect(try File.read(path: "a", limit: 1) == [7])
                try File.writeAtomically("b", [8], permissions: 0o600)
                #expect(try File.list(directory) == ["a", "b"])
            }
        }
    }

    @Test("a directory that is not there cannot be changed to")
    func noDirectory() {
        #expect(
            message { () throws(SystemError) in try CurrentProcess.changeDirectory("/no/directory") }
                == "/no/directory: chdir: no such file or directory (ENOENT)")
    }
}

@Suite struct ClockTests {
    @Test("the monotonic clock advances by the time that passes")
    func monotonic() {
        let start = Clock.nanoseconds()
        usleep(20_000)
        let passed = Clock.nanoseconds() - start
        #expect(passed >= 20_000_000)
        #expect(passed < 20_000_000_000)
    }

    @Test("the wall clock is the time of day")
    func wall() {
        let now = Int64(time(nil))
        #expect((now - 1...now + 1).contains(WallClock.seconds()))
    }
}

@Suite struct StandardTests {
    @Test("text goes to standard output and standard error as it is")
    func write() async throws {
        let result = try await #require(
            processExitsWith: .success, observing: [\.standardOutputContent, \.standardErrorContent]
        ) {
            try Standard.output.write("gurka och lök")
            try Standard.output.write("")
            try Standard.error.write("tomat\n")
        }
        #expect(String(decoding: result.standardOutputContent, as: UTF8.self).contains("gurka och lök"))
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self).contains("tomat\n"))
    }

    @Test("a reader that has gone is an error and no signal")
    func brokenPipe() async {
        await #expect(processExitsWith: .success) {
            let pipe = try DescriptorPair.pipe()
            let before = Descriptor(owning: dup(STDOUT_FILENO))
            dup2(pipe.second.number, STDOUT_FILENO)
            _ = consume pipe
            #expect(!Standard.output.isTerminal)
            let text = message { () throws(SystemError) in try Standard.output.write("gurka") }
            dup2(before.number, STDOUT_FILENO)
            #expect(text == "standard output: write: broken pipe (EPIPE)")
        }
    }
}
