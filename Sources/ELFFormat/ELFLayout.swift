import CLibELF
import ObjectModel

/// The headers of an ELF file, taken out of its bytes with every offset and size checked against them.
///
/// libelf has been made to read beyond its input by headers that lie; it sees a file only after this has.
/// (gABI chapters "ELF Header" and "Sections".)
struct ELFLayout {
    let file: String
    let fileClass: ELFClass
    let type: UInt16
    let machine: UInt16
    /// Where in the bytes the file lies. Offsets of sections and names are from the start of the bytes, not of the file.
    let range: Range<Int>
    let sections: [SectionHeader]
    /// The bytes of the section names in the file.
    let names: Range<Int>

    /// A section header.
    struct SectionHeader {
        /// Where the name begins in the section names.
        let nameOffset: UInt32
        /// The name, once it has been found.
        var name = NameRange.empty
        let type: UInt32
        let flags: UInt64
        let address: UInt64
        private(set) var offset: UInt64
        let size: UInt64
        let link: UInt32
        let info: UInt32
        let alignment: UInt64
        let entrySize: UInt64

        /// Reads the header at `start`, which is in the file.
        init(_ raw: RawSpan, at start: UInt64, _ fileClass: ELFClass) {
            let word = fileClass.wordSize
            nameOffset = raw.integer(at: start) ?? 0
            type = raw.integer(at: start + 4) ?? 0
            flags = raw.word(at: start + 8, fileClass) ?? 0
            address = raw.word(at: start + 8 + word, fileClass) ?? 0
            offset = raw.word(at: start + 8 + 2 * word, fileClass) ?? 0
            size = raw.word(at: start + 8 + 3 * word, fileClass) ?? 0
            link = raw.integer(at: start + 8 + 4 * word) ?? 0
            info = raw.integer(at: start + 12 + 4 * word) ?? 0
            // 0 means the same as 1.
            alignment = max(raw.word(at: start + 16 + 4 * word, fileClass) ?? 0, 1)
            entrySize = raw.word(at: start + 16 + 5 * word, fileClass) ?? 0
        }

        /// Counts its offset, and its name's, from that much earlier. Both are in the file, which ends before 4 GiB; sections without
        /// contents have offsets that mean nothing.
        mutating func move(by distance: Int) {
            offset &+= UInt64(distance)
            name.offset &+= UInt32(truncatingIfNeeded: distance)
        }

        func has(_ flag: Int32) -> Bool { flags & UInt64(flag) != 0 }
        func isOf(_ type: Int32) -> Bool { self.type == UInt32(bitPattern: type) }
    }

    /// What every ELF file begins with.
    static let magic: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]
    /// More sections than any compiler makes; each costs memory before anything else is known of the file.
    private static let sectionLimit: UInt64 = 1 << 24

    /// Reads the headers of a little-endian file.
    ///
    /// - Parameter range: where in the bytes the file lies; nil: it is all of them.
    init(_ bytes: [UInt8], in range: Range<Int>? = nil, file: String) throws(Problem) {
        self.file = file
        self.range = range ?? bytes.indices
        let raw = unsafe bytes.span.bytes.extracting(self.range)
        fileClass = try Self.checkIdentification(bytes[self.range].prefix(Self.longestHeader), file)
        // The file has been found to be longer than its header.
        type = raw.integer(at: 16) ?? 0
        machine = raw.integer(at: 18) ?? 0
        let version: UInt32 = raw.integer(at: 20) ?? 0
        guard version == 1 else { throw Problem(subject: file, place: "e_version", reason: "\(version): not 1") }
        let start = raw.word(at: 24 + 2 * fileClass.wordSize, fileClass) ?? 0
        guard start != 0 else {
            sections = []
            names = 0..<0
            return
        }
        var (headers, stringIndex) = try Self.sectionHeaders(raw, at: start, fileClass, file)
        let strings = headers[Int(stringIndex)]
        let names = try Self.stringTable(raw, strings.type, strings.offset, strings.size, file, "section names")
        try Self.check(&headers, raw, names, file)
        let distance = self.range.lowerBound
        if distance > 0 {
            for index in headers.indices.dropFirst() { headers[index].move(by: distance) }
        }
        sections = headers
        self.names = names.lowerBound + distance..<names.upperBound + distance
    }

    /// The size of the larger of the two ELF headers.
    private static let longestHeader = 64

    /// The section headers, unchecked, and which of them is of the section names. The last three fields of the ELF header say the
    /// size of one, how many there are, and where the names are.
    private static func sectionHeaders(
        _ raw: RawSpan, at start: UInt64, _ fileClass: ELFClass, _ file: String
    ) throws(Problem) -> (headers: [SectionHeader], strings: UInt64) {
        let end = fileClass.headerSize
        let size = fileClass.sectionHeaderSize
        let entrySize: UInt16 = raw.integer(at: end - 6) ?? 0
        guard UInt64(entrySize) == size else {
            throw Problem(subject: file, place: "e_shentsize", reason: "\(entrySize): not \(size)")
        }
        guard raw.contains(offset: start, count: size) else {
            throw Problem(
                subject: file, place: "e_shoff",
                reason:
                    "section headers at \(hexadecimal(start)) are beyond the end of the file (\(raw.byteCount) bytes): truncated?"
            )
        }
        // Extended numbering: what does not fit 16 bits stands in section 0 (gABI, "Extended section header").
        let first = SectionHeader(raw, at: start, fileClass)
        var count = UInt64(raw.integer(at: end - 4, as: UInt16.self) ?? 0)
        if count == 0 { count = first.size }
        guard count > 0, count <= Self.sectionLimit, raw.contains(offset: start, count: count * size) else {
            throw Problem(
                subject: file, place: "e_shnum",
                reason:
                    "\(count) section headers at \(hexadecimal(start)) are beyond the end of the file (\(raw.byteCount) bytes): truncated?"
            )
        }
        var strings = UInt64(raw.integer(at: end - 2, as: UInt16.self) ?? 0)
        if strings == UInt64(SHN_XINDEX) { strings = UInt64(first.link) }
        guard strings > 0, strings < count else {
            throw Problem(
                subject: file, place: "e_shstrndx", reason: "section \(strings) of \(count) is no string table")
        }
        var headers: [SectionHeader] = []
        headers.reserveCapacity(Int(count))
        for index in 0..<count { headers.append(SectionHeader(raw, at: start + index * size, fileClass)) }
        return (headers, strings)
    }

    /// The section that the symbol table, or whatever refers to strings, names as its strings.
    func strings(
        _ index: UInt32, for place: @autoclosure () -> String, in raw: RawSpan
    ) throws(Problem) -> Range<Int> {
        guard Int(index) < sections.count else {
            throw Problem(
                subject: file, place: place(), reason: "sh_link \(index): there are \(sections.count) sections")
        }
        let section = sections[Int(index)]
        return try Self.stringTable(raw, section.type, section.offset, section.size, file, place())
    }

    /// The class of a file, of which the first bytes are enough; everything that its first 16 bytes say is checked.
    static func checkIdentification(_ bytes: ArraySlice<UInt8>, _ file: String) throws(Problem) -> ELFClass {
        let start = bytes.startIndex
        guard !bytes.isEmpty else { throw Problem(subject: file, reason: "empty") }
        guard bytes.starts(with: magic) else {
            throw Problem(subject: file, reason: foreign(Array(bytes)) ?? "not an object file")
        }
        guard bytes.count >= 6 else {
            throw Problem(subject: file, reason: "truncated: \(bytes.count) bytes, shorter than an ELF header")
        }
        guard let fileClass = ELFClass(rawValue: bytes[start + 4]) else {
            throw Problem(
                subject: file, place: "e_ident", reason: "class \(bytes[start + 4]) is neither 32 nor 64 bits")
        }
        guard bytes[start + 5] == ELFDATA2LSB else {
            throw Problem(
                subject: file, place: "e_ident",
                reason: bytes[start + 5] == ELFDATA2MSB
                    ? "a big-endian object; this space takes little-endian ones"
                    : "data encoding \(bytes[start + 5]) is neither little- nor big-endian")
        }
        guard bytes.count >= fileClass.headerSize else {
            throw Problem(subject: file, reason: "truncated: \(bytes.count) bytes, shorter than an ELF header")
        }
        guard bytes[start + 6] == 1 else {
            throw Problem(subject: file, place: "e_ident", reason: "version \(bytes[start + 6]): not 1")
        }
        return fileClass
    }

    /// What a file that is no ELF file probably is, where that can be told.
    static func foreign(_ bytes: [UInt8]) -> String? {
        if bytes.starts(with: "!<arch>\n".utf8) || bytes.starts(with: "!<thin>\n".utf8) {
            return "an archive, not an object"
        }
        if bytes.starts(with: [0x42, 0x43, 0xc0, 0xde]) { return "LLVM bitcode, not an object; compile without -flto" }
        if bytes.starts(with: "#!".utf8) { return "a script, not an object" }
        return nil
    }

    static func stringTable(
        _ raw: RawSpan, _ type: UInt32, _ offset: UInt64, _ size: UInt64, _ file: String,
        _ place: @autoclosure () -> String
    ) throws(Problem) -> Range<Int> {
        guard type == UInt32(SHT_STRTAB) else {
            throw Problem(subject: file, place: place(), reason: "their section is no string table")
        }
        guard size > 0, raw.contains(offset: offset, count: size) else {
            throw Problem(
                subject: file, place: place(), reason: "the string table is empty, or beyond the end of the file")
        }
        guard raw.integer(at: offset, as: UInt8.self) == 0, raw.integer(at: offset + size - 1, as: UInt8.self) == 0
        else {
            throw Problem(subject: file, place: place(), reason: "the string table does not start and end with NUL")
        }
        return Int(offset)..<Int(offset + size)
    }
}

extension ELFLayout {
    /// Checks each header, and finds its name.
    private static func check(
        _ sections: inout [SectionHeader], _ raw: RawSpan, _ names: Range<Int>, _ file: String
    ) throws(Problem) {
        for index in sections.indices {
            let header = sections[index]
            guard let name = raw.name(at: header.nameOffset, in: names) else {
                throw Problem(
                    subject: file, place: "section \(index)",
                    reason: "sh_name \(header.nameOffset) is beyond the section names")
            }
            sections[index].name = name
            // Section 0 holds what did not fit the header.
            guard index > 0, header.type != UInt32(SHT_NULL) else {
                if index == 0, header.type != UInt32(SHT_NULL) {
                    throw Problem(subject: file, place: "section 0", reason: "sh_type \(header.type): not null")
                }
                continue
            }
            if header.type != UInt32(SHT_NOBITS), !raw.contains(offset: header.offset, count: header.size) {
                throw Problem(
                    subject: file, place: "section \(index)",
                    reason:
                        "\(header.size) bytes at \(hexadecimal(header.offset)) are beyond the end of the file (\(raw.byteCount) bytes): truncated?"
                )
            }
            if header.alignment & (header.alignment - 1) != 0 || header.alignment > 1 << 30 {
                throw Problem(
                    subject: file, place: "section \(index)",
                    reason: "sh_addralign \(header.alignment): not a power of two up to 1 GiB")
            }
        }
    }
}

extension ELFLayout {
    /// The machine that the file is made for.
    func architecture() throws(Problem) -> Architecture {
        try Self.architecture(machine, fileClass, file)
    }

    /// The machine of a number in files of a class.
    static func architecture(
        _ machine: UInt16, _ fileClass: ELFClass, _ file: String
    ) throws(Problem) -> Architecture {
        let reason: String
        switch (Int32(machine), fileClass) {
        case (EM_X86_64, .bits64): return .x86_64
        case (EM_386, .bits32): return .i386
        case (EM_X86_64, .bits32): reason = "x86-64 with addresses of 32 bits (x32); compile with -m64 or -m32"
        case (EM_386, .bits64): reason = "i386, in a file of 64-bit addresses"
        default: reason = "made for \(machineName(machine)); modules are made for x86-64 or i386"
        }
        throw Problem(subject: file, place: "e_machine", reason: reason)
    }

    private static func machineName(_ number: UInt16) -> String {
        switch Int32(number) {
        case EM_AARCH64: "aarch64"
        case EM_ARM: "arm"
        case EM_RISCV: "riscv"
        case EM_PPC64: "ppc64"
        case EM_S390: "s390x"
        default: "machine \(number)"
        }
    }
}

extension RawSpan {
    /// The name that begins `offset` bytes into a string table, up to its NUL; nil when it begins outside. The table ends with a NUL.
    func name(at offset: UInt32, in table: Range<Int>) -> NameRange? {
        let start = table.lowerBound + Int(offset)
        guard table.contains(start), start <= Int(UInt32.max) else { return nil }
        let rest = extracting(start..<table.upperBound)
        let count = unsafe rest.withUnsafeBytes { bytes -> Int in
            guard let start = bytes.baseAddress, let end = unsafe memchr(start, 0, bytes.count) else {
                return bytes.count
            }
            return unsafe UnsafeRawPointer(end) - start
        }
        return NameRange(offset: UInt32(start), count: UInt32(count))
    }
}
