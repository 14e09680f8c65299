import Posix
import Synchronization
import Testing

@Suite struct PromisedFilesTests {
    /// A filler that writes a text and counts.
    private func writing(
        _ text: String, _ count: Counter = Counter()
    ) -> PromisedFiles.Filler {
        { file in
            count.value.add(1, ordering: .relaxed)
            try? File.writeAll(file, Array(text.utf8))
        }
    }

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
        var now: Int { value.load(ordering: .relaxed) }
    }

    private func text(_ path: String) throws -> String {
        String(decoding: try File.read(path: path, limit: 1 << 20), as: UTF8.self)
    }

    @Test("a file has its content once it is opened, and is filled once")
    func filled() throws {
        try withTemporaryDirectory { directory in
            let files = try PromisedFiles()
            let path = directory + "/a"
            let count = Counter()
            try files.promise(path, size: 3, permissions: 0o640, fill: writing("one", count))
            // What stat(2) says is what programs read.
            #expect(try File.status(path: path).size == 3)
            #expect(try File.status(path: path).mode & 0o777 == 0o640)
            #expect(count.now == 0)
            #expect(try output(of: "/bin/cat", [path]) == "one")
            #expect(try text(path) == "one")
            #expect(count.now == 1)
            #expect(try File.list(directory) == ["a"])
        }
    }

    @Test("what many open at once is filled once, and all find it")
    func many() throws {
        try withTemporaryDirectory { directory in
            let files = try PromisedFiles()
            let count = Counter()
            let long = String(repeating: "gurka ", count: 100_000)
            try files.promise(directory + "/a", size: 3, permissions: 0o600, fill: writing(long, count))
            let readers = (0..<8).map { _ in Promise<Bool>() }
            for reader in readers {
                try Threads.start(name: "reader") {
                    reader.fulfil((try? File.read(path: directory + "/a", limit: 1 << 20)) == Array(long.utf8))
                }
            }
            #expect(readers.allSatisfy { $0.wait(timeout: 60_000) == true })
            #expect(count.now == 1)
        }
    }

    @Test("a promise stays until somebody opens it; then another one is another file, and who has the first keeps it")
    func again() throws {
        try withTemporaryDirectory { directory in
            let files = try PromisedFiles()
            let path = directory + "/a"
            try files.promise(path, size: 3, permissions: 0o600, fill: writing("one"))
            let inode = try File.status(path: path).inode
            try files.promise(path, size: 3, permissions: 0o600, fill: writing("two"))
            #expect(try File.status(path: path).inode == inode)
            let first = try File.open(path, .read)
            try files.promise(path, size: 3, permissions: 0o600, fill: writing("three"))
            #expect(try File.status(path: path).inode != inode)
            #expect(try text(path) == "three")
            #expect(try File.readAll(first, limit: 100) == Array("one".utf8))
        }
    }

    @Test("paths have nothing to do with each other, and a file that was there is replaced")
    func several() throws {
        try withTemporaryDirectory { directory in
            let files = try PromisedFiles()
            let old = try File.open(try makeFile(directory + "/b", [1, 2]), .read)
            try files.promise(directory + "/a", size: 1, permissions: 0o600, fill: writing("a"))
            try files.promise(directory + "/b", size: 1, permissions: 0o600, fill: writing("b"))
            #expect(try text(directory + "/b") == "b")
            #expect(try text(directory + "/a") == "a")
            #expect(try File.readAll(old, limit: 100) == [1, 2])
        }
    }

    @Test("who opens a file while it is filled waits for the end of that")
    func slow() throws {
        try withTemporaryDirectory { directory in
            let files = try PromisedFiles()
            let begun = Promise<Bool>()
            let goOn = Promise<Bool>()
            try files.promise(directory + "/a", size: 2, permissions: 0o600) { file in
                try? File.writeAll(file, [1])
                begun.fulfil(true)
                _ = goOn.wait(timeout: 60_000)
                try? File.writeAll(file, [2])
            }
            let readers = [Promise<[UInt8]>(), Promise<[UInt8]>()]
            for reader in readers {
                try Threads.start(name: "reader") {
                    reader.fulfil((try? File.read(path: directory + "/a", limit: 9)) ?? [])
                }
                #expect(begun.wait(timeout: 60_000) == true)
            }
            #expect(readers[1].wait(timeout: 50) == nil)
            goOn.fulfil(true)
            #expect(readers.map { $0.wait(timeout: 60_000) } == [[1, 2], [1, 2]])
        }
    }

    @Test("one that is forgotten, or whose promiser has gone, is empty and keeps nobody waiting")
    func forgotten() throws {
        try withTemporaryDirectory { directory in
            let count = Counter()
            do {
                let files = try PromisedFiles()
                try files.promise(directory + "/a", size: 1, permissions: 0o600, fill: writing("a", count))
                files.forget(directory + "/a")
                #expect(try text(directory + "/a") == "")
                try files.promise(directory + "/a", size: 3, permissions: 0o600, fill: writing("again"))
                #expect(try text(directory + "/a") == "again")
                try files.promise(directory + "/b", size: 3, permissions: 0o600, fill: writing("b", count))
            }
            #expect(try text(directory + "/b") == "\0\0\0")
            #expect(count.now == 0)
        }
    }

    @Test("the size of a promise that is kept is changed, and behind a shorter content come zeros")
    func size() throws {
        try withTemporaryDirectory { directory in
            let files = try PromisedFiles()
            let path = directory + "/a"
            try files.promise(path, size: 9, permissions: 0o600, fill: writing("one"))
            try files.promise(path, size: 5, permissions: 0o600, fill: writing("two"))
            #expect(try File.status(path: path).size == 5)
            #expect(try text(path) == "one\0\0")
        }
    }

    @Test("where there can be no file or no lease, what was there stays, and the error tells")
    func refused() throws {
        let files = try PromisedFiles()
        try withTemporaryDirectory { directory in
            let text = message { () throws(SystemError) in
                try files.promise(directory + "/none/a", size: 3, permissions: 0o600, fill: writing("a"))
            }
            #expect(text == "\(directory)/none/a: open: no such file or directory (ENOENT)")
            // The path is a directory: the temporary file is made and leased, and cannot be put there.
            try File.createDirectory(directory + "/d", permissions: 0o700)
            let other = message { () throws(SystemError) in
                try files.promise(directory + "/d", size: 3, permissions: 0o600, fill: writing("d"))
            }
            #expect(other.hasSuffix("rename: is a directory (EISDIR)"))
            #expect(try File.list(directory) == ["d"])
        }
    }
}
