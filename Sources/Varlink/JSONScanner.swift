/// Walks over JSON text without building values: checks all of the grammar, and tells where values begin and end.
///
/// Only the envelope of a message is read with it. So each message is decoded once, straight into the type that the
/// method asks for, whatever that type is; and text that is no JSON is told from text of the wrong types.
///
/// Source: RFC 8259.
struct JSONScanner {
    /// How many arrays and objects may stand inside each other.
    static let nestingLimit = 256

    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) throws(VarlinkError) {
        do {
            _ = try UTF8Span(validating: bytes.span)
        } catch let fault {
            throw VarlinkError.malformed(offset: fault.byteOffsets.lowerBound, expected: "UTF-8")
        }
        self.bytes = bytes
    }

    /// The byte that starts the next token, or nil at the end.
    mutating func peek() -> UInt8? {
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): position += 1
            case let byte: return byte
            }
        }
        return nil
    }

    /// Steps over this byte, if it starts the next token.
    mutating func skip(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    mutating func expect(_ byte: UInt8) throws(VarlinkError) {
        guard skip(byte) else { throw fault("'\(Character(Unicode.Scalar(byte)))'") }
    }

    mutating func expectEnd() throws(VarlinkError) {
        guard peek() == nil else { throw fault("the end of the message") }
    }

    func fault(_ expected: String) -> VarlinkError {
        .malformed(offset: position, expected: expected)
    }

    /// Steps over one value of any type.
    ///
    /// - Returns: where its text lies.
    @discardableResult
    mutating func skipValue() throws(VarlinkError) -> Range<Int> {
        _ = peek()
        let start = position
        // No recursion: how deep the text goes is the peer's choice.
        var closers: [UInt8] = []
        repeat {
            let opened = try skipScalarOrOpen(&closers)
            if !opened { try skipSeparators(&closers) }
        } while !closers.isEmpty
        return start..<position
    }

    /// - Returns: whether an array or object was opened whose first value comes next.
    private mutating func skipScalarOrOpen(_ closers: inout [UInt8]) throws(VarlinkError) -> Bool {
        switch peek() {
        case UInt8(ascii: "{"):
            try open(&closers, closer: UInt8(ascii: "}"))
            if skip(UInt8(ascii: "}")) { closers.removeLast(); return false }
            try skipKey()
            return true
        case UInt8(ascii: "["):
            try open(&closers, closer: UInt8(ascii: "]"))
            if skip(UInt8(ascii: "]")) { closers.removeLast(); return false }
            return true
        case UInt8(ascii: "\""): try skipString()
        case UInt8(ascii: "t"): try skipLiteral("true")
        case UInt8(ascii: "f"): try skipLiteral("false")
        case UInt8(ascii: "n"): try skipLiteral("null")
        default: try skipNumber()
        }
        return false
    }

    /// After a value: closes what ends here, up to the comma before the next value.
    private mutating func skipSeparators(_ closers: inout [UInt8]) throws(VarlinkError) {
        while let closer = closers.last {
            if skip(UInt8(ascii: ",")) {
                if closer == UInt8(ascii: "}") { try skipKey() }
                return
            }
            guard skip(closer) else { throw fault("',' or '\(Character(Unicode.Scalar(closer)))'") }
            closers.removeLast()
        }
    }

    private mutating func open(_ closers: inout [UInt8], closer: UInt8) throws(VarlinkError) {
        guard closers.count < Self.nestingLimit else { throw fault("at most \(Self.nestingLimit) nested values") }
        closers.append(closer)
        position += 1
    }

    private mutating func skipKey() throws(VarlinkError) {
        try skipString()
        try expect(UInt8(ascii: ":"))
    }

    /// - Returns: where the string lies, with its quotation marks.
    @discardableResult
    mutating func skipString() throws(VarlinkError) -> Range<Int> {
        guard peek() == UInt8(ascii: "\"") else { throw fault("a string") }
        let start = position
        position += 1
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return start..<position
            case UInt8(ascii: "\\"): try skipEscape()
            case 0..<0x20: throw fault("no control character in a string")
            default: position += 1
            }
        }
        throw fault("the end of a string")
    }

    private mutating func skipEscape() throws(VarlinkError) {
        position += 1
        let letter = position < bytes.count ? bytes[position] : 0
        if letter == UInt8(ascii: "u") {
            let digits = bytes[(position + 1)...].prefix(4)
            guard digits.count == 4, digits.allSatisfy(Self.isHexDigit) else {
                throw fault("four hexadecimal digits after '\\u'")
            }
            position += 5
        } else {
            guard "\"\\/bfnrt".utf8.contains(letter) else { throw fault("one of \"\\/bfnrtu after '\\'") }
            position += 1
        }
    }

    private mutating func skipLiteral(_ literal: String) throws(VarlinkError) {
        guard bytes[position...].starts(with: literal.utf8) else { throw fault("a value") }
        position += literal.utf8.count
    }

    private mutating func skipNumber() throws(VarlinkError) {
        _ = skipHere(UInt8(ascii: "-"))
        if !skipHere(UInt8(ascii: "0")) { try skipDigits(or: "a value") }
        if skipHere(UInt8(ascii: ".")) { try skipDigits(or: "a digit") }
        if skipHere(UInt8(ascii: "e")) || skipHere(UInt8(ascii: "E")) {
            if !skipHere(UInt8(ascii: "+")) { _ = skipHere(UInt8(ascii: "-")) }
            try skipDigits(or: "a digit")
        }
    }

    private mutating func skipDigits(or expected: String) throws(VarlinkError) {
        let digits = bytes[position...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard !digits.isEmpty else { throw fault(expected) }
        position += digits.count
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }

    private mutating func skipHere(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }
}
