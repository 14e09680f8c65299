import ObjectModel

/// A core file, made by hand: an ELF header, program headers, notes and memory (gABI; core(5)).
public struct CoreBytes {
    /// A note.
    public struct Note {
        let name: String
        let type: UInt32
        let description: [UInt8]

        /// Makes a note of the given parts.
        public init(_ name: String, _ type: UInt32, _ description: [UInt8]) {
            (self.name, self.type, self.description) = (name, type, description)
        }
    }

    /// Whether it is for a machine of 64 bits.
    public var isWide = true
    /// The number of the machine.
    public var machine: UInt16 = 62
    /// The notes, all in one segment.
    public var notes: [Note] = []
    /// Memory: where, what, and how much of it there is altogether.
    public var memory: [(address: UInt64, bytes: [UInt8], size: UInt64)] = []
    /// Whether the number of program headers stands in section 0.
    public var isExtended = false

    /// Makes a core file without anything in it.
    public init() {}

    private func word(_ value: UInt64) -> [UInt8] {
        (0..<(isWide ? 8 : 4)).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private func number<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
        (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4) }

    private var noteBytes: [UInt8] {
        var bytes: [UInt8] = []
        for note in notes {
            bytes += number(UInt32(note.name.utf8.count + 1))
            bytes += number(UInt32(note.description.count))
            bytes += number(note.type)
            bytes += padded(Array(note.name.utf8) + [0])
            bytes += padded(note.description)
        }
        return bytes
    }

    private func programHeader(_ type: UInt32, offset: Int, address: UInt64, fileSize: Int, size: UInt64) -> [UInt8] {
        let words: [UInt64] = [UInt64(offset), address, 0, UInt64(fileSize), size]
        let flags = number(UInt32(4))
        var bytes = number(type)
        if isWide { bytes += flags }
        for value in words { bytes += word(value) }
        if !isWide { bytes += flags }
        return bytes + word(1)
    }

    /// The file.
    public var bytes: [UInt8] {
        let (headerSize, entrySize, sectionSize) = isWide ? (64, 56, 64) : (52, 32, 40)
        let count = memory.count + 1
        var position = headerSize + count * entrySize + (isExtended ? sectionSize : 0)
        var headers: [UInt8] = []
        var contents: [UInt8] = []
        var segments: [(type: UInt32, address: UInt64, bytes: [UInt8], size: UInt64)] = []
        segments.append((4, 0, noteBytes, UInt64(noteBytes.count)))
        for stretch in memory { segments.append((1, stretch.address, stretch.bytes, stretch.size)) }
        for (type, address, bytes, size) in segments {
            headers += programHeader(type, offset: position, address: address, fileSize: bytes.count, size: size)
            contents += bytes
            position += bytes.count
        }
        var header: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, isWide ? 2 : 1, 1, 1]
        header += [UInt8](repeating: 0, count: 9)
        header += number(UInt16(4))
        header += number(machine)
        header += number(UInt32(1))
        header += word(0)
        header += word(UInt64(headerSize))
        header += word(isExtended ? UInt64(headerSize + count * entrySize) : 0)
        header += number(UInt32(0))
        let entries: [Int] = [headerSize, entrySize, isExtended ? 0xffff : count, sectionSize, isExtended ? 1 : 0, 0]
        for entry in entries { header += number(UInt16(entry)) }
        // Section 0: of its fields sh_info alone says something.
        let before = isWide ? 44 : 28
        var section = [UInt8](repeating: 0, count: before)
        section += number(UInt32(count))
        section += [UInt8](repeating: 0, count: sectionSize - before - 4)
        return header + headers + (isExtended ? section : []) + contents
    }
}
