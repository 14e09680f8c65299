import Demangling
import ObjectModel

/// How names of symbols are printed.
struct NameStyle {
    /// Whether C++ names are printed as they are written in programs.
    var demangles = false

    /// A name as it goes to a terminal.
    func text(_ name: String) -> String {
        demangles ? text(Array(name.utf8)[...]) ?? name : name
    }

    /// What bytes say as a C++ name, if that is wanted and they are one.
    func text(_ name: ArraySlice<UInt8>) -> String? {
        guard demangles, let text = demangled(name) else { return nil }
        let range = NameRange(offset: 0, count: UInt32(text.count))
        return printable(text, range, limit: demanglingLimits.text)
    }

    /// The same of `module:name`.
    func qualified(_ name: String) -> String {
        guard demangles, let colon = name.firstIndex(of: ":") else { return text(name) }
        return name[...colon] + text(String(name[name.index(after: colon)...]))
    }
}
