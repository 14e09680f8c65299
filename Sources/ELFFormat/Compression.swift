import CLibELF
import ObjectModel

/// A form of compression: what its number stands for, and how much it can shrink anything.
private struct Compression {
    /// So many bytes at most become one.
    let ratio: UInt64

    init?(type: UInt32) {
        switch type {
        // A match of 258 bytes in 2 bits (RFC 1951, 3.2.5).
        case 1: ratio = 1032
        // A block of 128 KiB in 4 bytes (RFC 8878, 3.1.1.2).
        case 2: ratio = 32768
        default: return nil
        }
    }
}

extension ObjectDraft {
    /// Checks the headers of compressed sections: debug information is kept as it is, for debuggers, who believe them (gABI, "Section
    /// Compression").
    func checkCompressed() throws(Problem) {
        for (index, header) in layout.sections.enumerated() where header.has(SHF_COMPRESSED) {
            try checkCompressed(index, header)
        }
    }

    private func checkCompressed(_ index: Int, _ header: ELFLayout.SectionHeader) throws(Problem) {
        let fileClass = layout.fileClass
        guard !header.isOf(SHT_NOBITS), !header.isOf(SHT_NULL) else {
            throw fail(label(index), "compressed, yet without contents")
        }
        guard header.size >= fileClass.compressionHeaderSize else {
            throw fail(
                label(index),
                "sh_size \(header.size): shorter than a compression header (\(fileClass.compressionHeaderSize) bytes)")
        }
        let raw = unsafe object.bytes.span.bytes
        let type: UInt32 = raw.integer(at: header.offset) ?? 0
        let word = fileClass.wordSize
        // Words are aligned: the 64-bit header has a hole after the type.
        let size = raw.word(at: header.offset + word, fileClass) ?? 0
        let alignment = raw.word(at: header.offset + 2 * word, fileClass) ?? 0
        guard let compression = Compression(type: type) else {
            throw fail(label(index), "ch_type \(type): neither zlib (1) nor zstd (2)")
        }
        guard alignment & (alignment &- 1) == 0, alignment <= 1 << 30 else {
            throw fail(label(index), "ch_addralign \(alignment): not a power of two up to 1 GiB")
        }
        let stored = header.size - fileClass.compressionHeaderSize
        // What cannot be shrunk grows by some bytes in a thousand at most.
        guard size / compression.ratio <= stored, stored <= 1024 + size + size / 256 else {
            throw fail(label(index), "ch_size \(size): impossible for \(stored) compressed bytes")
        }
    }
}
