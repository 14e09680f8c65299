import CPosix
import Glibc

/// Standard output and standard error (stdin(3)). Nothing is held back: a write is done when it returns.
public struct Standard: Sendable {
    /// Descriptor 1.
    public static let output = Standard(number: STDOUT_FILENO, name: "standard output")
    /// Descriptor 2.
    public static let error = Standard(number: STDERR_FILENO, name: "standard error")

    /// The descriptor's number.
    public let number: Int32
    let name: String

    private init(number: Int32, name: String) {
        self.number = number
        self.name = name
    }

    /// Whether it is a terminal.
    public var isTerminal: Bool { File.isTerminal(number) }

    /// Writes the text as it is, in one call where the kernel takes it so, without adding a line's end.
    ///
    /// A reader that has gone, `| head`, is EPIPE and no signal: the caller ends quietly, or does not.
    public func write(_ text: String) throws(SystemError) {
        try forAll(Array(text.utf8).span.bytes) { (rest, _) throws(SystemError) in
            try systemCall("write", on: name) { cposix_write(number, rest.baseAddress, rest.count) }
        }
    }
}
