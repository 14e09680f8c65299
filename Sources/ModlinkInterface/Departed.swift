extension SymbolInformation {
    /// What is said of an address of a module that has been unloaded: `slice+0x12 in gurka, unloaded 3 s ago`; nil of others.
    public var departed: String? {
        guard let unloaded else { return nil }
        let offset = "+0x" + String(offset, radix: 16)
        let place = name.isEmpty ? module + offset : "\(name)\(offset) in \(module)"
        return "\(place), unloaded \(Self.elapsed(milliseconds: unloaded)) ago"
    }

    /// A time in the largest unit that it has one of: `less than 1 s`, `3 s`, `5 min`, `2 h`, `4 d`.
    private static func elapsed(milliseconds: Int) -> String {
        let seconds = milliseconds / 1000
        return switch seconds {
        case ..<1: "less than 1 s"
        case ..<60: "\(seconds) s"
        case ..<3600: "\(seconds / 60) min"
        case ..<86_400: "\(seconds / 3600) h"
        default: "\(seconds / 86_400) d"
        }
    }
}
