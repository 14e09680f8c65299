extension String {
    /// With spaces after it, or others, up to that many characters.
    public func filled(to width: Int, with character: Character = " ") -> String {
        self + String(repeating: character, count: Swift.max(0, width - count))
    }

    /// With spaces before it, or others, up to that many characters.
    public func indented(to width: Int, with character: Character = " ") -> String {
        String(repeating: character, count: Swift.max(0, width - count)) + self
    }

    /// The digits of a number to the base of 16, with zeros before them up to that many.
    public init(hexadecimal number: some BinaryInteger, digits: Int) {
        self = String(number, radix: 16).indented(to: digits, with: "0")
    }
}
