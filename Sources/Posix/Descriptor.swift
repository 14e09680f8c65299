import CPosix
import Glibc

/// A file descriptor that is closed when its owner lets go of it.
public struct Descriptor: ~Copyable, Sendable {
    /// The descriptor's number, to lend to a call; whoever owns the `Descriptor` closes it.
    public let number: Int32

    /// Takes over an open descriptor; nobody else may close it from here on.
    public init(owning number: Int32) {
        self.number = number
    }

    deinit {
        // Linux closes even where close(2) says EINTR: a second try could hit a descriptor that another thread opened.
        _ = Glibc.close(number)
    }

    /// Gives the descriptor away without closing it.
    public consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }

    /// Closes it and says what deinit cannot: a write that failed late (EIO, ENOSPC, EDQUOT; close(2)).
    public consuming func close(name: String? = nil) throws(SystemError) {
        let subject = nameOf(self, name)
        guard Glibc.close(release()) != 0 else { return }
        let code = errno
        if code != EINTR { throw SystemError(call: "close", subject: subject, code: code) }
    }

    /// A second descriptor for the same open file, close-on-exec, with a number of 3 or more (F_DUPFD_CLOEXEC of fcntl(2)).
    public borrowing func duplicate() throws(SystemError) -> Descriptor {
        let number = number
        return Descriptor(
            owning: try systemCall("fcntl", on: "descriptor \(number)") { cposix_duplicate(number, STDERR_FILENO + 1) })
    }

    /// Whether calls that would have to wait fail with EAGAIN instead (O_NONBLOCK of open(2)).
    public borrowing func setNonblocking(_ nonblocking: Bool) throws(SystemError) {
        let number = number
        _ = try systemCall("fcntl", on: "descriptor \(number)") { cposix_set_nonblocking(number, nonblocking ? 1 : 0) }
    }

    /// Whether the descriptor ends with the program, at exec (FD_CLOEXEC of fcntl(2)). All that this module opens does.
    public borrowing func setCloseOnExec(_ closes: Bool) throws(SystemError) {
        let number = number
        _ = try systemCall("fcntl", on: "descriptor \(number)") { cposix_set_close_on_exec(number, closes ? 1 : 0) }
    }
}

/// A descriptor with several owners; the last one to let go closes it.
public final class SharedDescriptor: Sendable {
    /// The descriptor, to lend to calls.
    public let descriptor: Descriptor

    /// Takes over a descriptor.
    public init(_ descriptor: consuming Descriptor) {
        self.descriptor = descriptor
    }

    /// The descriptor's number, to lend to a call.
    public var number: Int32 { descriptor.number }
}

/// Two connected descriptors: of a socket pair, or of a pipe.
@frozen public struct DescriptorPair: ~Copyable, Sendable {
    /// One end; of a pipe, the one to read from.
    public let first: Descriptor
    /// The other end; of a pipe, the one to write to.
    public let second: Descriptor

    /// Takes over both.
    public init(_ first: consuming Descriptor, _ second: consuming Descriptor) {
        self.first = first
        self.second = second
    }

    /// A pipe(7), close-on-exec.
    public static func pipe() throws(SystemError) -> DescriptorPair {
        var ends: [Int32] = [-1, -1]
        _ = try systemCall("pipe", on: "pipe") { cposix_pipe(&ends) }
        return DescriptorPair(Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
    }
}
