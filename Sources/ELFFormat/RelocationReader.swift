import CLibELF
import ObjectModel
import Relocation

extension ObjectDraft {
    /// Reads the relocations of all sections that are part of the running module.
    mutating func readRelocations() throws(Problem) {
        var lists: [Int] = []
        lists.reserveCapacity(layout.sections.count / 2)
        var total = 0
        for (index, header) in layout.sections.enumerated() {
            guard header.isOf(SHT_RELA) || header.isOf(SHT_REL) else { continue }
            guard let section = target(header), header.info > 0 else {
                throw fail(label(index), "sh_info \(header.info): there are \(object.sections.count) sections")
            }
            guard section.isAllocated else { continue }
            lists.append(index)
            total += Int(header.size / header.entrySize)
        }
        guard total == 0 || object.symbols.count <= RelocationEntry.symbolLimit else {
            throw fail(
                "",
                "\(object.symbols.count) symbols: an object with relocations has \(RelocationEntry.symbolLimit) at most"
            )
        }
        object.relocations.reserveCapacity(total)
        try arrange(&lists)
        for (position, index) in lists.enumerated() {
            try readRelocations(index, after: position > 0 ? lists[position - 1] : nil)
        }
    }

    /// A section may have a list of each form, one after the other; mostly all are of one form.
    private func arrange(_ lists: inout [Int]) throws(Problem) {
        let sections = layout.sections
        guard lists.contains(where: { sections[$0].type != sections[lists[0]].type }) else { return }
        lists.sort {
            (sections[$0].info, sections[$0].type, $0) < (sections[$1].info, sections[$1].type, $1)
        }
    }

    private func target(_ header: ELFLayout.SectionHeader) -> Section? {
        Int(header.info) < object.sections.count ? object.sections[Int(header.info)] : nil
    }

    private mutating func readRelocations(
        _ index: Int, after last: Int?
    ) throws(Problem) {
        let header = layout.sections[index]
        let target = Int(header.info)
        let section = object.sections[target]
        guard header.size > 0 else { return }
        guard Int(header.link) == symbolTable else {
            throw fail(label(index), "sh_link \(header.link): not the symbol table")
        }
        guard section.kind != .zeroFill else {
            throw fail(label(index), "relocations of \(label(target)), which has no contents")
        }
        let isOtherForm = last.map {
            layout.sections[$0].info == header.info && layout.sections[$0].type != header.type
        }
        guard section.relocations.isEmpty || isOtherForm == true else {
            throw fail(label(index), "a second list of relocations of \(label(target))")
        }
        switch (object.architecture, header.isOf(SHT_RELA)) {
        case (.x86_64, true): try read(index, of: target, as: Elf64_Rela.self, X86_64.Kind.self)
        case (.x86_64, false): try read(index, of: target, as: Elf64_Rel.self, X86_64.Kind.self)
        case (.i386, true): try read(index, of: target, as: Elf32_Rela.self, I386.Kind.self)
        case (.i386, false): try read(index, of: target, as: Elf32_Rel.self, I386.Kind.self)
        }
    }

    private mutating func read<Record: ELFRelocationRecord & BitwiseCopyable, Kind: NumberedKind>(
        _ index: Int, of target: Int, as record: Record.Type, _ kinds: Kind.Type
    ) throws(Problem) {
        let section = object.sections[target]
        let symbolCount = UInt32(truncatingIfNeeded: object.symbols.count)
        let bytes = object.bytes
        var relocations = object.relocations
        object.relocations = []
        let start = section.relocations.isEmpty ? relocations.count : section.relocations.lowerBound
        let bad = try unsafe layout.withEntries(ofSection: index, in: bytes, as: record) {
            (entries) throws(Problem) -> Int? in
            let contents = unsafe bytes.span.bytes.extracting(
                section.contentsOffset..<section.contentsOffset + Int(section.size))
            for position in unsafe entries.indices {
                let entry = unsafe entries[position]
                guard let kind = Kind(number: entry.type), entry.symbol < symbolCount,
                    entry.offset <= section.size, section.size - entry.offset >= UInt64(kind.width)
                else { return position }
                let addend =
                    Record.hasAddend ? entry.addend : contents.signedInteger(at: entry.offset, width: kind.width)
                relocations.append(
                    RelocationEntry(
                        offset: entry.offset, addend: addend, symbol: entry.symbol, kind: kind.rawValue))
            }
            return nil
        }
        object.relocations = relocations
        if let bad { throw try describeBad(bad, index, target, as: record, kinds) }
        object.sections[target].relocations = start..<object.relocations.count
    }

    /// Says which field of a relocation is wrong.
    private func describeBad<Record: ELFRelocationRecord & BitwiseCopyable, Kind: NumberedKind>(
        _ position: Int, _ index: Int, _ target: Int, as record: Record.Type, _ kinds: Kind.Type
    ) throws(Problem) -> Problem {
        let entry = try unsafe layout.withEntries(ofSection: index, in: object.bytes, as: record) {
            (entries) throws(Problem) -> Record in unsafe entries[position]
        }
        let place = "\(label(index)) relocation \(position)"
        guard Kind(number: entry.type) != nil else {
            return fail(
                place, "r_info: type \(entry.type) is none that an \(object.architecture.name) object file has")
        }
        guard entry.symbol < object.symbols.count else {
            return fail(place, "r_info: symbol \(entry.symbol): there are \(object.symbols.count) symbols")
        }
        let size = object.sections[target].size
        return fail(place, "r_offset \(hexadecimal(entry.offset)) is beyond \(label(target)) (\(size) bytes)")
    }
}

extension RawSpan {
    /// The signed number of that many bytes, the lowest first: an addend where it is to be replaced. 0 when there are none.
    @inline(__always)
    fileprivate func signedInteger(at offset: UInt64, width: Int) -> Int64 {
        switch width {
        case 8: integer(at: offset, as: Int64.self) ?? 0
        case 4: Int64(integer(at: offset, as: Int32.self) ?? 0)
        case 2: Int64(integer(at: offset, as: Int16.self) ?? 0)
        case 1: Int64(integer(at: offset, as: Int8.self) ?? 0)
        default: 0
        }
    }
}
