import CLibELF
import ObjectModel

/// The class of an ELF file: the width of its addresses, offsets and sizes, and so the shape of all its structures (gABI, chapters
/// "ELF Header", "Sections", "Symbol Table", "Relocation").
enum ELFClass: UInt8, Sendable {
    case bits32 = 1
    case bits64 = 2

    /// The class of the files of a machine.
    init(_ architecture: Architecture) {
        self = architecture.pointerSize == 4 ? .bits32 : .bits64
    }

    /// The size of an address, an offset or a size, in bytes.
    var wordSize: UInt64 { self == .bits32 ? 4 : 8 }
    /// The sizes of the structures, in bytes.
    var headerSize: UInt64 { self == .bits32 ? 52 : 64 }
    var programHeaderSize: UInt64 { self == .bits32 ? 32 : 56 }
    var sectionHeaderSize: UInt64 { self == .bits32 ? 40 : 64 }
    var symbolSize: UInt64 { self == .bits32 ? 16 : 24 }
    var compressionHeaderSize: UInt64 { self == .bits32 ? 12 : 24 }

    /// The size of a relocation, in bytes: the place and what to do, and the addend when it has one.
    func relocationSize(hasAddend: Bool) -> UInt64 { (hasAddend ? 3 : 2) * wordSize }
}

extension RawSpan {
    /// The address, offset or size at a byte offset; nil when any byte of it is outside.
    func word(at offset: UInt64, _ fileClass: ELFClass) -> UInt64? {
        switch fileClass {
        case .bits32: integer(at: offset, as: UInt32.self).map(UInt64.init)
        case .bits64: integer(at: offset, as: UInt64.self)
        }
    }
}

/// An entry of a symbol table, of either class.
protocol ELFSymbolRecord {
    var st_name: UInt32 { get }
    var st_info: UInt8 { get }
    var st_other: UInt8 { get }
    var st_shndx: UInt16 { get }
    var value: UInt64 { get }
    var size: UInt64 { get }

    /// An offset of that class as a signed number, which wraps where 64 bits do.
    static func signed(_ value: UInt64) -> UInt64

    /// The entry with these values; those that do not fit the class are cut off.
    init(name: UInt32, info: UInt8, section: UInt16, value: UInt64, size: UInt64)
}

extension Elf32_Sym: ELFSymbolRecord {
    var value: UInt64 { UInt64(st_value) }
    var size: UInt64 { UInt64(st_size) }

    static func signed(_ value: UInt64) -> UInt64 {
        UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
    }

    init(name: UInt32, info: UInt8, section: UInt16, value: UInt64, size: UInt64) {
        self.init(
            st_name: name, st_value: UInt32(truncatingIfNeeded: value), st_size: UInt32(truncatingIfNeeded: size),
            st_info: info, st_other: 0, st_shndx: section)
    }
}

extension Elf64_Sym: ELFSymbolRecord {
    var value: UInt64 { st_value }
    var size: UInt64 { st_size }

    static func signed(_ value: UInt64) -> UInt64 { value }

    init(name: UInt32, info: UInt8, section: UInt16, value: UInt64, size: UInt64) {
        self.init(st_name: name, st_info: info, st_other: 0, st_shndx: section, st_value: value, st_size: size)
    }
}

/// An entry of a list of relocations, of either class, with an addend or without.
protocol ELFRelocationRecord {
    /// Whether the addend is part of the entry (`SHT_RELA`); else it stands at the place (`SHT_REL`).
    static var hasAddend: Bool { get }
    var offset: UInt64 { get }
    var symbol: UInt32 { get }
    /// The number of its type, as the machine's psABI has it.
    var type: UInt32 { get }
    /// The addend; 0 when it stands at the place.
    var addend: Int64 { get }
}

extension Elf32_Rel: ELFRelocationRecord {
    static var hasAddend: Bool { false }
    var offset: UInt64 { UInt64(r_offset) }
    var symbol: UInt32 { r_info >> 8 }
    var type: UInt32 { r_info & 0xff }
    var addend: Int64 { 0 }
}

extension Elf32_Rela: ELFRelocationRecord {
    static var hasAddend: Bool { true }
    var offset: UInt64 { UInt64(r_offset) }
    var symbol: UInt32 { r_info >> 8 }
    var type: UInt32 { r_info & 0xff }
    var addend: Int64 { Int64(r_addend) }
}

extension Elf64_Rel: ELFRelocationRecord {
    static var hasAddend: Bool { false }
    var offset: UInt64 { r_offset }
    var symbol: UInt32 { UInt32(truncatingIfNeeded: r_info >> 32) }
    var type: UInt32 { UInt32(truncatingIfNeeded: r_info) }
    var addend: Int64 { 0 }
}

extension Elf64_Rela: ELFRelocationRecord {
    static var hasAddend: Bool { true }
    var offset: UInt64 { r_offset }
    var symbol: UInt32 { UInt32(truncatingIfNeeded: r_info >> 32) }
    var type: UInt32 { UInt32(truncatingIfNeeded: r_info) }
    var addend: Int64 { r_addend }
}
