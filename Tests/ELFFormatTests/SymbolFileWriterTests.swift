import ELFFormat
import ObjectModel
import TestSupport
import Testing

@Suite struct SymbolFileWriterTests {
    private static func section(_ name: String, _ address: UInt64, _ size: UInt64 = 0x1000) -> ImageSection {
        ImageSection(
            name: name, kind: .zeroFill, protection: [.read, .execute], address: address, fileOffset: 0, size: size,
            alignment: 1)
    }

    private static func part(
        _ owner: String, _ start: UInt64, _ symbols: [(String, SymbolBinding)], section: UInt16? = 0,
        buildID: [UInt8] = []
    ) -> SymbolFileWriter.Part {
        var list = SymbolList()
        for (index, symbol) in symbols.enumerated() {
            list.add(
                symbol.0, at: start + UInt64(index) * 16, size: UInt64(index), section: 0, binding: symbol.1)
        }
        return SymbolFileWriter.Part(
            owner: owner, range: start..<start + 0x1000, buildID: buildID, symbols: list, sections: [section])
    }

    private static let id = [UInt8](0xa0..<0xb0)

    private func writer(_ architecture: Architecture = .x86_64) -> SymbolFileWriter {
        SymbolFileWriter(
            architecture: architecture, sections: [Self.section(".text", 0x1000), Self.section("gurka.text", 0x2000)],
            parts: [
                Self.part("", 0x1000, [("printf", .global), ("own", .local)], section: 0),
                Self.part(
                    "gurka", 0x2000, [("slice", .global), ("peel", .local), ("maybe", .weak)], section: 1,
                    buildID: Self.id),
                Self.part("tom", 0x3000, []),
            ], generation: 0x1_0000_0005)
    }

    @Test("symbols, owners, build IDs and the generation are read back", arguments: Architecture.allCases)
    func back(architecture: Architecture) throws {
        let file = try SymbolFile(writer(architecture).bytes, name: "ksyms")
        #expect(file.architecture == architecture)
        #expect(file.generation == 0x1_0000_0005)
        #expect(file.owners.map(\.name) == ["", "gurka", "tom"])
        #expect(file.owners.map(\.range) == [0x1000..<0x2000, 0x2000..<0x3000, 0x3000..<0x4000])
        #expect(file.owners.map(\.buildID) == [[], Self.id, []])
        let owners = try #require(file.ownerIndices)
        let lines = zip(file.symbols.entries, owners).map { entry, owner in
            let section = entry.section.map { file.sections[Int($0)].name } ?? ""
            return
                "\(file.symbols.text(entry.name)) \(hexadecimal(entry.address)) \(entry.size) \(entry.binding) \(section) \(file.owners[owner].name)"
        }
        #expect(
            lines == [
                "own 0x1010 1 local .text ", "peel 0x2010 1 local gurka.text gurka", "printf 0x1000 0 global .text ",
                "slice 0x2000 0 global gurka.text gurka", "maybe 0x2020 2 weak gurka.text gurka",
            ])
    }

    @Test("real tools read it without a complaint", arguments: Architecture.allCases)
    func tools(architecture: Architecture) throws {
        let directory = try ScratchDirectory()
        let path = try directory.write("ksyms", writer(architecture).bytes)
        for (tool, options) in [
            ("readelf", ["-aW"]), ("nm", ["-S"]), ("objdump", ["-x"]), ("eu-readelf", ["-a"]),
            ("eu-nm", []),
        ] {
            let result = try Tool.run(tool, options + [path])
            #expect(result.status == .exited(0) && result.errors == "", "\(tool): \(result.errors)\(result.output)")
        }
        let digits = architecture == .i386 ? 8 : 16
        let line = [0x2020, 2].map { number in
            let text = String(number, radix: 16)
            return String(repeating: "0", count: digits - text.count) + text
        }
        #expect(try Tool.output("nm", ["-S", path]).contains("\(line[0]) \(line[1]) W maybe\n"))
        // libdw looks for an address in the program headers first.
        #expect(try Tool.output("eu-addr2line", ["-f", "-e", path, "0x2021"]) == "maybe\n??:0\n")
        let notes = try Tool.output("eu-readelf", ["-n", path])
        #expect(notes.contains("Note section [ 1] '.note.modlink'"))
        #expect(notes.split(separator: "\n").count { $0.contains(" modlink ") } == 4)
    }

    @Test("a file of nobody has a symbol table of one entry, and its number")
    func nobody() throws {
        let bytes = SymbolFileWriter(architecture: .x86_64, sections: [], parts: [], generation: 3).bytes
        let file = try SymbolFile(bytes, name: "ksyms")
        #expect(file.symbols.entries.isEmpty && file.owners.isEmpty && file.generation == 3 && file.ownerIndices == nil)
    }

    @Test("section numbers beyond 16 bits are kept", arguments: [0xff00 - 3, 0xff00 - 2, 0xfffe])
    func manySections(count: Int) throws {
        let sections = (0..<count).map { Self.section("s\($0)", UInt64($0) << 12, 0x1000) }
        let writer = SymbolFileWriter(
            architecture: .x86_64, sections: sections,
            parts: [
                Self.part("a", 0, [("first", .global), ("first_own", .local)], section: 0),
                Self.part("b", 0, [("last", .global), ("last_own", .local)], section: UInt16(count - 1)),
                // The number that means "absolute" as it stands.
                Self.part("c", 0, [("odd", .global)], section: UInt16(min(count - 1, 0xfff1 - 2))),
                Self.part("d", 0, [("absolute", .global)], section: nil),
            ], generation: 1)
        let file = try SymbolFile(writer.bytes, name: "ksyms")
        let place = { (name: String) in file.entry(name)?.section.map(Int.init) }
        #expect(place("first") == 0 && place("first_own") == 0)
        #expect(place("last") == count - 1 && place("last_own") == count - 1)
        #expect(place("odd") == min(count - 1, 0xfff1 - 2))
        #expect(place("absolute") == .some(nil))
    }

    @Test("it is written in pieces from the start to the end, and what the sink throws ends that")
    func pieces() throws {
        struct Full: Error {}
        let symbols = (0..<20000).map { ("f\($0)", $0 % 3 == 0 ? SymbolBinding.local : .global) }
        let writer = SymbolFileWriter(
            architecture: .x86_64, sections: [Self.section(".text", 0x1000, 1 << 30)],
            parts: [Self.part("", 0x1000, symbols)], generation: 1)
        var pieces: [Int] = []
        writer.write { pieces.append($0.byteCount) }
        #expect(pieces.count > 4 && pieces.reduce(0, +) == writer.bytes.count)
        var count = 0
        #expect(throws: Full.self) {
            try writer.write { (_) throws(Full) in
                count += 1
                if count == 3 { throw Full() }
            }
        }
        #expect(count == 3)
    }

    @Test("an owner's note that says too much is told")
    func broken() throws {
        let whole = writer().bytes
        // The note of the generation has 28 bytes, 20 before its description; the owner's counts begin 16 bytes into its own.
        let count = 120 + 28 + 20 + 16 + 4
        var bytes = whole
        bytes[count] = 5
        _ = try SymbolFile(bytes, name: "ksyms")
        bytes[count] = 6
        #expect(
            throws: Problem(
                subject: "ksyms", place: ".note.modlink",
                reason: "note 0: what it says of an owner's symbols is beyond the symbol table")
        ) { try SymbolFile(bytes, name: "ksyms") }
    }

    @Test("every changed byte of the notes gives symbols or an error")
    func mutations() throws {
        let whole = writer().bytes
        var accepted = 0
        for offset in 120..<120 + 28 + 3 * 72 {
            for value in [0, 1, 0x7f, 0xff] as [UInt8] {
                var bytes = whole
                bytes[offset] = value
                guard let file = try? SymbolFile(bytes, name: "ksyms") else { continue }
                accepted += 1
                #expect(file.ownerIndices?.allSatisfy { $0 <= file.owners.count } ?? true)
            }
        }
        #expect(accepted > 500)
    }
}
