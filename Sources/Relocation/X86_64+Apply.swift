import ObjectModel

/// What the relocations of an object's symbol are computed from.
public struct SymbolTarget: Sendable {
    /// Its value ("S").
    public var address: UInt64
    /// The index of its entry in the global offset table, or `absent`.
    public var tableEntry: UInt32
    /// The index of its stub, or `absent`.
    public var stub: UInt32

    /// The index of what there is none of.
    public static let absent = UInt32.max

    /// Makes the target of a symbol with neither entry nor stub.
    public init(address: UInt64) {
        self.address = address
        tableEntry = Self.absent
        stub = Self.absent
    }
}

/// The addresses that the relocations of one section are computed with.
public struct RelocationFrame: Sendable {
    /// The address of the section: a place is at this plus its offset.
    public var section: UInt64
    /// The address of the global offset table.
    public var table: UInt64
    /// The address of the first stub.
    public var stubs: UInt64
    /// The addresses that 32-bit distances reach from everywhere in the module.
    public var reach: ClosedRange<UInt64>

    /// Makes a frame of the given addresses.
    public init(section: UInt64, table: UInt64, stubs: UInt64, reach: ClosedRange<UInt64>) {
        self.section = section
        self.table = table
        self.stubs = stubs
        self.reach = reach
    }
}

/// A relocation that could not be stored.
public struct RelocationFailure: Error, Equatable {
    /// Which of the relocations it was.
    public var index: Int
    /// What the formula gave.
    public var value: Int64
    /// What fits.
    public var range: ClosedRange<Int64>
}

extension X86_64 {
    /// Computes and stores relocations of one section. Those that do not fit are reported, and nothing is stored for them.
    ///
    /// - Parameters:
    ///   - entries: the section's relocations; their offsets and widths were checked against its size.
    ///   - contents: the section in the linked image, a copy of `original` before the first.
    ///   - original: the section in the object: what relaxation looks at.
    ///   - frame: the addresses.
    ///   - targets: what the object's symbols are, by index.
    ///   - symbols: the object's symbols, for their sizes.
    ///   - failures: receives what does not fit.
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
            case .none, .threadLocal: continue
            case .absolute64, .absolute32, .absolute32Signed, .absolute16, .absolute8: value &+= target.address
            case .relative64, .relative32, .relative16, .relative8: value &+= target.address &- place
            case .call32: value &+= frame.callee(target) &- place
            case .callOffset64: value &+= frame.callee(target) &- frame.table
            case .tableEntryRelative32Relaxable, .tableEntryRelative32RelaxableREX:
                if let relaxation = Relaxation(of: entry, kind, in: original),
                    relaxation.reaches(target.address, frame.reach)
                {
                    relaxation.rewrite(
                        &contents, at: offset, address: target.address,
                        distance: target.address &+ value &- place)
                    continue
                }
                value &+= frame.entry(target) &- place
            case .tableEntryRelative32, .tableEntryRelative64: value &+= frame.entry(target) &- place
            case .tableEntryOffset32, .tableEntryOffset64: value &+= frame.entry(target) &- frame.table
            case .tableOffset64: value &+= target.address &- frame.table
            case .tableRelative32, .tableRelative64: value &+= frame.table &- place
            case .size32, .size64: value &+= symbols[Int(entry.symbol)].size
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

    /// The size of a stub, in bytes.
    public static let stubSize = 16

    /// Writes the stub that jumps to the address in a table entry: `jmp *entry(%rip)`, filled up with `int3`. False when the
    /// entry is too far from it.
    public static func writeStub(_ contents: inout MutableRawSpan, at offset: Int, address: UInt64, entry: UInt64)
        -> Bool
    {
        guard let distance = Int32(exactly: Int64(bitPattern: entry &- (address &+ 6))) else { return false }
        contents.store(UInt8(0xff), at: offset)
        contents.store(UInt8(0x25), at: offset + 1)
        contents.store(distance, at: offset + 2)
        for index in 6..<stubSize { contents.store(UInt8(0xcc), at: offset + index) }
        return true
    }
}

extension RelocationFrame {
    /// "L": the symbol, or its stub when it has one.
    fileprivate func callee(_ target: SymbolTarget) -> UInt64 {
        target.stub == SymbolTarget.absent
            ? target.address : stubs &+ UInt64(target.stub) &* UInt64(X86_64.stubSize)
    }

    /// "GOT + G": the symbol's entry.
    fileprivate func entry(_ target: SymbolTarget) -> UInt64 {
        table &+ UInt64(target.tableEntry) &* 8
    }
}

extension MutableRawSpan {
    /// Stores an integer, lowest byte first; traps outside, as a subscript does.
    mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
}
