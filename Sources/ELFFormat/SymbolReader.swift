import CLibELF
import ObjectModel

/// Turns the entries of an object's symbol table into symbols: each field checked against the file.
struct SymbolReader {
    let file: String
    let bytes: [UInt8]
    /// The string table.
    let names: Range<Int>
    let architecture: Architecture
    let sections: [ELFLayout.SectionHeader]
    /// Section numbers that do not fit 16 bits, one for each symbol; empty when there are none.
    let extended: [UInt32]

    private func fail(_ place: String, _ reason: String) -> Problem {
        Problem(subject: file, place: place, reason: reason)
    }

    /// The symbols, and whether some are outside of their sections.
    func read<Record: ELFSymbolRecord & BitwiseCopyable>(_ entries: TableEntries<Record>) throws(Problem)
        -> (symbols: [Symbol], areOutside: Bool)
    {
        let raw = unsafe bytes.span.bytes
        // Hardly any object has versions: then no name is searched for one.
        let hasVersions = raw.find(UInt8(ascii: "@"), in: names) != nil
        var symbols: [Symbol] = []
        var areOutside = false
        unsafe symbols.reserveCapacity(entries.count)
        for index in unsafe entries.indices {
            if index == 0 {
                symbols.append(.null)
                continue
            }
            let entry = unsafe entries[index]
            var section = UInt32(entry.st_shndx)
            if entry.st_shndx == UInt16(SHN_XINDEX) {
                guard extended.indices.contains(index) else {
                    throw fail("symbol \(index)", "st_shndx: no table of extended section numbers covers it")
                }
                section = extended[index]
            }
            var symbol = try symbol(index, entry, section, raw)
            if case .section(let number) = symbol.place, symbol.value > sections[Int(number)].size {
                areOutside = true
                symbol.value = Record.signed(symbol.value)
            }
            if hasVersions, symbol.binding != .local { symbol.name = raw.withoutVersion(symbol) }
            symbols.append(symbol)
        }
        return (symbols, areOutside)
    }

    private func symbol<Record: ELFSymbolRecord & BitwiseCopyable>(
        _ index: Int, _ entry: Record, _ section: UInt32, _ raw: RawSpan
    ) throws(Problem) -> Symbol {
        guard let name = raw.name(at: entry.st_name, in: names) else {
            throw fail("symbol \(index)", "st_name \(entry.st_name) is beyond the string table")
        }
        let type = try symbolType(entry, index)
        return Symbol(
            name: name, place: try place(entry, section, index), value: entry.value, size: entry.size,
            binding: try binding(entry, index), type: type,
            isHidden: entry.st_other & 3 == UInt8(STV_HIDDEN) || entry.st_other & 3 == UInt8(STV_INTERNAL))
    }

    private func place<Record: ELFSymbolRecord & BitwiseCopyable>(_ entry: Record, _ section: UInt32, _ index: Int)
        throws(Problem)
        -> SymbolPlace
    {
        let isExtended = entry.st_shndx == UInt16(SHN_XINDEX)
        switch Int32(bitPattern: section) {
        case SHN_UNDEF where !isExtended: return .undefined
        case SHN_ABS where !isExtended: return .absolute
        // The x86-64 psABI has a second number for common symbols of the large code model.
        case SHN_COMMON where !isExtended, 0xff02 where !isExtended && architecture == .x86_64:
            guard entry.value & (entry.value &- 1) == 0, entry.value <= 1 << 30 else {
                throw fail(
                    "symbol \(index)", "st_value \(entry.value): alignment of a common symbol, not a power of two")
            }
            return .common
        default: break
        }
        guard isExtended || section < UInt32(SHN_LORESERVE), Int(section) < sections.count, section > 0 else {
            throw fail("symbol \(index)", "st_shndx \(section): there are \(sections.count) sections")
        }
        // Its value may lie outside of the section: a label that is an expression. Linkers add it up all the same.
        return .section(section)
    }

    private func binding<Record: ELFSymbolRecord & BitwiseCopyable>(_ entry: Record, _ index: Int) throws(Problem)
        -> SymbolBinding
    {
        switch Int32(entry.st_info >> 4) {
        case STB_LOCAL: return .local
        case STB_GLOBAL: return .global
        case STB_WEAK: return .weak
        case STB_GNU_UNIQUE: return .unique
        default: throw fail("symbol \(index)", "st_info: binding \(entry.st_info >> 4) is unknown")
        }
    }

    private func symbolType<Record: ELFSymbolRecord & BitwiseCopyable>(_ entry: Record, _ index: Int) throws(Problem)
        -> SymbolType
    {
        switch Int32(entry.st_info & 15) {
        case STT_NOTYPE: return .none
        case STT_OBJECT, STT_COMMON: return .object
        case STT_FUNC: return .function
        case STT_SECTION: return .section
        case STT_FILE: return .file
        case STT_TLS: return .threadLocal
        case STT_GNU_IFUNC: return .indirectFunction
        default: throw fail("symbol \(index)", "st_info: type \(entry.st_info & 15) is unknown")
        }
    }
}

extension RawSpan {
    /// The name by which a symbol that others see is found. Of a reference `name@VERSION` it is the name: nothing that a module is linked
    /// against has versions. A definition `name@@VERSION` is the default one, found by its name; others (`name@VERSION`) are
    /// found by the whole only.
    func withoutVersion(_ symbol: Symbol) -> NameRange {
        guard let at = find(UInt8(ascii: "@"), in: symbol.name.indices), at > Int(symbol.name.offset) else {
            return symbol.name
        }
        guard symbol.place == .undefined || integer(at: UInt64(at + 1), as: UInt8.self) == UInt8(ascii: "@") else {
            return symbol.name
        }
        return NameRange(offset: symbol.name.offset, count: UInt32(at) - symbol.name.offset)
    }

    /// Where a byte is found first; nil when it is not.
    func find(_ byte: UInt8, in range: Range<Int>) -> Int? {
        let part = extracting(range)
        return unsafe part.withUnsafeBytes { bytes -> Int? in
            guard let start = bytes.baseAddress, let found = unsafe memchr(start, Int32(byte), bytes.count) else {
                return nil
            }
            return unsafe UnsafeRawPointer(found) - start + range.lowerBound
        }
    }
}
