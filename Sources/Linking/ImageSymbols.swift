import ObjectModel

extension Draft {
    /// The sections of the image, in the order of address; and for each output section which of them it is, if any.
    func imageSections() -> (sections: [ImageSection], indices: [UInt16?]) {
        let order = outputs.sections.indices.filter { outputs[$0].size > 0 }
            // As they are laid out: by address, but that thread-local zeroes stand where they would be if they took room.
            .sorted { (outputs[$0].rank, $0) < (outputs[$1].rank, $1) }
        var sections: [ImageSection] = []
        var indices = [UInt16?](repeating: nil, count: outputs.sections.count)
        for output in order {
            let section = outputs[output]
            guard let index = UInt16(exactly: sections.count), index < SymbolEntry.sectionLimit else { break }
            indices[output] = index
            sections.append(
                ImageSection(
                    name: section.name, kind: section.kind, protection: section.protection,
                    address: base + section.offset, fileOffset: section.offset, size: section.size,
                    alignment: section.alignment, isThreadLocal: section.rank.isThreadLocal))
        }
        return (sections, indices)
    }

    /// The symbols of the image. Global ones are those that other modules may refer to; the rest is local.
    func imageSymbols(_ sectionIndices: [UInt16?]) -> SymbolList {
        let count = objects.reduce(0) { $0 + $1.symbols.count }
        var list = SymbolList(
            minimumCapacity: count, nameCapacity: objects.reduce(0) { $0 + $1.symbolNames.count })
        for (index, object) in objects.enumerated() {
            guard let shift = list.intern(object.bytes, table: object.symbolNames) else { break }
            for (number, symbol) in object.symbols.enumerated() where isKept(symbol, object) {
                var binding = SymbolBinding.local
                var address = UInt64(0)
                var output: UInt32?
                if symbol.binding == .local {
                    guard let own = self.address(object: index, symbol: number) else { continue }
                    address = own
                    output = self.output(of: symbol, object: index)
                } else {
                    // Of several definitions of a name, the one that was chosen.
                    guard case .definition(let position) = resolutions[index, number],
                        definitions[position].object == index, definitions[position].symbol == number
                    else { continue }
                    let definition = definitions[position]
                    address = self.address(definition: position)
                    output = definitions[common: position]?.room?.output ?? self.output(of: symbol, object: index)
                    if !definition.isPrivate { binding = symbol.binding }
                }
                // What lies outside of its section is found by its name, not by addresses of the section.
                if object.hasSymbolsOutside, isOutside(object: index, symbol: number), symbol.type != .threadLocal {
                    output = nil
                }
                let name = NameRange(offset: UInt32(Int(symbol.name.offset) + shift), count: symbol.name.count)
                let isIndirect = symbol.type == .indirectFunction
                list.entries.append(
                    SymbolEntry(
                        address: address, size: isIndirect ? indirect.stubSize : symbol.size, name: name,
                        section: output.flatMap { sectionIndices[Int($0)] }, binding: binding,
                        type: isIndirect ? .function : symbol.type))
            }
        }
        return list
    }

    private func output(of symbol: Symbol, object: Int) -> UInt32? {
        guard case .section(let section) = symbol.place else { return nil }
        // To others it is its stub.
        if symbol.type == .indirectFunction { return UInt32(indirect.stubs) }
        let place = placements[object, Int(section)]
        return place.isPlaced ? place.output : nil
    }

    /// Whether a symbol is for people: assemblers' own labels (`.L…`), sections and files are not.
    private func isKept(_ symbol: Symbol, _ object: Object) -> Bool {
        switch symbol.type {
        case .section, .file: return false
        case .none, .object, .function, .threadLocal, .indirectFunction: break
        }
        guard symbol.place != .undefined, symbol.name.count > 0 else { return false }
        let start = Int(symbol.name.offset)
        return
            !(symbol.name.count > 1 && object.bytes[start] == UInt8(ascii: ".")
            && object.bytes[start + 1] == UInt8(ascii: "L"))
    }
}
