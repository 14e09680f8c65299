import Posix

/// What can be shown to the user.
public enum Terminal {
    /// Whether standard output is a terminal that shows more than ASCII, as the locale says.
    public static var showsUnicode: Bool { Standard.output.isTerminal && showsUnicode(Environment.value) }

    static func showsUnicode(_ variable: (String) -> String?) -> Bool {
        // The first that is set counts (setlocale(3)).
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(variable).first { !$0.isEmpty } ?? ""
        let codeset = locale.split(separator: ".").dropFirst().first.map { $0.prefix { $0 != "@" }.lowercased() }
        return codeset == "utf-8" || codeset == "utf8"
    }
}
