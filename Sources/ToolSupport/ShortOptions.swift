/// The letters of a tool's options, as getopt(3) is told them: a colon stands behind each that takes a value.
///
/// getopt(3) takes a value that stands directly behind its letter, also behind other letters: `-oFILE`, `-dvestart`. The parser that the tools
/// have does not take all of these.
public struct ShortOptions: Sendable {
    private let flags: Set<Character>
    private let options: Set<Character>

    /// Makes the letters of a text such as `"dve:"`.
    public init(_ letters: String) {
        var flags = Set<Character>()
        var options = Set<Character>()
        for (index, letter) in letters.enumerated() where letter != ":" {
            let takesValue = letters.dropFirst(index + 1).first == ":"
            if takesValue { options.insert(letter) } else { flags.insert(letter) }
        }
        self.flags = flags
        self.options = options
    }

    /// A command line in which each letter and each value is an argument of its own. What is behind `--`, and what has a letter that is not
    /// one of these, is left as it is.
    public func separated(_ arguments: some Sequence<String>) -> [String] {
        var result: [String] = []
        var isValue = false
        var isOver = false
        for argument in arguments {
            guard !isValue, !isOver, argument != "--", let parts = parts(of: argument) else {
                isOver = isOver || (argument == "--" && !isValue)
                isValue = false
                result.append(argument)
                continue
            }
            result += parts
            // The value of the last letter is the next argument.
            isValue = parts.last.flatMap(\.last).map { parts.last?.count == 2 && options.contains($0) } ?? false
        }
        return result
    }

    /// The letters of an argument, and the value that is in it; nil where it is none of these.
    private func parts(of argument: String) -> [String]? {
        guard argument.first == "-", argument.count > 1 else { return nil }
        var parts: [String] = []
        var rest = argument.dropFirst()
        while let letter = rest.popFirst() {
            guard flags.contains(letter) || options.contains(letter) else { return nil }
            parts.append("-\(letter)")
            if options.contains(letter), !rest.isEmpty {
                // The end: a value is not looked into.
                return parts + [String(rest)]
            }
        }
        return parts
    }
}
