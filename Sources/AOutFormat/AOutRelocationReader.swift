import ObjectModel
import Relocation

/// One entry of a relocation table (`struct relocation_info`): r_address 4 bytes, then r_symbolnum 24 bits, r_pcrel 1, r_length 2,
/// r_extern 1, r_baserel 1, r_jmptable 1, r_relative 1, r_copy 1, from the lowest bit on.
private struct Record {
    let address: UInt64
    private let word: UInt32

    init(_ raw: RawSpan, at offset: UInt64) {
        // The header has been found to tell the truth: all of it is inside.
        address = UInt64(raw.integer(at: offset, as: UInt32.self) ?? 0)
        word = raw.integer(at: offset + 4) ?? 0
    }

    /// An index into the symbols; without `isExternal` and `isBaseRelative`, a segment.
    var symbol: Int { Int(word & 0xff_ffff) }
    var isRelative: Bool { word & 1 << 24 != 0 }
    /// How many bytes it changes: 1, 2, 4; 8 is none.
    var width: Int { 1 << Int(word >> 25 & 3) }
    var isExternal: Bool { word & 1 << 27 != 0 }
    var isBaseRelative: Bool { word & 1 << 28 != 0 }
    var isJump: Bool { word & 1 << 29 != 0 }
    /// One of those that only a linker makes, for a loader (r_relative, r_copy).
    var isForLoader: Bool { word >> 30 != 0 }
    /// The segment that it refers to; nil for absolute values and for what is none.
    var segment: AOutSegment? { UInt8(exactly: symbol & ~1).flatMap(AOutSegment.init(rawValue:)) }
    var isAbsolute: Bool { symbol & ~1 == 2 }
}

/// Turns relocation tables into relocations with addends. What the place holds already is the addend, in the way of the old linkers:
///
/// - the address inside the object of what is meant, where no symbol is named: the segment's base is subtracted;
/// - less the place's distance from its segment's start, in a pc-relative one: that is added.
///
/// (NetBSD's assembler counted that distance in data from the start of text, as its linker did; nasm, whose files are
/// those that are around, counts it from the start of data.)
///
/// A base-relative one (`r_baserel`, in position-independent code) names a symbol always. An external one is the offset of its entry
/// in the global offset table, others are the offset of the symbol itself from the table. `r_jmptable` is a call that may go by way of
/// a stub; the table's own name, pc-relative, is the table's address (NetBSD ld(1), md.h of i386).
struct AOutRelocationReader {
    let header: AOutHeader
    let object: ObjectParts
    /// The symbol that names the global offset table; 0 when none does.
    private let tableSymbol: Int

    init(header: AOutHeader, object: ObjectParts) {
        self.header = header
        self.object = object
        tableSymbol =
            object.symbols.firstIndex {
                $0.place == .undefined
                    && object.bytes[$0.name.indices].elementsEqual("_GLOBAL_OFFSET_TABLE_".utf8)
            } ?? 0
    }

    /// Appends the relocations of a segment.
    func read(_ segment: AOutSegment, into relocations: inout [RelocationEntry]) throws(Problem) {
        let table = segment == .text ? header.textRelocations : header.dataRelocations
        let section = object.sections[segment.section]
        let raw = unsafe object.bytes.span.bytes
        let contents = raw.extracting(section.contentsOffset..<section.contentsOffset + Int(section.size))
        let symbols = object.symbols.span
        let count = UInt64(table.count) / AOutHeader.relocationSize
        for index in 0..<count {
            let record = Record(raw, at: table.lowerBound + index * AOutHeader.relocationSize)
            guard let entry = entry(record, contents, symbols) else { throw refusal(record, index, segment) }
            relocations.append(entry)
        }
    }

    /// The relocation of an entry, or nil when `refusal` says why there is none.
    private func entry(_ record: Record, _ contents: RawSpan, _ symbols: Span<Symbol>) -> RelocationEntry? {
        guard !record.isForLoader, let field = field(record, contents) else { return nil }
        let kind: I386.Kind
        var symbol = 0
        var addend = record.isRelative ? field &+ Int64(record.address) : field
        if record.isExternal || record.isBaseRelative {
            symbol = AOutObjectReader.firstSymbol + record.symbol
            guard symbol < symbols.count, symbols[symbol].type != .file else { return nil }
            guard let chosen = Self.kind(record, isTable: symbol == tableSymbol) else { return nil }
            guard chosen != .tableEntryOffset32 || field == 0 else { return nil }
            kind = chosen
        } else {
            if let segment = record.segment {
                symbol = 1 + segment.section
                // An address inside the object has no sign.
                if !record.isRelative { addend &= 1 << (8 * Int64(record.width)) - 1 }
                addend &-= Int64(header.base(segment))
            } else if !record.isAbsolute {
                return nil
            }
            guard let chosen = Self.plainKind(record) else { return nil }
            kind = chosen
        }
        // Addresses have 32 bits and wrap around.
        if record.width == 4 { addend = Int64(Int32(truncatingIfNeeded: addend)) }
        return RelocationEntry(
            offset: record.address, addend: addend, symbol: UInt32(truncatingIfNeeded: symbol), kind: kind.rawValue)
    }

    /// What the place holds; nil when it is not inside of the section, or of no width that there is.
    private func field(_ record: Record, _ contents: RawSpan) -> Int64? {
        switch record.width {
        case 1: contents.integer(at: record.address, as: Int8.self).map(Int64.init)
        case 2: contents.integer(at: record.address, as: Int16.self).map(Int64.init)
        case 4: contents.integer(at: record.address, as: Int32.self).map(Int64.init)
        default: nil
        }
    }

    private static func kind(_ record: Record, isTable: Bool) -> I386.Kind? {
        if record.isBaseRelative {
            guard record.width == 4, !record.isRelative, !record.isJump else { return nil }
            return record.isExternal ? .tableEntryOffset32 : .tableOffset32
        }
        if record.isJump {
            return record.width == 4 && record.isRelative ? .call32 : nil
        }
        if isTable, record.isRelative, record.width == 4 { return .tableRelative32 }
        return plainKind(record)
    }

    private static func plainKind(_ record: Record) -> I386.Kind? {
        switch (record.width, record.isRelative) {
        case (1, false): .absolute8
        case (1, true): .relative8
        case (2, false): .absolute16
        case (2, true): .relative16
        case (4, false): .absolute32
        case (4, true): .relative32
        default: nil
        }
    }

    /// Says what is wrong with an entry of which `entry` made nothing.
    private func refusal(_ record: Record, _ index: UInt64, _ segment: AOutSegment) -> Problem {
        func fail(_ reason: String) -> Problem {
            Problem(subject: object.name, place: "relocation \(index) of \(segment.name)", reason: reason)
        }
        if record.isForLoader {
            return fail("r_relative or r_copy, which only linked files have; take the object that the compiler made")
        }
        guard record.width <= 4 else { return fail("r_length 3: a place of 8 bytes, and addresses have 4") }
        let size = header.size(segment)
        guard record.address + UInt64(record.width) <= size else {
            return fail(
                "r_address \(hexadecimal(record.address)): \(record.width) bytes there are beyond \(segment.name) (\(size) bytes)"
            )
        }
        guard record.isExternal || record.isBaseRelative else {
            return fail("r_symbolnum \(record.symbol): no segment; without r_extern it is one of 2, 4, 6 and 8")
        }
        let count = object.symbols.count - AOutObjectReader.firstSymbol
        guard record.symbol < count else {
            return fail("r_symbolnum \(record.symbol): there are \(count) symbols")
        }
        guard object.symbols[AOutObjectReader.firstSymbol + record.symbol].type != .file else {
            return fail("r_symbolnum \(record.symbol): an entry for debuggers, or a size, and no symbol")
        }
        if record.isBaseRelative, record.width == 4, !record.isRelative, !record.isJump {
            return fail(
                "r_baserel of an external symbol with an addend; take the address out of the table and add to it")
        }
        return fail(
            record.isBaseRelative
                ? "r_baserel with r_pcrel or r_jmptable, or of less than 4 bytes: none that an assembler makes"
                : "r_jmptable without r_pcrel, or of less than 4 bytes: none that an assembler makes")
    }
}
