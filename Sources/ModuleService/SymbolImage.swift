import ELFFormat
import ObjectModel
import SymbolTable

/// The symbol table as an ELF file, in the shape of NetBSD's ksyms(4): an executable without contents. For each owner there is
/// a section without contents for each use of its memory, named after the module: `gurka.text`, and `.text` for the space's own. All
/// symbols belong to one of them: gdb passes over symbols that are absolute.
enum SymbolImage {
    static func make(_ sets: [SymbolSet], architecture: Architecture) -> Image {
        let count = sets.reduce(0) { $0 + $1.symbols.entries.count }
        var symbols = SymbolList(minimumCapacity: count, nameCapacity: sets.reduce(0) { $0 + $1.symbols.names.count })
        var sections: [ImageSection] = []
        for set in sets {
            var indices = [UInt16?](repeating: nil, count: set.sections.count)
            for use in Use.allCases {
                let members = set.sections.indices.filter {
                    Use(set.sections[$0].protection) == use && set.sections[$0].size > 0
                }
                guard let first = members.min(by: { set.sections[$0].address < set.sections[$1].address }),
                    let index = UInt16(exactly: sections.count)
                else { continue }
                let start = set.sections[first].address
                let end = members.map { set.sections[$0].address + set.sections[$0].size }.max() ?? start
                for member in members { indices[member] = index }
                sections.append(
                    ImageSection(
                        name: set.owner + use.suffix, kind: .zeroFill, protection: use.protection, address: start,
                        fileOffset: ELFImageWriter.headerSize, size: end - start, alignment: 1))
            }
            symbols.append(set.symbols) { $0.flatMap { indices.indices.contains(Int($0)) ? indices[Int($0)] : nil } }
        }
        return Image(
            architecture: architecture, segments: [], sections: sections, symbols: symbols, entry: 0,
            loadedSize: ELFImageWriter.headerSize, buildID: [])
    }

    private enum Use: CaseIterable {
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
