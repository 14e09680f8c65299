import ObjectModel
import SymbolTable
import TestSupport
import Testing

@testable import ModuleService

/// The bound that is told of a symbol table's file before it is made: programs that ask for the size read so much.
@Suite struct SymbolFileSizeTests {
    /// An owner with symbols whose names have that length, in sections whose uses alternate, so that each is one of the file's.
    private func owner(_ name: String, at address: UInt64, symbols: Int, length: Int, sections: Int) -> SymbolSet {
        var list = SymbolList()
        for number in 0..<symbols {
            let digits = "\(number)"
            list.add(
                String(repeating: "n", count: max(0, length - digits.count)) + digits, at: address + UInt64(number),
                size: 1, section: 0, binding: .global, type: .function)
        }
        return SymbolSet(
            owner: name, symbols: list,
            sections: (0..<sections).map { number in
                ImageSection(
                    name: ".s\(number)", kind: .contents,
                    protection: number % 2 == 0 ? [.read, .execute] : [.read, .write],
                    address: address + UInt64(number) * 0x1000, fileOffset: 0, size: 0x1000, alignment: 1)
            }, range: address..<address + UInt64(max(1, sections)) * 0x1000)
    }

    @Test("a file is never larger than was told, and not much smaller", arguments: Architecture.allCases)
    func limit(_ architecture: Architecture) {
        let shapes: [[(owner: String, symbols: Int, length: Int, sections: Int)]] = [
            [], [("", 0, 1, 1)], [("", 4000, 1, 1)], [("", 4000, 60, 3)], [("m", 1, 1, 1)], [("m", 0, 1, 2000)],
            [(String(repeating: "o", count: 63), 3, 1, 2000)],
            (0..<1000).map { ("m\($0)", 1, 5, 1) }, (0..<1000).map { ("module_with_a_long_name_\($0)", 3, 30, 3) },
        ]
        for shape in shapes {
            var table = SymbolTable()
            for (number, set) in shape.enumerated() {
                _ = table.insert(
                    owner(
                        set.owner, at: 0x1000_0000 + UInt64(number) * 0x1_0000, symbols: set.symbols,
                        length: set.length,
                        sections: set.sections))
            }
            let size = UInt64(SymbolImage.file(table.snapshot, architecture: architecture).count)
            let limit = SymbolImage.sizeLimit(table)
            #expect(size <= limit, "\(shape.first.map { "\($0)" } ?? "nothing")")
            #expect(limit <= 4096 + 4 * size)
        }
    }
}
