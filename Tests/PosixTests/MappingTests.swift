import Glibc
import Posix
import Testing

@Suite struct MappingTests {
    @Test("a mapping shows the file's bytes")
    func bytes() throws {
        try withTemporaryDirectory { directory in
            let file = try File.open(makeFile("\(directory)/a", [1, 2, 3]), .read)
            let mapping = try Mapping(file, size: 3, writable: false, shared: true)
            #expect(mapping.count == 3)
            #expect(mapping.bytes.withUnsafeBytes { Array($0) } == [1, 2, 3])
        }
    }

    @Test("a mapping outlives its descriptor")
    func withoutDescriptor() throws {
        try withTemporaryDirectory { directory in
            let file = try File.open(makeFile("\(directory)/a", [1, 2, 3]), .read)
            let mapping = try Mapping(file, size: 2, writable: false, shared: false)
            try file.close()
            #expect(mapping.bytes.withUnsafeBytes { Array($0) } == [1, 2])
        }
    }

    @Test("what is written to a shared mapping is in the file")
    func shared() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1, 2, 3])
            var mapping = try Mapping(File.open(path, .readWrite), size: 3, writable: true, shared: true)
            store(9, at: 1, in: &mapping)
            #expect(try File.read(path: path, limit: 3) == [1, 9, 3])
        }
    }

    @Test("what is written to a private mapping is not in the file")
    func privately() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1, 2, 3])
            var mapping = try Mapping(File.open(path, .read), size: 3, writable: true, shared: false)
            store(9, at: 1, in: &mapping)
            #expect(mapping.bytes.withUnsafeBytes { Array($0) } == [1, 9, 3])
            #expect(try File.read(path: path, limit: 3) == [1, 2, 3])
        }
    }

    @Test("a mapping that is not writable has no bytes to write")
    func readOnly() throws {
        try withTemporaryDirectory { directory in
            var mapping = try Mapping(
                File.open(makeFile("\(directory)/a", [1]), .readWrite), size: 1, writable: false, shared: true)
            #expect(mapping.isWritable == false)
            #expect(mapping.mutableBytes.byteCount == 0)
            #expect(mapping.bytes.byteCount == 1)
        }
    }

    @Test("a mapping of no bytes is empty and one of fewer is refused")
    func sizes() throws {
        let file = try File.open("/dev/null", .readWrite)
        var mapping = try Mapping(file, size: 0, writable: true, shared: true)
        #expect(mapping.bytes.byteCount == 0)
        #expect(mapping.mutableBytes.byteCount == 0)
        let text = message { () throws(SystemError) in
            _ = try Mapping(file, size: -1, writable: false, shared: true, name: "null")
        }
        #expect(text == "null: -1 bytes: mmap: invalid argument (EINVAL)")
    }

    @Test("a shared writable mapping of a file that is open for reading is refused")
    func notPermitted() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1])
            let text = message { () throws(SystemError) in
                _ = try Mapping(File.open(path, .read), size: 1, writable: true, shared: true, name: path)
            }
            #expect(text == "\(path): mmap: permission denied (EACCES)")
        }
    }

    @Test("a mapping that goes out of scope is unmapped")
    func unmaps() throws {
        try withTemporaryDirectory { directory in
            let path = try makeFile("\(directory)/a", [1])
            let mapping = try Mapping(File.open(path, .read), size: 1, writable: false, shared: false)
            #expect(try isMapped(path))
            _ = consume mapping
            #expect(try !isMapped(path))
        }
    }

    private func store(_ byte: UInt8, at offset: Int, in mapping: inout Mapping) {
        var bytes = mapping.mutableBytes
        bytes.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
    }

    private func isMapped(_ path: String) throws -> Bool {
        let maps = try File.read(path: "/proc/self/maps", limit: 1 << 24)
        return String(decoding: maps, as: UTF8.self).split(separator: "\n").contains { $0.hasSuffix(path) }
    }
}

@Suite struct MemoryFileTests {
    @Test("a memory file is read and written like a file")
    func content() throws {
        let file = try MemoryFile.create(name: "gurka")
        try File.writeAll(file, [1, 2, 3])
        #expect(try File.readAll(file, limit: 3) == [1, 2, 3])
        #expect(try File.status(file).isRegular)
        #expect(fcntl(file.number, F_GETFD) == FD_CLOEXEC)
    }

    @Test("a name of 249 bytes is taken and one of 250 is not")
    func names() throws {
        _ = try MemoryFile.create(name: String(repeating: "n", count: 249))
        let long = String(repeating: "n", count: 250)
        let text = message { () throws(SystemError) in _ = try MemoryFile.create(name: long) }
        #expect(text == "\(long): memfd_create: invalid argument (EINVAL)")
    }

    @Test("a sealed file can neither be written, nor lengthened, nor shortened")
    func seal() throws {
        let file = try MemoryFile.create(name: "gurka")
        try File.writeAll(file, [1, 2, 3])
        #expect(MemoryFile.isSealed(file) == false)
        try MemoryFile.seal(file)
        #expect(MemoryFile.isSealed(file) == true)
        let write = message { () throws(SystemError) in try File.write(file, [9], at: 0, name: "gurka") }
        #expect(write == "gurka: pwrite: operation not permitted (EPERM)")
        for size: UInt64 in [2, 4] {
            let text = message { () throws(SystemError) in try File.truncate(file, size: size, name: "gurka") }
            #expect(text == "gurka: ftruncate: operation not permitted (EPERM)")
        }
        #expect(try File.readAll(file, limit: 3) == [1, 2, 3])
    }

    @Test("a file with two of the three seals is not sealed", arguments: [0x2 | 0x4, 0x2 | 0x8, 0x4 | 0x8])
    func partlySealed(seals: Int32) throws {
        let file = try MemoryFile.create(name: "gurka")
        let addSeals: Int32 = 1033
        #expect(fcntl(file.number, addSeals, seals) == 0)
        #expect(MemoryFile.isSealed(file) == false)
    }

    @Test("a pipe is not sealed and cannot be, and a file of a directory is not sealed")
    func ordinaryFile() throws {
        try withTemporaryDirectory { directory in
            let pipe = try DescriptorPair.pipe()
            #expect(MemoryFile.isSealed(pipe.second) == false)
            let text = message { () throws(SystemError) in try MemoryFile.seal(pipe.second, name: "pipe") }
            #expect(text == "pipe: fcntl: invalid argument (EINVAL)")
            let file = try File.open(makeFile("\(directory)/a", [1]), .readWrite)
            #expect(MemoryFile.isSealed(file) == false)
        }
    }

    @Test("a file that is mapped to be written cannot be sealed until it is not")
    func mapped() throws {
        let file = try MemoryFile.create(name: "gurka")
        try File.truncate(file, size: 1)
        let mapping = try Mapping(file, size: 1, writable: true, shared: true)
        let text = message { () throws(SystemError) in try MemoryFile.seal(file, name: "gurka") }
        #expect(text == "gurka: fcntl: device or resource busy (EBUSY)")
        _ = consume mapping
        let later = eventualMessage(unlike: text) { () throws(SystemError) in
            try MemoryFile.seal(file, name: "gurka")
        }
        #expect(later == "no error")
        #expect(MemoryFile.isSealed(file) == true)
    }
}
