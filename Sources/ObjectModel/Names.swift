// Names are compared and hashed where they stand, in some array of bytes, and become a String only in messages.

/// Whether two names are the same bytes.
public func sameName(_ left: [UInt8], _ leftName: NameRange, _ right: [UInt8], _ rightName: NameRange) -> Bool {
    sameBytes(left, leftName.indices, right, rightName.indices)
}

/// Whether two stretches of bytes are the same.
public func sameBytes(_ left: [UInt8], _ leftRange: Range<Int>, _ right: [UInt8], _ rightRange: Range<Int>) -> Bool {
    guard leftRange.count == rightRange.count else { return false }
    let left = unsafe left.span.bytes.extracting(leftRange)
    let right = unsafe right.span.bytes.extracting(rightRange)
    return left.equals(right)
}

extension RawSpan {
    /// Whether it has the same bytes as another one.
    fileprivate func equals(_ other: RawSpan) -> Bool {
        let count = byteCount
        guard count == other.byteCount else { return false }
        guard count >= 8 else {
            for offset in 0..<count where byte(at: offset) != other.byte(at: offset) { return false }
            return true
        }
        var offset = 0
        while offset &+ 8 <= count {
            if littleEndian64(at: offset) != other.littleEndian64(at: offset) { return false }
            offset &+= 8
        }
        // The last eight, of which some have been compared.
        return littleEndian64(at: count &- 8) == other.littleEndian64(at: count &- 8)
    }
}

/// Whether a name begins so.
public func nameBegins(_ bytes: [UInt8], _ name: NameRange, with prefix: StaticString) -> Bool {
    let length = prefix.utf8CodeUnitCount
    guard Int(name.count) >= length else { return false }
    let bytes = bytes.span.extracting(name.indices)
    for index in 0..<length where unsafe bytes[index] != prefix.utf8Start[index] { return false }
    return true
}

/// Whether a name ends so.
public func nameEnds(_ bytes: [UInt8], _ name: NameRange, with suffix: StaticString) -> Bool {
    let length = suffix.utf8CodeUnitCount
    guard Int(name.count) >= length else { return false }
    let bytes = bytes.span.extracting(name.indices.suffix(length))
    for index in (0..<length).reversed() where unsafe bytes[index] != suffix.utf8Start[index] { return false }
    return true
}

/// Whether a section's name is one of a family: the name itself, or that and a dot and more (`.text`, `.text.slice`).
public func nameIsOfFamily(_ bytes: [UInt8], _ name: NameRange, _ family: StaticString) -> Bool {
    let length = family.utf8CodeUnitCount
    guard nameBegins(bytes, name, with: family) else { return false }
    return Int(name.count) == length || bytes[Int(name.offset) + length] == UInt8(ascii: ".")
}

/// A hash of a name: 64 bits, well mixed in the low and the high ones alike.
public func nameHash(_ bytes: [UInt8], _ name: NameRange) -> UInt64 {
    let raw = unsafe bytes.span.extracting(name.indices).bytes
    return contentHash(raw, seed: 0)
}

/// A hash of bytes: 64 bits, the same on every machine and in every run, of no cryptographic worth.
public func contentHash(_ bytes: RawSpan, seed: UInt64) -> UInt64 {
    let count = bytes.byteCount
    var state = seed ^ (UInt64(count) &* 0x9e37_79b9_7f4a_7c15)
    var offset = 0
    while offset &+ 8 <= count {
        state = mixed(state ^ bytes.littleEndian64(at: offset))
        offset &+= 8
    }
    var tail: UInt64 = 0
    if offset < count, count >= 8 {
        // The last eight, of which some have been mixed in already.
        tail = bytes.littleEndian64(at: count &- 8)
    } else {
        while offset < count {
            tail = tail << 8 | UInt64(bytes.byte(at: offset))
            offset &+= 1
        }
    }
    return mixed(mixed(state ^ tail))
}

/// A digest of many bytes: 128 bits, the same on every machine and in every run, of no cryptographic worth.
public func contentDigest(_ bytes: RawSpan, seed: UInt64) -> (UInt64, UInt64) {
    let count = bytes.byteCount
    let blocks = count / 32
    // Four at a time do not wait for each other's products.
    var (first, second, third, fourth) = (seed, ~seed, seed &+ 0x9e37_79b9, seed ^ 0x5851_f42d)
    unsafe bytes.withUnsafeBytes { raw in
        // A check of each word's bounds would take as long as the word.
        for block in 0..<blocks {
            let words = unsafe raw.loadUnaligned(fromByteOffset: block &* 32, as: SIMD4<UInt64>.self)
            first = mixed(first ^ UInt64(littleEndian: words[0]))
            second = mixed(second ^ UInt64(littleEndian: words[1]))
            third = mixed(third ^ UInt64(littleEndian: words[2]))
            fourth = mixed(fourth ^ UInt64(littleEndian: words[3]))
        }
    }
    let rest = contentHash(bytes.extracting(blocks * 32..<count), seed: UInt64(count))
    return (mixed(mixed(first ^ second) ^ third ^ rest) ^ fourth, mixed(mixed(third ^ fourth) ^ first ^ ~rest) ^ second)
}

/// One round of mixing: both halves of a 128-bit product depend on every bit.
private func mixed(_ value: UInt64) -> UInt64 {
    let product = (value ^ 0xa076_1d64_78bd_642f).multipliedFullWidth(by: 0xe703_7ed1_a0b4_28db)
    return product.high ^ product.low
}

/// Bytes as text that is safe on a terminal: what is not printable UTF-8 is shown byte by byte as `\xNN`, and a name of
/// more than `limit` bytes is cut.
public func printable(_ bytes: [UInt8], _ name: NameRange, limit: Int = 256) -> String {
    var rest = bytes[name.indices]
    // Nearly all names are made of letters and the like.
    if rest.count <= limit, rest.allSatisfy({ (0x20..<0x7f).contains($0) }) {
        return String(decoding: rest, as: UTF8.self)
    }
    var shown = 0
    var text = ""
    while !rest.isEmpty {
        let scalar = Unicode.Scalar(leading: rest.prefix(4))
        let count = scalar.map { UTF8.width($0) } ?? 1
        guard shown + count <= limit else { return text + "…" }
        if let scalar, scalar.isPrintable {
            text.unicodeScalars.append(scalar)
        } else {
            for byte in rest.prefix(count) { text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }
        }
        shown += count
        rest = rest.dropFirst(count)
    }
    return text
}

extension Unicode.Scalar {
    /// The character that bytes begin with, or nil when they do not begin with one.
    fileprivate init?(leading bytes: ArraySlice<UInt8>) {
        var decoder = UTF8()
        var bytes = bytes.makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&bytes) else { return nil }
        self = scalar
    }

    /// Whether it shows itself and does nothing else: not control a terminal, turn the direction of a line, or break it.
    fileprivate var isPrintable: Bool {
        if isASCII { return (0x20..<0x7f).contains(value) }
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return false
        default: return true
        }
    }
}

/// A number as messages write it: `0x1b`.
public func hexadecimal(_ value: UInt64) -> String {
    "0x" + String(value, radix: 16)
}

/// A file's name without the ending of a compressed file, where it has one: `gurka.ko` of `gurka.ko.xz`.
public func withoutCompression(_ name: Substring) -> Substring {
    guard let ending = compressionEndings.first(where: { name.hasSuffix($0) }) else { return name }
    return name.dropLast(ending.count)
}

private let compressionEndings = [".xz", ".zst", ".gz"]

/// What is the same in names that mean one module: `-` and `_` are (modprobe(8)).
public func moduleKey(_ module: String) -> String {
    guard module.utf8.contains(UInt8(ascii: "-")) else { return module }
    return String(decoding: module.utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }, as: UTF8.self)
}

/// Whether two names mean one module.
public func isSameModule(_ one: String, _ other: String) -> Bool {
    one == other || one.utf8.count == other.utf8.count && moduleKey(one) == moduleKey(other)
}

/// A text, perhaps of several lines, as it may go to a terminal: see ``printable(_:_:limit:)``. Lines and tabulators stay.
public func printableLines(_ text: String) -> String {
    if text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) || $0 == 0x0a || $0 == 0x09 }) { return text }
    let bytes = Array(text.utf8)
    var result = ""
    var start = 0
    for (index, byte) in bytes.enumerated() where byte == 0x0a || byte == 0x09 {
        result += printable(bytes, NameRange(start..<index), limit: .max) + (byte == 0x0a ? "\n" : "\t")
        start = index + 1
    }
    return result + printable(bytes, NameRange(start..<bytes.count), limit: .max)
}
