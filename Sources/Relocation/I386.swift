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
        /// S + A, 4 bytes, where S is the distance of a thread-local variable from the thread pointer.
        case threadOffset32
        /// A - S, 4 bytes: what is subtracted from the thread pointer.
        case threadDistance32
        /// S + A, 4 bytes, in code; elsewhere the variable's distance from the start of the module's thread-local variables.
        case blockOffset32
        /// GOT + G + A, 4 bytes, where the entry holds the variable's distance from the thread pointer; or that distance itself.
        case threadTableEntry32
        /// G + A, 4 bytes, likewise.
        case threadTableEntryOffset32
        /// The same of an entry that holds what is subtracted from the thread pointer, or that number itself.
        case threadTableDistance32
        /// The argument of a call that returns a thread-local variable's address; 4 bytes.
        case generalDynamic
        /// The argument of a call that returns the address of the module's thread-local variables; 4 bytes.
        case localDynamic
        /// The offset of a thread-local variable's descriptor in the global offset table; 4 bytes.
        case descriptorOffset32
        /// Marks the call through a descriptor: the 2 bytes of the instruction.
        case descriptorCall
        /// The same as `generalDynamic`, for a call that the code makes in a way of its own.
        case variableArgument
        /// The same as `localDynamic`.
        case moduleArgument
    }
}

extension I386.Kind: RelocationKind {
    /// How many bytes it changes.
    public var width: Int {
        switch self {
        case .none: 0
        case .absolute8, .relative8: 1
        case .absolute16, .relative16, .descriptorCall: 2
        case .absolute32, .relative32, .call32, .tableEntryOffset32, .tableEntryOffset32Relaxable, .tableOffset32,
            .tableRelative32, .size32, .threadOffset32, .threadDistance32, .blockOffset32, .threadTableEntry32,
            .threadTableEntryOffset32, .threadTableDistance32, .generalDynamic, .localDynamic, .descriptorOffset32,
            .variableArgument, .moduleArgument:
            4
        }
    }

    /// What it asks of the linker.
    @inlinable public var need: RelocationNeed {
        switch self {
        case .none, .size32: .nothing
        case .absolute32, .absolute16, .absolute8, .relative32, .relative16, .relative8: .value
        case .call32: .call
        case .tableEntryOffset32: .tableEntry
        case .tableEntryOffset32Relaxable: .relaxableTableEntry
        case .tableOffset32, .tableRelative32: .tableAddress
        case .threadOffset32, .threadDistance32, .blockOffset32, .threadTableEntry32, .threadTableEntryOffset32,
            .threadTableDistance32, .generalDynamic, .localDynamic, .descriptorOffset32, .descriptorCall:
            .threadLocal
        case .variableArgument, .moduleArgument: .threadArgument
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
        case .threadOffset32: "R_386_TLS_LE"
        case .threadDistance32: "R_386_TLS_LE_32"
        case .blockOffset32: "R_386_TLS_LDO_32"
        case .threadTableEntry32: "R_386_TLS_IE"
        case .threadTableEntryOffset32: "R_386_TLS_GOTIE"
        case .threadTableDistance32: "R_386_TLS_IE_32"
        case .generalDynamic, .variableArgument: "R_386_TLS_GD"
        case .localDynamic, .moduleArgument: "R_386_TLS_LDM"
        case .descriptorOffset32: "R_386_TLS_GOTDESC"
        case .descriptorCall: "R_386_TLS_DESC_CALL"
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

    /// The kind whose call is one that does not go away; see `RelocationKind`.
    public var withOwnCall: Self? {
        switch self {
        case .generalDynamic: .variableArgument
        case .localDynamic: .moduleArgument
        default: nil
        }
    }

    /// What helps when the value does not fit.
    public var remedy: String { "use a wider field" }
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
}

extension I386 {
    /// `sub $12, %esp`.
    public static var fragmentStart: [UInt8] { [0x83, 0xec, 0x0c] }
    /// `add $12, %esp; ret`.
    public static var fragmentEnd: [UInt8] { [0x83, 0xc4, 0x0c, 0xc3] }
    /// `nop`.
    public static var noOperation: UInt8 { 0x90 }
}
