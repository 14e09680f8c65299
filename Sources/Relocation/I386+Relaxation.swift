import ObjectModel

extension I386 {
    /// An instruction that takes an address out of the global offset table, and can do without.
    ///
    /// The instruction ends with the 4 bytes of the relocation; only then, with the addend 0, is the new form of the same length
    /// and meaning. An image's addresses are final, so the address itself goes into the instruction, as binutils' ld has it
    /// in executables that do not move.
    public enum Relaxation: Equatable, Sendable {
        /// `mov x@GOT(%base), %reg` becomes `mov $x, %reg`. The payload: ModRM.
        case load(modRM: UInt8)
        /// `call *x@GOT(%base)` becomes `addr32 call x`: the prefix without effect keeps the length.
        case call
        /// `jmp *x@GOT(%base)` becomes `jmp x; nop`.
        case jump
        /// `test %reg, x@GOT(%base)` becomes `test $x, %reg`. The payload: ModRM.
        case test(modRM: UInt8)
        /// `add`, `or`, `adc`, `sbb`, `and`, `sub`, `xor`, `cmp` with a register become the form with an immediate number.
        /// The payload: ModRM, and the operation's number (bits 3 to 5 of the opcode).
        case operate(modRM: UInt8, operation: UInt8)

        /// The relaxation of the instruction that a relocation is part of, or nil when there is none.
        public init?(of entry: RelocationEntry, in original: RawSpan) {
            guard entry.addend == 0, entry.offset >= 2,
                let opcode = original.integer(at: entry.offset - 2, as: UInt8.self),
                let modRM = original.integer(at: entry.offset - 1, as: UInt8.self)
            else { return nil }
            // `disp32(%base)` without an index register: mod 2, r/m not 4; or `disp32` alone: mod 0, r/m 5.
            guard modRM & 0xc7 == 0x05 || (modRM & 0xc0 == 0x80 && modRM & 0x07 != 0x04) else { return nil }
            switch (opcode, modRM >> 3 & 7) {
            case (0x8b, _): self = .load(modRM: modRM)
            case (0xff, 2): self = .call
            case (0xff, 4): self = .jump
            case (0x85, _): self = .test(modRM: modRM)
            case (0x03, _), (0x0b, _), (0x13, _), (0x1b, _), (0x23, _), (0x2b, _), (0x33, _), (0x3b, _):
                self = .operate(modRM: modRM, operation: opcode >> 3 & 7)
            default: return nil
            }
        }

        /// Writes the new form. `offset` is that of the relocation, `place` its address.
        func rewrite(_ contents: inout MutableRawSpan, at offset: Int, address: UInt64, place: UInt64) {
            // A branch counts from its own end, 4 bytes after the place.
            let distance = UInt32(truncatingIfNeeded: address &- place &- 4)
            switch self {
            case .load(let modRM): writeImmediate(&contents, at: offset, 0xc7, modRM, operation: 0, address)
            case .call:
                contents.store(UInt8(0x67), at: offset - 2)
                contents.store(UInt8(0xe8), at: offset - 1)
                contents.store(distance, at: offset)
            case .jump:
                // One byte shorter: the distance moves forward, and is counted from one byte earlier.
                contents.store(UInt8(0xe9), at: offset - 2)
                contents.store(distance &+ 1, at: offset - 1)
                contents.store(UInt8(0x90), at: offset + 3)
            case .test(let modRM): writeImmediate(&contents, at: offset, 0xf7, modRM, operation: 0, address)
            case .operate(let modRM, let operation):
                writeImmediate(&contents, at: offset, 0x81, modRM, operation: operation, address)
            }
        }

        /// The register moves from ModRM's middle field to its last; the operation takes its place.
        private func writeImmediate(
            _ contents: inout MutableRawSpan, at offset: Int, _ opcode: UInt8, _ modRM: UInt8, operation: UInt8,
            _ address: UInt64
        ) {
            contents.store(opcode, at: offset - 2)
            contents.store(0xc0 | operation << 3 | (modRM >> 3 & 7), at: offset - 1)
            contents.store(UInt32(truncatingIfNeeded: address), at: offset)
        }
    }

    /// Whether the instruction around a relocation addresses memory by the 4 bytes alone (ModRM's mod 0, r/m 5): then they hold
    /// the entry's address. `lea` is not one of them: it makes an offset for later use.
    static func isWithoutRegister(_ entry: RelocationEntry, in original: RawSpan) -> Bool {
        guard entry.offset >= 2, let opcode = original.integer(at: entry.offset - 2, as: UInt8.self),
            let modRM = original.integer(at: entry.offset - 1, as: UInt8.self)
        else { return false }
        return modRM & 0xc7 == 0x05 && opcode != 0x8d
    }
}
