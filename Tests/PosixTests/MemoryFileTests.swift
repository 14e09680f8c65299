import Glibc
import Posix
import Testing

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
}
