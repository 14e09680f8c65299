import CLibELF
import ObjectModel

// What has to hold of the sections of a file taken together, though nothing here would fall over it: a file in which it does not hold was
// written by nobody's assembler.

extension ELFLayout {
    /// No byte of the file belongs to two sections, or to a section and a header (gABI, "Sections"). Assemblers write contents in the
    /// order of the headers, relocations apart from the rest, so that this is one walk.
    func checkOverlap(_ bytes: [UInt8]) throws(Problem) {
        let start = UInt64(range.lowerBound)
        var contents: [Extent] = []
        var relocations: [Extent] = []
        contents.reserveCapacity(sections.count + 1)
        // Each has a section that it is of.
        relocations.reserveCapacity(sections.count / 2)
        for (index, section) in sections.enumerated()
        where section.size > 0 && !section.isOf(SHT_NOBITS) && !section.isOf(SHT_NULL) {
            // Both have been found to be inside of the file.
            let extent = Extent(
                start: section.offset &- start, end: section.offset &- start &+ section.size, section: UInt32(index))
            if section.isOf(SHT_RELA) || section.isOf(SHT_REL) {
                relocations.append(extent)
            } else {
                contents.append(extent)
            }
        }
        let raw = unsafe bytes.span.bytes.extracting(range)
        // e_shoff, behind e_entry and e_phoff.
        let headers = raw.word(at: 24 + 2 * fileClass.wordSize, fileClass) ?? 0
        guard headers > 0 else { return }
        let size = UInt64(sections.count) &* fileClass.sectionHeaderSize
        contents.append(Extent(start: headers, end: headers &+ size, section: .max))
        try checkOverlap(
            contents.inOrder(), relocations.inOrder(), after: Extent(start: 0, end: fileClass.headerSize, section: .max)
        )
    }

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
