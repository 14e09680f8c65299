import CPosix
import Glibc

/// A system call that failed: which, on what, and why.
///
/// It reads `/x/y: open: no such file or directory (ENOENT)`.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The name of the call, as its manual page has it: `open`.
    public let call: String
    /// What the call was about: a path, or the name of a descriptor, with what is wrong about it where there is more to
    /// say than ``code`` says.
    public let subject: String
    /// What the call left in errno(3); see ``ErrorCode``.
    public let code: Int32

    /// An error of the call on the subject. For callers who find out beforehand what the kernel would refuse.
    public init(call: String, subject: String, code: Int32) {
        self.call = call
        self.subject = subject
        self.code = code
    }

    /// The code as errno(3) names it: `ENOENT`.
    public var name: String { errorName(code) }

    /// `subject: call: reason (NAME)`.
    public var description: String {
        "\(subject): \(call): \(errorDescription(code)) (\(name))"
    }
}

/// The name of an error code as in errno(3): `ENOENT`; `E` and the number where it has none.
public func errorName(_ code: Int32) -> String {
    guard code != 0, let name = cposix_error_name(code) else { return "E\(code)" }
    return String(cString: name)
}

/// The name of a signal as in signal(7): `SIGSEGV`, `SIGRTMIN+2`; `SIG` and the number where it has none.
public func signalName(_ number: Int32) -> String {
    if let name = cposix_signal_name(number) {
        return "SIG" + String(cString: name)
    }
    let first = __libc_current_sigrtmin()
    guard number >= first, number <= __libc_current_sigrtmax() else { return "SIG\(number)" }
    return number == first ? "SIGRTMIN" : "SIGRTMIN+\(number - first)"
}

/// What strerror(3) says, untranslated and without its capital: "no such file or directory".
func errorDescription(_ code: Int32) -> String {
    guard let text = cposix_error_description(code) else { return "unknown error \(code)" }
    let words = String(cString: text)
    // "RFS specific error" keeps its capitals.
    guard words.dropFirst().first?.isUppercase == false else { return words }
    return words.prefix(1).lowercased() + words.dropFirst()
}

/// Codes of errno(3) that callers tell apart, so that they need not import the C library.
public enum ErrorCode {
    /// EPERM.
    public static let notPermitted = EPERM
    /// EFAULT.
    public static let badAddress = EFAULT
    /// ENOENT.
    public static let noSuchFile = ENOENT
    /// EIO.
    public static let inputOutput = EIO
    /// ENXIO: no such device, or it has gone.
    public static let noSuchDevice = ENXIO
    /// EDEADLK: it would wait for itself.
    public static let deadlock = EDEADLK
    /// ESRCH.
    public static let noSuchProcess = ESRCH
    /// EBADF.
    public static let badDescriptor = EBADF
    /// ECHILD.
    public static let noChild = ECHILD
    /// EAGAIN: nothing there yet, or a time limit passed.
    public static let tryAgain = EAGAIN
    /// ENOMEM.
    public static let outOfMemory = ENOMEM
    /// ENOSYS: the kernel has no such call, or does not show it to this process.
    public static let notImplemented = ENOSYS
    /// EACCES.
    public static let permissionDenied = EACCES
    /// EBUSY.
    public static let busy = EBUSY
    /// EEXIST.
    public static let fileExists = EEXIST
    /// ENOTDIR.
    public static let notADirectory = ENOTDIR
    /// EISDIR.
    public static let isADirectory = EISDIR
    /// EINVAL.
    public static let invalidArgument = EINVAL
    /// EMFILE: this process has too many descriptors.
    public static let tooManyDescriptors = EMFILE
    /// ENOTTY: what is asked of it is not for it.
    public static let notForIt = ENOTTY
    /// EFBIG: more bytes than the limit.
    public static let fileTooLarge = EFBIG
    /// ENOSPC.
    public static let noSpace = ENOSPC
    /// EPIPE: the reader has gone.
    public static let brokenPipe = EPIPE
    /// ENAMETOOLONG.
    public static let nameTooLong = ENAMETOOLONG
    /// ENOTEMPTY.
    public static let directoryNotEmpty = ENOTEMPTY
    /// EMSGSIZE: a packet, or its descriptors, did not fit.
    public static let messageTooLong = EMSGSIZE
    /// EADDRINUSE: the socket's path exists.
    public static let addressInUse = EADDRINUSE
    /// ECONNREFUSED: the socket's path exists and no one listens.
    public static let connectionRefused = ECONNREFUSED
    /// ECONNRESET: the peer closed with bytes unread.
    public static let connectionReset = ECONNRESET
}
