import ObjectModel

extension I386 {
    /// Computes and stores relocations of one section; see `Machine`.
    public static func apply(
        _ entries: Span<RelocationEntry>, to contents: inout MutableRawSpan, original: RawSpan,
        frame: RelocationFrame, targets: Span<SymbolTarget>, symbols: Span<Symbol>,
        failures: inout [RelocationFailure]
    ) {
        for index in entries.indices {
            let entry = entries[index]
            guard let kind = Kind(rawValue: entry.kind) else { continue }
            let target = targets[Int(entry.symbol)]
            let offset = Int(truncatingIfNeeded: entry.offset)
            let place = frame.section &+ entry.offset
            var value = UInt64(bitPattern: entry.addend)
            switch kind {
            case .none: continue
            case .absolute32, .absolute16, .absolute8: value &+= target.address
            case .relative32, .relative16, .relative8: value &+= target.address &- place
            case .call32: value &+= frame.callee(target, stubSize: stubSize) &- place
            case .tableEntryOffset32, .tableEntryOffset32Relaxable:
                if kind == .tableEntryOffset32Relaxable, let relaxation = Relaxation(of: entry, in: original) {
                    relaxation.rewrite(&contents, at: offset, address: target.address, place: place)
                    continue
                }
                value &+= frame.entry(target, addressSize: addressSize)
                if !isWithoutRegister(entry, in: original) { value &-= frame.table }
            case .tableOffset32: value &+= target.address &- frame.table
            case .tableRelative32: value &+= frame.table &- place
            case .size32: value &+= symbols[Int(entry.symbol)].size
            case .threadOffset32: value &+= target.address
            case .threadDistance32: value &-= target.address
            case .blockOffset32: value &+= target.address &- frame.threadBlock
            case .variableArgument, .moduleArgument:
                let isOfModule = kind == .moduleArgument
                value &+=
                    frame.threadArgument(target, isOfModule: isOfModule, addressSize: addressSize) &- frame.table
            case .threadTableEntry32, .threadTableEntryOffset32, .threadTableDistance32, .generalDynamic, .localDynamic,
                .descriptorOffset32, .descriptorCall:
                if let sequence = ThreadSequence(of: entry, kind, in: original) {
                    sequence.rewrite(&contents, at: offset, offset: UInt32(truncatingIfNeeded: target.address))
                    continue
                }
                guard kind == .threadTableEntry32 || kind == .threadTableEntryOffset32 else { continue }
                value &+= frame.entry(target, addressSize: addressSize)
                if kind == .threadTableEntryOffset32 { value &-= frame.table }
            }
            let signed = Int64(Int32(truncatingIfNeeded: value))
            switch kind.width {
            case 4: contents.store(UInt32(truncatingIfNeeded: value), at: offset)
            case 2 where kind.range.contains(signed): contents.store(UInt16(truncatingIfNeeded: value), at: offset)
            case 1 where kind.range.contains(signed): contents.store(UInt8(truncatingIfNeeded: value), at: offset)
            default: failures.append(RelocationFailure(index: index, value: signed, range: kind.range))
            }
        }
    }

    /// Writes the stub that jumps to the address in a table entry: `jmp *entry`, filled up with `int3`.
    public static func writeStub(
        _ contents: inout MutableRawSpan, at offset: Int, address: UInt64, entry: UInt64
    ) -> Bool {
        contents.store(UInt8(0xff), at: offset)
        contents.store(UInt8(0x25), at: offset + 1)
        contents.store(UInt32(truncatingIfNeeded: entry), at: offset + 2)
        for index in 6..<stubSize { contents.store(UInt8(0xcc), at: offset + index) }
        return true
    }
}
