import CLibELF
import ObjectModel

/// Turns the entries of an object's symbol table into symbols: each field checked against the file.
struct SymbolReader {
    let file: String
    let bytes: [UInt8]
    /// The string table.
    let names: Range<Int>
    let sections: [ELFLayout.SectionHeader]
    /// Section numbers that do not fit 16 bits, one for each symbol; empty when there are none.
    let extended: [UInt32]

    private func fail(_ place: String, _ reason: String) -> Problem {
        Problem(subject: file, place: place, reason: reason)
    }

    private func sectionLabel(_ index: UInt32) -> String {
        let name = sections[Int(index)].name
        return name.count == 0 ? "section \(index)" : "section '\(printable(bytes, name))'"
    }

    func read(_ entries: UnsafeBufferPointer<Elf64_Sym>) throws(Problem) -> [Symbol] {
        let raw = unsafe bytes.span.bytes
        var symbols: [Symbol] = []
        symbols.reserveCapacity(entries.count)
        for index in entries.indices {
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
            symbols.append(try symbol(index, entry, section, raw))
        }
        return symbols
    }

    private func symbol(
        _ index: Int, _ entry: Elf64_Sym, _ section: UInt32, _ raw: RawSpan
    ) throws(Problem) -> Symbol {
        guard let name = raw.name(at: entry.st_name, in: names) else {
            throw fail("symbol \(index)", "st_name \(entry.st_name) is beyond the string table")
        }
        let type = try symbolType(entry, index)
        return Symbol(
            name: name, place: try place(entry, section, index), value: entry.st_value, size: entry.st_size,
            binding: try binding(entry, index), type: type,
            isHidden: entry.st_other & 3 == UInt8(STV_HIDDEN) || entry.st_other & 3 == UInt8(STV_INTERNAL))
    }

    private func place(_ entry: Elf64_Sym, _ section: UInt32, _ index: Int) throws(Problem) -> SymbolPlace {
        let isExtended = entry.st_shndx == UInt16(SHN_XINDEX)
        switch Int32(bitPattern: section) {
        case SHN_UNDEF where !isExtended: return .undefined
        case SHN_ABS where !isExtended: return .absolute
        // The x86-64 psABI has a second number for common symbols of the large code model.
        case SHN_COMMON where !isExtended, 0xff02 where !isExtended:
            guard entry.st_value & (entry.st_value &- 1) == 0, entry.st_value <= 1 << 30 else {
                throw fail(
                    "symbol \(index)", "st_value \(entry.st_value): alignment of a common symbol, not a power of two")
            }
            return .common
        default: break
        }
        guard isExtended || section < UInt32(SHN_LORESERVE), Int(section) < sections.count, section > 0 else {
            throw fail("symbol \(index)", "st_shndx \(section): there are \(sections.count) sections")
        }
        let size = sections[Int(section)].size
        guard entry.st_value <= size else {
            throw fail("symbol \(index)", "st_value \(hexadecimal(entry.st_value)) is beyond \(sectionLabel(section))")
        }
        return .section(section)
    }

    private func binding(_ entry: Elf64_Sym, _ index: Int) throws(Problem) -> SymbolBinding {
        switch Int32(entry.st_info >> 4) {
        case STB_LOCAL: return .local
        case STB_GLOBAL: return .global
        case STB_WEAK: return .weak
        case STB_GNU_UNIQUE: return .unique
        default: throw fail("symbol \(index)", "st_info: binding \(entry.st_info >> 4) is unknown")
        }
    }

    private func symbolType(_ entry: Elf64_Sym, _ index: Int) throws(Problem) -> SymbolType {
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
