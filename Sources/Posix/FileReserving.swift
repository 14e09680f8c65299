import Glibc

extension File {
    /// Takes room for the first `size` bytes of a file, which is that long afterwards if it was shorter (posix_fallocate(3)).
    /// ENOSPC when there is not enough.
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
