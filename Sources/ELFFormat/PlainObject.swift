import CLibELF
import Decompression
import ObjectModel

/// An object in which nothing is left that the tools of today cannot read: relocations in the compact form, and sections that zstd
/// compressed. gdb 13 and elfutils 0.188 know neither; the linker reads one form only.
///
/// What is made anew stands behind the rest of the file, and the section headers say so.
enum PlainObject {
    /// How many bytes the sections that are made anew may have together.
    static let sizeLimit: UInt64 = 1 << 30

    /// The bytes of the plain object; nil when the object is plain.
    static func bytes(
        _ layout: ELFLayout, _ bytes: [UInt8], _ architecture: Architecture
    ) throws(Problem) -> [UInt8]? {
        let changed = layout.sections.indices.filter { index in
            let header = layout.sections[index]
            return header.type == CompactRelocations.sectionType
                || header.has(SHF_COMPRESSED) && !header.isOf(SHT_NOBITS) && !header.isOf(SHT_NULL)
                    && !header.has(SHF_ALLOC) && Compression.type(header, layout, bytes) == Compression.zstd
        }
        guard !changed.isEmpty else { return nil }
        let draft = ObjectDraft(layout: layout, architecture: architecture, file: layout.file, bytes: bytes)
        var file = Array(bytes[layout.range])
        var added: UInt64 = 0
        for index in changed {
            let header = layout.sections[index]
            var made =
                header.type == CompactRelocations.sectionType
                ? try plainRelocations(index, header, draft) : try plainContents(index, header, draft)
            added += UInt64(made.contents.count)
            guard added <= sizeLimit, file.count + made.contents.count + 8 <= Int(UInt32.max) else {
                throw draft.fail(draft.label(index), "more than \(sizeLimit) bytes when decompressed")
            }
            file.append(contentsOf: repeatElement(0, count: (8 - file.count % 8) % 8))
            made.header.sh_offset = UInt64(file.count)
            made.header.sh_size = UInt64(made.contents.count)
            file += made.contents
            store(made.header, index, layout, &file)
        }
        return file
    }

    private static func plainRelocations(
        _ index: Int, _ header: ELFLayout.SectionHeader, _ draft: ObjectDraft
    ) throws(Problem) -> (header: Elf64_Shdr, contents: [UInt8]) {
        let label = draft.label(index)
        let fileClass = draft.layout.fileClass
        do throws(CompactRelocations.Damage) {
            var list = try CompactRelocations(draft.contents(header), fileClass)
            var new = Elf64_Shdr(header)
            new.sh_type = UInt32(list.hasAddends ? SHT_RELA : SHT_REL)
            new.sh_entsize = fileClass.relocationSize(hasAddend: list.hasAddends)
            new.sh_addralign = fileClass.wordSize
            return (new, try list.plain())
        } catch {
            throw draft.fail(
                error.relocation.map { "\(label) relocation \($0)" } ?? label, "SHT_CREL: \(error.reason)")
        }
    }

    private static func plainContents(
        _ index: Int, _ header: ELFLayout.SectionHeader, _ draft: ObjectDraft
    ) throws(Problem) -> (header: Elf64_Shdr, contents: [UInt8]) {
        let fileClass = draft.layout.fileClass
        let fields = try draft.checkCompressionHeader(index, header)
        let stored = draft.contents(header).dropFirst(Int(fileClass.compressionHeaderSize))
        guard fields.size <= sizeLimit else {
            throw draft.fail(draft.label(index), "ch_size \(fields.size): more than \(sizeLimit) bytes")
        }
        let contents = try? decompressed(stored, .zstd, limit: Int(fields.size))
        guard let contents, contents.count == Int(fields.size) else {
            throw draft.fail(
                draft.label(index), "ch_size \(fields.size): not what its \(stored.count) compressed bytes hold")
        }
        var new = Elf64_Shdr(header)
        new.sh_flags &= ~UInt64(SHF_COMPRESSED)
        new.sh_addralign = fields.alignment
        return (new, contents)
    }

    private static func store(_ header: Elf64_Shdr, _ index: Int, _ layout: ELFLayout, _ file: inout [UInt8]) {
        var encoder = Encoder()
        encoder.append(header, layout.fileClass)
        // The table has been found to be inside of the file; e_shoff stands behind e_entry and e_phoff.
        let start = unsafe file.span.bytes.word(at: 24 + 2 * layout.fileClass.wordSize, layout.fileClass) ?? 0
        let place = Int(start) + index * Int(layout.fileClass.sectionHeaderSize)
        file.replaceSubrange(place..<place + encoder.bytes.count, with: encoder.bytes)
    }
}

extension ObjectDraft {
    /// The bytes of a section, which has been found to be inside of the file.
    func contents(_ header: ELFLayout.SectionHeader) -> ArraySlice<UInt8> {
        object.bytes[Int(header.offset)..<Int(header.offset + header.size)]
    }
}

extension Elf64_Shdr {
    /// The same header, but for where its contents are.
    fileprivate init(_ header: ELFLayout.SectionHeader) {
        self.init()
        sh_name = header.nameOffset
        sh_type = header.type
        sh_flags = header.flags
        sh_addr = header.address
        sh_link = header.link
        sh_info = header.info
        sh_addralign = header.alignment
        sh_entsize = header.entrySize
    }
}
