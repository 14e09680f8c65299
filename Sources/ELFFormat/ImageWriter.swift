import CLibELF
import ObjectModel

/// The parts of an ELF file that are not its contents.
public struct EncodedImage: Sendable {
    /// What goes to the start of the file: ELF header, program headers, build-ID note. `ELFImageWriter.headerSize` bytes.
    public let header: [UInt8]
    /// What goes after the contents: symbol table, names, section headers.
    public let tail: [UInt8]
    /// Where that begins in the file.
    public let tailOffset: UInt64

    /// The header with another build ID: the first 16 bytes of that, in the place of those of an image that has one.
    public func header(buildID: [UInt8]) -> [UInt8] {
        var header = header
        let start = Int(ELFImageWriter.noteOffset) + 16
        for (index, byte) in buildID.prefix(16).enumerated() { header[start + index] = byte }
        return header
    }
}

/// Writes linked images, and symbol tables without contents, as ELF files of the machine's class (gABI).
///
/// ```
/// 0                 64 or 52        512                 headerSize          tailOffset
/// ELF header        program headers build-ID note       contents …          .symtab .strtab .shstrtab  section headers
/// ```
public enum ELFImageWriter {
    /// How many bytes at the start of an image belong to this format: room for 8 program headers and the note.
    public static let headerSize: UInt64 = 576
    fileprivate static let noteOffset: UInt64 = 512
    private static let noteSize: UInt64 = 32

    /// The parts of the file for an image. Its symbols' `section` is an index into `image.sections`.
    public static func encode(_ image: Image) -> EncodedImage {
        let fileClass = ELFClass(image.architecture)
        let hasNote = !image.buildID.isEmpty
        var sections = SectionTable()
        sections.add(Elf64_Shdr(), named: "")
        if hasNote {
            sections.add(
                header(
                    SHT_NOTE, flags: SHF_ALLOC, address: (image.segments.first?.address ?? 0) + noteOffset,
                    offset: noteOffset, size: noteSize, alignment: 4), named: ".note.gnu.build-id")
        }
        let firstSection = sections.headers.count
        for section in image.sections { sections.add(header(section, fileClass), named: section.name) }

        let tailOffset = (image.loadedSize + 7) & ~7
        var tail = Encoder()
        addSymbols(image, firstSection: firstSection, tailOffset: tailOffset, to: &tail, &sections)
        let names = sections.headers.count
        sections.add(header(SHT_STRTAB, offset: tailOffset + UInt64(tail.bytes.count), size: 0), named: ".shstrtab")
        sections.headers[names].sh_size = UInt64(sections.names.count)
        tail.append(sections.names)
        tail.align(to: 8)
        let headersOffset = tailOffset + UInt64(tail.bytes.count)
        // Numbers that do not fit the ELF header stand in section 0 (gABI, "Extended section header").
        let count = sections.headers.count
        if count >= Int(SHN_LORESERVE) { sections.headers[0].sh_size = UInt64(count) }
        if names >= Int(SHN_LORESERVE) { sections.headers[0].sh_link = UInt32(names) }
        for header in sections.headers { tail.append(header, fileClass) }
        return EncodedImage(
            header: encodeHeader(
                image, headersOffset: headersOffset,
                count: count < Int(SHN_LORESERVE) ? UInt16(count) : 0,
                names: names < Int(SHN_LORESERVE) ? UInt16(names) : UInt16(SHN_XINDEX)),
            tail: tail.bytes, tailOffset: tailOffset)
    }

    /// Appends the symbol table, its names, and the section numbers that do not fit it; and their headers to those of the sections,
    /// of which the image's begin at `firstSection`.
    private static func addSymbols(
        _ image: Image, firstSection: Int, tailOffset: UInt64, to tail: inout Encoder, _ sections: inout SectionTable
    ) {
        let fileClass = ELFClass(image.architecture)
        let tableSize = Int(fileClass.symbolSize) * (image.symbols.entries.count + 1)
        // The names and headers of sections take little in most files.
        tail.reserve(tableSize + image.symbols.names.count + 64 * (sections.headers.count + 16))
        let symbols =
            switch fileClass {
            case .bits32: encodeSymbols(image, as: Elf32_Sym.self, firstSection: firstSection, into: &tail)
            case .bits64: encodeSymbols(image, as: Elf64_Sym.self, firstSection: firstSection, into: &tail)
            }
        let table = sections.headers.count
        sections.add(
            header(
                SHT_SYMTAB, offset: tailOffset, size: UInt64(tableSize), link: table + 1,
                info: symbols.localCount + 1, alignment: fileClass.wordSize, entrySize: fileClass.symbolSize),
            named: ".symtab")
        sections.add(
            header(
                SHT_STRTAB, offset: tailOffset + UInt64(tail.bytes.count), size: UInt64(image.symbols.names.count)),
            named: ".strtab")
        tail.append(image.symbols.names)
        guard !symbols.extended.isEmpty else { return }
        tail.align(to: 4)
        sections.add(
            header(
                SHT_SYMTAB_SHNDX, offset: tailOffset + UInt64(tail.bytes.count), size: UInt64(symbols.extended.count),
                link: table, alignment: 4, entrySize: 4), named: ".symtab_shndx")
        tail.append(symbols.extended)
    }

    /// A whole file, for an image whose contents are in `contents` from the start of the file on; empty for a file of
    /// symbols only.
    public static func file(_ image: Image, contents: [UInt8] = []) -> [UInt8] {
        let parts = encode(image)
        var bytes = parts.header
        if contents.count > bytes.count { bytes += contents[bytes.count...] }
        bytes += [UInt8](repeating: 0, count: max(0, Int(parts.tailOffset) - bytes.count))
        return bytes + parts.tail
    }

    private static func encodeHeader(_ image: Image, headersOffset: UInt64, count: UInt16, names: UInt16) -> [UInt8] {
        let hasNote = !image.buildID.isEmpty
        var encoder = Encoder()
        let fileClass = ELFClass(image.architecture)
        encoder.append([0x7f, 0x45, 0x4c, 0x46, fileClass.rawValue, UInt8(ELFDATA2LSB), 1])
        encoder.align(to: 16)
        encoder.append(UInt16(ET_EXEC))
        encoder.append(machine(image.architecture))
        encoder.append(UInt32(1))
        encoder.append(image.entry, fileClass)
        let segmentCount =
            image.segments.count + (hasNote ? 1 : 0) + (threadTemplate(image) == nil ? 0 : 1)
            + (frameHeader(image) == nil ? 0 : 1) + (stackHeader(image) == nil ? 0 : 1)
        encoder.append(segmentCount > 0 ? fileClass.headerSize : 0, fileClass)
        encoder.append(headersOffset, fileClass)
        encoder.append(UInt32(0))
        encoder.append(UInt16(fileClass.headerSize))
        encoder.append(UInt16(segmentCount > 0 ? fileClass.programHeaderSize : 0))
        encoder.append(UInt16(segmentCount))
        encoder.append(UInt16(fileClass.sectionHeaderSize))
        encoder.append(count)
        encoder.append(names)
        for segment in image.segments {
            encoder.append(
                Elf64_Phdr(
                    p_type: UInt32(PT_LOAD), p_flags: UInt32(segment.protection.rawValue), p_offset: segment.fileOffset,
                    p_vaddr: segment.address, p_paddr: segment.address, p_filesz: segment.fileSize,
                    p_memsz: segment.memorySize, p_align: image.architecture.pageSize), fileClass)
        }
        if let thread = threadTemplate(image) { encoder.append(thread, fileClass) }
        if let frames = frameHeader(image) { encoder.append(frames, fileClass) }
        if let stack = stackHeader(image) { encoder.append(stack, fileClass) }
        if hasNote {
            let address = (image.segments.first?.address ?? 0) + noteOffset
            encoder.append(
                Elf64_Phdr(
                    p_type: UInt32(PT_NOTE), p_flags: UInt32(PF_R), p_offset: noteOffset, p_vaddr: address,
                    p_paddr: address, p_filesz: noteSize, p_memsz: noteSize, p_align: 4), fileClass)
            encoder.pad(to: Int(noteOffset))
            encoder.append(UInt32(4))
            encoder.append(UInt32(16))
            encoder.append(UInt32(NT_GNU_BUILD_ID))
            encoder.append(Array("GNU\0".utf8))
            encoder.append(Array((image.buildID + [UInt8](repeating: 0, count: 16)).prefix(16)))
        }
        encoder.pad(to: Int(headerSize))
        return encoder.bytes
    }

    /// `PT_TLS`: all sections of thread-local variables, those of zeroes last and beyond the file's part (gABI, "Thread-Local
    /// Storage"). Nil when there are none, or nothing is mapped.
    private static func threadTemplate(_ image: Image) -> Elf64_Phdr? {
        let sections = image.sections.filter(\.isThreadLocal)
        guard !image.segments.isEmpty, let first = sections.min(by: { $0.address < $1.address }) else { return nil }
        let ends = { (sections: [ImageSection]) in sections.map { $0.address &+ $0.size }.max() ?? first.address }
        return Elf64_Phdr(
            p_type: UInt32(PT_TLS), p_flags: UInt32(PF_R), p_offset: first.fileOffset, p_vaddr: first.address,
            p_paddr: first.address, p_filesz: ends(sections.filter { $0.kind != .zeroFill }) &- first.address,
            p_memsz: ends(sections) &- first.address, p_align: sections.map(\.alignment).max() ?? 1)
    }

    /// `PT_GNU_EH_FRAME`: the table of the functions of which there is how to unwind them (Linux Standard Base, "Program Header"). Nil
    /// when there is none, or nothing is mapped.
    private static func frameHeader(_ image: Image) -> Elf64_Phdr? {
        guard !image.segments.isEmpty, let section = image.sections.first(where: { $0.name == ".eh_frame_hdr" }) else {
            return nil
        }
        return Elf64_Phdr(
            p_type: UInt32(PT_GNU_EH_FRAME), p_flags: UInt32(PF_R), p_offset: section.fileOffset,
            p_vaddr: section.address, p_paddr: section.address, p_filesz: section.size, p_memsz: section.size,
            p_align: 4)
    }

    /// `PT_GNU_STACK`: that code runs on the stack. Nil when none does: that is how every space has its stacks.
    private static func stackHeader(_ image: Image) -> Elf64_Phdr? {
        guard !image.segments.isEmpty, image.wantsExecutableStack else { return nil }
        return Elf64_Phdr(
            p_type: UInt32(PT_GNU_STACK), p_flags: UInt32(PF_R | PF_W | PF_X), p_offset: 0, p_vaddr: 0, p_paddr: 0,
            p_filesz: 0, p_memsz: 0, p_align: 16)
    }

    static func machine(_ architecture: Architecture) -> UInt16 {
        switch architecture {
        case .x86_64: UInt16(EM_X86_64)
        case .i386: UInt16(EM_386)
        }
    }

    private static func header(_ section: ImageSection, _ fileClass: ELFClass) -> Elf64_Shdr {
        let type: Int32 =
            switch section.kind {
            case .contents: SHT_PROGBITS
            case .zeroFill: SHT_NOBITS
            case .initializers: SHT_INIT_ARRAY
            case .finalizers: SHT_FINI_ARRAY
            case .note: SHT_NOTE
            }
        var flags = SHF_ALLOC
        if section.protection.contains(.write) { flags |= SHF_WRITE }
        if section.protection.contains(.execute) { flags |= SHF_EXECINSTR }
        if section.isThreadLocal { flags |= SHF_TLS }
        let isArray = section.kind == .initializers || section.kind == .finalizers
        return header(
            type, flags: flags, address: section.address, offset: section.fileOffset, size: section.size,
            alignment: section.alignment, entrySize: isArray ? fileClass.wordSize : 0)
    }

    private static func header(
        _ type: Int32, flags: Int32 = 0, address: UInt64 = 0, offset: UInt64, size: UInt64, link: Int = 0,
        info: Int = 0,
        alignment: UInt64 = 1, entrySize: UInt64 = 0
    ) -> Elf64_Shdr {
        Elf64_Shdr(
            sh_name: 0, sh_type: UInt32(bitPattern: type), sh_flags: UInt64(flags), sh_addr: address, sh_offset: offset,
            sh_size: size, sh_link: UInt32(link), sh_info: UInt32(info), sh_addralign: alignment, sh_entsize: entrySize)
    }

    /// Appends the symbol table, local symbols first as the gABI wants it. Returns the section numbers that do not fit it.
    private static func encodeSymbols<Record: ELFSymbolRecord & BitwiseCopyable>(
        _ image: Image, as type: Record.Type, firstSection: Int, into table: inout Encoder
    ) -> (localCount: Int, extended: [UInt8]) {
        let symbols = image.symbols
        var extended = Encoder()
        let isExtended = symbols.entries.contains {
            $0.section.map { firstSection + Int($0) >= Int(SHN_LORESERVE) } ?? false
        }
        // The first one stays zero.
        table.appendRoom(MemoryLayout<Record>.size * (symbols.entries.count + 1))
        var offset = MemoryLayout<Record>.size
        if isExtended { extended.append(UInt32(0)) }
        var localCount = 0
        for wantsLocal in [true, false] {
            for entry in symbols.entries where (entry.binding == .local) == wantsLocal {
                let section = entry.section.map { firstSection + Int($0) } ?? Int(SHN_ABS)
                // In a linked file the value of a thread-local symbol is its offset in that template (gABI, "Symbol Values").
                let value = entry.type == .threadLocal ? entry.address &- image.threadBlock : entry.address
                let isFar = entry.section != nil && section >= Int(SHN_LORESERVE)
                table.store(
                    Record(
                        name: entry.name.offset, info: entry.binding.number << 4 | entry.type.number,
                        section: isFar ? UInt16(SHN_XINDEX) : UInt16(section), value: value, size: entry.size),
                    at: offset)
                offset += MemoryLayout<Record>.size
                if isExtended { extended.append(UInt32(isFar ? section : 0)) }
                if wantsLocal { localCount += 1 }
            }
        }
        return (localCount, extended.bytes)
    }
}

extension SymbolBinding {
    /// As the gABI has it.
    var number: UInt8 {
        switch self {
        case .local: UInt8(STB_LOCAL)
        case .global: UInt8(STB_GLOBAL)
        case .weak: UInt8(STB_WEAK)
        case .unique: UInt8(STB_GNU_UNIQUE)
        }
    }
}

extension SymbolType {
    /// As the gABI has it.
    var number: UInt8 {
        switch self {
        case .none: UInt8(STT_NOTYPE)
        case .object: UInt8(STT_OBJECT)
        case .function: UInt8(STT_FUNC)
        case .section: UInt8(STT_SECTION)
        case .file: UInt8(STT_FILE)
        case .threadLocal: UInt8(STT_TLS)
        case .indirectFunction: UInt8(STT_GNU_IFUNC)
        }
    }
}
