import ObjectModel
import Relocation

/// What an instruction that takes an address out of the global offset table does in a linked image, whichever way a linker has
/// written it. Two that are equal do the same.
struct TableUse: Equatable {
    /// What it does with the address.
    enum Action: Equatable {
        /// Puts it into a register.
        case load(UInt8)
        case call
        case jump
        /// Any other: the bytes before the field as they were in the object.
        case other([UInt8])
    }

    let action: Action
    let address: UInt64

    /// Reads the instruction whose 4-byte field begins at `field` of a section's bytes.
    ///
    /// - Parameters:
    ///   - section: the section's bytes and its address.
    ///   - word: reads 8 bytes of the image at an address: the table.
    init?(_ section: [UInt8], at field: Int, place: UInt64, addend: Int64, hasREX: Bool, word: (UInt64) -> UInt64?) {
        let raw = section.span.bytes
        func value(_ offset: Int) -> UInt64 {
            UInt64(bitPattern: Int64(raw.integer(at: UInt64(offset), as: Int32.self) ?? 0))
        }
        let before = field >= 3 ? section[field - 3] : 0
        let rex: UInt8 = hasREX && before & 0xf0 == 0x40 ? before : 0
        let opcode = field >= 2 ? section[field - 2] : 0
        let modRM = field >= 1 ? section[field - 1] : 0
        // Distances count from the end of the field.
        let distant = place &- UInt64(bitPattern: addend) &+ value(field)
        let register = (modRM >> 3 & 7) | (rex & 4) << 1
        switch (opcode, modRM) {
        case (0x8d, _) where modRM & 0xc7 == 0x05: (action, address) = (.load(register), distant)
        case (0xc7, _) where modRM & 0xf8 == 0xc0:
            (action, address) = (.load((modRM & 7) | (rex & 1) << 3), value(field))
        case (0x67, 0xe8): (action, address) = (.call, distant)
        case (0xe9, _) where section[field + 3] == 0x90: (action, address) = (.jump, place &+ 3 &+ value(field - 1))
        case (0x81, _) where modRM & 0xc0 == 0xc0, (0xf7, _) where modRM & 0xf8 == 0xc0:
            (action, address) = (.other([rex, opcode, modRM]), value(field))
        default:
            guard let entry = word(distant) else { return nil }
            address = entry
            switch (opcode, modRM) {
            case (0x8b, _) where modRM & 0xc7 == 0x05: action = .load(register)
            case (0xff, 0x15): action = .call
            case (0xff, 0x25): action = .jump
            default: action = .other([before, opcode, modRM])
            }
        }
    }
}
