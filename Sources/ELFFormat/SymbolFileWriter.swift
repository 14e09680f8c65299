import CLibELF
import ObjectModel

/// A symbol table as an ELF file: an executable without contents, in the shape of NetBSD's ksyms(4).
///
/// ```
/// ELF header   program header   .note.modlink   .symtab   .strtab   (.symtab_shndx)   .shstrtab   section headers
/// ```
///
/// The program header is one for all addresses, without contents: libdw finds nothing in a file that has none.
///
/// It is written from the start to the end in pieces, so that a table of a million symbols is not put together in memory first: to
/// fetch fresh pages would take longer than to make what goes into them.
public struct SymbolFileWriter: Sendable {
    /// The symbols of one owner.
    public struct Part: Sendable {
        /// The owner's name; empty for those of the space itself.
        public var owner: String
        /// Where the owner lies in memory.
        public var range: Range<UInt64>
        /// The build ID of its image, 16 bytes; empty where it has none.
        public var buildID: [UInt8]
        /// The symbols.
        public var symbols: SymbolList
        /// For each index that `SymbolEntry.section` has in them, the section of the file; nil: none.
        public var sections: [UInt16?]

        /// Makes the part of the given properties.
        public init(
            owner: String, range: Range<UInt64>, buildID: [UInt8], symbols: SymbolList, sections: [UInt16?]
        ) {
            self.owner = owner
            self.range = range
            self.buildID = buildID
            self.symbols = symbols
            self.sections = sections
        }
    }

    private let architecture: Architecture
    private let sections: [ImageSection]
    private let parts: [Part]
    private let notes: [UInt8]
    private let localCount: Int
    private let symbolCount: Int
    private let nameSize: Int

    private var fileClass: ELFClass { ELFClass(architecture) }

    /// Prepares the file of some owners.
    ///
    /// - Parameters:
    ///   - sections: what symbols belong to, without contents.
    ///   - generation: the number of the table's state.
    public init(architecture: Architecture, sections: [ImageSection], parts: [Part], generation: UInt64) {
        self.architecture = architecture
        self.sections = sections
        // Names beyond 4 GiB have no offsets.
        var nameSize = 0
        var kept: [Part] = []
        for part in parts where nameSize + part.symbols.names.count <= Int(UInt32.max) {
            nameSize += part.symbols.names.count
            kept.append(part)
        }
        self.parts = kept
        self.nameSize = max(nameSize, 1)
        let locals = kept.map { Self.localCount($0.symbols) }
        localCount = locals.reduce(0, +)
        symbolCount = kept.reduce(0) { $0 + $1.symbols.entries.count } + 1
        notes = SymbolNotes.encoded(generation: generation, kept, locals: locals)
    }

    private static func localCount(_ symbols: SymbolList) -> Int {
        let entries = symbols.entries.span
        var count = 0
        for index in 0..<entries.count where entries[index].binding == .local { count += 1 }
        return count
    }

    /// The whole file.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        write { piece in unsafe piece.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) } }
        return bytes
    }

    /// Writes the file, piece by piece.
    ///
    /// - Parameter sink: takes the next bytes; what it throws ends the writing.
    public func write<Fault: Error>(_ sink: (RawSpan) throws(Fault) -> Void) throws(Fault) {
        switch fileClass {
        case .bits32: try write(as: Elf32_Sym.self, sink)
        case .bits64: try write(as: Elf64_Sym.self, sink)
        }
    }

    // MARK: Layout

    /// Where everything is.
    private struct Plan {
        var table = SectionTable()
        var notesOffset = 0
        var symbolsOffset = 0
        var namesOffset = 0
        var numbersOffset: Int?
        var sectionNamesOffset = 0
        var headersOffset = 0
        var firstSection = 0
        var sectionNames = 0
    }

    private var plan: Plan {
        var plan = Plan()
        plan.table.add(Elf64_Shdr(), named: "")
        let headers = fileClass.headerSize + (sections.isEmpty ? 0 : fileClass.programHeaderSize)
        plan.notesOffset = Int(headers + 7) & ~7
        plan.table.add(
            Self.header(SHT_NOTE, offset: plan.notesOffset, size: notes.count, alignment: 4),
            named: SymbolNotes.sectionName)
        plan.firstSection = plan.table.headers.count
        for section in sections {
            var flags = SHF_ALLOC
            if section.protection.contains(.write) { flags |= SHF_WRITE }
            if section.protection.contains(.execute) { flags |= SHF_EXECINSTR }
            var header = Self.header(SHT_NOBITS, offset: plan.notesOffset, size: 0)
            (header.sh_flags, header.sh_addr, header.sh_size) = (UInt64(flags), section.address, section.size)
            plan.table.add(header, named: section.name)
        }
        let symbols = plan.table.headers.count
        let size = Int(fileClass.symbolSize)
        plan.symbolsOffset = (plan.notesOffset + notes.count + 7) & ~7
        plan.namesOffset = plan.symbolsOffset + symbolCount * size
        var header = Self.header(
            SHT_SYMTAB, offset: plan.symbolsOffset, size: symbolCount * size, alignment: Int(fileClass.wordSize))
        (header.sh_link, header.sh_info, header.sh_entsize) = (
            UInt32(symbols + 1), UInt32(localCount + 1), UInt64(size)
        )
        plan.table.add(header, named: ".symtab")
        plan.table.add(Self.header(SHT_STRTAB, offset: plan.namesOffset, size: nameSize), named: ".strtab")
        plan.sectionNamesOffset = plan.namesOffset + nameSize
        if plan.firstSection + sections.count > Int(SHN_LORESERVE) {
            let offset = (plan.sectionNamesOffset + 3) & ~3
            var header = Self.header(SHT_SYMTAB_SHNDX, offset: offset, size: symbolCount * 4, alignment: 4)
            (header.sh_link, header.sh_entsize) = (UInt32(symbols), 4)
            plan.table.add(header, named: ".symtab_shndx")
            plan.numbersOffset = offset
            plan.sectionNamesOffset = offset + symbolCount * 4
        }
        plan.sectionNames = plan.table.headers.count
        plan.table.add(Self.header(SHT_STRTAB, offset: plan.sectionNamesOffset, size: 0), named: ".shstrtab")
        plan.table.headers[plan.sectionNames].sh_size = UInt64(plan.table.names.count)
        plan.headersOffset = (plan.sectionNamesOffset + plan.table.names.count + 7) & ~7
        // Numbers that do not fit the ELF header stand in section 0 (gABI, "Extended section header").
        let count = plan.table.headers.count
        if count >= Int(SHN_LORESERVE) { plan.table.headers[0].sh_size = UInt64(count) }
        if plan.sectionNames >= Int(SHN_LORESERVE) { plan.table.headers[0].sh_link = UInt32(plan.sectionNames) }
        return plan
    }

    private static func header(_ type: Int32, offset: Int, size: Int, alignment: Int = 1) -> Elf64_Shdr {
        Elf64_Shdr(
            sh_name: 0, sh_type: UInt32(bitPattern: type), sh_flags: 0, sh_addr: 0, sh_offset: UInt64(offset),
            sh_size: UInt64(size), sh_link: 0, sh_info: 0, sh_addralign: UInt64(alignment), sh_entsize: 0)
    }

    private func fileHeader(_ plan: Plan) -> Encoder {
        var encoder = Encoder()
        encoder.append([0x7f, 0x45, 0x4c, 0x46, fileClass.rawValue, UInt8(ELFDATA2LSB), 1])
        encoder.align(to: 16)
        encoder.append(UInt16(ET_EXEC))
        encoder.append(ELFImageWriter.machine(architecture))
        encoder.append(UInt32(1))
        encoder.append(0, fileClass)
        encoder.append(sections.isEmpty ? 0 : fileClass.headerSize, fileClass)
        encoder.append(UInt64(plan.headersOffset), fileClass)
        encoder.append(UInt32(0))
        encoder.append(UInt16(fileClass.headerSize))
        encoder.append(sections.isEmpty ? 0 : UInt16(fileClass.programHeaderSize))
        encoder.append(sections.isEmpty ? 0 : UInt16(1))
        encoder.append(UInt16(fileClass.sectionHeaderSize))
        let count = plan.table.headers.count
        encoder.append(count < Int(SHN_LORESERVE) ? UInt16(count) : 0)
        encoder.append(plan.sectionNames < Int(SHN_LORESERVE) ? UInt16(plan.sectionNames) : UInt16(SHN_XINDEX))
        if let start = sections.map(\.address).min() {
            let end = sections.map { $0.address &+ $0.size }.max() ?? start
            encoder.append(
                Elf64_Phdr(
                    p_type: UInt32(PT_LOAD), p_flags: UInt32(PF_R | PF_X), p_offset: 0, p_vaddr: start, p_paddr: start,
                    p_filesz: 0, p_memsz: max(end, start) - start, p_align: 1), fileClass)
        }
        return encoder
    }

    // MARK: Contents

    private func write<Record: ELFSymbolRecord & BitwiseCopyable, Fault: Error>(
        as type: Record.Type, _ sink: (RawSpan) throws(Fault) -> Void
    ) throws(Fault) {
        let plan = plan
        var start = fileHeader(plan)
        start.pad(to: plan.notesOffset)
        start.append(notes)
        start.pad(to: plan.symbolsOffset)
        try sink(unsafe start.bytes.span.bytes)
        try writeSymbols(as: type, firstSection: plan.firstSection, sink)
        if parts.isEmpty { try sink(unsafe [UInt8(0)].span.bytes) }
        for part in parts { try sink(unsafe part.symbols.names.span.bytes) }
        var end = Encoder()
        let endOffset: Int
        if let offset = plan.numbersOffset {
            end.appendRoom(offset - (plan.namesOffset + nameSize))
            appendNumbers(firstSection: plan.firstSection, to: &end)
            endOffset = plan.namesOffset + nameSize
        } else {
            endOffset = plan.sectionNamesOffset
        }
        end.append(plan.table.names)
        end.pad(to: plan.headersOffset - endOffset)
        for header in plan.table.headers { end.append(header, fileClass) }
        try sink(unsafe end.bytes.span.bytes)
    }

    /// The section that a symbol belongs to as a number of the file; nil for absolute values.
    @inline(__always)
    private static func number(_ section: UInt16?, _ sections: Span<UInt16?>, firstSection: Int) -> Int? {
        guard let section, Int(section) < sections.count, let own = sections[Int(section)] else { return nil }
        return firstSection + Int(own)
    }

    /// As `st_shndx` has it.
    @inline(__always)
    private static func field(_ number: Int?) -> UInt16 {
        guard let number else { return UInt16(SHN_ABS) }
        return number < Int(SHN_LORESERVE) ? UInt16(truncatingIfNeeded: number) : UInt16(SHN_XINDEX)
    }

    /// Local symbols first, as the gABI wants it.
    private func writeSymbols<Record: ELFSymbolRecord & BitwiseCopyable, Fault: Error>(
        as type: Record.Type, firstSection: Int, _ sink: (RawSpan) throws(Fault) -> Void
    ) throws(Fault) {
        let pieceCount = 8192
        var piece: [Record] = []
        piece.reserveCapacity(pieceCount)
        piece.append(Record(name: 0, info: 0, section: 0, value: 0, size: 0))
        for wantsLocal in [true, false] {
            var shift: UInt32 = 0
            for part in parts {
                let entries = part.symbols.entries.span
                let sections = part.sections.span
                for index in 0..<entries.count {
                    let entry = entries[index]
                    guard (entry.binding == .local) == wantsLocal else { continue }
                    let section = Self.field(Self.number(entry.section, sections, firstSection: firstSection))
                    piece.append(
                        Record(
                            name: entry.name.offset &+ shift, info: entry.information, section: section,
                            value: entry.address, size: entry.size))
                    guard piece.count == pieceCount else { continue }
                    try sink(unsafe piece.span.bytes)
                    piece.removeAll(keepingCapacity: true)
                }
                shift &+= UInt32(part.symbols.names.count)
            }
        }
        try sink(unsafe piece.span.bytes)
    }

    /// The section numbers that do not fit a symbol, for all symbols in the same order; 0 where they do.
    private func appendNumbers(firstSection: Int, to encoder: inout Encoder) {
        encoder.append(UInt32(0))
        for wantsLocal in [true, false] {
            for part in parts {
                let sections = part.sections.span
                for entry in part.symbols.entries where (entry.binding == .local) == wantsLocal {
                    let number = Self.number(entry.section, sections, firstSection: firstSection) ?? 0
                    encoder.append(number < Int(SHN_LORESERVE) ? 0 : UInt32(truncatingIfNeeded: number))
                }
            }
        }
    }
}

extension SymbolEntry {
    /// Binding and type as `st_info` has them.
    fileprivate var information: UInt8 { binding.number << 4 | type.number }
}
