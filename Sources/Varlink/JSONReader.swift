import FoundationEssentials

/// A value that reads its JSON text itself; see ``JSONWritable``.
public protocol JSONReadable {
    /// Reads one JSON value.
    init(from reader: inout JSONReader) throws(JSONFault)
}

/// JSON text that is being read, straight into values.
///
/// That the text is JSON has been checked (``JSONScanner``) before this sees it; what is not all the same is a fault.
public struct JSONReader {
    private let bytes: [UInt8]
    @usableFromInline private(set) var position: Int
    @usableFromInline let end: Int
    /// The fields and elements that it is inside of.
    @usableFromInline var path: [Step] = []

    @usableFromInline enum Step {
        case field(StaticString)
        case element(Int)
    }

    /// Reads the value that these bytes are.
    public init(_ bytes: [UInt8]) {
        self.init(bytes, 0..<bytes.count)
    }

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    /// Reads an object.
    ///
    /// - Parameters:
    ///   - names: the fields that are known; others are passed over, and so are those that are null, and what a field that
    ///     comes again says.
    ///   - required: bit n is set when the object has to have field n.
    ///   - field: reads the value of the field with that index.
    public mutating func object(
        _ names: [StaticString], required: UInt32,
        _ field: (inout JSONReader, Int) throws(JSONFault) -> Void
    ) throws(JSONFault) {
        try expect(UInt8(ascii: "{"), "an object")
        var found: UInt32 = 0
        // Whoever writes many objects writes their fields in the same order.
        var guess = 0
        if !skip(UInt8(ascii: "}")) {
            repeat {
                let index = try key(names, guess)
                try expect(UInt8(ascii: ":"), "':'")
                guard let index, peek() != UInt8(ascii: "n"), found & 1 << UInt32(index) == 0 else {
                    try passOver()
                    continue
                }
                guess = index + 1
                path.append(.field(names[index]))
                try field(&self, index)
                path.removeLast()
                found |= 1 << UInt32(index)
            } while skip(UInt8(ascii: ","))
            try expect(UInt8(ascii: "}"), "'}'")
        }
        let missing = required & ~found
        guard missing == 0 else {
            path.append(.field(names[missing.trailingZeroBitCount]))
            throw fault("the field is missing")
        }
    }

    /// Reads an array.
    @inlinable public mutating func array<Element>(
        _ element: (inout JSONReader) throws(JSONFault) -> Element
    ) throws(JSONFault) -> [Element] {
        // Inlinable, for an array of ten thousand elements is read many times faster where their type is known.
        try expect(UInt8(ascii: "["), "an array")
        var elements: [Element] = []
        guard !skip(UInt8(ascii: "]")) else { return elements }
        let start = position
        // The rest of the message is its, but for little; not so for one within another.
        let isOutermost = path.count <= 1
        repeat {
            path.append(.element(elements.count))
            elements.append(try element(&self))
            path.removeLast()
            // Room for as many of that size as can still come, instead of moving them all each time there are twice as many.
            if isOutermost, elements.count == 8 {
                elements.reserveCapacity(8 * (end - start) / (position - start))
            }
        } while skip(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"), "']'")
        return elements
    }

    /// Reads an array of strings.
    public mutating func strings() throws(JSONFault) -> [String] {
        try array { (reader) throws(JSONFault) in try reader.string() }
    }

    /// Reads a string.
    public mutating func string() throws(JSONFault) -> String {
        let range = try stringRange()
        let inner = bytes[range.lowerBound + 1..<range.upperBound - 1]
        guard inner.contains(UInt8(ascii: "\\")) else { return String(decoding: inner, as: UTF8.self) }
        do {
            return try JSONDecoder().decode(String.self, from: Data(bytes[range]))
        } catch {
            // What the grammar allows and Unicode does not: half of a surrogate pair.
            throw fault("no value of type String")
        }
    }

    /// Reads a whole number.
    public mutating func number() throws(JSONFault) -> Int {
        let isNegative = skip(UInt8(ascii: "-"))
        var value = 0
        var digits = 0
        while position < end, case let byte = bytes[position], byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
            let digit = Int(byte - UInt8(ascii: "0"))
            // Counted down from 0: the least number has no opposite.
            let (product, first) = value.multipliedReportingOverflow(by: 10)
            let (difference, second) = product.subtractingReportingOverflow(digit)
            guard !first, !second else { throw fault("no value of type Int") }
            value = difference
            position += 1
            digits += 1
        }
        let next = position < end ? bytes[position] : 0
        guard digits > 0, next != UInt8(ascii: "."), next | 0x20 != UInt8(ascii: "e"), isNegative || value != Int.min
        else { throw fault("no value of type Int") }
        return isNegative ? value : -value
    }

    /// Reads true or false.
    public mutating func bool() throws(JSONFault) -> Bool {
        for (word, value) in [("true", true), ("false", false)] as [(StaticString, Bool)] where skip(word) {
            return value
        }
        throw fault("no value of type Bool")
    }

    /// That there is something that does not fit, where the reader stands.
    public func fault(_ reason: String) -> JSONFault {
        var field = ""
        for step in path {
            switch step {
            case .element(let index): field += "[\(index)]"
            case .field(let name): field += field.isEmpty ? "\(name)" : ".\(name)"
            }
        }
        return JSONFault(field: field, reason: reason)
    }

    // MARK: Bytes

    private mutating func peek() -> UInt8 {
        while position < end {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): position += 1
            case let byte: return byte
            }
        }
        return 0
    }

    @usableFromInline mutating func skip(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private mutating func skip(_ word: StaticString) -> Bool {
        _ = peek()
        guard matches(word, at: position) else { return false }
        position += word.utf8CodeUnitCount
        return true
    }

    private func matches(_ word: StaticString, at start: Int) -> Bool {
        let count = word.utf8CodeUnitCount
        guard count <= end - start else { return false }
        return word.withUTF8Buffer { wanted in
            for index in 0..<count where bytes[start + index] != wanted[index] { return false }
            return true
        }
    }

    @usableFromInline mutating func expect(_ byte: UInt8, _ what: String) throws(JSONFault) {
        guard skip(byte) else { throw fault("not \(what)") }
    }

    /// The index of the name that comes next; nil when it is none of them.
    private mutating func key(_ names: [StaticString], _ guess: Int) throws(JSONFault) -> Int? {
        if guess < names.count, peek() == UInt8(ascii: "\""), matches(names[guess], at: position + 1) {
            let next = position + 1 + names[guess].utf8CodeUnitCount
            if next < end, bytes[next] == UInt8(ascii: "\"") {
                position = next + 1
                return guess
            }
        }
        let range = try stringRange()
        for step in names.indices {
            let index = guess + step < names.count ? guess + step : guess + step - names.count
            if names[index].utf8CodeUnitCount == range.count - 2, matches(names[index], at: range.lowerBound + 1) {
                return index
            }
        }
        return nil
    }

    /// Where the string that comes next lies, with its quotation marks.
    private mutating func stringRange() throws(JSONFault) -> Range<Int> {
        guard peek() == UInt8(ascii: "\"") else { throw fault("no value of type String") }
        let start = position
        position += 1
        while position < end {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return start..<position
            case UInt8(ascii: "\\"): position += 2
            default: position += 1
            }
        }
        throw fault("no value of type String")
    }

    private mutating func passOver() throws(JSONFault) {
        var depth = 0
        repeat {
            switch peek() {
            case UInt8(ascii: "\""): _ = try stringRange()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                position += 1
            case 0 where position >= end: throw fault("not a value")
            // Of a number or a word; what stands between values is passed over one by one.
            default: position += 1
            }
            if depth == 0 { skipRest() }
        } while depth > 0
    }

    /// The rest of a number or a word.
    private mutating func skipRest() {
        while position < end, !",}] \t\n\r".utf8.contains(bytes[position]) { position += 1 }
    }
}
