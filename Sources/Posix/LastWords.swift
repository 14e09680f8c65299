import CPosix

/// What this process says should it crash or take too long: for work on bytes that nobody has checked. It ends with status 0 then.
public enum LastWords {
    /// Sees to it that last words are written to standard output at a signal such as SIGSEGV, or after that many seconds.
    public static func prepare(seconds: UInt32) throws(SystemError) {
        _ = try systemCall("sigaction", on: "last words") { cposix_prepare_last_words(seconds) }
    }

    /// Says what they are from now on.
    public static func set(_ text: String) {
        // Without memory they stay what they were.
        _ = Array(text.utf8).withUnsafeBytes { cposix_set_last_words($0.baseAddress, $0.count) }
    }
}
