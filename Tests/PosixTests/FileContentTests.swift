import Glibc
import Posix
import Testing

@Suite struct FileContentTests {
    @Test("a file as long as the limit is read and one byte more is refused")
    func readLimit() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1, 2, 3, 4])
            #expect(try File.read(path: path, limit: 4) == [1, 2, 3, 4])
            let text = message { () throws(SystemError) in _ = try File.read(path: path, limit: 3) }
            #expect(text == "\(path): more than 3 bytes: read: file too large (EFBIG)")
        }
    }

    @Test("an empty file is read within a limit of 0, and a file of one byte is not")
    func readLimitZero() throws {
        try withTemporaryDirectory { directory in
            let empty = try makeFile("\(directory)/empty", [])
            let one = try makeFile("\(directory)/one", [1])
            #expect(try File.read(path: empty, limit: 0) == [])
            let text = message { () throws(SystemError) in _ = try File.read(path: one, limit: 0) }
            #expect(text == "\(one): more than 0 bytes: read: file too large (EFBIG)")
        }
    }

    @Test("a pipe that gives as much as the limit is read and one byte more is refused")
    func readPipeLimit() throws {
        for (limit, wanted) in [
            (5000, "no error"), (4999, "pipe: more than 4999 bytes: read: file too large (EFBIG)"),
        ] {
            let pipe = try DescriptorPair.pipe()
            let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0) }
            let reader = pipe.first
            let writer = pipe.second
            try File.writeAll(writer, bytes)
            try writer.close()
            var found: [UInt8] = []
            let text = message { () throws(SystemError) in
                found = try File.readAll(reader, name: "pipe", limit: limit)
            }
            #expect(text == wanted)
            #expect(found == (limit == 5000 ? bytes : []))
        }
    }

    @Test("reading without a real limit works")
    func unlimited() throws {
        #expect(try File.read(path: "/dev/null", limit: .max) == [])
        #expect(try File.read(path: "/proc/self/comm", limit: .max).last == UInt8(ascii: "\n"))
    }

    @Test("a file whose size the kernel does not tell is read whole, and within its limit")
    func procFile() throws {
        #expect(try File.status(path: "/proc/version").size == 0)
        let bytes = try File.read(path: "/proc/version", limit: 1 << 16)
        #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("Linux version "))
        #expect(try File.read(path: "/proc/version", limit: bytes.count) == bytes)
        let text = message { () throws(SystemError) in
            _ = try File.read(path: "/proc/version", limit: bytes.count - 1)
        }
        #expect(text == "/proc/version: more than \(bytes.count - 1) bytes: read: file too large (EFBIG)")
    }

    @Test("reading all of a regular file ignores its offset and leaves it")
    func readAllOffset() throws {
        try withTemporaryDirectory { directory in
            let file = try File.open(makeFile("\(directory)/a", [1, 2, 3]), .read)
            #expect(try File.readSome(file, maximum: 2) == [1, 2])
            #expect(try File.readAll(file, limit: 10) == [1, 2, 3])
            #expect(try File.readSome(file, maximum: 2) == [3])
            #expect(try File.readSome(file, maximum: 2) == [])
        }
    }

    @Test("reading a directory says what it is")
    func readDirectory() throws {
        try withTemporaryDirectory { directory in
            let text = message { () throws(SystemError) in _ = try File.read(path: directory, limit: 10) }
            #expect(text == "\(directory): read: is a directory (EISDIR)")
        }
    }

    @Test("a descriptor without a name is called by its number")
    func unnamed() throws {
        let file = try File.open("/dev/null", .write)
        let number = file.number
        let text = message { () throws(SystemError) in _ = try File.readSome(file, maximum: 1) }
        #expect(text == "descriptor \(number): read: bad file descriptor (EBADF)")
    }

    @Test("reading at an offset gives what is there, and less only at the end")
    func readAt() throws {
        try withTemporaryDirectory { directory in
            let file = try File.open(makeFile("\(directory)/a", [1, 2, 3, 4]), .read)
            #expect(try File.read(file, at: 1, count: 2) == [2, 3])
            #expect(try File.read(file, at: 2, count: 9) == [3, 4])
            #expect(try File.read(file, at: 4, count: 1) == [])
            #expect(try File.read(file, at: .max, count: 1) == [])
            #expect(try File.read(file, at: 0, count: 0) == [])
        }
    }

    @Test("writing at an offset leaves the rest and fills a gap with zeros")
    func writeAt() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1, 2, 3])
            let file = try File.open(path, .write)
            try File.write(file, [9], at: 1)
            try File.write(file, [7], at: 4)
            #expect(try File.read(path: path, limit: 10) == [1, 9, 3, 0, 7])
            let text = message { () throws(SystemError) in try File.write(file, [1], at: .max, name: "a") }
            #expect(text == "a: pwrite: file too large (EFBIG)")
        }
    }

    @Test("more bytes than a pipe holds are all written")
    func writeAllToPipe() throws {
        let pipe = try DescriptorPair.pipe()
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let done = Promise<Bool>()
        let writer = SharedDescriptor(pipe.second)
        try Threads.start(name: "writer") {
            do throws(SystemError) {
                try File.writeAll(writer.descriptor, bytes)
                try LocalSocket.shutdown(writer.descriptor)
            } catch {
                // A pipe is no socket: that second call fails, and the first did not.
                done.fulfil(error.call == "shutdown")
            }
        }
        var received: [UInt8] = []
        while received.count < bytes.count {
            received += try File.readSome(pipe.first, maximum: 10_000)
        }
        #expect(done.wait() && received == bytes)
    }

    @Test("a pipe without reader is EPIPE and no signal")
    func brokenPipe() throws {
        let pipe = try DescriptorPair.pipe()
        let writer = pipe.second
        try pipe.first.close()
        let text = eventualMessage { () throws(SystemError) in try File.writeAll(writer, [1], name: "pipe") }
        #expect(text == "pipe: write: broken pipe (EPIPE)")
    }

    @Test("a full device is reported")
    func noSpace() throws {
        let full = try File.open("/dev/full", .write)
        let text = message { () throws(SystemError) in try File.writeAll(full, [1], name: "/dev/full") }
        #expect(text == "/dev/full: write: no space left on device (ENOSPC)")
    }

    @Test("an atomic write makes a file of those permissions, whatever the mask")
    func atomicNew() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/a"
            try File.writeAtomically(path, [1, 2], permissions: 0o666)
            #expect(try File.read(path: path, limit: 10) == [1, 2])
            #expect(try File.status(path: path).mode == 0o666)
            #expect(try File.list(directory) == ["a"])
        }
    }

    @Test("an atomic write replaces a file, and who has it open keeps the old content")
    func atomicReplace() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1, 2, 3])
            let old = try File.open(path, .read)
            try File.writeAtomically(path, [4], permissions: 0o600)
            #expect(try File.read(path: path, limit: 10) == [4])
            #expect(try File.readAll(old, limit: 10) == [1, 2, 3])
        }
    }

    @Test("a file of the longest name can be written atomically, and of one byte more can not")
    func atomicLongestName() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/" + String(repeating: "n", count: 255)
            try File.writeAtomically(path, [1], permissions: 0o600)
            #expect(try File.read(path: path, limit: 10) == [1])
            let text = message { () throws(SystemError) in
                try File.writeAtomically(path + "n", [1], permissions: 0o600)
            }
            #expect(text == "\(path)n: rename: file name too long (ENAMETOOLONG)")
            #expect(try File.list(directory).count == 1)
        }
    }

    @Test("an atomic write into a directory that is not there names the path")
    func atomicNoDirectory() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/no/a"
            let text = message { () throws(SystemError) in try File.writeAtomically(path, [1], permissions: 0o600) }
            #expect(text == "\(path): open: no such file or directory (ENOENT)")
        }
    }

    @Test("an atomic write that cannot take a directory's place leaves nothing behind")
    func atomicOverDirectory() throws {
        try withTemporaryDirectory { directory in
            try File.createDirectory("\(directory)/d", permissions: 0o700)
            let text = message { () throws(SystemError) in
                try File.writeAtomically("\(directory)/d", [1], permissions: 0o600)
            }
            #expect(text == "\(directory)/d: rename: is a directory (EISDIR)")
            #expect(try File.list(directory) == ["d"])
        }
    }

    @Test("an atomic write that fails half-way leaves the old content and no temporary file")
    func atomicHalfWay() async {
        // A limit on file sizes holds for a whole process: not for this one.
        await #expect(processExitsWith: .success) {
            try withTemporaryDirectory { directory in
                let path = try makeFile("\(directory)/a", [1, 2, 3])
                signal(SIGXFSZ, SIG_IGN)
                var limit = rlimit()
                getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                limit.rlim_cur = 100_000
                #expect(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
                let bytes = [UInt8](repeating: 1, count: 100_001)
                let text = message { () throws(SystemError) in
                    try File.writeAtomically(path, bytes, permissions: 0o600)
                }
                #expect(text == "\(path): write: file too large (EFBIG)")
                #expect(try File.list(directory) == ["a"])
                #expect(try File.read(path: path, limit: 10) == [1, 2, 3])
                try File.writeAtomically(path, Array(bytes.dropLast()), permissions: 0o600)
                #expect(try File.status(path: path).size == 100_000)
            }
        }
    }
}
