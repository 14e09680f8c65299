import ELFFormat
import ObjectModel
import SymbolTable

/// The symbol table as an ELF file, in the shape of NetBSD's ksyms(4): an executable without contents. For each owner there is
/// a section without contents for each stretch of one use of its memory, named after the module: `gurka.text`, and `.text` for the
/// space's own, which has constants before its code and after. They do not overlap: gdb would find an address in both. All symbols
/// belong to one of them: gdb passes over symbols that are absolute.
enum SymbolImage {
    /// As many bytes as the file of a table has at the most, without looking at it: each symbol is an entry of 24 bytes and a name,
    /// each section at the most a header of 64 bytes, a symbol and a name.
    static func sizeLimit(_ table: borrowing SymbolTable) -> UInt64 {
        let sections = table.sectionCount * (64 + 24 + 16) + table.ownerByteCount
        return UInt64(4096 + table.symbolCount * 24 + table.nameByteCount + sections)
    }

    /// The whole file.
    static func file(_ sets: [SymbolSet], architecture: Architecture) -> [UInt8] {
        ELFImageWriter.file(make(sets, architecture: architecture))
    }

    static func make(_ sets: [SymbolSet], architecture: Architecture) -> Image {
        let count = sets.reduce(0) { $0 + $1.symbols.entries.count }
        var symbols = SymbolList(minimumCapacity: count, nameCapacity: sets.reduce(0) { $0 + $1.symbols.names.count })
        var sections: [ImageSection] = []
        for set in sets {
            var indices = [UInt16?](repeating: nil, count: set.sections.count)
            var last: Use?
            for member in set.sections.indices.filter({ set.sections[$0].takesMemory })
                .sorted(by: { set.sections[$0].address < set.sections[$1].address })
            {
                let section = set.sections[member]
                let use = Use(section.protection)
                if use != last {
                    guard sections.count < Int(UInt16.max) else { break }
                    sections.append(
                        ImageSection(
                            name: set.owner + use.suffix, kind: .zeroFill, protection: use.protection,
                            address: section.address, fileOffset: ELFImageWriter.headerSize, size: 0, alignment: 1))
                    last = use
                }
                let index = sections.count - 1
                sections[index].size = max(
                    sections[index].size, section.address + section.size - sections[index].address)
                indices[member] = UInt16(index)
            }
            symbols.append(set.symbols) { $0.flatMap { indices.indices.contains(Int($0)) ? indices[Int($0)] : nil } }
        }
        return Image(
            architecture: architecture, segments: [], sections: sections, symbols: symbols, entry: 0,
            loadedSize: ELFImageWriter.headerSize, buildID: [])
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
