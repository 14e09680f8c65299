import ObjectModel

// Symbols as text, a line each: address, type as nm(1) has it, name, and a module in brackets where it is known. Linux' System.map and
// /proc/kallsyms look like that, and what ksyms prints.
extension SymbolTable {
    /// Whether a file may be such a text: it begins with an address and a space.
    public static func isMap(_ bytes: [UInt8]) -> Bool {
        let digits = bytes.prefix { hexadecimalDigit($0) != nil }.count
        return (1...16).contains(digits) && bytes.count > digits && bytes[digits] == UInt8(ascii: " ")
    }

    /// The symbols of a text. Capital letters are exported; undefined symbols, and the lines of `ksyms -m` for modules, are passed over.
    ///
    /// - Parameter name: what messages call the file.
    public init(map bytes: [UInt8], name: String) throws(Problem) {
        self.init()
        var lists: [String: SymbolList] = [:]
        var number = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            let fields = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
            // Undefined symbols have no address.
            if fields.isEmpty
                || (fields.count == 2 && fields[0].count == 1 && "Uwv".utf8.contains(fields[0][fields[0].startIndex]))
            {
                continue
            }
            guard fields.count >= 2, let address = Self.address(fields[0]) else {
                throw Problem(subject: name, place: "line \(number)", reason: "not 'address type name'")
            }
            if fields[1].first == UInt8(ascii: "(") { continue }
            guard fields.count >= 3, fields[1].count == 1, let letter = fields[1].first else {
                throw Problem(subject: name, place: "line \(number)", reason: "not 'address type name'")
            }
            let owner = fields.count > 3 ? Self.owner(fields[3]) : ""
            lists[owner, default: SymbolList()].append(address, letter, fields[2])
        }
        for (owner, list) in lists.sorted(by: { $0.key < $1.key }) {
            let start = list.entries.map(\.address).min() ?? 0
            let end = list.entries.map(\.address).max() ?? start
            _ = insert(SymbolSet(owner: owner, symbols: list, sections: [], range: start..<end))
        }
    }

    private static func owner(_ field: ArraySlice<UInt8>) -> String {
        guard field.first == UInt8(ascii: "["), field.last == UInt8(ascii: "]") else { return "" }
        let bytes = Array(field.dropFirst().dropLast())
        return printable(bytes, NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count)))
    }

    private static func address(_ field: ArraySlice<UInt8>) -> UInt64? {
        guard (1...16).contains(field.count) else { return nil }
        var value: UInt64 = 0
        for byte in field {
            guard let digit = hexadecimalDigit(byte) else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value
    }

    private static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension SymbolList {
    /// Adds the symbol of a line.
    fileprivate mutating func append(_ address: UInt64, _ letter: UInt8, _ name: ArraySlice<UInt8>) {
        let bytes = Array(name)
        guard let own = intern(bytes, NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count))) else {
            return
        }
        let isWeak = "wWvV".utf8.contains(letter)
        let isUnique = letter == UInt8(ascii: "u")
        let isLocal = letter & 0x20 != 0 && !isWeak && !isUnique
        let type: SymbolType =
            switch letter | 0x20 {
            case UInt8(ascii: "t"), UInt8(ascii: "w"), UInt8(ascii: "i"): .function
            case UInt8(ascii: "a"): .none
            default: .object
            }
        entries.append(
            SymbolEntry(
                address: address, size: 0, name: own, section: nil,
                binding: isLocal ? .local : isWeak ? .weak : isUnique ? .unique : .global, type: type))
    }
}
