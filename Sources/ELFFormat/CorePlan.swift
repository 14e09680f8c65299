import CLibELF
import ObjectModel

/// The plan of a core file (ET_CORE): what stands before the memory, and where each piece of memory goes.
///
/// ```
/// ELF header | program headers | notes | padding to a page | memory, one PT_LOAD a mapping that is kept
/// ```
/// Pages of zeros can be left out when the memory is written: they are holes of the file.
public struct CorePlan: Sendable {
    /// A piece of memory.
    public struct Piece: Sendable, Equatable {
        /// Its addresses.
        public let range: Range<UInt64>
        /// Where its first byte goes in the file: a multiple of the page size.
        public let offset: UInt64
        /// The index of its mapping in the contents.
        public let mapping: Int
    }

    /// The bytes at the start of the file.
    public let header: [UInt8]
    /// The memory, in ascending order.
    public let pieces: [Piece]
    /// The size of the whole file, in bytes.
    public let size: UInt64

    /// The plan for these contents.
    public init(_ contents: CoreContents) {
        let fileClass = ELFClass(contents.architecture)
        let pageSize = contents.architecture.pageSize
        let notes = CoreNotes(contents).bytes
        let kept = contents.mappings.indices.filter { contents.mappings[$0].isKept }
        // Numbers that do not fit the ELF header stand in section 0 (gABI, "Extended section header"; PN_XNUM of elf(5)).
        let count = kept.count + 1
        let isExtended = count >= Self.countLimit
        let sectionOffset = fileClass.headerSize + UInt64(count) * fileClass.programHeaderSize
        let notesOffset = (sectionOffset + (isExtended ? fileClass.sectionHeaderSize : 0) + 3) & ~3
        var offset = (notesOffset + UInt64(notes.count) + pageSize - 1) & ~(pageSize - 1)

        var encoder = Encoder()
        Self.appendHeader(contents.architecture, count: count, sections: isExtended ? sectionOffset : 0, to: &encoder)
        encoder.append(
            Elf64_Phdr(
                p_type: UInt32(PT_NOTE), p_flags: 0, p_offset: notesOffset, p_vaddr: 0, p_paddr: 0,
                p_filesz: UInt64(notes.count), p_memsz: 0, p_align: 4), fileClass)
        var pieces: [Piece] = []
        for index in kept {
            let mapping = contents.mappings[index]
            let size = mapping.range.upperBound - mapping.range.lowerBound
            encoder.append(
                Elf64_Phdr(
                    p_type: UInt32(PT_LOAD), p_flags: UInt32(mapping.protection.rawValue), p_offset: offset,
                    p_vaddr: mapping.range.lowerBound, p_paddr: 0, p_filesz: size, p_memsz: size, p_align: pageSize),
                fileClass)
            pieces.append(Piece(range: mapping.range, offset: offset, mapping: index))
            offset += size
        }
        if isExtended {
            var section = Elf64_Shdr()
            section.sh_size = 1
            section.sh_info = UInt32(count)
            encoder.append(section, fileClass)
        }
        encoder.pad(to: Int(notesOffset))
        encoder.append(notes)
        header = encoder.bytes
        self.pieces = pieces
        size = offset
    }

    /// PN_XNUM: from so many program headers on, their number stands elsewhere.
    private static let countLimit = 0xffff

    private static func appendHeader(
        _ architecture: Architecture, count: Int, sections: UInt64, to encoder: inout Encoder
    ) {
        let fileClass = ELFClass(architecture)
        encoder.append([0x7f, 0x45, 0x4c, 0x46, fileClass.rawValue, UInt8(ELFDATA2LSB), 1])
        encoder.align(to: 16)
        encoder.append(UInt16(ET_CORE))
        encoder.append(UInt16(architecture == .i386 ? EM_386 : EM_X86_64))
        encoder.append(UInt32(1))
        encoder.append(0, fileClass)
        encoder.append(fileClass.headerSize, fileClass)
        encoder.append(sections, fileClass)
        encoder.append(UInt32(0))
        encoder.append(UInt16(fileClass.headerSize))
        encoder.append(UInt16(fileClass.programHeaderSize))
        encoder.append(UInt16(min(count, countLimit)))
        encoder.append(UInt16(sections == 0 ? 0 : fileClass.sectionHeaderSize))
        encoder.append(UInt16(sections == 0 ? 0 : 1))
        encoder.append(UInt16(0))
    }
}

extension CoreThread {
    /// The same thread with other values in the registers that a signal's handler was told of.
    ///
    /// - Parameter values: in the order of the psABI's numbers, then the flags and the thread pointer (x86-64: figure 3.36; Intel386:
    ///   table 2.14, without the thread pointer, which is no register there). What is missing stays.
    public func with(_ values: [UInt64], architecture: Architecture) -> CoreThread {
        // Where in elf_gregset_t each of them is: struct user_regs_struct of sys/user.h.
        let places: [Int] =
            switch architecture {
            case .x86_64: [10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16, 18, 21]
            case .i386: [6, 1, 2, 0, 15, 5, 3, 4, 12, 14]
            }
        // The number of a system call that is to be made again: of none, since the thread was in none.
        let systemCall = architecture == .x86_64 ? 15 : 11
        let wordSize = Int(architecture.pointerSize)
        var thread = self
        for (place, value) in Array(zip(places, values)) + [(systemCall, UInt64.max)] {
            let start = place * wordSize
            guard !values.isEmpty, start + wordSize <= registers.count else { continue }
            for index in 0..<wordSize {
                thread.registers[start + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8))
            }
        }
        return thread
    }
}
