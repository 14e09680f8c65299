// Names are compared and hashed where they stand, in some array of bytes, and become a String only in messages.

/// Whether two names are the same bytes.
public func sameName(_ left: [UInt8], _ leftName: NameRange, _ right: [UInt8], _ rightName: NameRange) -> Bool {
    let count = Int(leftName.count)
    guard count == Int(rightName.count) else { return false }
    let left = left.span.extracting(leftName.indices)
    let right = right.span.extracting(rightName.indices)
    for index in 0..<count where left[index] != right[index] { return false }
    return true
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
    while offset < count {
        tail = tail << 8 | UInt64(bytes.byte(at: offset))
        offset &+= 1
    }
    return mixed(mixed(state ^ tail))
}

/// One round of mixing: both halves of a 128-bit product depend on every bit.
private func mixed(_ value: UInt64) -> UInt64 {
    let product = (value ^ 0xa076_1d64_78bd_642f).multipliedFullWidth(by: 0xe703_7ed1_a0b4_28db)
    return product.high ^ product.low
}

/// Bytes as text that is safe on a terminal: what is not printable UTF-8 is shown as `\xNN`, and a name of
/// more than 256 bytes is cut.
public func printable(_ bytes: [UInt8], _ name: NameRange) -> String {
    let limit = 256
    let shown = bytes[name.indices].prefix(limit)
    var text = ""
    for scalar in String(decoding: shown, as: UTF8.self).unicodeScalars {
        if scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) {
            let digits = String(scalar.value, radix: 16)
            text += "\\x" + (digits.utf8.count < 2 ? "0" : "") + digits
        } else {
            text.unicodeScalars.append(scalar)
        }
    }
    return name.count > limit ? text + "…" : text
}

/// A number as messages write it: `0x1b`.
public func hexadecimal(_ value: UInt64) -> String {
    "0x" + String(value, radix: 16)
}
