import Glibc
import Posix
import Testing

@Suite struct FileTests {
    @Test("opening what is not there names path, call and reason")
    func openAbsent() throws {
        try withTemporaryDirectory { directory in
            let text = message { () throws(SystemError) in _ = try File.open("\(directory)/absent", .read) }
            #expect(text == "\(directory)/absent: open: no such file or directory (ENOENT)")
        }
    }

    @Test("a path with a NUL is refused, not cut off")
    func nul() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1])
            let text = message { () throws(SystemError) in _ = try File.open(path + "\0b", .read) }
            #expect(text == "\(path)\\0b: has a NUL in it: open: invalid argument (EINVAL)")
        }
    }

    @Test("an opened file ends at exec")
    func closeOnExec() throws {
        let file = try File.open("/dev/null", .read)
        #expect(fcntl(file.number, F_GETFD) == FD_CLOEXEC)
    }

    @Test("exclusive creation makes a file once and fails the second time")
    func exclusive() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/a"
            let create = File.CreateMode(permissions: 0o640, exclusive: true)
            _ = try File.open(path, .write, create: create)
            let text = message { () throws(SystemError) in _ = try File.open(path, .write, create: create) }
            #expect(text == "\(path): open: file exists (EEXIST)")
        }
    }

    @Test("truncating creation empties a file and plain creation does not")
    func truncatingCreation() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1, 2, 3])
            _ = try File.open(path, .write, create: .init(permissions: 0o600))
            #expect(try File.status(path: path).size == 3)
            _ = try File.open(path, .write, create: .init(permissions: 0o600, truncate: true))
            #expect(try File.status(path: path).size == 0)
        }
    }

    @Test("appending writes at the end, whoever wrote in between")
    func append() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1])
            let first = try File.open(path, .append)
            let second = try File.open(path, .append)
            try File.writeAll(first, [2])
            try File.writeAll(second, [3])
            try File.writeAll(first, [4])
            #expect(try File.read(path: path, limit: 10) == [1, 2, 3, 4])
        }
    }

    @Test("status tells type, size, permissions, owner and time")
    func status() throws {
        try withTemporaryDirectory { directory in
            let before = WallClock.seconds()
            let path = try makeFile("\(directory)/a", [1, 2, 3])
            try File.changeMode(path, 0o4751)
            let status = try File.status(path: path)
            #expect(status.isRegular && !status.isDirectory && !status.isSocket && !status.isSymbolicLink)
            #expect(status.size == 3)
            #expect(status.mode == 0o4751)
            #expect(status.owner == User.effective)
            #expect(status.modifiedSeconds >= before - 1 && status.modifiedSeconds <= WallClock.seconds())
            #expect((0..<1_000_000_000).contains(status.modifiedNanoseconds))
            #expect(try File.status(path: directory).isDirectory)
        }
    }

    @Test("status by descriptor and by path are the same, and differ from another file's")
    func identity() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1])
            let other = try makeFile("\(directory)/b", [1])
            #expect(try File.status(File.open(path, .read)) == File.status(path: path))
            #expect(try File.status(path: path).device == File.status(path: other).device)
            #expect(try File.status(path: path).inode != File.status(path: other).inode)
        }
    }

    @Test("status of a symbolic link is its target's, or its own when links are not followed")
    func symbolicLink() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1])
            #expect(symlink(path, "\(directory)/link") == 0)
            #expect(try File.status(path: "\(directory)/link").isRegular)
            let own = try File.status(path: "\(directory)/link", followsLinks: false)
            #expect(own.isSymbolicLink && !own.isRegular)
        }
    }

    @Test("a directory's names are sorted and without . and ..")
    func list() throws {
        try withTemporaryDirectory { directory in
            for name in ["tomat", "..gurka", "lök"] { _ = try makeFile("\(directory)/\(name)", []) }
            #expect(try File.list(directory) == ["..gurka", "lök", "tomat"])
            let text = message { () throws(SystemError) in _ = try File.list("\(directory)/tomat") }
            #expect(text == "\(directory)/tomat: opendir: not a directory (ENOTDIR)")
        }
    }

    @Test("a name of 255 bytes, the longest, is listed whole")
    func longestName() throws {
        try withTemporaryDirectory { directory in
            let name = String(repeating: "n", count: 255)
            _ = try makeFile("\(directory)/\(name)", [])
            #expect(try File.list(directory) == [name])
            let text = message { () throws(SystemError) in _ = try makeFile("\(directory)/\(name)n", []) }
            #expect(text == "\(directory)/\(name)n: open: file name too long (ENAMETOOLONG)")
        }
    }

    @Test("directories are made with permissions and removed when empty")
    func directories() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/d"
            try File.createDirectory(path, permissions: 0o700)
            #expect(try File.status(path: path).mode == 0o700)
            #expect(
                message { () throws(SystemError) in try File.createDirectory(path, permissions: 0o700) }
                    == "\(path): mkdir: file exists (EEXIST)")
            let file = try makeFile("\(path)/a", [])
            #expect(
                message { () throws(SystemError) in try File.removeDirectory(path) }
                    == "\(path): rmdir: directory not empty (ENOTEMPTY)")
            try File.remove(file)
            try File.removeDirectory(path)
            #expect(try File.list(directory) == [])
        }
    }

    @Test("renaming replaces what had the name")
    func rename() throws {
        try withTemporaryDirectory { directory in
            let old = try makeFile("\(directory)/a", [1])
            let new = try makeFile("\(directory)/b", [2])
            try File.rename(old, to: new)
            #expect(try File.list(directory) == ["b"])
            #expect(try File.read(path: new, limit: 10) == [1])
            #expect(
                message { () throws(SystemError) in try File.rename(old, to: new) }
                    == "\(old) to \(new): rename: no such file or directory (ENOENT)")
        }
    }

    @Test("permissions of an open file can be changed")
    func changeModeOpen() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1])
            try File.changeMode(File.open(path, .read), 0o444)
            #expect(try File.status(path: path).mode == 0o444)
        }
    }

    @Test("changing the owner to nobody in particular leaves it")
    func changeOwner() throws {
        try withTemporaryDirectory { directory in
            let file = try File.open(makeFile("\(directory)/a", [1]), .readWrite)
            let before = try File.status(file)
            try File.changeOwner(file, user: nil, group: nil)
            try File.changeOwner(file, user: User.effective, group: nil)
            #expect(try File.status(file).owner == before.owner)
            #expect(try File.status(file).group == before.group)
        }
    }

    @Test("truncating lengthens with zeros and shortens")
    func truncate() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1, 2])
            let file = try File.open(path, .readWrite)
            try File.truncate(file, size: 4)
            #expect(try File.read(path: path, limit: 10) == [1, 2, 0, 0])
            try File.truncate(file, size: 1)
            #expect(try File.read(path: path, limit: 10) == [1])
            #expect(
                message { () throws(SystemError) in try File.truncate(file, size: .max, name: "a") }
                    == "a: ftruncate: file too large (EFBIG)")
        }
    }

    @Test("a file can be synchronized and a pipe can not")
    func synchronize() throws {
        try withTemporaryDirectory { directory in
            try File.synchronize(File.open(makeFile("\(directory)/a", [1]), .write))
            let pipe = try DescriptorPair.pipe()
            #expect(
                message { () throws(SystemError) in try File.synchronize(pipe.second, name: "pipe") }
                    == "pipe: fsync: invalid argument (EINVAL)")
        }
    }

    @Test("an exclusive lock keeps others out until it is given back")
    func exclusiveLock() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/lock", [])
            let first = try File.open(path, .read)
            let second = try File.open(path, .read)
            #expect(try File.lock(first, exclusive: true, wait: false))
            #expect(try !File.lock(second, exclusive: true, wait: false))
            #expect(try !File.lock(second, exclusive: false, wait: false))
            try File.unlock(first)
            #expect(try File.lock(second, exclusive: true, wait: false))
        }
    }

    @Test("a shared lock is shared, and closing gives it back to one who waits")
    func sharedLock() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/lock", [])
            let first = try File.open(path, .read)
            let second = try File.open(path, .read)
            #expect(try File.lock(first, exclusive: false, wait: true))
            #expect(try File.lock(second, exclusive: false, wait: false))
            try second.close()
            let locked = Promise<Bool>()
            try Threads.start(name: "waiter") {
                let third = try? File.open(path, .read)
                guard let third else { return }
                locked.fulfil((try? File.lock(third, exclusive: true, wait: true)) == true)
            }
            #expect(locked.wait(timeout: 50) == nil)
            try first.close()
            #expect(locked.wait(timeout: 60_000) == true)
        }
    }

    @Test("a pseudoterminal is a terminal and a file is not")
    func terminal() throws {
        let file = try File.open("/dev/null", .readWrite)
        #expect(!File.isTerminal(file.number))
        let terminal = try File.open("/dev/ptmx", .readWrite)
        #expect(File.isTerminal(terminal.number))
    }

    @Test("a file with room for more is that long, and what it held stays")
    func allocate() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1, 2])
            let file = try File.open(path, .write)
            try File.allocate(file, size: 4)
            #expect(try File.read(path: path, limit: 10) == [1, 2, 0, 0])
            let text = message { () throws(SystemError) in try File.allocate(file, size: 0, name: path) }
            #expect(text == "\(path): fallocate: invalid argument (EINVAL)")
        }
    }
}
