import ObjectModel

// What a linker must know of the Intel386.
//
// Addresses and distances are 32 bits wide and wrap around, so everything reaches everything: there are no stubs for lack of
// reach. Code that was compiled to run anywhere keeps the address of the global offset table (GOT) in a register and takes
// addresses out of it; a linker that knows the address puts it into the instruction ("relaxation"; psABI, "R_386_GOT32X").
//
// Formulas are in the letters of the psABI ("System V Application Binary Interface, Intel386 Architecture Processor
// Supplement", table of relocation types): S the symbol's value, A the addend, P the place's address, G the address of the
// symbol's entry in the GOT, GOT the address of the table, L the address of the symbol's stub or the symbol's own, Z its size.

/// The i386 part of a linker: kinds of relocation, their ranges, stubs and relaxations.
public enum I386 {
    /// What to compute and store.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// Nothing.
        case none
        /// S + A, 4 bytes.
        case absolute32
        /// S + A, 2 bytes; wraps around.
        case absolute16
        /// S + A, 1 byte; wraps around.
        case absolute8
        /// S + A - P, 4 bytes.
        case relative32
        /// S + A - P, 2 bytes; wraps around.
        case relative16
        /// S + A - P, 1 byte.
        case relative8
        /// L + A - P, 4 bytes: a call or a jump.
        case call32
        /// G + A - GOT, or G + A in an instruction that addresses memory without a register; 4 bytes.
        case tableEntryOffset32
        /// The same, in an instruction that may be relaxed.
        case tableEntryOffset32Relaxable
        /// S + A - GOT, 4 bytes.
        case tableOffset32
        /// GOT + A - P, 4 bytes.
        case tableRelative32
        /// Z + A, 4 bytes.
        case size32
        /// One of those that refer to thread-local storage; a module has none.
        case threadLocal
    }
}

extension I386.Kind: RelocationKind {
    /// How many bytes it changes.
    public var width: Int {
        switch self {
        case .none, .threadLocal: 0
        case .absolute8, .relative8: 1
        case .absolute16, .relative16: 2
        case .absolute32, .relative32, .call32, .tableEntryOffset32, .tableEntryOffset32Relaxable, .tableOffset32,
            .tableRelative32, .size32:
            4
        }
    }

    /// What it asks of the linker.
    @inlinable public var need: RelocationNeed {
        switch self {
        case .none, .absolute32, .absolute16, .absolute8, .relative32, .relative16, .relative8, .size32: .value
        case .call32: .call
        case .tableEntryOffset32: .tableEntry
        case .tableEntryOffset32Relaxable: .relaxableTableEntry
        case .tableOffset32, .tableRelative32: .tableAddress
        case .threadLocal: .refused
        }
    }

    /// The name that the psABI and every tool give it.
    public var name: String {
        switch self {
        case .none: "R_386_NONE"
        case .absolute32: "R_386_32"
        case .absolute16: "R_386_16"
        case .absolute8: "R_386_8"
        case .relative32: "R_386_PC32"
        case .relative16: "R_386_PC16"
        case .relative8: "R_386_PC8"
        case .call32: "R_386_PLT32"
        case .tableEntryOffset32: "R_386_GOT32"
        case .tableEntryOffset32Relaxable: "R_386_GOT32X"
        case .tableOffset32: "R_386_GOTOFF"
        case .tableRelative32: "R_386_GOTPC"
        case .size32: "R_386_SIZE32"
        case .threadLocal: "thread-local storage"
        }
    }

    /// The values that fit: the formula's result as a signed number of 32 bits. Code of 16 bits counts around its segment, so the
    /// last distance back is as long as the last one forth; binutils' ld has it so for addresses too.
    public var range: ClosedRange<Int64> {
        switch self {
        case .absolute16, .relative16: -0x1_0000...0xffff
        case .absolute8: -0x100...0xff
        case .relative8: -0x80...0x7f
        default: -0x8000_0000...0x7fff_ffff
        }
    }

    /// What helps when the value does not fit.
    public var remedy: String {
        switch self {
        case .threadLocal: "use pthread_getspecific, or a plain variable"
        default: "use a wider field"
        }
    }
}

extension I386: Machine {
    /// 4 bytes.
    public typealias Address = UInt32
    /// The architecture that this is.
    @inlinable public static var architecture: Architecture { .i386 }
    /// The size of a stub, in bytes.
    @inlinable public static var stubSize: Int { 16 }
    /// What the address of a stub is a multiple of, in bytes.
    @inlinable public static var stubAlignment: UInt64 { 16 }

    /// Every address that there is.
    public static func reach(of window: Range<UInt64>) -> ClosedRange<UInt64> {
        0...0xffff_ffff
    }

    /// Whether an instruction can do without the global offset table; see `Machine`.
    public static func relaxes(
        _ entry: RelocationEntry, _ kind: Kind, in original: RawSpan, address: UInt64?, window: Range<UInt64>,
        reach: ClosedRange<UInt64>
    ) -> Bool {
        Relaxation(of: entry, in: original) != nil
    }

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
            case .none, .threadLocal: continue
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

extension I386 {
    /// `sub $12, %esp`.
    public static var fragmentStart: [UInt8] { [0x83, 0xec, 0x0c] }
    /// `add $12, %esp; ret`.
    public static var fragmentEnd: [UInt8] { [0x83, 0xc4, 0x0c, 0xc3] }
    /// `nop`.
    public static var noOperation: UInt8 { 0x90 }
}
