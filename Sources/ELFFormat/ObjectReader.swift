import CLibELF
import ObjectModel
import Relocation

/// Reads relocatable ELF files into the one representation. Everything in the result has been checked against
/// everything else, so that no later step has to.
public enum ELFObjectReader {
    /// How many bytes from the start of a file tell whether it is this reader's.
    public static let enoughToRecognize = 16

    /// Whether a file, or what it begins with, is this reader's: an ELF file, or one of which it has more to say than that it is none.
    public static func recognizes(_ bytes: [UInt8]) -> Bool {
        bytes.isEmpty || bytes.starts(with: ELFLayout.magic) || ELFLayout.foreign(bytes) != nil
    }

    /// The object in a file's bytes.
    ///
    /// - Parameters:
    ///   - range: where in the bytes the file lies, as a member of an archive does; nil: it is all of them. The object keeps them all.
    ///   - name: what messages call the file.
    public static func read(_ bytes: [UInt8], in range: Range<Int>? = nil, name: String) throws(Problem) -> Object {
        let layout = try ELFLayout(bytes, in: range, file: name)
        try checkPurpose(ofType: layout.type, layout.file)
        let architecture = try layout.architecture()
        guard bytes.count <= Int(UInt32.max) else { throw Problem(subject: name, reason: "larger than 4 GiB") }
        if let plain = try PlainObject.bytes(layout, bytes, architecture) { return try read(plain, name: name) }
        var draft = ObjectDraft(layout: layout, architecture: architecture, file: name, bytes: bytes)
        try draft.readSections()
        try draft.checkCompressed()
        try draft.readSymbols()
        try draft.readGroups()
        try draft.readRelocations()
        try layout.checkOverlap(bytes)
        switch architecture {
        case .x86_64: X86_64.removeThreadCalls(from: &draft.object)
        case .i386: I386.removeThreadCalls(from: &draft.object)
        }
        return Object(draft.object)
    }

    /// Refuses files that are not to be linked.
    static func checkPurpose(ofType type: UInt16, _ file: String) throws(Problem) {
        let reason: String? =
            switch Int32(type) {
            case ET_REL: nil
            case ET_EXEC: "an executable, not a relocatable object; modules are made with 'cc -c'"
            case ET_DYN: "a shared library or an executable, not a relocatable object; modules are made with 'cc -c'"
            case ET_CORE: "a core file, not a relocatable object"
            default: "ELF type \(type), not a relocatable object"
            }
        if let reason { throw Problem(subject: file, reason: reason) }
    }
}

/// An object in the making.
struct ObjectDraft {
    let layout: ELFLayout
    let file: String
    var object: ObjectParts
    /// The section of the symbol table, if there is one.
    var symbolTable: Int?

    init(layout: ELFLayout, architecture: Architecture, file: String, bytes: [UInt8]) {
        self.layout = layout
        self.file = file
        object = ObjectParts(
            name: file, architecture: architecture, bytes: bytes, symbolNames: 0..<0, file: layout.range)
    }

    func fail(_ place: String, _ reason: String) -> Problem {
        Problem(subject: file, place: place, reason: reason)
    }

    func label(_ section: Int) -> String {
        let header = layout.sections[section]
        return header.name.count == 0 ? "section \(section)" : "section '\(object.text(header.name))'"
    }

    // MARK: Sections

    mutating func readSections() throws(Problem) {
        object.sections.reserveCapacity(layout.sections.count)
        for (index, header) in layout.sections.enumerated() {
            if header.isOf(SHT_SYMTAB) {
                guard symbolTable == nil else { throw fail(label(index), "a second symbol table") }
                symbolTable = index
            }
            try checkTable(index, header)
            // A note that is not there is one that does not ask for it: as for modules of kernels.
            if header.has(SHF_EXECINSTR), !header.has(SHF_ALLOC),
                nameBegins(object.bytes, header.name, with: ".note.GNU-stack")
            {
                object.wantsExecutableStack = true
            }
            object.sections.append(try section(index, header))
        }
        try readSubjects()
    }

    /// `SHF_EXCLUDE`.
    private static let excluded: UInt64 = 1 << 31

    private func section(_ index: Int, _ header: ELFLayout.SectionHeader) throws(Problem) -> Section {
        // What is excluded says something to a linker that makes another object (gABI, SHF_EXCLUDE).
        let isAllocated =
            header.has(SHF_ALLOC) && !header.isOf(SHT_NULL) && header.flags & Self.excluded == 0
        if isAllocated, header.has(SHF_COMPRESSED) {
            throw fail(label(index), "compressed, yet part of the running module")
        }
        var protection: Protection = .read
        if header.has(SHF_WRITE) { protection.insert(.write) }
        if header.has(SHF_EXECINSTR) { protection.insert(.execute) }
        // Names are looked at where they stand: there are objects of 80,000 sections.
        let array = functionArray(header)
        let kind: SectionKind =
            switch Int32(bitPattern: header.type) {
            case SHT_NOBITS: .zeroFill
            case SHT_INIT_ARRAY, SHT_PREINIT_ARRAY: .initializers
            case SHT_FINI_ARRAY: .finalizers
            case SHT_NOTE: .note
            default: array?.kind ?? .contents
            }
        if isAllocated, kind == .initializers || kind == .finalizers,
            header.size % object.architecture.pointerSize != 0
        {
            throw fail(label(index), "\(header.size) bytes are no whole number of addresses")
        }
        var section = Section(
            name: header.name, kind: kind, isAllocated: isAllocated, protection: protection,
            isThreadLocal: header.has(SHF_TLS), size: header.size, alignment: header.alignment,
            contentsOffset: header.isOf(SHT_NOBITS) ? 0 : Int(truncatingIfNeeded: header.offset))
        section.isReversed = array?.isReversed == true && (kind == .initializers || kind == .finalizers)
        return section
    }

    /// Sections that hold entries: the size of one, and a whole number of them.
    private func checkTable(_ index: Int, _ header: ELFLayout.SectionHeader) throws(Problem) {
        let entry: UInt64
        switch Int32(bitPattern: header.type) {
        case SHT_SYMTAB: entry = layout.fileClass.symbolSize
        case SHT_RELA: entry = layout.fileClass.relocationSize(hasAddend: true)
        case SHT_REL: entry = layout.fileClass.relocationSize(hasAddend: false)
        case SHT_GROUP, SHT_SYMTAB_SHNDX: entry = 4
        default: return
        }
        guard header.entrySize == entry else {
            throw fail(label(index), "sh_entsize \(header.entrySize): not \(entry)")
        }
        guard header.size % entry == 0 else {
            throw fail(label(index), "sh_size \(header.size): no whole number of entries of \(entry) bytes")
        }
    }

    // MARK: Symbols

    mutating func readSymbols() throws(Problem) {
        guard let table = symbolTable else { return }
        let header = layout.sections[table]
        let names = try layout.strings(header.link, for: label(table), in: unsafe object.bytes.span.bytes)
        object.symbolNames = names
        let extended = try extendedIndices(of: table)
        let count = header.size / layout.fileClass.symbolSize
        guard UInt64(header.info) <= count else {
            throw fail(label(table), "sh_info \(header.info): there are \(count) symbols")
        }
        let reader = SymbolReader(
            file: file, bytes: object.bytes, names: names, architecture: object.architecture,
            sections: layout.sections, extended: extended)
        let (symbols, areOutside) =
            switch layout.fileClass {
            case .bits32: try Self.symbols(of: table, as: Elf32_Sym.self, reader, layout)
            case .bits64: try Self.symbols(of: table, as: Elf64_Sym.self, reader, layout)
            }
        if !symbols.isEmpty { object.symbols = symbols }
        object.hasSymbolsOutside = areOutside
        try checkMachineCode()
    }

    /// Refuses an object of gcc's intermediate code alone, which gcc marks by a symbol. One that has machine code as well (-ffat-lto-objects)
    /// is an object like any other: its sections of intermediate code are not allocated.
    private func checkMachineCode() throws(Problem) {
        let isIntermediate = layout.sections.contains { nameBegins(object.bytes, $0.name, with: ".gnu.lto_") }
        guard isIntermediate, object.symbols.contains(where: { object.text($0.name) == "__gnu_lto_slim" }) else {
            return
        }
        throw fail("", "holds the compiler's intermediate code, not machine code; compile without -flto")
    }

    private static func symbols<Record: ELFSymbolRecord & BitwiseCopyable>(
        of table: Int, as type: Record.Type, _ reader: SymbolReader, _ layout: ELFLayout
    ) throws(Problem) -> (symbols: [Symbol], areOutside: Bool) {
        try unsafe layout.withEntries(ofSection: table, in: reader.bytes, as: type) {
            (entries) throws(Problem) -> (symbols: [Symbol], areOutside: Bool) in try unsafe reader.read(entries)
        }
    }

    /// Section numbers that do not fit 16 bits stand in a table of their own, one for each symbol.
    private func extendedIndices(of table: Int) throws(Problem) -> [UInt32] {
        for (index, header) in layout.sections.enumerated()
        where header.isOf(SHT_SYMTAB_SHNDX) && header.link == UInt32(table) {
            let count = layout.sections[table].size / layout.fileClass.symbolSize
            guard header.size / 4 == count else {
                throw fail(label(index), "sh_size \(header.size): \(header.size / 4) entries for \(count) symbols")
            }
            return try unsafe layout.withEntries(ofSection: index, in: object.bytes, as: UInt32.self) {
                (entries) throws(Problem) -> [UInt32] in unsafe entries.array
            }
        }
        return []
    }

    // MARK: Groups

    mutating func readGroups() throws(Problem) {
        for (index, header) in layout.sections.enumerated() where header.isOf(SHT_GROUP) {
            guard Int(header.link) == symbolTable, Int(header.info) < object.symbols.count else {
                throw fail(
                    label(index), "sh_info \(header.info): the symbol that names the group is beyond the symbol table")
            }
            let words = try unsafe layout.withEntries(ofSection: index, in: object.bytes, as: UInt32.self) {
                (entries) throws(Problem) -> [UInt32] in unsafe entries.array
            }
            guard let flags = words.first else { throw fail(label(index), "empty: a group begins with its flags") }
            let group = UInt32(object.groups.count)
            for member in words.dropFirst() {
                guard member > 0, Int(member) < object.sections.count else {
                    throw fail(label(index), "member \(member): there are \(object.sections.count) sections")
                }
                guard !layout.sections[Int(member)].isOf(SHT_GROUP) else {
                    throw fail(
                        label(index),
                        Int(member) == index
                            ? "member \(member): the group itself" : "member \(label(Int(member))) is a group")
                }
                guard object.sections[Int(member)].group == nil else {
                    throw fail(label(index), "member \(label(Int(member))) is in two groups")
                }
                object.sections[Int(member)].group = group
            }
            let signature = object.symbols[Int(header.info)]
            var name = signature.name
            if signature.type == .section, case .section(let section) = signature.place {
                name = object.sections[Int(section)].name
            }
            object.groups.append(SectionGroup(signature: name, isCommon: flags & UInt32(GRP_COMDAT) != 0))
        }
    }
}
