import CLibELF
import ObjectModel

/// A form of compression: what its number stands for, and how much it can shrink anything.
struct Compression {
    /// So many bytes at most become one.
    let ratio: UInt64

    static let zlib: UInt32 = 1
    static let zstd: UInt32 = 2

    /// The number at the start of a compressed section, if there is one.
    static func type(_ header: ELFLayout.SectionHeader, _ layout: ELFLayout, _ bytes: [UInt8]) -> UInt32? {
        guard header.size >= 4 else { return nil }
        return unsafe bytes.span.bytes.integer(at: header.offset)
    }

    init?(type: UInt32) {
        switch type {
        // A match of 258 bytes in 2 bits (RFC 1951, 3.2.5).
        case Self.zlib: ratio = 1032
        // A block of 128 KiB in 4 bytes (RFC 8878, 3.1.1.2).
        case Self.zstd: ratio = 32768
        default: return nil
        }
    }
}

extension ObjectDraft {
    /// Checks the headers of compressed sections: debug information that zlib compressed is kept as it is, for debuggers, who
    /// believe them (gABI, "Section Compression"). What zstd compressed ``PlainObject`` has replaced.
    func checkCompressed() throws(Problem) {
        for (index, header) in layout.sections.enumerated() where header.has(SHF_COMPRESSED) {
            try checkCompressed(index, header)
        }
    }

    /// What a compression header says: the form, and size and alignment of what is compressed.
    struct CompressionHeader {
        let type: UInt32
        let size: UInt64
        let alignment: UInt64
    }

    /// Checks the header of a compressed section, and that its size is possible.
    func checkCompressionHeader(
        _ index: Int, _ header: ELFLayout.SectionHeader
    ) throws(Problem) -> CompressionHeader {
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
        return CompressionHeader(type: type, size: size, alignment: alignment)
    }

    private func checkCompressed(_ index: Int, _ header: ELFLayout.SectionHeader) throws(Problem) {
        let fields = try checkCompressionHeader(index, header)
        guard fields.type == Compression.zlib else { return }
        let stored = contents(header).dropFirst(Int(layout.fileClass.compressionHeaderSize))
        guard try inflates(stored, to: fields.size) else {
            throw fail(label(index), "ch_size \(fields.size): not what its \(stored.count) compressed bytes hold")
        }
    }

    /// Whether data that zlib compressed is sound, and has that size. libelf inflates sections only, and writes to their headers: it
    /// gets a file of its own, of one section.
    private func inflates(_ data: ArraySlice<UInt8>, to size: UInt64) throws(Problem) -> Bool {
        var encoder = Encoder()
        encoder.append([0x7f, 0x45, 0x4c, 0x46, UInt8(ELFCLASS64), UInt8(ELFDATA2LSB), 1])
        encoder.align(to: 16)
        encoder.append(UInt16(ET_REL))
        encoder.append(UInt16(EM_X86_64))
        encoder.append(UInt32(1))
        for word in [0, 0, 64] as [UInt64] { encoder.append(word) }
        encoder.append(UInt32(0))
        for half in [64, 0, 0, 64, 2, 0] as [UInt16] { encoder.append(half) }
        encoder.append(Elf64_Shdr(), .bits64)
        var header = Elf64_Shdr()
        header.sh_type = UInt32(SHT_PROGBITS)
        header.sh_flags = UInt64(SHF_COMPRESSED)
        header.sh_offset = 192
        header.sh_size = 24 + UInt64(data.count)
        header.sh_addralign = 8
        encoder.append(header, .bits64)
        for word in [UInt64(Compression.zlib), size, 1] { encoder.append(word) }
        encoder.append(Array(data))
        var bytes = encoder.bytes
        let result: Result<Bool, Problem> = unsafe bytes.withUnsafeMutableBytes { raw in
            do throws(Problem) {
                return .success(try unsafe ELFHandle(UnsafeRawBufferPointer(raw), file: file).inflates(section: 1))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
