import CLibELF
import ObjectModel

/// The symbols of a linked ELF file: an executable such as the space, a kernel, or what `ksyms` writes.
public struct SymbolFile: Sendable {
    /// The machine that the file is for.
    public var architecture: Architecture
    /// The symbols, in the order of the file. Sections and files are left out. `section` is an index into `sections`.
    public var symbols: SymbolList
    /// The sections that take memory.
    public var sections: [ImageSection]
    /// The names in the section `.modlink.resident`, if there is one: what the file offers to modules.
    public var resident: Set<[UInt8]>?
    /// The number of the table's state, where the file says it: see ``SymbolNotes``.
    public var generation: UInt64?
    /// Whose symbols they are, where the file says it: those of the space itself have no name.
    public var owners: [SymbolNotes.Owner] = []
    /// The place of each symbol in the file's symbol table; kept where the file says whose symbols they are.
    private var places: [UInt32] = []
    /// Which symbols are indirect functions: their address is that of a function that returns the one to use.
    public var indirect: [Int]

    /// Where its thread-local variables begin, in bytes from the thread pointer, as a signed number: a static executable of
    /// x86-64 or i386 has them just below the pointer (psABI, "Thread-Local Storage"). 0 in a file that has no such sections:
    /// the values of its symbols are distances from the pointer already.
    private var threadBlock: UInt64 = 0

    /// The name of the section that lists what a space offers: names, each ended by a NUL.
    public static let residentSectionName = ".modlink.resident"

    /// Reads the symbols out of a file's bytes: from its symbol table, else from its dynamic one.
    ///
    /// - Parameter name: what messages call the file.
    public init(_ bytes: [UInt8], name: String) throws(Problem) {
        let layout = try ELFLayout(bytes, file: name)
        architecture = try layout.architecture()
        let tables = [SHT_SYMTAB, SHT_DYNSYM].compactMap { type in
            layout.sections.firstIndex { $0.isOf(type) }
        }
        guard let table = tables.first else {
            throw Problem(subject: name, reason: "no symbol table: stripped?")
        }
        let header = layout.sections[table]
        let entrySize = layout.fileClass.symbolSize
        guard header.entrySize == entrySize else {
            throw Problem(
                subject: name, place: "section \(table)", reason: "sh_entsize \(header.entrySize): not \(entrySize)")
        }
        let names = try layout.strings(header.link, for: "section \(table)", in: unsafe bytes.span.bytes)
        sections = []
        symbols = SymbolList(minimumCapacity: Int(header.size / entrySize), nameCapacity: names.count)
        indirect = []
        resident = Self.residentNames(bytes, layout)
        try readNotes(layout, bytes, symbolCount: Int(header.size / entrySize))
        let indices = readSections(layout, bytes)
        threadBlock = Self.threadBlock(layout.sections.filter { $0.has(SHF_TLS) && $0.has(SHF_ALLOC) })
        switch layout.fileClass {
        case .bits32: try readSymbols(table, as: Elf32_Sym.self, layout, bytes, names, indices)
        case .bits64: try readSymbols(table, as: Elf64_Sym.self, layout, bytes, names, indices)
        }
    }

    private mutating func readSymbols<Record: ELFSymbolRecord & BitwiseCopyable>(
        _ table: Int, as type: Record.Type, _ layout: ELFLayout, _ bytes: [UInt8], _ names: Range<Int>,
        _ indices: [Int: UInt16]
    ) throws(Problem) {
        let (entries, extended) = try Self.readTable(table, as: type, layout, bytes)
        for (number, entry) in entries.enumerated().dropFirst() {
            var section = UInt32(entry.st_shndx)
            if entry.st_shndx == UInt16(SHN_XINDEX) {
                section = extended.indices.contains(number) ? extended[number] : 0
            } else if entry.st_shndx >= UInt16(SHN_LORESERVE) {
                // Not a number: absolute, or something of the processor's.
                section = 0
            }
            try add(entry, number, bytes, names, section: indices[Int(section)], layout.file)
        }
    }

    /// The entries of the symbol table, and the section numbers of those whose number does not fit 16 bits, if there are any.
    private static func readTable<Record: ELFSymbolRecord & BitwiseCopyable>(
        _ table: Int, as type: Record.Type, _ layout: ELFLayout, _ bytes: [UInt8]
    ) throws(Problem) -> (entries: [Record], extended: [UInt32]) {
        let entries = try unsafe layout.withEntries(ofSection: table, in: bytes, as: type) {
            (entries) throws(Problem) -> [Record] in unsafe entries.array
        }
        let numbers = layout.sections.firstIndex {
            $0.isOf(SHT_SYMTAB_SHNDX) && $0.link == UInt32(table) && $0.entrySize == 4
        }
        guard let numbers else { return (entries, []) }
        return (
            entries,
            try unsafe layout.withEntries(ofSection: numbers, in: bytes, as: UInt32.self) {
                (entries) throws(Problem) -> [UInt32] in unsafe entries.array
            }
        )
    }

    private static func threadBlock(_ sections: [ELFLayout.SectionHeader]) -> UInt64 {
        guard let start = sections.map(\.address).min() else { return 0 }
        let end = sections.map { $0.address &+ $0.size }.max() ?? start
        let alignment = sections.map(\.alignment).max() ?? 1
        return (0 &- (end &- start)) & ~(alignment - 1)
    }

    private mutating func readSections(_ layout: ELFLayout, _ bytes: [UInt8]) -> [Int: UInt16] {
        var indices: [Int: UInt16] = [:]
        for (index, header) in layout.sections.enumerated() where header.has(SHF_ALLOC) {
            guard let number = UInt16(exactly: sections.count), number < SymbolEntry.sectionLimit else { break }
            var protection: Protection = .read
            if header.has(SHF_WRITE) { protection.insert(.write) }
            if header.has(SHF_EXECINSTR) { protection.insert(.execute) }
            indices[index] = number
            sections.append(
                ImageSection(
                    name: printable(bytes, header.name), kind: header.isOf(SHT_NOBITS) ? .zeroFill : .contents,
                    protection: protection, address: header.address, fileOffset: header.offset,
                    // The template of thread-local zeroes takes no memory of its own.
                    size: header.has(SHF_TLS) && header.isOf(SHT_NOBITS) ? 0 : header.size,
                    alignment: header.alignment, isThreadLocal: header.has(SHF_TLS)))
        }
        return indices
    }

    private mutating func add<Record: ELFSymbolRecord & BitwiseCopyable>(
        _ entry: Record, _ number: Int, _ bytes: [UInt8], _ names: Range<Int>, section: UInt16?,
        _ file: String
    ) throws(Problem) {
        let type: SymbolType
        switch Int32(entry.st_info & 15) {
        case STT_NOTYPE: type = .none
        case STT_OBJECT, STT_COMMON: type = .object
        case STT_FUNC: type = .function
        case STT_GNU_IFUNC: type = .indirectFunction
        case STT_TLS: type = .threadLocal
        default: return
        }
        guard entry.st_shndx != UInt16(SHN_UNDEF) else { return }
        guard let name = unsafe bytes.span.bytes.name(at: entry.st_name, in: names) else {
            throw Problem(
                subject: file, place: "symbol \(number)", reason: "st_name \(entry.st_name) is beyond the string table")
        }
        guard name.count > 0, let own = symbols.intern(bytes, name) else { return }
        let binding: SymbolBinding =
            switch Int32(entry.st_info >> 4) {
            case STB_LOCAL: .local
            case STB_WEAK: .weak
            case STB_GNU_UNIQUE: .unique
            default: .global
            }
        if !owners.isEmpty { places.append(UInt32(truncatingIfNeeded: number)) }
        if type == .indirectFunction { indirect.append(symbols.entries.count) }
        symbols.entries.append(
            SymbolEntry(
                address: type == .threadLocal ? entry.value &+ threadBlock : entry.value, size: entry.size,
                name: own, section: section,
                binding: binding, type: type))
    }

    private mutating func readNotes(
        _ layout: ELFLayout, _ bytes: [UInt8], symbolCount: Int
    ) throws(Problem) {
        let section = layout.sections.first {
            $0.isOf(SHT_NOTE) && bytes[$0.name.indices].elementsEqual(SymbolNotes.sectionName.utf8)
        }
        guard let section else { return }
        (generation, owners) = try SymbolNotes.read(
            bytes, in: Int(section.offset)..<Int(section.offset + section.size), symbolCount: symbolCount, layout.file)
    }

    /// For each symbol, whose it is: an index into `owners`, or `owners.count` for those of nobody. Nil where the file says nothing.
    public var ownerIndices: [Int]? {
        guard !owners.isEmpty else { return nil }
        let starts = owners.indices.flatMap { index in
            [(owners[index].locals, index), (owners[index].others, index)]
        }.filter { !$0.0.isEmpty }.sorted { $0.0.lowerBound < $1.0.lowerBound }
        var next = 0
        return places.map { place in
            // The places grow, and so do the ranges.
            while next < starts.count, starts[next].0.upperBound <= place { next += 1 }
            return next < starts.count && starts[next].0.contains(place) ? starts[next].1 : owners.count
        }
    }

    private static func residentNames(_ bytes: [UInt8], _ layout: ELFLayout) -> Set<[UInt8]>? {
        guard
            let header = layout.sections.first(where: {
                !$0.isOf(SHT_NOBITS) && !$0.isOf(SHT_NULL)
                    && bytes[$0.name.indices].elementsEqual(residentSectionName.utf8)
            })
        else { return nil }
        let content = bytes[Int(header.offset)..<Int(header.offset + header.size)]
        return Set(content.split(separator: 0).map(Array.init))
    }
}
