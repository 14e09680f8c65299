import CLibELF
import Decompression
import ObjectModel

/// The debug sections of a module's objects as its image has them: joined by name and relocated, as linkers do it with sections that
/// nobody maps. With them the tools that look at the file which code was mapped from (`addr2line`, `perf annotate`, `llvm-symbolizer`)
/// find source lines.
///
/// They stand behind all that the image has already, with a new table of section headers; the ELF header is changed last, by one
/// write. Until then the image is what it was.
public struct ImageDebugSections: Sendable {
    /// What goes behind the image's last byte.
    public let bytes: [UInt8]
    /// Where in the file that is.
    public let offset: UInt64
    /// What then takes the place of a part of the ELF header: where the section headers are, how many, and which has the names.
    public let header: [UInt8]
    /// Where that part is.
    public let headerOffset: UInt64

    /// How many bytes an image's debug sections may have: the runtime directory is mostly memory.
    public static let sizeLimit = 128 << 20

    /// Whether an object has debug sections.
    public static func hasAny(_ object: Object) -> Bool {
        object.sections.contains { section in
            !section.isAllocated && section.size > 0
                && (nameBegins(object.bytes, section.name, with: ".debug_")
                    || nameBegins(object.bytes, section.name, with: ".zdebug_"))
        }
    }

    /// Joins the debug sections of a module's objects; nil when there are none, when they are too large, or when the image is not of the
    /// form that the linker writes.
    ///
    /// - Parameters:
    ///   - image: the image's file.
    ///   - objects: each with the addresses of its sections; nil where a section is not in memory.
    public init?(_ image: PartialFile, _ objects: [(object: Object, addresses: [UInt64?])]) throws(Problem) {
        guard let first = objects.first(where: { $0.object.bytes[$0.object.file].starts(with: ELFLayout.magic) }) else {
            return nil
        }
        let fileClass = ELFClass(first.object.architecture)
        let raw = unsafe image.head.span.bytes
        // e_shoff; behind it the flags and four numbers of 2 bytes, then e_shnum and e_shstrndx.
        let place = 24 + 2 * fileClass.wordSize
        guard let start = raw.word(at: place, fileClass),
            let count: UInt16 = raw.integer(at: fileClass.headerSize - 4), count > 0,
            let names: UInt16 = raw.integer(at: fileClass.headerSize - 2), names < count
        else { return nil }
        let size = fileClass.sectionHeaderSize
        let table = try image.bytes(at: start, count: UInt64(count) * size, "e_shnum")
        let old = ELFLayout.SectionHeader(unsafe table.span.bytes, at: UInt64(names) * size, fileClass)
        var sectionNames = try image.bytes(at: old.offset, count: old.size, ".shstrtab")
        var joined = JoinedSections(fileClass)
        joined.threadBlock = Self.threadBlock(table, fileClass)
        for (object, addresses) in objects { try joined.add(object, addresses) }
        guard !joined.sections.isEmpty, !joined.isTooLarge else { return nil }

        let total = UInt16(clamping: Int(count) + joined.sections.count)
        guard total < UInt16(SHN_LORESERVE) else { return nil }
        offset = (image.size + 7) & ~7
        var encoder = Encoder()
        encoder.append([UInt8](repeating: 0, count: Int(offset - image.size)))
        let base = image.size
        var headers = Encoder()
        headers.append(table)
        for section in joined.sections {
            var header = Elf64_Shdr()
            header.sh_name = UInt32(sectionNames.count)
            sectionNames += section.name + [0]
            header.sh_type = UInt32(SHT_PROGBITS)
            header.sh_offset = base + UInt64(encoder.bytes.count)
            header.sh_size = UInt64(section.contents.count)
            header.sh_addralign = 1
            headers.append(header, fileClass)
            encoder.append(section.contents)
        }
        var nameHeader = Elf64_Shdr()
        nameHeader.sh_name = old.nameOffset
        nameHeader.sh_type = UInt32(SHT_STRTAB)
        nameHeader.sh_offset = base + UInt64(encoder.bytes.count)
        nameHeader.sh_size = UInt64(sectionNames.count)
        nameHeader.sh_addralign = 1
        encoder.append(sectionNames)
        encoder.align(to: 8)
        // Alignment counts from `base`, which need not be a multiple of 8.
        encoder.append([UInt8](repeating: 0, count: Int((8 - (base + UInt64(encoder.bytes.count)) % 8) % 8)))
        let headersOffset = base + UInt64(encoder.bytes.count)
        var all = headers.bytes
        var renamed = Encoder()
        renamed.append(nameHeader, fileClass)
        all.replaceSubrange(Int(names) * Int(size)..<(Int(names) + 1) * Int(size), with: renamed.bytes)
        encoder.append(all)
        bytes = encoder.bytes

        var head = Array(image.head[Int(place)..<Int(fileClass.headerSize)])
        var word = Encoder()
        word.append(headersOffset, fileClass)
        head.replaceSubrange(0..<word.bytes.count, with: word.bytes)
        head[head.count - 4] = UInt8(truncatingIfNeeded: total)
        head[head.count - 3] = UInt8(truncatingIfNeeded: total >> 8)
        (header, headerOffset) = (head, place)
    }

    /// Where the image's thread-local variables begin; 0 when it has none.
    private static func threadBlock(_ table: [UInt8], _ fileClass: ELFClass) -> UInt64 {
        let size = Int(fileClass.sectionHeaderSize)
        return (0..<table.count / size)
            .map { ELFLayout.SectionHeader(unsafe table.span.bytes, at: UInt64($0 * size), fileClass) }
            .filter { $0.has(SHF_TLS) }.map(\.address).min() ?? 0
    }
}

/// Debug sections of several objects, in the making.
private struct JoinedSections {
    struct Output {
        let name: [UInt8]
        var contents: [UInt8] = []
    }

    private(set) var sections: [Output] = []
    /// Where the image's thread-local variables begin.
    var threadBlock: UInt64 = 0
    private(set) var isTooLarge = false
    private var size = 0
    private let fileClass: ELFClass

    init(_ fileClass: ELFClass) {
        self.fileClass = fileClass
    }

    /// Where a section of an object has gone.
    private struct Place {
        let output: Int
        let offset: Int
        let size: Int
    }

    mutating func add(_ object: Object, _ addresses: [UInt64?]) throws(Problem) {
        guard !isTooLarge, ImageDebugSections.hasAny(object), object.bytes[object.file].starts(with: ELFLayout.magic)
        else { return }
        let layout = try ELFLayout(object.bytes, in: object.file, file: object.name)
        guard layout.fileClass == fileClass, layout.sections.count == addresses.count else { return }
        var places = [Place?](repeating: nil, count: layout.sections.count)
        for (index, header) in layout.sections.enumerated() where header.isOf(SHT_PROGBITS) && !header.has(SHF_ALLOC) {
            guard let (name, contents) = try contents(of: header, object) else { continue }
            size += contents.count
            guard size <= ImageDebugSections.sizeLimit else {
                isTooLarge = true
                return
            }
            let output = sections.firstIndex { $0.name == name } ?? sections.count
            if output == sections.count { sections.append(Output(name: name)) }
            places[index] = Place(output: output, offset: sections[output].contents.count, size: contents.count)
            sections[output].contents += contents
        }
        let values = object.symbols.map { value(of: $0, places, addresses) }
        for (index, header) in layout.sections.enumerated() where header.isOf(SHT_RELA) || header.isOf(SHT_REL) {
            guard Int(header.info) < places.count, let place = places[Int(header.info)] else { continue }
            switch (fileClass, header.isOf(SHT_RELA)) {
            case (.bits64, true): try relocate(index, place, layout, object, values, as: Elf64_Rela.self)
            case (.bits64, false): try relocate(index, place, layout, object, values, as: Elf64_Rel.self)
            case (.bits32, true): try relocate(index, place, layout, object, values, as: Elf32_Rela.self)
            case (.bits32, false): try relocate(index, place, layout, object, values, as: Elf32_Rel.self)
            }
        }
    }

    /// The name and the plain contents of a debug section; nil of any other.
    private func contents(
        of header: ELFLayout.SectionHeader, _ object: Object
    ) throws(Problem) -> (name: [UInt8], contents: ArraySlice<UInt8>)? {
        let bytes = object.bytes[Int(header.offset)..<Int(header.offset + header.size)]
        let name = Array(object.bytes[header.name.indices])
        if name.starts(with: ".zdebug_".utf8) {
            // The older form of GNU's tools: "ZLIB", the size in 8 bytes, the highest first.
            guard bytes.starts(with: "ZLIB".utf8), bytes.count > 12 else { return nil }
            let size = bytes.dropFirst(4).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return (Array(".".utf8) + name.dropFirst(2), try inflated(bytes.dropFirst(12), size, object)[...])
        }
        guard name.starts(with: ".debug_".utf8) else { return nil }
        guard header.has(SHF_COMPRESSED) else { return (name, bytes) }
        let whole = object.bytes
        let raw = unsafe whole.span.bytes
        let size = raw.word(at: header.offset + fileClass.wordSize, fileClass) ?? 0
        return (name, try inflated(bytes.dropFirst(Int(fileClass.compressionHeaderSize)), size, object)[...])
    }

    private func inflated(_ bytes: ArraySlice<UInt8>, _ size: UInt64, _ object: Object) throws(Problem) -> [UInt8] {
        let limit = Int(clamping: min(size, UInt64(ImageDebugSections.sizeLimit)))
        do throws(DecompressionError) {
            return try decompressed(bytes, .zlib, limit: limit)
        } catch {
            throw Problem(subject: object.name, place: "debug information", reason: "\(error)")
        }
    }

    /// What a symbol stands for: its address, or its place in a joined section; 0 of what is not there, as linkers have it.
    private func value(of symbol: Symbol, _ places: [Place?], _ addresses: [UInt64?]) -> UInt64 {
        switch symbol.place {
        case .section(let section):
            if let place = places[Int(section)] { return UInt64(place.offset) &+ symbol.value }
            guard let address = addresses[Int(section)] else { return 0 }
            return address &+ symbol.value
        case .absolute: return symbol.value
        case .undefined, .common: return 0
        }
    }

    private mutating func relocate<Record: ELFRelocationRecord & BitwiseCopyable>(
        _ index: Int, _ place: Place, _ layout: ELFLayout, _ object: Object, _ values: [UInt64], as record: Record.Type
    ) throws(Problem) {
        let (threadBlock, is64) = (threadBlock, fileClass == .bits64)
        var contents = sections[place.output].contents
        sections[place.output].contents = []
        try unsafe layout.withEntries(ofSection: index, in: object.bytes, as: record) { (entries) throws(Problem) in
            var span = contents.mutableSpan
            var raw = unsafe span.mutableBytes
            for position in unsafe entries.indices {
                let entry = unsafe entries[position]
                guard Int(entry.symbol) < values.count,
                    let (width, isThreadLocal) = Self.shape(ofType: entry.type, is64: is64),
                    place.size >= width, entry.offset <= UInt64(place.size - width)
                else { continue }
                let offset = place.offset + Int(entry.offset)
                var value = values[Int(entry.symbol)]
                if isThreadLocal { value &-= threadBlock }
                if Record.hasAddend {
                    value &+= UInt64(bitPattern: entry.addend)
                } else if width == 8 {
                    value &+= raw.bytes.integer(at: UInt64(offset), as: UInt64.self) ?? 0
                } else {
                    value &+= UInt64(raw.bytes.integer(at: UInt64(offset), as: UInt32.self) ?? 0)
                }
                if width == 8 {
                    raw.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self)
                } else {
                    raw.storeBytes(
                        of: UInt32(truncatingIfNeeded: value).littleEndian, toByteOffset: offset, as: UInt32.self)
                }
            }
        }
        sections[place.output].contents = contents
    }

    /// How wide a relocation of debug information is, and whether it means a place among thread-local variables; nil of those that there
    /// are none of.
    private static func shape(ofType type: UInt32, is64: Bool) -> (width: Int, isThreadLocal: Bool)? {
        switch (is64, Int32(bitPattern: type)) {
        case (true, R_X86_64_64): (8, false)
        case (true, R_X86_64_32), (true, R_X86_64_32S): (4, false)
        case (true, R_X86_64_DTPOFF64): (8, true)
        case (true, R_X86_64_DTPOFF32): (4, true)
        case (false, R_386_32): (4, false)
        case (false, R_386_TLS_LDO_32): (4, true)
        default: nil
        }
    }
}
