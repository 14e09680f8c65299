import CLibELF
import ObjectModel

/// Reads what an ELF object offers and wants by name, out of its headers, symbol table and `.modinfo` alone.
///
/// What is not needed for that is not read, and not checked: that is for who links the object.
public enum ELFSummaryReader {
    /// Whether a file is this reader's; its first 16 bytes are enough.
    public static func recognizes(_ head: [UInt8]) -> Bool { ELFObjectReader.recognizes(head) }

    /// The summary of an object.
    public static func read(_ file: PartialFile) throws(Problem) -> ObjectSummary {
        let tables = try SummaryTables(file)
        var summary = ObjectSummary(architecture: tables.architecture, names: tables.names)
        switch tables.fileClass {
        case .bits32: try tables.readSymbols(as: Elf32_Sym.self, into: &summary)
        case .bits64: try tables.readSymbols(as: Elf64_Sym.self, into: &summary)
        }
        try tables.readRequirements(into: &summary)
        return summary
    }

    /// The modules that an object asks for by name, and those that its builder found to be needed.
    public static func requirements(
        _ file: PartialFile
    ) throws(Problem) -> (required: [String], depends: [String]) {
        let tables = try SummaryTables(file)
        var summary = ObjectSummary(architecture: tables.architecture, names: tables.names)
        try tables.readRequirements(into: &summary)
        return (summary.required, summary.depends)
    }
}

/// Those tables of an ELF object that have names in them.
private struct SummaryTables {
    let file: PartialFile
    let fileClass: ELFClass
    let architecture: Architecture
    let sections: [ELFLayout.SectionHeader]
    let sectionNames: [UInt8]
    /// The bytes of the symbol table; none in an object that has none.
    let symbols: [UInt8]
    /// Those of its string table.
    let names: [UInt8]

    /// More sections than any compiler makes.
    private static let sectionLimit: UInt64 = 1 << 24

    init(_ file: PartialFile) throws(Problem) {
        self.file = file
        fileClass = try ELFLayout.checkIdentification(file.head[...], file.name)
        let raw = unsafe file.head.span.bytes
        try ELFObjectReader.checkPurpose(ofType: raw.integer(at: 16) ?? 0, file.name)
        architecture = try ELFLayout.architecture(raw.integer(at: 18) ?? 0, fileClass, file.name)
        let (sections, names) = try Self.sections(raw, file, fileClass)
        self.sections = sections
        guard let names else {
            (sectionNames, symbols, self.names) = ([], [], [])
            return
        }
        sectionNames = try Self.strings(sections, UInt64(names), "e_shstrndx", file)
        guard let table = sections.firstIndex(where: { $0.isOf(SHT_SYMTAB) }) else {
            (symbols, self.names) = ([], [])
            return
        }
        let header = sections[table]
        guard header.entrySize == fileClass.symbolSize, header.size % fileClass.symbolSize == 0 else {
            throw Problem(
                subject: file.name, place: "section \(table)",
                reason: "sh_entsize \(header.entrySize), sh_size \(header.size): no symbol table")
        }
        symbols = try file.bytes(at: header.offset, count: header.size, "section \(table)")
        self.names = try Self.strings(sections, UInt64(header.link), "section \(table)", file)
    }

    private static func sections(
        _ raw: RawSpan, _ file: PartialFile, _ fileClass: ELFClass
    ) throws(Problem) -> (headers: [ELFLayout.SectionHeader], names: Int?) {
        let start = raw.word(at: 24 + 2 * fileClass.wordSize, fileClass) ?? 0
        guard start != 0 else { return ([], nil) }
        let (end, size) = (fileClass.headerSize, fileClass.sectionHeaderSize)
        let entrySize: UInt16 = raw.integer(at: end - 6) ?? 0
        guard UInt64(entrySize) == size else {
            throw Problem(subject: file.name, place: "e_shentsize", reason: "\(entrySize): not \(size)")
        }
        let first = try file.bytes(at: start, count: size, "e_shoff")
        let null = ELFLayout.SectionHeader(unsafe first.span.bytes, at: 0, fileClass)
        // Extended numbering: what does not fit 16 bits stands in section 0.
        var count = UInt64(raw.integer(at: end - 4, as: UInt16.self) ?? 0)
        if count == 0 { count = null.size }
        var names = UInt64(raw.integer(at: end - 2, as: UInt16.self) ?? 0)
        if names == UInt64(SHN_XINDEX) { names = UInt64(null.link) }
        guard count > 0, count <= sectionLimit, names > 0, names < count else {
            throw Problem(
                subject: file.name, place: "e_shnum", reason: "\(count) sections, section \(names) with their names")
        }
        let table = try file.bytes(at: start, count: count * size, "e_shnum")
        let bytes = unsafe table.span.bytes
        var headers: [ELFLayout.SectionHeader] = []
        headers.reserveCapacity(Int(count))
        for index in 0..<count { headers.append(ELFLayout.SectionHeader(bytes, at: index * size, fileClass)) }
        return (headers, Int(names))
    }

    private static func strings(
        _ sections: [ELFLayout.SectionHeader], _ index: UInt64, _ place: String, _ file: PartialFile
    ) throws(Problem) -> [UInt8] {
        guard index < UInt64(sections.count), sections[Int(index)].isOf(SHT_STRTAB) else {
            throw Problem(subject: file.name, place: place, reason: "section \(index) is no string table")
        }
        let section = sections[Int(index)]
        let bytes = try file.bytes(at: section.offset, count: section.size, place)
        guard bytes.first == 0, bytes.last == 0, bytes.count <= Int(UInt32.max) else {
            throw Problem(
                subject: file.name, place: place, reason: "the string table does not start and end with NUL")
        }
        return bytes
    }

    // MARK: Symbols

    func readSymbols<Record: ELFSymbolRecord & BitwiseCopyable>(
        as type: Record.Type, into summary: inout ObjectSummary
    ) throws(Problem) {
        let raw = unsafe symbols.span.bytes
        let strings = unsafe names.span.bytes
        let versions = strings.find(UInt8(ascii: "@"), in: 0..<names.count) != nil
        let listed = try exportList()
        for index in 1..<max(symbols.count / MemoryLayout<Record>.stride, 1) {
            let entry = unsafe raw.unsafeLoadUnaligned(
                fromByteOffset: index * MemoryLayout<Record>.stride, as: Record.self)
            let isLocal = entry.st_info >> 4 == UInt8(STB_LOCAL)
            let visibility = entry.st_other & 3
            guard visibility == UInt8(STV_DEFAULT) || visibility == UInt8(STV_PROTECTED) || isLocal else { continue }
            guard var name = strings.name(at: entry.st_name, in: 0..<names.count) else {
                throw Problem(
                    subject: file.name, place: "symbol \(index)",
                    reason: "st_name \(entry.st_name) is beyond the string table")
            }
            let isDefined = entry.st_shndx != UInt16(SHN_UNDEF)
            guard !isLocal, name.count > 0 else { continue }
            if isDefined {
                if let listed, !listed.contains(UInt64(index)) { continue }
                if versions { name = strings.withoutDefaultVersion(name) }
                guard !ObjectSummary.isOwn(names, name) else { continue }
                summary.definitions.append(
                    ObjectSummary.Definition(name: name, isWeak: entry.st_info >> 4 != UInt8(STB_GLOBAL)))
            } else if entry.st_info >> 4 == UInt8(STB_GLOBAL), !ObjectSummary.isMadeByLinker(names, name) {
                summary.needs.append(name)
            }
        }
    }

    /// The symbols of the object's export list: what the addresses in the sections `__ksymtab` and `__ksymtab_gpl`, or the
    /// `___ksymtab+NAME` of Linux before it is linked, point to. An object that has one, be it empty, exports that alone. Nil when it
    /// has none.
    private func exportList() throws(Problem) -> Set<UInt64>? {
        var listed: Set<UInt64>?
        for (index, section) in sections.enumerated() where section.has(SHF_ALLOC) {
            guard let name = unsafe sectionNames.span.bytes.name(at: section.nameOffset, in: 0..<sectionNames.count)
            else { continue }
            // A kernel's build has made it: what such a module does not list it does not export.
            if isName(".gnu.linkonce.this_module", name) { listed = listed ?? [] }
            guard
                nameBegins(sectionNames, name, with: "__ksymtab") || nameBegins(sectionNames, name, with: "___ksymtab"),
                !nameBegins(sectionNames, name, with: "__ksymtab_strings")
            else { continue }
            listed = listed ?? []
            for relocation in try relocations(of: index) { listed?.insert(relocation.symbol) }
        }
        return listed
    }

    // MARK: Names of modules

    func readRequirements(into summary: inout ObjectSummary) throws(Problem) {
        for (index, section) in sections.enumerated() where section.isOf(SHT_PROGBITS) {
            guard let name = unsafe sectionNames.span.bytes.name(at: section.nameOffset, in: 0..<sectionNames.count)
            else { continue }
            if isName(".modinfo", name) {
                summary.depends += try depends(section, index)
            } else if isName("link_set_modules", name) {
                let (declared, required) = try names(inLinkSet: index)
                summary.declared += declared
                summary.required += required
            }
        }
    }

    private func isName(_ text: StaticString, _ name: NameRange) -> Bool {
        Int(name.count) == text.utf8CodeUnitCount && nameBegins(sectionNames, name, with: text)
    }

    /// The values of `depends=` in a list of NUL-terminated `NAME=VALUE`.
    private func depends(_ section: ELFLayout.SectionHeader, _ index: Int) throws(Problem) -> [String] {
        let bytes = try file.bytes(at: section.offset, count: section.size, "section \(index)")
        let key = Array("depends=".utf8)
        return bytes.split(separator: 0).filter { $0.starts(with: key) }
            .flatMap { Self.list($0.dropFirst(key.count)) }
    }

    /// The names of a list with commas between them.
    private static func list(_ bytes: ArraySlice<UInt8>) -> [String] {
        bytes.split { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: " ") }.map { printable(Array($0)) }
    }

    private static func printable(_ bytes: [UInt8]) -> String {
        ObjectModel.printable(bytes, NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count)))
    }

    /// `link_set_modules` holds addresses of `modinfo_t`: mi_version 4 bytes, mi_class 4, then the addresses mi_modcmd, mi_name and
    /// mi_required, which is that of a text or 0 (NetBSD sys/module.h). All addresses are relocations.
    private func names(inLinkSet section: Int) throws(Problem) -> (declared: [String], required: [String]) {
        var names: (declared: [String], required: [String]) = ([], [])
        for pointer in try pointers(in: section, 0..<sections[section].size) {
            for text in try texts(atWord: 1, of: pointer) where !text.isEmpty {
                names.declared.append(Self.printable(text))
            }
            for text in try texts(atWord: 2, of: pointer) { names.required += Self.list(text[...]) }
        }
        return names
    }

    /// The text that an address of a `modinfo_t` is of; none where there is no address.
    private func texts(atWord word: UInt64, of information: Place) throws(Problem) -> [[UInt8]] {
        let field = information.offset &+ 8 &+ word * fileClass.wordSize
        guard field >= information.offset, field < .max else { return [] }
        var texts: [[UInt8]] = []
        for place in try pointers(in: information.section, field..<field + 1) { texts.append(try text(place)) }
        return texts
    }

    /// A place in a section.
    private struct Place {
        let section: Int
        let offset: UInt64
    }

    /// The longest list of modules that is read: NetBSD's names have 32 bytes.
    private static let textLimit: UInt64 = 4096

    private func text(_ place: Place) throws(Problem) -> [UInt8] {
        let section = sections[place.section]
        guard !section.isOf(SHT_NOBITS), place.offset < section.size else { return [] }
        let count = min(section.size - place.offset, Self.textLimit)
        let (start, wraps) = section.offset.addingReportingOverflow(place.offset)
        guard !wraps else { return [] }
        return Array(try file.bytes(at: start, count: count, "section \(place.section)").prefix { $0 != 0 })
    }

    /// Where the addresses point that stand in a part of a section.
    private func pointers(in section: Int, _ part: Range<UInt64>) throws(Problem) -> [Place] {
        var places: [Place] = []
        for relocation in try relocations(of: section) where part.contains(relocation.offset) {
            let addend: UInt64? =
                if let own = relocation.addend { own } else { try self.addend(at: relocation.offset, of: section) }
            if let place = place(relocation.symbol, addend ?? 0) { places.append(place) }
        }
        return places
    }

    /// A place that depends on a symbol; the addend is nil where it stands at the place.
    private struct Relocation {
        let offset: UInt64
        let symbol: UInt64
        let addend: UInt64?
    }

    private func relocations(of section: Int) throws(Problem) -> [Relocation] {
        var relocations: [Relocation] = []
        for (index, header) in sections.enumerated()
        where header.info == UInt32(section) && (header.isOf(SHT_RELA) || header.isOf(SHT_REL)) {
            let hasAddend = header.isOf(SHT_RELA)
            let bytes = try file.bytes(at: header.offset, count: header.size, "section \(index)")
            let raw = unsafe bytes.span.bytes
            let (word, size) = (fileClass.wordSize, fileClass.relocationSize(hasAddend: hasAddend))
            for start in stride(from: 0, to: header.size - header.size % size, by: Int(size)) {
                guard let offset = raw.word(at: start, fileClass),
                    let information = raw.word(at: start + word, fileClass)
                else { continue }
                relocations.append(
                    Relocation(
                        offset: offset, symbol: information >> (fileClass == .bits64 ? 32 : 8),
                        addend: hasAddend ? raw.word(at: start + 2 * word, fileClass) : nil))
            }
        }
        return relocations
    }

    /// What stands at a place that is to be relocated: an addend of 32 bits (psABI "Intel386").
    private func addend(at offset: UInt64, of section: Int) throws(Problem) -> UInt64? {
        let (start, wraps) = sections[section].offset.addingReportingOverflow(offset)
        guard !wraps, !sections[section].isOf(SHT_NOBITS) else { return nil }
        let bytes = try file.bytes(at: start, count: 4, "section \(section)")
        return unsafe bytes.span.bytes.integer(at: 0, as: UInt32.self).map(UInt64.init)
    }

    private func place(_ symbol: UInt64, _ addend: UInt64) -> Place? {
        let raw = unsafe symbols.span.bytes
        guard symbol < UInt64(symbols.count) / fileClass.symbolSize else { return nil }
        let start = symbol * fileClass.symbolSize
        // st_shndx and st_value (gABI, "Symbol Table").
        let is64 = fileClass == .bits64
        guard let section: UInt16 = raw.integer(at: start + (is64 ? 6 : 14)),
            let value = raw.word(at: start + (is64 ? 8 : 4), fileClass),
            section > 0, section < UInt16(SHN_LORESERVE), Int(section) < sections.count
        else { return nil }
        let sum = value &+ addend
        return Place(section: Int(section), offset: is64 ? sum : sum & 0xffff_ffff)
    }
}

extension RawSpan {
    /// The name by which a definition is found: without `@@VERSION`, the default one.
    fileprivate func withoutDefaultVersion(_ name: NameRange) -> NameRange {
        guard let at = find(UInt8(ascii: "@"), in: name.indices), at > Int(name.offset),
            integer(at: UInt64(at + 1), as: UInt8.self) == UInt8(ascii: "@")
        else { return name }
        return NameRange(offset: name.offset, count: UInt32(at) - name.offset)
    }
}
