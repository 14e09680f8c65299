/// What keeps a module from being unloaded (`type Hold`).
public struct Hold: Codable, Sendable, Equatable {
    /// What kind of hold it is.
    public enum Kind: String, Codable, Sendable {
        /// Another module refers to it, or requires it by name.
        case module
        /// Its own use counter, or what holds it by module(9)'s module_hold, is not zero.
        case count
        /// A device that it offers is open.
        case device
        /// A client of the daemon holds it.
        case client
        /// A thread runs code of it.
        case thread
    }

    /// The module that is kept.
    public var module: String
    /// What kind it is.
    public var kind: Kind
    /// Who holds it: the name of the other module, the device or the client, the number of the thread; empty for a count.
    public var holder: String
    /// For `module`: the symbols that were taken, in alphabetical order; none where it is only required by name. For `thread`: where it is.
    public var symbols: [String]
    /// How often: how many symbols, uses, descriptors.
    public var count: Int

    /// Makes a hold of the given parts.
    public init(module: String, kind: Kind, holder: String = "", symbols: [String] = [], count: Int) {
        self.module = module
        self.kind = kind
        self.holder = holder
        self.symbols = symbols
        self.count = count
    }

    /// A line stays one that can be read.
    private static let holderLimit = 8
    private static let symbolLimit = 5

    /// Why one module cannot go, in words: `in use by sallad, which refers to slice; its use count is 2`.
    ///
    /// - Parameter holds: one at least, all on the same module.
    public static func reason(_ holds: [Hold]) -> String {
        var parts = holds.prefix(holderLimit).map(\.text)
        if holds.count > holderLimit { parts.append("and \(holds.count - holderLimit) more") }
        if holds.contains(where: { $0.kind == .thread }) { parts.append("wait until it has ended, or end it with -f") }
        let text = parts.joined(separator: "; ")
        return text.hasPrefix("by ") ? "in use \(text)" : "in use: \(text)"
    }

    private var text: String {
        switch kind {
        case .module where symbols.isEmpty: "by \(holder), which requires it"
        case .module: "by \(holder), which refers to \(Self.list(symbols))"
        case .count: "its use count is \(count)"
        case .device: "its device \(holder) is open" + (count > 1 ? " \(count) times" : "")
        case .client: "by \(holder)"
        case .thread: "thread \(holder) runs in \(symbols.first ?? "its code")"
        }
    }

    /// `a`, `a and b`, `a, b and c`; of many, some and how many more.
    private static func list(_ names: [String]) -> String {
        var words = Array(names.prefix(symbolLimit))
        if names.count > symbolLimit { words.append("\(names.count - symbolLimit) more") }
        guard let last = words.popLast(), !words.isEmpty else { return names.first ?? "" }
        return words.joined(separator: ", ") + " and " + last
    }
}
