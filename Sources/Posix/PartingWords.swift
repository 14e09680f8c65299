import CPosix

/// What this process says to standard error when SIGINT, SIGTERM or SIGHUP ends it.
public enum PartingWords {
    /// Says what they are from now on; nil: nothing is said. Only while the process has one thread.
    public static func set(_ text: String?) throws(SystemError) {
        if let text { try refuseNUL(in: text, call: "sigaction") }
        _ = try systemCall("sigaction", on: "parting words") { cposix_set_parting_words(text) }
    }
}
