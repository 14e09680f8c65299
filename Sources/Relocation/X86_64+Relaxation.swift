import ObjectModel

extension X86_64 {
    /// An instruction that takes an address out of the global offset table, and can do without.
    ///
    /// The instruction ends with the 4 bytes of the relocation; only then, with the addend -4, is the new form of the same
    /// length and meaning (psABI, "Optimize GOTPCRELX Relocations"; what binutils' ld and lld do).
    public enum Relaxation: Equatable, Sendable {
        /// `mov x@GOTPCREL(%rip), %reg` becomes `lea x(%rip), %reg`.
        case load
        /// `call *x@GOTPCREL(%rip)` becomes `addr32 call x`: the prefix without effect keeps the length.
        case call
        /// `jmp *x@GOTPCREL(%rip)` becomes `jmp x; nop`.
        case jump
        /// `test %reg, x@GOTPCREL(%rip)` becomes `test $x, %reg`. The payload: ModRM, and REX or 0.
        case test(modRM: UInt8, rex: UInt8)
        /// `add`, `or`, `adc`, `sbb`, `and`, `sub`, `xor`, `cmp` with a register become the form with an immediate number.
        /// The payload: ModRM, REX or 0, and the operation's number (bits 3 to 5 of the opcode).
        case operate(modRM: UInt8, rex: UInt8, operation: UInt8)

        /// The relaxation of the instruction that a relocation is part of, or nil when there is none.
        public init?(of entry: RelocationEntry, _ kind: Kind, in original: RawSpan) {
            guard entry.addend == -4, entry.offset >= 2,
                let opcode = original.integer(at: entry.offset - 2, as: UInt8.self),
                let modRM = original.integer(at: entry.offset - 1, as: UInt8.self)
            else { return nil }
            var rex: UInt8 = 0
            if kind == .tableEntryRelative32RelaxableREX {
                guard entry.offset >= 3, let prefix = original.integer(at: entry.offset - 3, as: UInt8.self),
                    prefix & 0xf0 == 0x40
                else { return nil }
                rex = prefix
            }
            // All of these address memory by `disp32(%rip)`: mod 0, r/m 5.
            guard modRM & 0xc7 == 0x05 else { return nil }
            switch (opcode, modRM) {
            case (0x8b, _): self = .load
            case (0xff, 0x15) where rex == 0: self = .call
            case (0xff, 0x25) where rex == 0: self = .jump
            case (0x85, _): self = .test(modRM: modRM, rex: rex)
            case (0x03, _), (0x0b, _), (0x13, _), (0x1b, _), (0x23, _), (0x2b, _), (0x33, _), (0x3b, _):
                self = .operate(modRM: modRM, rex: rex, operation: opcode >> 3 & 7)
            default: return nil
            }
        }

        /// Whether the new form can hold that address, from everywhere in the module.
        public func reaches(_ address: UInt64, _ reach: ClosedRange<UInt64>) -> Bool {
            switch self {
            case .load, .call, .jump: reach.contains(address)
            // A number below 2 GiB is the same with the sign extended, with zeroes, and in 32 bits.
            case .test, .operate: address < 0x8000_0000
            }
        }

        /// Whether the new form can hold the address of whatever lies in that window.
        public func reaches(window: Range<UInt64>) -> Bool {
            switch self {
            case .load, .call, .jump: true
            case .test, .operate: window.upperBound <= 0x8000_0000
            }
        }

        /// Writes the new form. `offset` is that of the relocation, `distance` the symbol's from the end of the
        /// instruction. The caller has asked `reaches`.
        func rewrite(_ contents: inout MutableRawSpan, at offset: Int, address: UInt64, distance: UInt64) {
            switch self {
            case .load:
                contents.store(UInt8(0x8d), at: offset - 2)
                contents.store(UInt32(truncatingIfNeeded: distance), at: offset)
            case .call:
                contents.store(UInt8(0x67), at: offset - 2)
                contents.store(UInt8(0xe8), at: offset - 1)
                contents.store(UInt32(truncatingIfNeeded: distance), at: offset)
            case .jump:
                // One byte shorter: the distance moves forward, and is counted from one byte earlier.
                contents.store(UInt8(0xe9), at: offset - 2)
                contents.store(UInt32(truncatingIfNeeded: distance &+ 1), at: offset - 1)
                contents.store(UInt8(0x90), at: offset + 3)
            case .test(let modRM, let rex):
                contents.store(UInt8(0xf7), at: offset - 2)
                writeImmediate(&contents, at: offset, modRM: modRM, rex: rex, operation: 0, address: address)
            case .operate(let modRM, let rex, let operation):
                contents.store(UInt8(0x81), at: offset - 2)
                writeImmediate(&contents, at: offset, modRM: modRM, rex: rex, operation: operation, address: address)
            }
        }

        /// The register moves from ModRM's middle field to its last, and so from REX.R to REX.B.
        private func writeImmediate(
            _ contents: inout MutableRawSpan, at offset: Int, modRM: UInt8, rex: UInt8, operation: UInt8,
            address: UInt64
        ) {
            contents.store(0xc0 | operation << 3 | (modRM >> 3 & 7), at: offset - 1)
            if rex != 0 { contents.store((rex & ~0x05) | (rex >> 2 & 1), at: offset - 3) }
            contents.store(UInt32(truncatingIfNeeded: address), at: offset)
        }
    }
}
