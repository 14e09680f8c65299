import ObjectModel
import SymbolTable
import TestSupport

/// A symbol by its properties.
struct Named {
    var name: String
    var address: UInt64
    var size: UInt64 = 0
    var binding = SymbolBinding.global
    var type = SymbolType.function
    var section: UInt16? = 0
}

extension SymbolSet {
    /// A set of the symbols in one section from `start` to `end`, or in the sections given.
    convenience init(
        _ owner: String, _ symbols: [Named], from start: UInt64 = 0x1000, to end: UInt64 = 0x2000,
        sections: [(name: String, range: Range<UInt64>)]? = nil
    ) {
        var list = SymbolList()
        for symbol in symbols {
            list.add(
                symbol.name, at: symbol.address, size: symbol.size, section: symbol.section, binding: symbol.binding,
                type: symbol.type)
        }
        let sections = sections ?? [(".text", start..<end)]
        self.init(
            owner: owner, symbols: list,
            sections: sections.map {
                ImageSection(
                    name: $0.name, kind: .contents, protection: .read, address: $0.range.lowerBound, fileOffset: 0,
                    size: UInt64($0.range.count), alignment: 1)
            }, range: start..<end)
    }
}

extension SymbolTable {
    /// The address and owner of the exported symbol of a name.
    func place(_ name: String) -> String? {
        guard let reference = exported(name), let entry = symbol(reference), let set = owner(reference.owner) else {
            return nil
        }
        return "\(set.owner) \(hexadecimal(entry.address))"
    }

    /// What an address is, on one line.
    func line(_ address: UInt64) -> String? {
        describe(address).map { "\($0.owner):\($0.name)+\(hexadecimal($0.offset))/\(hexadecimal($0.size))" }
    }
}
