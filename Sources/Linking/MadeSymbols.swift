import ObjectModel

// Names that the linker makes for a module (ld's default script; the lists of lld and mold).
extension Draft {
    /// Makes the symbols that the linker defines where some object asks for them.
    mutating func makeSymbols() {
        made = Self.named
        for (index, output) in outputs.sections.enumerated() where output.name.isIdentifier {
            made.append(
                MadeSymbol(name: "__start_" + output.name, place: .output(Placement(output: UInt32(index), offset: 0))))
            made.append(MadeSymbol(name: "__stop_" + output.name, place: .end(ofOutput: index)))
        }
        if definitions.find("mod_use_count_") == nil,
            declaration != nil || surveys.contains(where: { $0.traits.contains(.useCounter) })
        {
            let output = outputs.output(named: ".bss", rank: .zeroes)
            // A `long`.
            let size = architecture.pointerSize
            if let offset = outputs.append(size, alignment: size, to: output) {
                let place = Placement(output: UInt32(output), offset: offset)
                useCount = place
                made.append(MadeSymbol(name: "mod_use_count_", place: .output(place)))
            }
        }
    }

    /// What every module has, by its number in all cases.
    private static let named = MadeName.allCases.map { MadeSymbol(name: $0.rawValue, place: .name($0)) }

    /// The symbol of a name that the linker makes.
    func madeSymbol(_ bytes: [UInt8], _ name: NameRange, hash: UInt64) -> Int? {
        if let number = MadeName.number(bytes, name, hash: hash) { return number }
        // The others begin so: most names need no comparison.
        guard nameBegins(bytes, name, with: "__st") || nameBegins(bytes, name, with: "mod_") else { return nil }
        return made.dropFirst(Self.named.count).firstIndex { $0.name.utf8.elementsEqual(bytes[name.indices]) }
    }

    /// The address of a symbol that the linker makes.
    func address(made index: Int) -> UInt64 {
        switch made[index].place {
        case .name(let name): address(name)
        case .output(let place): address(place)
        case .end(let output): base &+ outputs[output].offset &+ outputs[output].size
        }
    }

    private func address(_ name: MadeName) -> UInt64 {
        switch name {
        case .handle, .executableStart, .header: base
        case .table: tableAddress
        // Where distances from the thread pointer are known, code counts from there.
        case .threadBase: 0
        case .threadData: base &+ threadStart
        case .frameHeader: bounds(.frameHeader).lowerBound
        case .textEnd, .textEnd1, .textEnd2: end(through: .stubs)
        case .dataEnd, .dataEnd1, .zeroesStart: zeroesStart
        case .end, .end1: end(through: .zeroes).aligned(to: architecture.pointerSize) ?? base &+ size
        case .preinitializersStart: bounds(.initializers).lowerBound
        case .preinitializersEnd: bounds(.initializers).lowerBound &+ preinitializersEnd
        case .initializersStart: bounds(.initializers).lowerBound &+ initializersStart
        case .initializersEnd: bounds(.initializers).upperBound
        case .finalizersStart: bounds(.finalizers).lowerBound &+ finalizersStart
        case .finalizersEnd: bounds(.finalizers).upperBound
        case .indirectStart, .indirectEnd, .shortIndirectStart, .shortIndirectEnd: base
        }
    }

    /// The addresses of the one output section of a rank; none at the start of the image where there is no such section.
    private func bounds(_ rank: OutputSection.Rank) -> Range<UInt64> {
        guard let section = outputs.sections.first(where: { $0.rank == rank && $0.size > 0 }) else {
            return base..<base
        }
        return base + section.offset..<base + section.offset + section.size
    }

    /// The end of the last section in the image whose rank is not behind that one.
    private func end(through rank: OutputSection.Rank) -> UInt64 {
        let sections = outputs.sections.filter { $0.rank <= rank && $0.rank != .threadZeroes && $0.size > 0 }
        return base + (sections.map { $0.offset + $0.size }.max() ?? segments[0].fileSize)
    }

    /// Where zeroes begin: behind the variables with first values, or where these would be.
    private var zeroesStart: UInt64 {
        let sections = outputs.sections.filter { $0.size > 0 && !$0.rank.isThreadLocal }
        let hasData = sections.contains { $0.rank == .data }
        guard !hasData, let first = sections.filter({ $0.rank == .zeroes }).map(\.offset).min() else {
            return end(through: .data)
        }
        return base + first
    }
}
