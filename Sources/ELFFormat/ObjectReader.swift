import CLibELF
import ObjectModel
import Relocation

/// Reads relocatable ELF files into the one representation. Everything in the result has been checked against
/// everything else, so that no later step has to.
public enum ELFObjectReader {
    /// Whether a file is this reader's: an ELF file, or one of which it has more to say than that it is none.
    public static func recognizes(_ bytes: [UInt8]) -> Bool {
        bytes.isEmpty || bytes.starts(with: ELFLayout.magic) || ELFLayout.foreign(bytes) != nil
    }

    /// The object in a file's bytes.
    ///
    /// - Parameter name: what messages call the file.
    public static func read(_ bytes: [UInt8], name: String) throws(Problem) -> Object {
        let layout = try ELFLayout(bytes, file: name)
        try checkPurpose(layout)
        guard bytes.count <= Int(UInt32.max) else { throw Problem(subject: name, reason: "larger than 4 GiB") }
        var draft = ObjectDraft(layout: layout, file: name, bytes: bytes)
        try draft.readSections()
        // The closure cannot throw a typed error through the standard library's rethrowing one.
        let result: Result<Object, Problem> = unsafe bytes.withUnsafeBytes { raw in
            do throws(Problem) {
                let elf = try unsafe ELFHandle(raw, file: name)
                try draft.readSymbols(elf)
                try draft.readGroups(elf)
                try draft.readRelocations(elf)
                return .success(draft.object)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private static func checkPurpose(_ layout: ELFLayout) throws(Problem) {
        let reason: String? =
            switch Int32(layout.type) {
            case ET_REL: nil
            case ET_EXEC: "an executable, not a relocatable object; modules are made with 'cc -c'"
            case ET_DYN: "a shared library or an executable, not a relocatable object; modules are made with 'cc -c'"
            case ET_CORE: "a core file, not a relocatable object"
            default: "ELF type \(layout.type), not a relocatable object"
            }
        if let reason { throw Problem(subject: layout.file, reason: reason) }
        guard Int32(layout.machine) == EM_X86_64 else {
            throw Problem(
                subject: layout.file, place: "e_machine",
                reason: "made for \(machineName(layout.machine)); this space is for x86-64")
        }
    }

    private static func machineName(_ number: UInt16) -> String {
        switch Int32(number) {
        case EM_386: "i386"
        case EM_AARCH64: "aarch64"
        case EM_ARM: "arm"
        case EM_RISCV: "riscv"
        case EM_PPC64: "ppc64"
        case EM_S390: "s390x"
        default: "machine \(number)"
        }
    }
}

/// An object in the making.
struct ObjectDraft {
    let layout: ELFLayout
    let file: String
    var object: Object
    /// The section of the symbol table, if there is one.
    private var symbolTable: Int?

    init(layout: ELFLayout, file: String, bytes: [UInt8]) {
        self.layout = layout
        self.file = file
        object = Object(
            name: file, architecture: .x86_64, bytes: bytes, sections: [], symbols: [.null], relocations: [], groups: []
        )
    }

    private func fail(_ place: String, _ reason: String) -> Problem {
        Problem(subject: file, place: place, reason: reason)
    }

    private func label(_ section: Int) -> String {
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
            object.sections.append(try section(index, header))
        }
    }

    private func section(_ index: Int, _ header: ELFLayout.SectionHeader) throws(Problem) -> Section {
        let isAllocated = header.has(SHF_ALLOC) && !header.isOf(SHT_NULL)
        if isAllocated, header.has(SHF_COMPRESSED) {
            throw fail(label(index), "compressed, yet part of the running module")
        }
        var protection: Protection = .read
        if header.has(SHF_WRITE) { protection.insert(.write) }
        if header.has(SHF_EXECINSTR) { protection.insert(.execute) }
        let kind: SectionKind =
            switch Int32(bitPattern: header.type) {
            case SHT_NOBITS: .zeroFill
            case SHT_INIT_ARRAY, SHT_PREINIT_ARRAY: .initializers
            case SHT_FINI_ARRAY: .finalizers
            case SHT_NOTE: .note
            default: .contents
            }
        if isAllocated, kind == .initializers || kind == .finalizers, header.size % 8 != 0 {
            throw fail(label(index), "\(header.size) bytes are no whole number of addresses")
        }
        let text = object.text(header.name)
        if text.hasPrefix(".gnu.lto_") {
            throw fail("", "holds the compiler's intermediate code, not machine code; compile without -flto")
        }
        return Section(
            name: header.name, kind: kind, isAllocated: isAllocated, protection: protection,
            isThreadLocal: header.has(SHF_TLS), size: header.size, alignment: header.alignment,
            contentsOffset: header.isOf(SHT_NOBITS) ? 0 : Int(truncatingIfNeeded: header.offset))
    }

    /// Sections that hold entries: the size of one, and a whole number of them.
    private func checkTable(_ index: Int, _ header: ELFLayout.SectionHeader) throws(Problem) {
        let entry: UInt64
        switch Int32(bitPattern: header.type) {
        case SHT_SYMTAB, SHT_RELA: entry = 24
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

    mutating func readSymbols(_ elf: borrowing ELFHandle) throws(Problem) {
        guard let table = symbolTable else { return }
        let header = layout.sections[table]
        let names = try layout.strings(header.link, for: label(table), in: unsafe object.bytes.span.bytes)
        object.symbolNames = names
        let extended = try extendedIndices(of: table, elf)
        guard UInt64(header.info) <= header.size / 24 else {
            throw fail(label(table), "sh_info \(header.info): there are \(header.size / 24) symbols")
        }
        let reader = SymbolReader(
            file: file, bytes: object.bytes, names: names, sections: layout.sections, extended: extended)
        let symbols = try unsafe elf.withEntries(ofSection: table, as: Elf64_Sym.self) {
            (entries) throws(Problem) -> [Symbol] in try unsafe reader.read(entries)
        }
        if !symbols.isEmpty { object.symbols = symbols }
    }

    /// Section numbers that do not fit 16 bits stand in a table of their own, one for each symbol.
    private func extendedIndices(of table: Int, _ elf: borrowing ELFHandle) throws(Problem) -> [UInt32] {
        for (index, header) in layout.sections.enumerated()
        where header.isOf(SHT_SYMTAB_SHNDX) && header.link == UInt32(table) {
            return try unsafe elf.withEntries(ofSection: index, as: UInt32.self) {
                (entries) throws(Problem) -> [UInt32] in unsafe Array(entries)
            }
        }
        return []
    }

    // MARK: Groups

    mutating func readGroups(_ elf: borrowing ELFHandle) throws(Problem) {
        for (index, header) in layout.sections.enumerated() where header.isOf(SHT_GROUP) {
            guard Int(header.link) == symbolTable, Int(header.info) < object.symbols.count else {
                throw fail(
                    label(index), "sh_info \(header.info): the symbol that names the group is beyond the symbol table")
            }
            let words = try unsafe elf.withEntries(ofSection: index, as: UInt32.self) {
                (entries) throws(Problem) -> [UInt32] in unsafe Array(entries)
            }
            guard let flags = words.first else { throw fail(label(index), "empty: a group begins with its flags") }
            let group = UInt32(object.groups.count)
            for member in words.dropFirst() {
                guard member > 0, Int(member) < object.sections.count else {
                    throw fail(label(index), "member \(member): there are \(object.sections.count) sections")
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

    // MARK: Relocations

    mutating func readRelocations(_ elf: borrowing ELFHandle) throws(Problem) {
        var total = 0
        for header in layout.sections where header.isOf(SHT_RELA) { total += Int(header.size / 24) }
        object.relocations.reserveCapacity(total)
        for (index, header) in layout.sections.enumerated() {
            if header.isOf(SHT_REL), target(header)?.isAllocated == true {
                throw fail(label(index), "relocations without addends; x86-64 has them with addends (SHT_RELA)")
            }
            guard header.isOf(SHT_RELA) else { continue }
            guard Int(header.info) < object.sections.count, header.info > 0 else {
                throw fail(label(index), "sh_info \(header.info): there are \(object.sections.count) sections")
            }
            let section = object.sections[Int(header.info)]
            guard section.isAllocated else { continue }
            try readRelocations(index, of: Int(header.info), section, header, elf)
        }
    }

    private func target(_ header: ELFLayout.SectionHeader) -> Section? {
        Int(header.info) < object.sections.count ? object.sections[Int(header.info)] : nil
    }

    private mutating func readRelocations(
        _ index: Int, of target: Int, _ section: Section, _ header: ELFLayout.SectionHeader, _ elf: borrowing ELFHandle
    ) throws(Problem) {
        guard Int(header.link) == symbolTable || header.size == 0 else {
            throw fail(label(index), "sh_link \(header.link): not the symbol table")
        }
        guard section.kind != .zeroFill || header.size == 0 else {
            throw fail(label(index), "relocations of \(label(target)), which has no contents")
        }
        guard section.relocations.isEmpty else {
            throw fail(label(index), "a second list of relocations of \(label(target))")
        }
        let start = object.relocations.count
        let symbolCount = UInt64(object.symbols.count)
        var relocations = object.relocations
        object.relocations = []
        let bad = try unsafe elf.withEntries(ofSection: index, as: Elf64_Rela.self) {
            (entries) throws(Problem) -> Int? in
            for position in entries.indices {
                let entry = unsafe entries[position]
                let symbol = entry.r_info >> 32
                guard let kind = X86_64.Kind(number: UInt32(truncatingIfNeeded: entry.r_info)), symbol < symbolCount,
                    entry.r_offset <= section.size, section.size - entry.r_offset >= UInt64(kind.width)
                else { return position }
                relocations.append(
                    RelocationEntry(
                        offset: entry.r_offset, addend: entry.r_addend, symbol: UInt32(truncatingIfNeeded: symbol),
                        kind: kind.rawValue))
            }
            return nil
        }
        object.relocations = relocations
        if let bad { throw try describeBad(bad, index, target, section, elf) }
        object.sections[target].relocations = start..<object.relocations.count
    }

    /// Says which field of a relocation is wrong.
    private func describeBad(
        _ position: Int, _ index: Int, _ target: Int, _ section: Section, _ elf: borrowing ELFHandle
    ) throws(Problem) -> Problem {
        let entry = try unsafe elf.withEntries(ofSection: index, as: Elf64_Rela.self) {
            (entries) throws(Problem) -> Elf64_Rela in unsafe entries[position]
        }
        let number = UInt32(truncatingIfNeeded: entry.r_info)
        let place = "\(label(index)) relocation \(position)"
        guard X86_64.Kind(number: number) != nil else {
            return fail(place, "r_info: type \(number) is none that an x86-64 object file has")
        }
        guard entry.r_info >> 32 < UInt64(object.symbols.count) else {
            return fail(place, "r_info: symbol \(entry.r_info >> 32): there are \(object.symbols.count) symbols")
        }
        return fail(place, "r_offset \(hexadecimal(entry.r_offset)) is beyond \(label(target)) (\(section.size) bytes)")
    }
}
