/// A value that writes its JSON text itself. For those that come by the thousand, where encoding by way of `Codable` takes many times
/// as long. The text is that which `Codable` would give, but for the order of fields.
public protocol JSONWritable {
    /// Writes one JSON value.
    func write(to writer: inout JSONWriter)
}

/// JSON text that is being written.
///
/// Source: RFC 8259.
public struct JSONWriter {
    @usableFromInline var bytes: [UInt8] = []
    /// Whether a comma comes before the next field or element.
    @usableFromInline var needsComma = false

    /// The text, so far.
    public var text: [UInt8] { bytes }

    /// Begins with nothing.
    public init() {}

    /// Goes on behind what has been written.
    init(after bytes: consuming [UInt8]) {
        self.bytes = bytes
    }

    /// An object, whose fields `body` writes.
    @inlinable public mutating func object(_ body: (inout JSONWriter) -> Void) {
        // Inlinable, this and what else an object is written with: there are ten thousand objects.
        enclosed(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
    }

    /// An array of values.
    @inlinable public mutating func array<Element>(_ elements: [Element], _ write: (inout JSONWriter, Element) -> Void)
    {
        enclosed(UInt8(ascii: "["), UInt8(ascii: "]")) { writer in
            for element in elements {
                writer.separate()
                write(&writer, element)
                writer.needsComma = true
            }
        }
    }

    /// A field of an object.
    ///
    /// - Parameter name: of letters, digits and underscores alone, as Varlink has them.
    @inlinable public mutating func field(_ name: StaticString, _ write: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        write(&self)
        needsComma = true
    }

    /// A string.
    public mutating func string(_ text: String) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            if utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
                bytes.append(contentsOf: utf8)
            } else {
                for byte in utf8 { escaped(byte) }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// A whole number.
    public mutating func number(_ value: Int) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        // The digits from the last: 20 are enough for 64 bits.
        var rest = value.magnitude
        let end = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        bytes[end...].reverse()
    }

    /// True or false.
    public mutating func bool(_ value: Bool) {
        bytes.append(contentsOf: value ? "true".utf8 : "false".utf8)
    }

    @inlinable mutating func enclosed(_ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
        bytes.append(open)
        needsComma = false
        body(&self)
        bytes.append(close)
    }

    @inlinable mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = false
    }

    private mutating func escaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case 0..<0x20:
            let digits = Array("0123456789abcdef".utf8)
            bytes.append(contentsOf: "\\u00".utf8)
            bytes.append(digits[Int(byte >> 4)])
            bytes.append(digits[Int(byte & 15)])
        default: bytes.append(byte)
        }
    }
}
