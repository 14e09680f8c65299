import ObjectModel

// What a linker must know of x86-64.
//
// Instructions hold 32-bit distances from their own end (calls, jumps, `x(%rip)`) or 32-bit addresses, sign- or
// zero-extended. Both are short: 2 GiB either way. So where a symbol may lie further, compilers load its address out of a
// table that lies near, the global offset table (GOT), and a linker that sees that the symbol is near after all may turn the
// load into the address itself ("relaxation"; psABI, "Optimize GOTPCRELX Relocations"). Calls never need more than
// a stub that jumps through the table.
//
// Formulas are in the letters of the psABI ("System V Application Binary Interface, AMD64 Architecture Processor
// Supplement", table of relocation types): S the symbol's value, A the addend, P the place's address, G the offset of the symbol's
// entry in the GOT, GOT the address of the table, L the address of the symbol's stub or the symbol's own, Z its size.

/// The x86-64 part of a linker: kinds of relocation, their ranges, stubs and relaxations.
public enum X86_64 {
    /// What to compute and store.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// Nothing.
        case none
        /// S + A, 8 bytes.
        case absolute64
        /// S + A, 4 bytes that an instruction extends with zeroes.
        case absolute32
        /// S + A, 4 bytes that an instruction extends with the sign.
        case absolute32Signed
        /// S + A, 2 bytes, as a signed or an unsigned number.
        case absolute16
        /// S + A, 1 byte, as a signed or an unsigned number.
        case absolute8
        /// S + A - P, 8 bytes.
        case relative64
        /// S + A - P, 4 bytes.
        case relative32
        /// S + A - P, 2 bytes.
        case relative16
        /// S + A - P, 1 byte.
        case relative8
        /// L + A - P, 4 bytes: a call or a jump.
        case call32
        /// L - GOT + A, 8 bytes: a call by way of the table's address.
        case callOffset64
        /// G + GOT + A - P, 4 bytes.
        case tableEntryRelative32
        /// The same, in an instruction without REX prefix that may be relaxed.
        case tableEntryRelative32Relaxable
        /// The same, in an instruction with REX prefix that may be relaxed.
        case tableEntryRelative32RelaxableREX
        /// G + GOT + A - P, 8 bytes.
        case tableEntryRelative64
        /// G + A, 4 bytes.
        case tableEntryOffset32
        /// G + A, 8 bytes.
        case tableEntryOffset64
        /// S + A - GOT, 8 bytes.
        case tableOffset64
        /// GOT + A - P, 4 bytes.
        case tableRelative32
        /// GOT + A - P, 8 bytes.
        case tableRelative64
        /// Z + A, 4 bytes.
        case size32
        /// Z + A, 8 bytes.
        case size64
        /// S + A, 4 bytes, where S is the distance of a thread-local variable from the thread pointer.
        case threadOffset32
        /// The same, 8 bytes.
        case threadOffset64
        /// The same, 4 bytes, in code; elsewhere the variable's distance from the start of the module's thread-local variables.
        case blockOffset32
        /// The same, 8 bytes.
        case blockOffset64
        /// G + GOT + A - P, 4 bytes, where the entry holds the variable's distance from the thread pointer; or that distance itself.
        case threadTableEntryRelative32
        /// The argument of a call that returns a thread-local variable's address; 4 bytes.
        case generalDynamic
        /// The argument of a call that returns the address of the module's thread-local variables; 4 bytes.
        case localDynamic
        /// The address of a thread-local variable's descriptor; 4 bytes.
        case descriptorRelative32
        /// Marks the call through a descriptor: the 2 bytes of the instruction.
        case descriptorCall
        /// A thread-local variable's descriptor: 16 bytes that a dynamic linker fills in.
        case descriptor
        /// The number that a dynamic linker gives to a module with thread-local variables.
        case moduleNumber64
        /// The same as `generalDynamic`, for a call that the code makes in a way of its own.
        case variableArgument
        /// The same as `localDynamic`.
        case moduleArgument
        /// G + GOT + A - P, 4 bytes, in an instruction whose prefix and opcode have 4 bytes (REX2). It stays as it is: the new forms
        /// that an instruction of the base set has are not all there for these.
        case tableEntryRelative32Code4
        /// The same with 5 bytes.
        case tableEntryRelative32Code5
        /// The same with 6 bytes (EVEX).
        case tableEntryRelative32Code6
        /// G + GOT + A - P, 4 bytes, where the entry holds a variable's distance from the thread pointer; as it is, for the same reason.
        case threadTableEntryRelative32Code4
        /// The same with 5 bytes.
        case threadTableEntryRelative32Code5
        /// The same with 6 bytes (EVEX).
        case threadTableEntryRelative32Code6
        /// The address of a thread-local variable's descriptor in an instruction with REX2 prefix; 4 bytes.
        case descriptorRelative32Code4
        /// The same with 5 bytes: no instruction is known.
        case descriptorRelative32Code5
        /// The same with 6 bytes: no instruction is known.
        case descriptorRelative32Code6
    }
}

extension X86_64: Machine {
    /// 8 bytes.
    public typealias Address = UInt64
    /// The architecture that this is.
    @inlinable public static var architecture: Architecture { .x86_64 }
    /// The size of a stub, in bytes.
    @inlinable public static var stubSize: Int { 16 }
    /// What the address of a stub is a multiple of, in bytes.
    @inlinable public static var stubAlignment: UInt64 { 16 }

    /// The addresses that a 32-bit distance reaches from everywhere in a window.
    public static func reach(of window: Range<UInt64>) -> ClosedRange<UInt64> {
        let span: UInt64 = 1 << 31
        let low = window.upperBound > span ? window.upperBound - span : 0
        let (high, wraps) = window.lowerBound.addingReportingOverflow(span - 1)
        return low...max(low, wraps ? .max : high)
    }

    /// Whether an instruction can do without the global offset table; see `Machine`.
    public static func relaxes(
        _ entry: RelocationEntry, _ kind: Kind, in original: RawSpan, address: UInt64?, window: Range<UInt64>,
        reach: ClosedRange<UInt64>
    ) -> Bool {
        guard let relaxation = Relaxation(of: entry, kind, in: original) else { return false }
        return address.map { relaxation.reaches($0, reach) } ?? relaxation.reaches(window: window)
    }
}

extension X86_64.Kind: RelocationKind {
    /// How many bytes it changes.
    public var width: Int {
        switch self {
        case .none: 0
        case .absolute8, .relative8: 1
        case .absolute16, .relative16, .descriptorCall: 2
        case .absolute32, .absolute32Signed, .relative32, .call32, .tableEntryRelative32,
            .tableEntryRelative32Relaxable,
            .tableEntryRelative32RelaxableREX, .tableEntryOffset32, .tableRelative32, .size32,
            .threadOffset32, .blockOffset32, .threadTableEntryRelative32, .generalDynamic, .localDynamic,
            .descriptorRelative32, .variableArgument, .moduleArgument, .tableEntryRelative32Code4,
            .tableEntryRelative32Code5, .tableEntryRelative32Code6,
            .threadTableEntryRelative32Code4, .threadTableEntryRelative32Code5, .threadTableEntryRelative32Code6,
            .descriptorRelative32Code4, .descriptorRelative32Code5, .descriptorRelative32Code6:
            4
        case .absolute64, .relative64, .callOffset64, .tableEntryRelative64, .tableEntryOffset64, .tableOffset64,
            .tableRelative64, .size64, .threadOffset64, .blockOffset64, .moduleNumber64:
            8
        case .descriptor: 16
        }
    }

    /// What it asks of the linker.
    @inlinable public var need: RelocationNeed {
        switch self {
        case .none, .size32, .size64: .nothing
        case .absolute64, .absolute32, .absolute32Signed, .absolute16, .absolute8, .relative64, .relative32,
            .relative16, .relative8:
            .value
        case .call32: .call
        case .callOffset64: .callFromTable
        case .tableEntryRelative32, .tableEntryRelative64, .tableEntryOffset32, .tableEntryOffset64,
            .tableEntryRelative32Code4, .tableEntryRelative32Code5, .tableEntryRelative32Code6:
            .tableEntry
        case .tableEntryRelative32Relaxable, .tableEntryRelative32RelaxableREX: .relaxableTableEntry
        case .tableOffset64, .tableRelative32, .tableRelative64: .tableAddress
        case .threadOffset32, .threadOffset64, .blockOffset32, .blockOffset64, .threadTableEntryRelative32,
            .generalDynamic, .localDynamic, .descriptorRelative32, .descriptorCall, .threadTableEntryRelative32Code4,
            .threadTableEntryRelative32Code5, .threadTableEntryRelative32Code6, .descriptorRelative32Code4:
            .threadLocal
        case .variableArgument, .moduleArgument: .threadArgument
        case .descriptor, .moduleNumber64, .descriptorRelative32Code5, .descriptorRelative32Code6: .refused
        }
    }

    /// The name that the psABI and every tool give it.
    public var name: String {
        switch self {
        case .none: "R_X86_64_NONE"
        case .absolute64: "R_X86_64_64"
        case .absolute32: "R_X86_64_32"
        case .absolute32Signed: "R_X86_64_32S"
        case .absolute16: "R_X86_64_16"
        case .absolute8: "R_X86_64_8"
        case .relative64: "R_X86_64_PC64"
        case .relative32: "R_X86_64_PC32"
        case .relative16: "R_X86_64_PC16"
        case .relative8: "R_X86_64_PC8"
        case .call32: "R_X86_64_PLT32"
        case .callOffset64: "R_X86_64_PLTOFF64"
        case .tableEntryRelative32: "R_X86_64_GOTPCREL"
        case .tableEntryRelative32Relaxable: "R_X86_64_GOTPCRELX"
        case .tableEntryRelative32RelaxableREX: "R_X86_64_REX_GOTPCRELX"
        case .tableEntryRelative64: "R_X86_64_GOTPCREL64"
        case .tableEntryOffset32: "R_X86_64_GOT32"
        case .tableEntryOffset64: "R_X86_64_GOT64"
        case .tableOffset64: "R_X86_64_GOTOFF64"
        case .tableRelative32: "R_X86_64_GOTPC32"
        case .tableRelative64: "R_X86_64_GOTPC64"
        case .size32: "R_X86_64_SIZE32"
        case .size64: "R_X86_64_SIZE64"
        case .threadOffset32: "R_X86_64_TPOFF32"
        case .threadOffset64: "R_X86_64_TPOFF64"
        case .blockOffset32: "R_X86_64_DTPOFF32"
        case .blockOffset64: "R_X86_64_DTPOFF64"
        case .threadTableEntryRelative32: "R_X86_64_GOTTPOFF"
        case .generalDynamic, .variableArgument: "R_X86_64_TLSGD"
        case .localDynamic, .moduleArgument: "R_X86_64_TLSLD"
        case .descriptorRelative32: "R_X86_64_GOTPC32_TLSDESC"
        case .descriptorCall: "R_X86_64_TLSDESC_CALL"
        case .descriptor: "R_X86_64_TLSDESC"
        case .moduleNumber64: "R_X86_64_DTPMOD64"
        case .tableEntryRelative32Code4: "R_X86_64_CODE_4_GOTPCRELX"
        case .tableEntryRelative32Code5: "R_X86_64_CODE_5_GOTPCRELX"
        case .tableEntryRelative32Code6: "R_X86_64_CODE_6_GOTPCRELX"
        case .threadTableEntryRelative32Code4: "R_X86_64_CODE_4_GOTTPOFF"
        case .threadTableEntryRelative32Code5: "R_X86_64_CODE_5_GOTTPOFF"
        case .threadTableEntryRelative32Code6: "R_X86_64_CODE_6_GOTTPOFF"
        case .descriptorRelative32Code4: "R_X86_64_CODE_4_GOTPC32_TLSDESC"
        case .descriptorRelative32Code5: "R_X86_64_CODE_5_GOTPC32_TLSDESC"
        case .descriptorRelative32Code6: "R_X86_64_CODE_6_GOTPC32_TLSDESC"
        }
    }

    /// The values that fit: the formula's result as a signed number. A field of 2 bytes or less takes both readings.
    public var range: ClosedRange<Int64> {
        switch self {
        case .absolute32, .size32: 0...0xffff_ffff
        case .absolute16: -0x8000...0xffff
        case .absolute8: -0x80...0xff
        case .relative16: -0x8000...0x7fff
        case .relative8: -0x80...0x7f
        case .absolute32Signed, .relative32, .call32, .tableEntryRelative32, .tableEntryRelative32Relaxable,
            .tableEntryRelative32RelaxableREX, .tableEntryOffset32, .tableRelative32,
            .threadOffset32, .blockOffset32, .threadTableEntryRelative32, .generalDynamic, .localDynamic,
            .descriptorRelative32, .descriptorCall, .variableArgument, .moduleArgument, .tableEntryRelative32Code4,
            .tableEntryRelative32Code5,
            .tableEntryRelative32Code6, .threadTableEntryRelative32Code4, .threadTableEntryRelative32Code5,
            .threadTableEntryRelative32Code6, .descriptorRelative32Code4:
            -0x8000_0000...0x7fff_ffff
        default: .min ... .max
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
    public var remedy: String {
        switch self {
        case .absolute8, .absolute16, .relative8, .relative16: "use a wider field"
        case .size32: "the symbol is too large for this field"
        case .descriptor, .moduleNumber64: "only a dynamic linker computes it; compile without assembler that names it"
        case .descriptorRelative32Code5, .descriptorRelative32Code6:
            "the psABI has no instruction for it; compile with -mtls-dialect=gnu"
        case .threadOffset32, .blockOffset32, .threadTableEntryRelative32, .generalDynamic, .localDynamic,
            .descriptorRelative32, .threadTableEntryRelative32Code4, .threadTableEntryRelative32Code5,
            .threadTableEntryRelative32Code6, .descriptorRelative32Code4:
            "thread-local variables lie within 2 GiB of the thread pointer"
        default: "compile with -fPIC or -mcmodel=large"
        }
    }
}

extension X86_64 {
    /// `sub $8, %rsp`.
    public static var fragmentStart: [UInt8] { [0x48, 0x83, 0xec, 0x08] }
    /// `add $8, %rsp; ret`.
    public static var fragmentEnd: [UInt8] { [0x48, 0x83, 0xc4, 0x08, 0xc3] }
    /// `nop`.
    public static var noOperation: UInt8 { 0x90 }
}
