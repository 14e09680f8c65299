import ObjectModel

/// Relocations in the compact form (`SHT_CREL`), which LLVM writes on request; elf.h does not know it yet.
///
/// A ULEB128 number: how many relocations, times 8, plus 4 when addends are explicit, plus a shift (0 to 3). Then for each
/// relocation what has changed since the last:
///
/// - a byte whose lowest bits say that the symbol (1), the type (2) and, with explicit addends, the addend (4) are others; the bits
///   above are the difference of the offset, to be shifted; where bit 7 is set, more of it follows as a ULEB128 number;
/// - for each that is another one, the difference as an SLEB128 number.
///
/// Differences of offsets and addends are numbers of the file's class that wrap: so a list need not ascend.
struct CompactRelocations {
    /// The section type.
    static let sectionType: UInt32 = 0x4000_0014

    /// Why a list is not one. The message is complete but for the section.
    struct Damage: Error {
        let relocation: UInt64?
        let reason: String
    }

    /// How many there are; each takes a byte at least.
    let count: UInt64
    /// Whether addends stand in the list; else they are where the relocations are.
    let hasAddends: Bool
    private let shift: UInt64
    private let bytes: ArraySlice<UInt8>
    private var position: Int
    private let is64: Bool

    /// Reads the head of a list.
    init(_ bytes: ArraySlice<UInt8>, _ fileClass: ELFClass) throws(Damage) {
        self.bytes = bytes
        position = bytes.startIndex
        is64 = fileClass == .bits64
        guard let head = Self.unsigned(bytes, &position) else {
            throw Damage(relocation: nil, reason: "the head is not a ULEB128 number of 64 bits")
        }
        (count, hasAddends, shift) = (head / 8, head & 4 != 0, head & 3)
        guard count <= UInt64(bytes.endIndex - position) else {
            throw Damage(
                relocation: nil, reason: "\(count) relocations in \(bytes.endIndex - position) bytes; each takes one")
        }
    }

    /// The list in the plain form: entries of `SHT_RELA`, or of `SHT_REL`.
    mutating func plain() throws(Damage) -> [UInt8] {
        var encoder = Encoder()
        encoder.reserve(Int(count) * (hasAddends ? 3 : 2) * (is64 ? 8 : 4))
        let flagBits: UInt64 = hasAddends ? 3 : 2
        var (offset, addend): (UInt64, UInt64) = (0, 0)
        var (symbol, type): (Int64, Int64) = (0, 0)
        for index in 0..<count {
            guard position < bytes.endIndex else { throw Damage(relocation: index, reason: "beyond the section's end") }
            let head = UInt64(bytes[position])
            position += 1
            offset &+= head >> flagBits
            if head & 0x80 != 0 {
                guard let rest = Self.unsigned(bytes, &position) else { throw damage(index, "offset") }
                offset = offset &+ rest << (7 - flagBits) &- 0x80 >> flagBits
            }
            if head & 1 != 0 { try change(&symbol, index, "symbol", limit: is64 ? 0xffff_ffff : 0xff_ffff) }
            if head & 2 != 0 { try change(&type, index, "type", limit: is64 ? 0xffff_ffff : 0xff) }
            if hasAddends, head & 4 != 0 {
                guard let difference = Self.signed(bytes, &position) else { throw damage(index, "addend") }
                addend &+= UInt64(bitPattern: difference)
            }
            let place = offset << shift
            if is64 {
                encoder.append(place)
                encoder.append(UInt64(symbol) << 32 | UInt64(type))
                if hasAddends { encoder.append(addend) }
            } else {
                encoder.append(UInt32(truncatingIfNeeded: place))
                encoder.append(UInt32(symbol) << 8 | UInt32(type))
                if hasAddends { encoder.append(UInt32(truncatingIfNeeded: addend)) }
            }
        }
        return encoder.bytes
    }

    private func damage(_ index: UInt64, _ field: String) -> Damage {
        Damage(relocation: index, reason: "the difference of its \(field) is not a LEB128 number of 64 bits")
    }

    private mutating func change(
        _ value: inout Int64, _ index: UInt64, _ field: String, limit: Int64
    ) throws(Damage) {
        guard let difference = Self.signed(bytes, &position) else { throw damage(index, field) }
        let (sum, overflows) = value.addingReportingOverflow(difference)
        guard !overflows, sum >= 0, sum <= limit else {
            throw Damage(
                relocation: index,
                reason: "its \(field) is \(value) \(difference < 0 ? "-" : "+") \(difference.magnitude)")
        }
        value = sum
    }

    // MARK: LEB128 (DWARF 5, 7.6)

    /// The number of at most 64 bits at a position, which moves behind it; nil when there is none.
    private static func unsigned(_ bytes: ArraySlice<UInt8>, _ position: inout Int) -> UInt64? {
        var (value, shift): (UInt64, UInt64) = (0, 0)
        while position < bytes.endIndex, shift < 70 {
            let byte = bytes[position]
            position += 1
            let part = UInt64(byte & 0x7f)
            guard shift < 63 || part <= 1 else { return nil }
            value |= part << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
        return nil
    }

    /// The same with a sign.
    private static func signed(_ bytes: ArraySlice<UInt8>, _ position: inout Int) -> Int64? {
        var (value, shift): (UInt64, UInt64) = (0, 0)
        while position < bytes.endIndex, shift < 70 {
            let byte = bytes[position]
            position += 1
            let part = UInt64(byte & 0x7f)
            // The tenth byte holds the sign alone.
            guard shift < 63 || part == 0 || part == 0x7f else { return nil }
            value |= part << shift
            shift += 7
            if byte & 0x80 == 0 {
                if shift < 64, byte & 0x40 != 0 { value |= ~0 << shift }
                return Int64(bitPattern: value)
            }
        }
        return nil
    }
}
