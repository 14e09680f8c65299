import Glibc
import Posix
import Testing

@Suite struct DescriptorTests {
    @Test("a descriptor that goes out of scope is closed")
    func closes() throws {
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        do { _ = consume pipe.second }
        #expect(try isEnded(reader) == true)
    }

    @Test("a released descriptor stays open")
    func release() throws {
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        let number = pipe.second.release()
        let again = Descriptor(owning: number)
        try File.writeAll(again, [7])
        #expect(try File.readSome(reader, maximum: 9) == [7])
    }

    @Test("a duplicate works after the first descriptor was closed, is above standard error, and ends at exec")
    func duplicate() throws {
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        let duplicate = try pipe.second.duplicate()
        try pipe.second.close()
        try File.writeAll(duplicate, [1])
        #expect(try File.readSome(reader, maximum: 9) == [1])
        #expect(duplicate.number > STDERR_FILENO)
        #expect(fcntl(duplicate.number, F_GETFD) == FD_CLOEXEC)
    }

    @Test("close-on-exec can be taken off")
    func closeOnExec() throws {
        let pipe = try DescriptorPair.pipe()
        try pipe.first.setCloseOnExec(false)
        #expect(fcntl(pipe.first.number, F_GETFD) == 0)
        try pipe.first.setCloseOnExec(true)
        #expect(fcntl(pipe.first.number, F_GETFD) == FD_CLOEXEC)
    }

    @Test("a read that would have to wait fails on a nonblocking descriptor")
    func nonblocking() throws {
        let pipe = try DescriptorPair.pipe()
        try pipe.first.setNonblocking(true)
        #expect(
            message { () throws(SystemError) in _ = try File.readSome(pipe.first, maximum: 1, name: "pipe") }
                == "pipe: read: resource temporarily unavailable (EAGAIN)")
        try File.writeAll(pipe.second, [5])
        #expect(try File.readSome(pipe.first, maximum: 1) == [5])
    }

    @Test("closing what is not open says so")
    func closeFailure() {
        let descriptor = Descriptor(owning: 1_000_000)
        var text = ""
        do throws(SystemError) { try descriptor.close(name: "gurka") } catch { text = error.description }
        #expect(text == "gurka: close: bad file descriptor (EBADF)")
    }

    @Test("a shared descriptor is closed with its last owner")
    func shared() throws {
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        try reader.setNonblocking(true)
        var first: SharedDescriptor? = SharedDescriptor(pipe.second)
        var second = first
        first = nil
        let early = message { () throws(SystemError) in _ = try File.readSome(reader, maximum: 1, name: "pipe") }
        #expect(early == "pipe: read: resource temporarily unavailable (EAGAIN)")
        #expect(second != nil)
        second = nil
        #expect(try isEnded(reader) == true)
    }
}
