import CLibELF
import ObjectModel

/// Writes objects as debuggers want them (GDB manual, "JIT Compilation Interface"): ELF objects of which each section has the address
/// that it was given, with all that is said about the code, and without the code.
///
/// Symbols, debug information and the records of `.eh_frame` are copied as they are, with their relocations, which are the debugger's
/// to do. What is in memory anyway takes no room (`SHT_NOBITS`), as in a file of `objcopy --only-keep-debug`; and what only linkers
/// read is left out. Sections keep their numbers.
public enum ELFDebugObjectWriter {
    /// Appends an object to `bytes`.
    ///
    /// - Parameters:
    ///   - object: one that was read from an ELF file.
    ///   - addresses: for each section, where it is; nil where it is not in memory.
    /// - Returns: whether it has been appended: false for what is no ELF file.
    public static func append(_ object: Object, at addresses: [UInt64?], to bytes: inout [UInt8]) -> Bool {
        guard object.bytes.starts(with: ELFLayout.magic),
            let layout = try? ELFLayout(object.bytes, file: object.name), layout.sections.count == addresses.count
        else { return false }
        let start = bytes.count
        let headerSize = Int(layout.fileClass.headerSize)
        bytes += object.bytes[..<headerSize]
        var headers = Encoder()
        headers.reserve(layout.sections.count * Int(layout.fileClass.sectionHeaderSize))
        for (index, section) in layout.sections.enumerated() {
            var header = section.record
            switch fate(index, layout, object, addresses) {
            case .copied:
                align(&bytes, from: start, to: section.alignment)
                header.sh_offset = UInt64(bytes.count - start)
                bytes += object.bytes[Int(section.offset)..<Int(section.offset + section.size)]
            case .described:
                header.sh_type = UInt32(SHT_NOBITS)
                header.sh_offset = UInt64(headerSize)
            case .dropped:
                header = Elf64_Shdr()
            case .null: break
            }
            if section.has(SHF_ALLOC), header.sh_type != UInt32(SHT_NULL) { header.sh_addr = addresses[index] ?? 0 }
            headers.append(header, layout.fileClass)
        }
        align(&bytes, from: start, to: 8)
        store(UInt64(bytes.count - start), at: start + 24 + 2 * Int(layout.fileClass.wordSize), layout, &bytes)
        bytes += headers.bytes
        return true
    }

    private enum Fate {
        case copied, described, dropped
        /// Section 0, with what does not fit the ELF header.
        case null
    }

    private static func fate(
        _ index: Int, _ layout: ELFLayout, _ object: Object, _ addresses: [UInt64?]
    ) -> Fate {
        let section = layout.sections[index]
        guard index > 0 else { return .null }
        if section.isOf(SHT_NULL) { return .dropped }
        if section.has(SHF_ALLOC) {
            return isFrames(section, object) && addresses[index] != nil ? .copied : .described
        }
        guard section.isOf(SHT_REL) || section.isOf(SHT_RELA) else {
            return section.isOf(SHT_NOBITS) ? .described : .copied
        }
        let target = Int(section.info)
        guard layout.sections.indices.contains(target) else { return .dropped }
        return fate(ofTarget: layout.sections[target], object) ? .copied : .dropped
    }

    /// Whether the relocations of a section are needed.
    private static func fate(ofTarget section: ELFLayout.SectionHeader, _ object: Object) -> Bool {
        !section.has(SHF_ALLOC) || isFrames(section, object)
    }

    private static func isFrames(_ section: ELFLayout.SectionHeader, _ object: Object) -> Bool {
        !section.isOf(SHT_NOBITS) && object.bytes[section.name.indices].elementsEqual(".eh_frame".utf8)
    }

    private static func align(_ bytes: inout [UInt8], from start: Int, to alignment: UInt64) {
        // More than a page of alignment says something about memory, not about the file.
        let mask = Int(min(alignment, 16)) - 1
        bytes.append(contentsOf: repeatElement(0, count: -(bytes.count - start) & mask))
    }

    /// Stores an offset, of the class's width.
    private static func store(_ value: UInt64, at place: Int, _ layout: ELFLayout, _ bytes: inout [UInt8]) {
        for byte in 0..<Int(layout.fileClass.wordSize) {
            bytes[place + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte)))
        }
    }
}

extension ELFLayout.SectionHeader {
    /// The header as an ELF file has it.
    fileprivate var record: Elf64_Shdr {
        Elf64_Shdr(
            sh_name: nameOffset, sh_type: type, sh_flags: flags, sh_addr: address, sh_offset: offset, sh_size: size,
            sh_link: link, sh_info: info, sh_addralign: alignment, sh_entsize: entrySize)
    }
}
