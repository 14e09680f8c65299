import ELFFormat
import ObjectModel
import TestSupport
import Testing

/// An image of three segments with a symbol of each sort.
private func sample(
    sectionCount: Int = 0, hasBuildID: Bool = true, for architecture: Architecture = .x86_64
) -> (image: Image, contents: [UInt8]) {
    let base: UInt64 = 0x1000_0000
    var sections = [
        ImageSection(
            name: ".rodata", kind: .contents, protection: .read, address: base + 0x240, fileOffset: 0x240, size: 0x40,
            alignment: 16),
        ImageSection(
            name: ".text", kind: .contents, protection: [.read, .execute], address: base + 0x1000, fileOffset: 0x1000,
            size: 0x100, alignment: 16),
        ImageSection(
            name: ".data", kind: .contents, protection: [.read, .write], address: base + 0x2000, fileOffset: 0x2000,
            size: 0x80, alignment: 32),
        ImageSection(
            name: ".bss", kind: .zeroFill, protection: [.read, .write], address: base + 0x2080, fileOffset: 0x2080,
            size: 0x1000, alignment: 32),
    ]
    for number in 0..<sectionCount {
        sections.append(
            ImageSection(
                name: "s\(number)", kind: .zeroFill, protection: [.read, .write],
                address: base + 0x10_0000 + UInt64(number), fileOffset: 0x2080, size: 1, alignment: 1))
    }
    var symbols = SymbolList()
    symbols.add("slice", at: base + 0x1000, size: 0x20, section: 1)
    symbols.add("helper", at: base + 0x1020, size: 8, section: 1, binding: .local)
    symbols.add("yields", at: base + 0x1030, size: 8, section: 1, binding: .weak)
    symbols.add("table", at: base + 0x240, size: 8, section: 0, type: .object)
    symbols.add("counter", at: base + 0x2080, size: 8, section: 3, binding: .local, type: .object)
    symbols.add("LIMIT", at: 0x1234, type: .none)
    for number in 0..<sectionCount {
        symbols.add(
            "v\(number)", at: base + 0x10_0000 + UInt64(number), size: 1, section: UInt16(4 + number), type: .object)
    }
    let image = Image(
        architecture: architecture,
        segments: [
            ImageSegment(
                protection: .read, address: base, fileOffset: 0, fileSize: 0x280, memorySize: 0x280),
            ImageSegment(
                protection: [.read, .execute], address: base + 0x1000, fileOffset: 0x1000, fileSize: 0x100,
                memorySize: 0x100),
            ImageSegment(
                protection: [.read, .write], address: base + 0x2000, fileOffset: 0x2000, fileSize: 0x80,
                memorySize: sectionCount == 0 ? 0x1080 : 0xfe000 + UInt64(sectionCount)),
        ], sections: sections, symbols: symbols, entry: 0, loadedSize: 0x2080,
        buildID: hasBuildID ? Array(1...16) : [])
    return (image, [UInt8](repeating: 0x90, count: 0x2080))
}

/// What readelf and eu-elflint have to say against a file; empty when they accept it.
func complaints(about bytes: [UInt8]) throws -> String {
    let directory = try ScratchDirectory()
    let path = try directory.write("image", bytes)
    let listing = try Tool.run("readelf", ["-aW", path])
    var text = listing.errors
    for line in listing.output.split(separator: "\n") where line.contains("Warning") || line.contains("Error") {
        text += line + "\n"
    }
    if Tool.find("eu-elflint") != nil {
        let verdict = try Tool.run("eu-elflint", ["--gnu-ld", path])
        if verdict.output != "No errors\n" { text += verdict.output + verdict.errors }
    }
    return text
}

@Suite struct ImageWriterTests {
    @Test("readelf and eu-elflint have nothing against an image", arguments: Architecture.allCases)
    func accepted(_ architecture: Architecture) throws {
        let (image, contents) = sample(for: architecture)
        let found = try complaints(about: ELFImageWriter.file(image, contents: contents))
        #expect(found.prefix(2000) == "")
    }

    @Test(
        "readelf has nothing against a file of symbols only, eu-elflint misses the program headers",
        arguments: Architecture.allCases)
    func acceptedSymbols(_ architecture: Architecture) throws {
        var (image, _) = sample(hasBuildID: false, for: architecture)
        image.segments = []
        for index in image.sections.indices {
            image.sections[index].kind = .zeroFill
            image.sections[index].fileOffset = ELFImageWriter.headerSize
        }
        image.loadedSize = ELFImageWriter.headerSize
        let found = try complaints(about: ELFImageWriter.file(image))
        // Such a file is never run: ksyms(4) is an executable of the same shape, without program headers.
        let unexpected = found.split(separator: "\n").filter {
            !$0.hasSuffix("zero program header offset") && !$0.hasSuffix("section not in any loaded segment")
                && !$0.hasSuffix("has wrong type: expected PROGBITS, is NOBITS")
                && !$0.hasSuffix("has unexpected type 8 for an executable section")
        }
        #expect(unexpected == [])
    }

    @Test("segments are mapped as the image says, and there is a build ID") func segments() throws {
        let (image, contents) = sample()
        let directory = try ScratchDirectory()
        let path = try directory.write("image", ELFImageWriter.file(image, contents: contents))
        let text = try Tool.output("readelf", ["-lnW", path])
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(
            lines.filter { $0.hasPrefix("LOAD") } == [
                "LOAD 0x000000 0x0000000010000000 0x0000000010000000 0x000280 0x000280 R 0x1000",
                "LOAD 0x001000 0x0000000010001000 0x0000000010001000 0x000100 0x000100 R E 0x1000",
                "LOAD 0x002000 0x0000000010002000 0x0000000010002000 0x000080 0x001080 RW 0x1000",
            ])
        #expect(text.contains("Build ID: 0102030405060708090a0b0c0d0e0f10"))
    }

    @Test("an image for i386 is a 32-bit file") func i386() throws {
        let (image, contents) = sample(for: .i386)
        let directory = try ScratchDirectory()
        let path = try directory.write("image", ELFImageWriter.file(image, contents: contents))
        let text = try Tool.output("readelf", ["-hlnW", path])
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(lines.contains("Class: ELF32") && lines.contains("Machine: Intel 80386"))
        #expect(
            lines.filter { $0.hasPrefix("LOAD") } == [
                "LOAD 0x000000 0x10000000 0x10000000 0x00280 0x00280 R 0x1000",
                "LOAD 0x001000 0x10001000 0x10001000 0x00100 0x00100 R E 0x1000",
                "LOAD 0x002000 0x10002000 0x10002000 0x00080 0x01080 RW 0x1000",
            ])
        #expect(text.contains("Build ID: 0102030405060708090a0b0c0d0e0f10"))
        #expect(try Tool.output("nm", ["-n", path]).contains("\n10001020 t helper\n"))
    }

    @Test("nm lists the symbols with their addresses, sections and bindings") func names() throws {
        let (image, contents) = sample()
        let directory = try ScratchDirectory()
        let path = try directory.write("image", ELFImageWriter.file(image, contents: contents))
        #expect(
            try Tool.output("nm", ["-n", path]) == """
                0000000000001234 A LIMIT
                0000000010000240 R table
                0000000010001000 T slice
                0000000010001020 t helper
                0000000010001030 W yields
                0000000010002080 b counter

                """)
    }

    @Test("the reader of symbol files reads back what was written", arguments: Architecture.allCases)
    func roundTrip(_ architecture: Architecture) throws {
        let (image, contents) = sample(for: architecture)
        let file = try SymbolFile(ELFImageWriter.file(image, contents: contents), name: "image")
        #expect(file.architecture == architecture)
        #expect(file.symbols.entries.count == image.symbols.entries.count)
        for entry in image.symbols.entries {
            let name = image.symbols.text(entry.name)
            let read = try #require(file.entry(name))
            #expect(read.address == entry.address && read.size == entry.size)
            #expect(read.binding == entry.binding && read.type == entry.type)
            #expect(file.sectionName(name) == entry.section.map { image.sections[Int($0)].name })
        }
    }

    @Test("contents stand where they were, behind the header") func contents() {
        let (image, contents) = sample()
        let file = ELFImageWriter.file(image, contents: contents)
        #expect(file[576..<0x2080].allSatisfy { $0 == 0x90 })
        let parts = ELFImageWriter.encode(image)
        #expect(parts.header.count == 576)
        #expect(parts.tailOffset == 0x2080)
        #expect(Array(file[0x2080...]) == parts.tail)
    }

    @Test("sections beyond the 16-bit numbers are read back, by tools too") func manySections() throws {
        // With the null section, the note and the four, the last plain number is 0xfeff.
        let (image, contents) = sample(sectionCount: 65_500)
        let bytes = ELFImageWriter.file(image, contents: contents)
        let file = try SymbolFile(bytes, name: "image")
        #expect(file.sections.count == 65_505)
        for number in [0, 65_273, 65_274, 65_275, 65_499] {
            #expect(file.sectionName("v\(number)") == "s\(number)")
        }
        #expect(file.sectionName("slice") == ".text")
        let found = try complaints(about: bytes)
        // eu-elflint knows that table in relocatable objects only; the gABI has no such rule.
        let table = image.sections.count + 4
        #expect(
            found == """
                section [\(table)] '.symtab_shndx' is extension section index table in non-object file
                section [\(table)] '.symtab_shndx': only relocatable files can have extended section index

                """)
    }

    @Test("0xfeff sections have plain numbers, one more has not", arguments: [0, 1])
    func numberLimit(_ more: Int) throws {
        // Others: null, note, four, .symtab, .strtab, .shstrtab (and .symtab_shndx when it is needed).
        let (image, contents) = sample(sectionCount: 0xff00 - 1 - 9 + more)
        let bytes = ELFImageWriter.file(image, contents: contents)
        let raw = bytes.span.bytes
        let count = raw.integer(at: 60, as: UInt16.self)
        #expect(count == (more == 0 ? 0xfeff : 0))
        #expect(throws: Never.self) { try SymbolFile(bytes, name: "image") }
    }
}
