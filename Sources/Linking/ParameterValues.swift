import ObjectModel

/// What a text is for a variable: bytes, or text that the variable is to point to.
enum ParameterValue: Equatable {
    case bytes([UInt8])
    case pointer(to: [UInt8])
}

/// Why a text is no value of a parameter.
struct BadValue: Error {
    let reason: String

    static func unknownType(_ name: String) -> BadValue {
        BadValue(reason: "its type '\(name)' is not known, so it cannot be set")
    }
}

extension ParameterType {
    /// The values of a text, one for each element of the variable.
    ///
    /// - Parameter width: the size of an element, in bytes.
    func values(of text: String, width: UInt64) throws(BadValue) -> [ParameterValue] {
        guard let counts else { return [try value(of: text, width: width)] }
        let items = text.split(separator: ",", omittingEmptySubsequences: false)
        let count = UInt64(items.count)
        let some = count == 1 ? "1 value is" : "\(count) values are"
        if let maximum = counts.maximum, count > maximum {
            throw BadValue(reason: "\(some) too many for \(self)")
        }
        if count < counts.minimum { throw BadValue(reason: "\(some) too few for \(self)") }
        var values: [ParameterValue] = []
        for item in items { values.append(try value(of: String(item), width: width)) }
        return values
    }

    private func value(of text: String, width: UInt64) throws(BadValue) -> ParameterValue {
        switch element {
        case .number(let type): return .bytes(try type.bytes(of: text))
        case .bool(let isInverted):
            guard let value = Self.bool(text) else {
                throw BadValue(reason: "the value '\(shown(text))' is no bool: y, n, 1, 0, on or off")
            }
            let number: UInt64 = value != isInverted ? 1 : 0
            return .bytes(number.littleEndianBytes(Int(width)))
        case .text: return .pointer(to: Array(text.utf8) + [0])
        case .characters:
            var bytes = Array(text.utf8)
            guard UInt64(bytes.count) < width else {
                throw BadValue(reason: "the text '\(shown(text))' is too long: \(self)")
            }
            // The rest of a variable that may be gigabytes large is left as it is.
            bytes.append(0)
            return .bytes(bytes)
        case .other(let name): throw .unknownType(name)
        }
    }

    /// As kernels read it (kstrtobool), and the words in full.
    static func bool(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "y", "yes", "1", "on", "t", "true": true
        case "n", "no", "0", "off", "f", "false": false
        default: nil
        }
    }
}

extension NumberType {
    /// The bytes of a number, the lowest first.
    func bytes(of text: String) throws(BadValue) -> [UInt8] {
        let kind = "a number from \(minimum) to \(maximum)"
        switch WrittenNumber(text[...]) {
        case .none: throw BadValue(reason: "the value '\(shown(text))' is no \(name): \(kind)")
        case .some(let number):
            guard number.isIn(minimum, maximum) else {
                throw BadValue(reason: "the value '\(shown(text))' is out of range: \(name) is \(kind)")
            }
            return number.bits.littleEndianBytes(Int(width))
        }
    }
}

/// A number as C writes it: decimal, `0x` hexadecimal, `0` octal, with a sign or without.
struct WrittenNumber {
    /// Its value, modulo 2^64.
    let bits: UInt64
    let isNegative: Bool
    /// Whether it is more than 64 bits, signed or unsigned, hold.
    let isHuge: Bool

    /// Nil when the text is no number.
    init?(_ text: Substring) {
        let hasMinus = text.hasPrefix("-")
        var digits = hasMinus || text.hasPrefix("+") ? text.dropFirst() : text
        var radix = 10
        if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
            digits = digits.dropFirst(2)
            radix = 16
        } else if digits.hasPrefix("0"), digits.count > 1 {
            digits = digits.dropFirst()
            radix = 8
        }
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && ($0.hexDigitValue ?? 16) < radix }) else { return nil }
        let magnitude = UInt64(digits, radix: radix)
        isNegative = hasMinus && magnitude != 0
        isHuge = magnitude.map { hasMinus && $0 > 1 << 63 } ?? true
        bits = hasMinus ? 0 &- (magnitude ?? 0) : magnitude ?? 0
    }

    /// Whether it lies between two numbers.
    func isIn(_ minimum: Int64, _ maximum: UInt64) -> Bool {
        guard !isHuge else { return false }
        return isNegative ? Int64(bitPattern: bits) >= minimum : bits <= maximum
    }
}

extension UInt64 {
    /// The lowest bytes, the lowest first.
    func littleEndianBytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: self >> UInt64($0 * 8)) }
    }
}

/// Text from a command line as messages show it.
func shown(_ text: String) -> String {
    let bytes = Array(text.utf8)
    return printable(bytes, NameRange(bytes.indices))
}
