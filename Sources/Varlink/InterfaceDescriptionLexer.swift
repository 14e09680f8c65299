/// The words and signs of an interface description, with their lines. Comments run from `#` to the end of the line.
struct InterfaceDescriptionLexer {
    struct Token: Equatable {
        var kind: Kind
        var line: Int
    }

    enum Kind: Equatable, CustomStringConvertible {
        case word(String)
        case punctuation(String)
        /// A byte that starts nothing.
        case stray(UInt8)
        case end

        var description: String {
            switch self {
            case .word(let text), .punctuation(let text): "'\(text)'"
            case .stray(let byte) where (0x21...0x7e).contains(byte): "'\(Character(Unicode.Scalar(byte)))'"
            case .stray(let byte): "byte 0x\(String(byte, radix: 16))"
            case .end: "the end of the text"
            }
        }
    }

    private let bytes: [UInt8]
    private var position = 0
    private var line = 1

    /// The longest first: `[string]` is one sign, as in the grammar.
    private static let signs = ["[string]", "->", "[]", "(", ")", ",", ":", "?"].map { ($0, Array($0.utf8)) }

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    mutating func next() -> Token {
        skipSpace()
        guard position < bytes.count else { return Token(kind: .end, line: line) }
        let word = takeRun { Names.isLetterOrDigit($0) || $0 == UInt8(ascii: "_") }
        if !word.isEmpty { return Token(kind: .word(word), line: line) }
        for (text, sign) in Self.signs where bytes[position...].starts(with: sign) {
            position += sign.count
            return Token(kind: .punctuation(text), line: line)
        }
        position += 1
        return Token(kind: .stray(bytes[position - 1]), line: line)
    }

    /// Like `next`, but dots and hyphens belong to the word.
    mutating func nextInterfaceName() -> Token {
        skipSpace()
        let name = takeRun {
            Names.isLetterOrDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
        }
        return name.isEmpty ? next() : Token(kind: .word(name), line: line)
    }

    func peek() -> Token {
        var copy = self
        return copy.next()
    }

    private mutating func takeRun(while belongs: (UInt8) -> Bool) -> String {
        let run = bytes[position...].prefix(while: belongs)
        position += run.count
        return String(decoding: run, as: UTF8.self)
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "#"):
                position += bytes[position...].prefix { $0 != UInt8(ascii: "\n") }.count
                continue
            case UInt8(ascii: "\n"): line += 1
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): break
            default: return
            }
            position += 1
        }
    }
}

/// The forms of names; varlink.org, Interface Definition. Nothing but ASCII.
enum Names {
    static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || isCapital(byte)
    }

    static func isCapital(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// `[A-Z][A-Za-z0-9]*`
    static func isMemberName(_ name: String) -> Bool {
        guard let first = name.utf8.first, isCapital(first) else { return false }
        return name.utf8.allSatisfy(isLetterOrDigit)
    }

    /// `[A-Za-z](_?[A-Za-z0-9])*`: neither two underscores in a row nor one at an end.
    static func isFieldName(_ name: String) -> Bool {
        guard let first = name.utf8.first, isLetter(first) else { return false }
        return name.utf8.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && $0.allSatisfy(isLetterOrDigit)
        }
    }

    /// `[A-Za-z](-*[A-Za-z0-9])*(\.[A-Za-z0-9](-*[A-Za-z0-9])*)+`: at least two labels, no hyphen at the ends of one.
    static func isInterfaceName(_ name: String) -> Bool {
        guard let first = name.utf8.first, isLetter(first) else { return false }
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let hyphen = UInt8(ascii: "-")
        return labels.count >= 2
            && labels.allSatisfy { label in
                guard let start = label.first, let end = label.last else { return false }
                return start != hyphen && end != hyphen
                    && label.allSatisfy { isLetterOrDigit($0) || $0 == hyphen }
            }
    }
}
