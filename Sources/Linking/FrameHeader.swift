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

    /// Notes a section of frames, and makes room for padding before the first one if that begins with a zero word, which is to be left
    /// out: there is no record before it that could have it.
    mutating func beginFrames(with section: Int, of object: Int, _ output: Int) {
        let (facts, bytes) = (objects[object].sections[section], objects[object].bytes)
        guard facts.size > 0 else { return }
        if frameSections.isEmpty {
            let first: UInt32? = unsafe bytes.span.bytes.integer(at: UInt64(facts.contentsOffset))
            if facts.kind == .zeroFill || first == 0 {
                _ = outputs.append(FrameHeader.padding, alignment: 4, to: output)
            }
        }
        frameSections.append(
            ObjectSection(
                object: UInt32(truncatingIfNeeded: object), section: UInt32(truncatingIfNeeded: section)))
    }

    /// Puts the records right, which have been relocated, and writes the table. Where it cannot say where all functions are, it stays
    /// all zeroes, and says by that that there is none.
    func emitFrames(into image: inout MutableRawSpan, _ problems: inout ProblemList) {
        guard let frames = outputs.sections.first(where: { $0.rank == .frames && $0.size > 0 }),
            let header = outputs.sections.first(where: { $0.rank == .frameHeader && $0.size > 0 })
        else { return }
        let room = (header.size - FrameHeader.size) / FrameHeader.entrySize
        var records = FrameRecords(
            from: frames.offset, image: base..<base + size, architecture: architecture, count: Int(room))
        for piece in frameSections {
            let (object, section) = (Int(piece.object), Int(piece.section))
            let start = frames.offset + placements[object, section].offset
            let end = start + objects[object].sections[section].size
            guard let fault = records.edit(start..<end, in: &image) else { continue }
            problems.add(
                objects[object].name, describePlace(object: object, section: section, offset: fault.offset),
                fault.reason)
        }
        guard records.finish(at: frames.offset + frames.size - FrameHeader.terminatorSize, in: &image) else {
            problems.add(source.name, ".eh_frame", "its first word becomes zero by a relocation")
            return
        }
        guard records.areComplete, UInt64(records.functions.count) <= room,
            let entries = FrameHeader.entries(records.functions, header: base + header.offset)
        else { return }
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

    /// The zero word behind all records, in bytes.
    static let terminatorSize: UInt64 = 4

    /// Room for a record that is nothing but padding, in bytes.
    fileprivate static let padding: UInt64 = 16

    /// A function, and its record: addresses.
    struct Function: Equatable {
        let address: UInt64
        let record: UInt64
    }

    /// The entries in their order: the distance to the function, and to its record, in a word. Nil where one is too far away.
    fileprivate static func entries(_ functions: [Function], header: UInt64) -> [UInt64]? {
        var entries: [UInt64] = []
        entries.reserveCapacity(functions.count)
        var isAscending = true
        for function in functions {
            guard let distance = Int32(exactly: Int64(bitPattern: function.address &- header)),
                let record = Int32(exactly: Int64(bitPattern: function.record &- header))
            else { return nil }
            let entry = UInt64(UInt32(bitPattern: distance) ^ sign) << 32 | UInt64(UInt32(bitPattern: record))
            isAscending = isAscending && entry >= entries.last ?? 0
            entries.append(entry)
        }
        if !isAscending { entries.sort() }
        return entries
    }
}
