import Glibc

extension File {
    /// Makes a file that many bytes long and takes the room for them now, so that a mapping of it can be written without SIGBUS
    /// (posix_fallocate(3)). ENOSPC when there is not enough.
    public static func reserve(
        _ descriptor: borrowing Descriptor, size: UInt64, name: String? = nil
    ) throws(SystemError) {
        let number = descriptor.number
        guard let length = off_t(exactly: size) else {
            throw SystemError(call: "posix_fallocate", subject: nameOf(descriptor, name), code: EFBIG)
        }
        // It returns the code instead of setting errno.
        var code = EINTR
        while code == EINTR { code = posix_fallocate(number, 0, length) }
        guard code == 0 else {
            throw SystemError(call: "posix_fallocate", subject: nameOf(descriptor, name), code: code)
        }
    }
}
