import CLibELF
import Relocation

/// Kinds of relocation that ELF has numbers for.
protocol NumberedKind: RelocationKind {
    /// The kind of a relocation type as the psABI numbers it; nil for those that no object file has.
    init?(number: UInt32)
}

extension X86_64.Kind: NumberedKind {
    /// The kind of a relocation type as the psABI numbers it; nil for those that no object file has.
    init?(number: UInt32) {
        switch Int32(bitPattern: number) {
        case R_X86_64_NONE: self = .none
        case R_X86_64_64: self = .absolute64
        case R_X86_64_32: self = .absolute32
        case R_X86_64_32S: self = .absolute32Signed
        case R_X86_64_16: self = .absolute16
        case R_X86_64_8: self = .absolute8
        case R_X86_64_PC64: self = .relative64
        case R_X86_64_PC32: self = .relative32
        case R_X86_64_PC16: self = .relative16
        case R_X86_64_PC8: self = .relative8
        case R_X86_64_PLT32: self = .call32
        case R_X86_64_PLTOFF64: self = .callOffset64
        case R_X86_64_GOTPCREL: self = .tableEntryRelative32
        case R_X86_64_GOTPCRELX: self = .tableEntryRelative32Relaxable
        case R_X86_64_REX_GOTPCRELX: self = .tableEntryRelative32RelaxableREX
        case R_X86_64_GOTPCREL64: self = .tableEntryRelative64
        case R_X86_64_GOT32: self = .tableEntryOffset32
        case R_X86_64_GOT64, R_X86_64_GOTPLT64: self = .tableEntryOffset64
        case R_X86_64_GOTOFF64: self = .tableOffset64
        case R_X86_64_GOTPC32: self = .tableRelative32
        case R_X86_64_GOTPC64: self = .tableRelative64
        case R_X86_64_SIZE32: self = .size32
        case R_X86_64_SIZE64: self = .size64
        case R_X86_64_TPOFF32: self = .threadOffset32
        case R_X86_64_TPOFF64: self = .threadOffset64
        case R_X86_64_DTPOFF32: self = .blockOffset32
        case R_X86_64_DTPOFF64: self = .blockOffset64
        case R_X86_64_GOTTPOFF: self = .threadTableEntryRelative32
        case R_X86_64_TLSGD: self = .generalDynamic
        case R_X86_64_TLSLD: self = .localDynamic
        case R_X86_64_GOTPC32_TLSDESC: self = .descriptorRelative32
        case R_X86_64_TLSDESC_CALL: self = .descriptorCall
        case R_X86_64_TLSDESC: self = .descriptor
        case R_X86_64_DTPMOD64: self = .moduleNumber64
        // R_X86_64_CODE_4_GOTPCRELX and what follows it, in instructions with longer prefixes (APX): elf.h does not know them yet. Their
        // order is that of the psABI.
        case 43: self = .tableEntryRelative32Code4
        case 44: self = .threadTableEntryRelative32Code4
        case 45: self = .descriptorRelative32Code4
        case 46: self = .tableEntryRelative32Code5
        case 47: self = .threadTableEntryRelative32Code5
        case 48: self = .descriptorRelative32Code5
        case 49: self = .tableEntryRelative32Code6
        case 50: self = .threadTableEntryRelative32Code6
        case 51: self = .descriptorRelative32Code6
        default: return nil
        }
    }
}

extension I386.Kind: NumberedKind {
    /// The kind of a relocation type as the psABI numbers it; nil for those that no object file has.
    init?(number: UInt32) {
        switch Int32(bitPattern: number) {
        case R_386_NONE: self = .none
        case R_386_32: self = .absolute32
        case R_386_16: self = .absolute16
        case R_386_8: self = .absolute8
        case R_386_PC32: self = .relative32
        case R_386_PC16: self = .relative16
        case R_386_PC8: self = .relative8
        case R_386_PLT32: self = .call32
        case R_386_GOT32: self = .tableEntryOffset32
        case R_386_GOT32X: self = .tableEntryOffset32Relaxable
        case R_386_GOTOFF: self = .tableOffset32
        case R_386_GOTPC: self = .tableRelative32
        case R_386_SIZE32: self = .size32
        case R_386_TLS_LE: self = .threadOffset32
        case R_386_TLS_LE_32: self = .threadDistance32
        case R_386_TLS_LDO_32: self = .blockOffset32
        case R_386_TLS_IE: self = .threadTableEntry32
        case R_386_TLS_GOTIE: self = .threadTableEntryOffset32
        case R_386_TLS_IE_32: self = .threadTableDistance32
        case R_386_TLS_GD: self = .generalDynamic
        case R_386_TLS_LDM: self = .localDynamic
        case R_386_TLS_GOTDESC: self = .descriptorOffset32
        case R_386_TLS_DESC_CALL: self = .descriptorCall
        default: return nil
        }
    }
}
