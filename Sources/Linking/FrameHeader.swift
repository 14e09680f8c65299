import ObjectModel

// The table of the functions that `.eh_frame` has records of, in the order of their addresses (Linux Standard Base, "Exception Frames",
// ".eh_frame_hdr"). Who unwinds from inside of the space is told of the records; who does it from outside, as libunwind does for
// strace -k, looks in this table, and finds no frames of code without one.

extension Draft {
    /// Makes room for the table: each function has a record, and each record a relocation at least, which says where it begins.
    mutating func makeFrameHeader(relocations: Int) {
        guard outputs.sections.contains(where: { $0.rank == .frames && $0.size > 0 }) else { return }
        let output = outputs.output(named: ".eh_frame_hdr", rank: .frameHeader)
        let size = FrameHeader.size + UInt64(relocations) * FrameHeader.entrySize
        _ = outputs.append(size, alignment: 4, to: output)
    }

    /// Writes the table, of records that have been relocated. Where they are such as no compiler writes, it stays all zeroes, and says by
    /// that that there is none.
    func emitFrameHeader(into image: inout MutableRawSpan) {
        guard let header = outputs.sections.first(where: { $0.rank == .frameHeader && $0.size > 0 }),
            let frames = outputs.sections.first(where: { $0.rank == .frames && $0.size > 0 })
        else { return }
        guard let entries = entries(of: frames, in: image.bytes, header) else { return }
        let toRecords = Int32(truncatingIfNeeded: frames.offset &- header.offset &- 4)
        let start = Int(header.offset)
        image.store(FrameHeader.identification, at: start)
        image.store(UInt32(bitPattern: toRecords), at: start + 4)
        image.store(UInt32(entries.count), at: start + 8)
        var place = start + Int(FrameHeader.size)
        for entry in entries {
            image.store(UInt32(truncatingIfNeeded: entry >> 32) ^ FrameHeader.sign, at: place)
            image.store(UInt32(truncatingIfNeeded: entry), at: place + 4)
            place += Int(FrameHeader.entrySize)
        }
    }
}

extension Draft {
    /// The entries of the table, if all of them can be written into it.
    private func entries(of frames: OutputSection, in image: RawSpan, _ header: OutputSection) -> [UInt64]? {
        let records = image.extracting(Int(frames.offset)..<Int(frames.offset + frames.size))
        guard let functions = FrameHeader.functions(in: records, at: base + frames.offset, architecture.pointerSize),
            UInt64(functions.count) <= (header.size - FrameHeader.size) / FrameHeader.entrySize
        else { return nil }
        return FrameHeader.entries(functions, records: base + frames.offset, header: base + header.offset)
    }
}

extension MutableRawSpan {
    fileprivate mutating func store(_ word: UInt32, at offset: Int) {
        storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt32.self)
    }
}

enum FrameHeader {
    /// What stands before the entries, and each of these, in bytes.
    static let size: UInt64 = 12
    static let entrySize: UInt64 = 8
    /// Version 1; where the records are, as a distance from the field; how many entries, as a number; and in these distances from the
    /// table's start. All in 4 bytes.
    fileprivate static let identification: UInt32 = 0x3b03_1b01
    /// Makes signed numbers sort as numbers without a sign do.
    fileprivate static let sign: UInt32 = 1 << 31

    /// A function, and its record's offset among the records.
    struct Function: Equatable {
        let address: UInt64
        let record: UInt64
    }

    /// The entries in their order: the distance to the function, and to its record, in a word. Nil where one is too far away.
    fileprivate static func entries(_ functions: [Function], records: UInt64, header: UInt64) -> [UInt64]? {
        var entries: [UInt64] = []
        entries.reserveCapacity(functions.count)
        var isAscending = true
        for function in functions {
            guard let distance = Int32(exactly: Int64(bitPattern: function.address &- header)),
                let record = Int32(exactly: Int64(bitPattern: records &+ function.record &- header))
            else { return nil }
            let entry = UInt64(UInt32(bitPattern: distance) ^ sign) << 32 | UInt64(UInt32(bitPattern: record))
            isAscending = isAscending && entry >= entries.last ?? 0
            entries.append(entry)
        }
        if !isAscending { entries.sort() }
        return entries
    }

    /// The functions that records are about: nil where a record is of a form that this does not know.
    ///
    /// - Parameters:
    ///   - records: those of a whole `.eh_frame`, relocated. A zero word ends them.
    ///   - address: where they are.
    static func functions(in records: RawSpan, at address: UInt64, _ pointerSize: UInt64) -> [Function]? {
        var functions: [Function] = []
        var position: UInt64 = 0
        var common: (place: UInt64, encoding: UInt8)?
        while let length: UInt32 = records.integer(at: position), length != 0 {
            guard length != .max, let distance: UInt32 = records.integer(at: position + 4) else { return nil }
            // A record of what several functions have in common has 0 there.
            if distance != 0 {
                let (place, wraps) = (position + 4).subtractingReportingOverflow(UInt64(distance))
                guard !wraps else { return nil }
                if common?.place != place {
                    guard let encoding = encoding(records, at: place) else { return nil }
                    common = (place, encoding)
                }
                guard let encoding = common?.encoding,
                    let value = value(records, at: position + 8, encoding, pointerSize)
                else { return nil }
                // The function of a record whose field is zero was displaced.
                if value != 0 {
                    let start = encoding & 0x70 == 0 ? value : value &+ address &+ position &+ 8
                    functions.append(Function(address: start, record: position))
                }
            }
            position += 4 + UInt64(length)
        }
        return functions
    }

    /// A field of an encoding (Linux Standard Base, "DWARF Exception Header Encoding"): absolute or counted from its own place.
    private static func value(
        _ records: RawSpan, at place: UInt64, _ encoding: UInt8, _ pointerSize: UInt64
    ) -> UInt64? {
        guard encoding & 0xf0 == 0 || encoding & 0xf0 == 0x10 else { return nil }
        switch encoding & 0x0f {
        case 0x00 where pointerSize == 8, 0x04, 0x0c: return records.integer(at: place)
        case 0x00, 0x03: return records.integer(at: place, as: UInt32.self).map(UInt64.init)
        case 0x0b:
            return records.integer(at: place, as: Int32.self).map { UInt64(bitPattern: Int64($0)) }
        default: return nil
        }
    }

    /// How the functions are given whose records name that one: a character of its augmentation says what follows in its data.
    private static func encoding(_ records: RawSpan, at place: UInt64) -> UInt8? {
        guard let version: UInt8 = records.integer(at: place + 8), version == 1 || version == 3 else { return nil }
        var next = place + 9
        var augmentation: [UInt8] = []
        while let character: UInt8 = records.integer(at: next), character != 0 {
            guard augmentation.count < 8 else { return nil }
            augmentation.append(character)
            next += 1
        }
        // Without an augmentation, addresses are whole.
        guard let first = augmentation.first else { return 0 }
        guard first == UInt8(ascii: "z") else { return nil }
        next += 1
        // Two factors, the register of the return address, and the length of the data.
        for _ in 0..<2 { skipNumber(records, &next) }
        if version == 1 { next += 1 } else { skipNumber(records, &next) }
        skipNumber(records, &next)
        for character in augmentation.dropFirst() {
            switch character {
            case UInt8(ascii: "R"): return records.integer(at: next)
            case UInt8(ascii: "L"): next += 1
            case UInt8(ascii: "P"):
                guard let encoding: UInt8 = records.integer(at: next) else { return nil }
                switch encoding & 0x0f {
                case 0x03, 0x0b: next += 5
                case 0x04, 0x0c: next += 9
                default: return nil
                }
            case UInt8(ascii: "S"), UInt8(ascii: "B"): break
            default: return nil
            }
        }
        return 0
    }

    /// Passes over a number of variable length (DWARF 4, section 7.6).
    private static func skipNumber(_ records: RawSpan, _ place: inout UInt64) {
        while let byte: UInt8 = records.integer(at: place) {
            place += 1
            if byte & 0x80 == 0 { return }
        }
    }
}
