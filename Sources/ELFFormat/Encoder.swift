import CLibELF

/// Section headers and their names, in the making.
struct SectionTable {
    var headers: [Elf64_Shdr] = []
    var names: [UInt8] = []

    mutating func add(_ header: Elf64_Shdr, named name: String) {
        var header = header
        header.sh_name = UInt32(names.count)
        headers.append(header)
        names += name.utf8
        names.append(0)
    }
}

/// Bytes in the making: structures and integers as a little-endian machine holds them.
struct Encoder {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ more: [UInt8]) { bytes += more }

    mutating func append<Value: BitwiseCopyable>(_ value: Value) {
        unsafe withUnsafeBytes(of: value) { unsafe bytes.append(contentsOf: $0) }
    }

    /// Appends an address, an offset or a size; what does not fit the class is cut off.
    mutating func append(_ word: UInt64, _ fileClass: ELFClass) {
        switch fileClass {
        case .bits32: append(UInt32(truncatingIfNeeded: word))
        case .bits64: append(word)
        }
    }

    mutating func append(_ header: Elf64_Phdr, _ fileClass: ELFClass) {
        append(header.p_type)
        // Where the flags stand differs: the 64-bit structure keeps its words aligned.
        if fileClass == .bits64 { append(header.p_flags) }
        for word in [header.p_offset, header.p_vaddr, header.p_paddr, header.p_filesz, header.p_memsz] {
            append(word, fileClass)
        }
        if fileClass == .bits32 { append(header.p_flags) }
        append(header.p_align, fileClass)
    }

    mutating func append(_ header: Elf64_Shdr, _ fileClass: ELFClass) {
        append(header.sh_name)
        append(header.sh_type)
        for word in [header.sh_flags, header.sh_addr, header.sh_offset, header.sh_size] { append(word, fileClass) }
        append(header.sh_link)
        append(header.sh_info)
        append(header.sh_addralign, fileClass)
        append(header.sh_entsize, fileClass)
    }

    mutating func align(to alignment: Int) { pad(to: (bytes.count + alignment - 1) / alignment * alignment) }

    mutating func pad(to count: Int) {
        bytes.append(contentsOf: repeatElement(0, count: max(0, count - bytes.count)))
    }
}
