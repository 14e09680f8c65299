import CLibELF
import ObjectModel

// What has to hold of the sections of a file taken together, though nothing here would fall over it: a file in which it does not hold was
// written by nobody's assembler.

extension ELFLayout {
    /// All of these checks.
    func checkWhole(_ bytes: [UInt8]) throws(Problem) {
        try checkOverlap(bytes)
        try checkCompression(bytes)
    }

    /// No byte of the file belongs to two sections, or to a section and a header (gABI, "Sections"). Assemblers write contents in the
    /// order of the headers, relocations apart from the rest, so that this is one walk.
    private func checkOverlap(_ bytes: [UInt8]) throws(Problem) {
        var contents: [Extent] = []
        var relocations: [Extent] = []
        contents.reserveCapacity(sections.count + 1)
        for (index, section) in sections.enumerated()
        where section.size > 0 && !section.isOf(SHT_NOBITS) && !section.isOf(SHT_NULL) {
            // Both have been found to be inside of the file.
            let extent = Extent(
                start: section.offset, end: section.offset &+ section.size, section: UInt32(index))
            if section.isOf(SHT_RELA) || section.isOf(SHT_REL) {
                relocations.append(extent)
            } else {
                contents.append(extent)
            }
        }
        let raw = unsafe bytes.span.bytes
        let isWide = Self.isWide(raw)
        let headers = Self.word(raw, at: isWide ? 40 : 32, ofWide: isWide)
        guard headers > 0 else { return }
        let size = UInt64(sections.count) &* (isWide ? 64 : 40)
        contents.append(Extent(start: headers, end: headers &+ size, section: .max))
        try checkOverlap(
            contents.inOrder(), relocations.inOrder(), after: Extent(start: 0, end: isWide ? 64 : 52, section: .max))
    }

    /// A field that is as wide as the file's class.
    private static func word(_ raw: RawSpan, at offset: UInt64, ofWide isWide: Bool) -> UInt64 {
        isWide ? raw.integer(at: offset) ?? 0 : UInt64(raw.integer(at: offset, as: UInt32.self) ?? 0)
    }

    /// Whether a file is of the class of 64 bits.
    private static func isWide(_ raw: RawSpan) -> Bool { raw.integer(at: 4, as: UInt8.self) != UInt8(ELFCLASS32) }

    /// Walks two lists, both ordered by their starts.
    private func checkOverlap(_ left: [Extent], _ right: [Extent], after header: Extent) throws(Problem) {
        var last = header
        var leftIndex = 0
        var rightIndex = 0
        while leftIndex < left.count || rightIndex < right.count {
            let takesLeft =
                rightIndex == right.count || leftIndex < left.count && left[leftIndex].start <= right[rightIndex].start
            let next = takesLeft ? left[leftIndex] : right[rightIndex]
            if takesLeft { leftIndex += 1 } else { rightIndex += 1 }
            guard next.start >= last.end else {
                let section = next.section == .max ? last : next
                let other = next.section == .max ? next : last
                throw Problem(
                    subject: file, place: "section \(section.section)",
                    reason:
                        "\(section.end - section.start) bytes at \(hexadecimal(section.start)) are part of \(name(other)) as well"
                )
            }
            last = next
        }
    }

    private func name(_ extent: Extent) -> String {
        guard extent.section == .max else { return "section \(extent.section)" }
        return extent.start == 0 ? "the ELF header" : "the section headers"
    }

    /// A stretch of the file.
    fileprivate struct Extent {
        var start: UInt64
        var end: UInt64
        /// Whose it is; `max` for a header.
        var section: UInt32
    }

    /// Compressed sections begin with a header that says how large they are (gABI, "Section Compression"). Nobody here
    /// decompresses; a debugger does, and is not to be given what cannot be true.
    private func checkCompression(_ bytes: [UInt8]) throws(Problem) {
        let raw = unsafe bytes.span.bytes
        let header: UInt64 = Self.isWide(raw) ? 24 : 12
        for (index, section) in sections.enumerated() where section.has(SHF_COMPRESSED) && !section.isOf(SHT_NULL) {
            guard !section.isOf(SHT_NOBITS), section.size >= header else {
                throw Problem(
                    subject: file, place: "section \(index)",
                    reason: "sh_size \(section.size): compressed, and too short for the header of \(header) bytes")
            }
            let type: UInt32 = raw.integer(at: section.offset) ?? 0
            // ch_size and ch_addralign; in files of 32 bits nothing stands between type and size.
            let size = Self.word(raw, at: section.offset + header / 3, ofWide: header == 24)
            let alignment = Self.word(raw, at: section.offset + header / 3 * 2, ofWide: header == 24)
            // What the two methods can make of a byte at most: deflate 1032 bytes, zstd a block of 128 KiB of 4 bytes.
            let ratio: UInt64? = type == 1 ? 1032 : type == 2 ? 1 << 15 : nil
            guard let ratio else {
                throw Problem(
                    subject: file, place: "section \(index)", reason: "ch_type \(type): neither zlib (1) nor zstd (2)")
            }
            guard size <= (section.size - header) * ratio else {
                throw Problem(
                    subject: file, place: "section \(index)",
                    reason: "ch_size \(size): more than \(section.size - header) compressed bytes can hold")
            }
            guard alignment & (alignment &- 1) == 0 else {
                throw Problem(
                    subject: file, place: "section \(index)", reason: "ch_addralign \(alignment): not a power of two")
            }
        }
    }
}

extension [ELFLayout.Extent] {
    /// The same, ordered by the starts; sorts only what is not.
    fileprivate func inOrder() -> [ELFLayout.Extent] {
        for index in indices.dropFirst() where self[index].start < self[index - 1].start {
            return sorted { ($0.start, $0.end) < ($1.start, $1.end) }
        }
        return self
    }
}
