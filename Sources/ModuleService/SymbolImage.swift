import ELFFormat
import ObjectModel
import SymbolTable

/// The symbol table as an ELF file. For each owner there is a section without contents for each stretch of one use of its memory,
/// named after the module: `gurka.text`, and `.text` for the space's own, which has constants before its code and after. They do not
/// overlap: gdb would find an address in both. All symbols belong to one of them: gdb passes over symbols that are absolute.
enum SymbolImage {
    /// As many bytes as the file of a table has at the most, without looking at it: each symbol is an entry of 24 bytes and a name,
    /// each section at the most a header of 64 bytes and a name, and the number of a section may stand beside a symbol.
    static func sizeLimit(_ table: borrowing SymbolTable) -> UInt64 {
        let sections = table.sectionCount * (64 + 16) + table.ownerByteCount
        let symbols = (table.symbolCount + 1) * (table.sectionCount < 0xf000 ? 24 : 28) + table.nameByteCount
        let notes = SymbolNotes.sizeLimit(owners: table.ownerCount, nameByteCount: table.ownerByteCount)
        return UInt64(4096 + symbols + notes + sections)
    }

    /// The whole file.
    static func file(_ sets: [SymbolSet], architecture: Architecture, generation: UInt64 = 0) -> [UInt8] {
        writer(sets, architecture: architecture, generation: generation).bytes
    }

    /// What writes the file.
    static func writer(_ sets: [SymbolSet], architecture: Architecture, generation: UInt64) -> SymbolFileWriter {
        var sections: [ImageSection] = []
        let parts = sets.map { set in
            SymbolFileWriter.Part(
                owner: set.owner, range: set.range, buildID: set.buildID, symbols: set.symbols,
                sections: add(set, to: &sections))
        }
        return SymbolFileWriter(
            architecture: architecture, sections: sections, parts: parts, generation: generation)
    }

    /// Adds an owner's stretches of memory. Returns for each of its sections which one it is part of.
    private static func add(_ set: SymbolSet, to sections: inout [ImageSection]) -> [UInt16?] {
        var indices = [UInt16?](repeating: nil, count: set.sections.count)
        var last: Use?
        for member in set.sections.indices.filter({ set.sections[$0].takesMemory })
            .sorted(by: { set.sections[$0].address < set.sections[$1].address })
        {
            let section = set.sections[member]
            let use = Use(section.protection)
            if use != last {
                guard sections.count < Int(SymbolEntry.sectionLimit) else { break }
                sections.append(
                    ImageSection(
                        name: set.owner + use.suffix, kind: .zeroFill, protection: use.protection,
                        address: section.address, fileOffset: 0, size: 0, alignment: 1))
                last = use
            }
            let index = sections.count - 1
            sections[index].size = max(
                sections[index].size, section.address + section.size - sections[index].address)
            indices[member] = UInt16(index)
        }
        return indices
    }

    private enum Use {
        case code, constants, data

        init(_ protection: Protection) {
            self = protection.contains(.execute) ? .code : protection.contains(.write) ? .data : .constants
        }

        var suffix: String {
            switch self {
            case .code: SymbolSections.suffixes[0]
            case .constants: SymbolSections.suffixes[1]
            case .data: SymbolSections.suffixes[2]
            }
        }

        var protection: Protection {
            switch self {
            case .code: [.read, .execute]
            case .constants: .read
            case .data: [.read, .write]
            }
        }
    }
}
