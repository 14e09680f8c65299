import ObjectModel

extension X86_64 {
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
            case .none, .descriptor, .moduleNumber64, .descriptorRelative32Code5, .descriptorRelative32Code6: continue
            case .absolute64, .absolute32, .absolute32Signed, .absolute16, .absolute8: value &+= target.address
            case .relative64, .relative32, .relative16, .relative8: value &+= target.address &- place
            case .call32: value &+= frame.callee(target, stubSize: stubSize) &- place
            case .callOffset64: value &+= frame.callee(target, stubSize: stubSize) &- frame.table
            case .tableEntryRelative32Relaxable, .tableEntryRelative32RelaxableREX:
                if let relaxation = Relaxation(of: entry, kind, in: original),
                    relaxation.reaches(target.address, frame.reach)
                {
                    relaxation.rewrite(
                        &contents, at: offset, address: target.address,
                        distance: target.address &+ value &- place)
                    continue
                }
                value &+= frame.entry(target, addressSize: addressSize) &- place
            case .tableEntryRelative32, .tableEntryRelative64, .tableEntryRelative32Code4, .tableEntryRelative32Code5,
                .tableEntryRelative32Code6, .threadTableEntryRelative32Code4, .threadTableEntryRelative32Code5,
                .threadTableEntryRelative32Code6:
                value &+= frame.entry(target, addressSize: addressSize) &- place
            case .tableEntryOffset32, .tableEntryOffset64:
                value &+= frame.entry(target, addressSize: addressSize) &- frame.table
            case .tableOffset64: value &+= target.address &- frame.table
            case .tableRelative32, .tableRelative64: value &+= frame.table &- place
            case .size32, .size64: value &+= symbols[Int(entry.symbol)].size
            case .threadOffset32, .threadOffset64: value &+= target.address
            case .blockOffset32, .blockOffset64: value &+= target.address &- frame.threadBlock
            case .variableArgument, .moduleArgument:
                let isOfModule = kind == .moduleArgument
                value &+=
                    frame.threadArgument(target, isOfModule: isOfModule, addressSize: addressSize) &- place
            case .threadTableEntryRelative32, .generalDynamic, .localDynamic, .descriptorRelative32, .descriptorCall,
                .descriptorRelative32Code4:
                if let sequence = ThreadSequence(of: entry, kind, in: original) {
                    if let distance = Int32(exactly: Int64(bitPattern: target.address)) {
                        sequence.rewrite(&contents, at: offset, distance: distance)
                    } else {
                        failures.append(
                            RelocationFailure(
                                index: index, value: Int64(bitPattern: target.address), range: kind.range))
                    }
                    continue
                }
                value &+= frame.entry(target, addressSize: addressSize) &- place
            }
            let signed = Int64(bitPattern: value)
            switch kind.width {
            case 8: contents.store(value, at: offset)
            case 4 where kind.range.contains(signed): contents.store(UInt32(truncatingIfNeeded: value), at: offset)
            case 2 where kind.range.contains(signed): contents.store(UInt16(truncatingIfNeeded: value), at: offset)
            case 1 where kind.range.contains(signed): contents.store(UInt8(truncatingIfNeeded: value), at: offset)
            default: failures.append(RelocationFailure(index: index, value: signed, range: kind.range))
            }
        }
    }

    /// Writes the stub that jumps to the address in a table entry: `jmp *entry(%rip)`, filled up with `int3`. False when the
    /// entry is too far from it.
    public static func writeStub(
        _ contents: inout MutableRawSpan, at offset: Int, address: UInt64, entry: UInt64
    ) -> Bool {
        guard let distance = Int32(exactly: Int64(bitPattern: entry &- (address &+ 6))) else { return false }
        contents.store(UInt8(0xff), at: offset)
        contents.store(UInt8(0x25), at: offset + 1)
        contents.store(distance, at: offset + 2)
        for index in 6..<stubSize { contents.store(UInt8(0xcc), at: offset + index) }
        return true
    }
}
