import ObjectModel

// The records of `.eh_frame` (Linux Standard Base, "Exception Frames"):
//
//     length 4 | 0 | version | augmentation | ...          what several functions have in common (CIE)
//     length 4 | distance back to its CIE 4 | function | its size | ...           a function (FDE)
//     0 4                                                  the end of all records
//
// An unwinder takes the record whose function has the address, and ends at the first zero word. So a linker leaves out what would
// mislead it: zero words within (the end of one object's records is not that of all), records of functions that were displaced by
// another copy, and records of functions without any bytes, which have the address of the next function.
//
// Nothing is moved: records refer to each other and to code by distances. What is left out becomes padding, bytes of zero
// (DW_CFA_nop), which belongs to the record before it; where there is room enough, to a CIE of its own that no function has, so that
// no unwinder runs through it.

/// What is wrong with a record.
struct FrameFault {
    /// Where the record begins, in bytes from the start of its section.
    let offset: UInt64
    let reason: String
}

/// Puts the records of a module right, in the image, once they have been relocated; and notes the functions that they are about.
struct FrameRecords {
    /// What the functions of a CIE have in common.
    private struct Common {
        /// Where it begins, in bytes from the start of the image.
        let place: UInt64
        /// How the addresses of its functions are written; nil where that is not known.
        let encoding: UInt8?
        /// Whether its functions have data of the augmentation.
        let hasData: Bool
    }

    /// The size of a CIE that says nothing, in bytes.
    private static let leastCommon: UInt64 = 13

    private let architecture: Architecture
    /// The addresses of the image.
    private let range: Range<UInt64>
    private var commons: [Common] = []
    /// The end of the last record that is kept, and its start, if there is one; in bytes from the start of the image.
    private var end: UInt64
    private var last: UInt64?
    /// Whether there was something to leave out, and no record to give the bytes to.
    private var hasGap = false
    /// The functions that kept records are about, in the order of the records.
    private(set) var functions: [FrameHeader.Function] = []
    /// Whether those are all: there are records whose functions no linker knows.
    private(set) var areComplete = true

    /// Begins with the records of an image.
    ///
    /// - Parameters:
    ///   - start: where `.eh_frame` begins, in bytes from the start of the image.
    ///   - count: how many functions there are, at most, by a good guess.
    init(from start: UInt64, image range: Range<UInt64>, architecture: Architecture, count: Int) {
        self.architecture = architecture
        self.range = range
        end = start
        functions.reserveCapacity(count)
    }

    /// Goes through the records of one object's section, which follows the one before. Returns what is wrong with the first that
    /// is no valid record.
    mutating func edit(_ section: Range<UInt64>, in image: inout MutableRawSpan) -> FrameFault? {
        commons.removeAll(keepingCapacity: true)
        var place = section.lowerBound
        while place < section.upperBound {
            let rest = section.upperBound - place
            func fault(_ reason: String) -> FrameFault {
                FrameFault(offset: place - section.lowerBound, reason: reason)
            }
            guard let length: UInt32 = image.bytes.integer(at: place), rest >= 4 else {
                return fault("\(rest) bytes at the end are not a record")
            }
            if length == 0 {
                place += 4
                continue
            }
            let next = place + 4 + UInt64(length)
            guard length != .max else { return fault("a record of the 64-bit form, which unwinders do not read") }
            guard length >= 4, next <= section.upperBound else {
                return fault("a record of \(length) bytes, of which \(rest - 4) are there")
            }
            guard let distance: UInt32 = image.bytes.integer(at: place + 4) else { return fault("no record") }
            if distance == 0 {
                guard let common = common(image.bytes, place, next) else {
                    return fault("a CIE that is not a valid one")
                }
                commons.append(common)
                keep(place..<next, in: &image)
            } else {
                guard let common = common(UInt64(distance), before: place + 4) else {
                    return fault("its CIE would be \(distance) bytes before, where none is")
                }
                guard let isKept = look(image.bytes, place, next, common) else {
                    return fault("a record of \(length) bytes is too short for the function's address")
                }
                if isKept { keep(place..<next, in: &image) }
            }
            place = next
        }
        return nil
    }

    /// Ends the records: pads up to the word that says so. False when there is no room for the padding, because the first word has
    /// become zero by a relocation.
    mutating func finish(at place: UInt64, in image: inout MutableRawSpan) -> Bool {
        pad(to: place, in: &image)
        image.storeBytes(of: 0, toByteOffset: Int(place), as: UInt32.self)
        return !hasGap
    }

    private mutating func keep(_ record: Range<UInt64>, in image: inout MutableRawSpan) {
        if end < record.lowerBound { pad(to: record.lowerBound, in: &image) }
        (last, end) = (record.lowerBound, record.upperBound)
    }

    /// Makes padding of what lies between the last record that is kept and the next one.
    private mutating func pad(to next: UInt64, in image: inout MutableRawSpan) {
        let size = next - end
        guard size > 0 else { return }
        if size >= Self.leastCommon {
            image.clear(Int(end)..<Int(next))
            image.storeBytes(
                of: UInt32(truncatingIfNeeded: size - 4).littleEndian, toByteOffset: Int(end), as: UInt32.self)
            // The version; no augmentation; two factors, and the register that the return address is in.
            image.storeBytes(of: 1, toByteOffset: Int(end) + 8, as: UInt8.self)
            image.storeBytes(of: 1, toByteOffset: Int(end) + 10, as: UInt8.self)
            image.storeBytes(of: architecture.dataFactor, toByteOffset: Int(end) + 11, as: UInt8.self)
            image.storeBytes(of: architecture.returnColumn, toByteOffset: Int(end) + 12, as: UInt8.self)
            last = end
        } else {
            guard let last, let length: UInt32 = image.bytes.integer(at: last) else {
                hasGap = true
                return
            }
            image.clear(Int(end)..<Int(next))
            image.storeBytes(
                of: (length &+ UInt32(truncatingIfNeeded: size)).littleEndian, toByteOffset: Int(last), as: UInt32.self)
        }
        end = next
    }

    /// The CIE that is so many bytes before a place. They are in the order of their places, and mostly it is the last one.
    private func common(_ distance: UInt64, before field: UInt64) -> Common? {
        let (place, wraps) = field.subtractingReportingOverflow(distance)
        guard !wraps, let latest = commons.last else { return nil }
        if latest.place == place { return latest }
        var (low, high) = (0, commons.count)
        while low < high {
            let middle = (low + high) / 2
            if commons[middle].place < place { low = middle + 1 } else { high = middle }
        }
        return low < commons.count && commons[low].place == place ? commons[low] : nil
    }
}

extension FrameRecords {
    /// Notes the function of a record. Whether the record is kept; nil when it is too short.
    private mutating func look(_ image: RawSpan, _ place: UInt64, _ end: UInt64, _ common: Common) -> Bool? {
        guard let encoding = common.encoding, let width = width(encoding) else {
            // Unwinders may know better.
            areComplete = false
            return end - place > 8 ? true : nil
        }
        var data = place + 8 + 2 * width
        guard data <= end, let start = number(image, place + 8, width, isSigned: encoding & 8 != 0),
            let size = number(image, place + 8 + width, width, isSigned: false)
        else { return nil }
        if common.hasData {
            guard let length = Self.number(image.extracting(0..<Int(end)), &data), length <= end - data else {
                return nil
            }
        }
        // The writer has cleared the addresses of displaced functions.
        guard start != 0, size != 0 else { return false }
        switch encoding & 0xf0 {
        case 0x00: return note(start, size, place)
        case 0x10: return note(start &+ range.lowerBound &+ place &+ 8, size, place)
        default:
            areComplete = false
            return true
        }
    }

    /// Whether a function lies in the module: of others the record can say nothing.
    private mutating func note(_ start: UInt64, _ size: UInt64, _ record: UInt64) -> Bool {
        let address = start & architecture.addressMask
        guard range.contains(address), size <= range.upperBound - address else { return false }
        functions.append(FrameHeader.Function(address: address, record: range.lowerBound &+ record))
        return true
    }

    /// How many bytes a field of an encoding has (Linux Standard Base, "DWARF Exception Header Encoding"); nil where that depends on
    /// what stands there, or is not known.
    private func width(_ encoding: UInt8) -> UInt64? {
        switch encoding & 0x0f {
        case 0x00: architecture.pointerSize
        case 0x02, 0x0a: 2
        case 0x03, 0x0b: 4
        case 0x04, 0x0c: 8
        default: nil
        }
    }

    private func number(_ image: RawSpan, _ place: UInt64, _ width: UInt64, isSigned: Bool) -> UInt64? {
        switch (width, isSigned) {
        case (2, true): image.integer(at: place, as: Int16.self).map { UInt64(bitPattern: Int64($0)) }
        case (2, false): image.integer(at: place, as: UInt16.self).map(UInt64.init)
        case (4, true): image.integer(at: place, as: Int32.self).map { UInt64(bitPattern: Int64($0)) }
        case (4, false): image.integer(at: place, as: UInt32.self).map(UInt64.init)
        default: image.integer(at: place)
        }
    }

    /// A CIE: nil where it is not a valid one. A character of its augmentation says what follows in its data.
    private func common(_ image: RawSpan, _ place: UInt64, _ end: UInt64) -> Common? {
        let record = image.extracting(0..<Int(end))
        guard let version: UInt8 = record.integer(at: place + 8), version == 1 || version == 3 || version == 4
        else { return nil }
        let text = place + 9
        var next = text
        while let character: UInt8 = record.integer(at: next), character != 0 { next += 1 }
        let textEnd = next
        next += 1
        // Compilers before gcc 3 had a word there.
        let isOld = record.integer(at: text, as: UInt16.self) == 0x6865
        if isOld { next += architecture.pointerSize }
        // The sizes of addresses and of segments.
        if version == 4 { next += 2 }
        // Two factors, and the register of the return address.
        guard skipNumber(record, &next), skipNumber(record, &next) else { return nil }
        if version == 1 { next += 1 } else if !skipNumber(record, &next) { return nil }
        guard next <= end else { return nil }
        // Without an augmentation, addresses are whole.
        if textEnd == text || isOld && textEnd == text + 2 {
            return Common(place: place, encoding: 0, hasData: false)
        }
        guard record.integer(at: text, as: UInt8.self) == UInt8(ascii: "z") else {
            return Common(place: place, encoding: nil, hasData: false)
        }
        guard skipNumber(record, &next), next <= end else { return nil }
        switch encoding(record, text + 1..<textEnd, next) {
        case .known(let encoding): return Common(place: place, encoding: encoding, hasData: true)
        case .unknown: return Common(place: place, encoding: nil, hasData: true)
        case .broken: return nil
        }
    }

    private enum Encoding {
        case known(UInt8)
        case unknown
        /// The data is shorter than the augmentation says.
        case broken
    }

    /// How the addresses of functions are written, as the augmentation says.
    private func encoding(_ record: RawSpan, _ text: Range<UInt64>, _ start: UInt64) -> Encoding {
        var next = start
        for place in text {
            switch record.integer(at: place, as: UInt8.self) {
            case UInt8(ascii: "R"):
                return record.integer(at: next, as: UInt8.self).map { .known($0) } ?? .broken
            case UInt8(ascii: "L"): next += 1
            case UInt8(ascii: "P"):
                guard let encoding: UInt8 = record.integer(at: next) else { return .broken }
                // Aligned ones have a length that depends on their place.
                guard encoding & 0x70 != 0x50, let width = width(encoding) else { return .unknown }
                next += 1 + width
            case UInt8(ascii: "S"), UInt8(ascii: "B"): break
            default: return .unknown
            }
            guard next <= UInt64(record.byteCount) else { return .broken }
        }
        // Without that character, addresses are whole.
        return .known(0)
    }

    /// A number of variable length (DWARF 4, section 7.6); nil where it does not end, or is larger than any section.
    private static func number(_ record: RawSpan, _ place: inout UInt64) -> UInt64? {
        var number: UInt64 = 0
        var shift: UInt64 = 0
        while let byte: UInt8 = record.integer(at: place) {
            place += 1
            let bits = UInt64(byte & 0x7f)
            if shift < 56 { number |= bits << shift } else if bits != 0 { number = .max }
            if byte & 0x80 == 0 { return number }
            shift += 7
        }
        return nil
    }

    private func skipNumber(_ record: RawSpan, _ place: inout UInt64) -> Bool {
        Self.number(record, &place) != nil
    }
}

extension Architecture {
    /// The register that the return address is in, as DWARF counts them.
    fileprivate var returnColumn: UInt8 {
        switch self {
        case .x86_64: 16
        case .i386: 8
        }
    }

    /// What offsets on the stack are multiples of: -8 or -4, as a number of variable length.
    fileprivate var dataFactor: UInt8 {
        switch self {
        case .x86_64: 0x78
        case .i386: 0x7c
        }
    }
}

extension MutableRawSpan {
    /// Sets bytes to zero.
    fileprivate mutating func clear(_ range: Range<Int>) {
        for offset in range { storeBytes(of: 0, toByteOffset: offset, as: UInt8.self) }
    }
}
