import ELFFormat
import ObjectModel
import SymbolQueries
import SymbolTable
import TestSupport
import Testing

/// Tables out of files.
@Suite struct SymbolTableFileTests {
    private func section(_ name: String, _ address: UInt64) -> ImageSection {
        ImageSection(
            name: name, kind: .zeroFill, protection: [.read, .execute], address: address, fileOffset: 0, size: 0x100,
            alignment: 1)
    }

    private func part(
        _ owner: String, _ start: UInt64, _ section: UInt16?, _ name: String
    ) -> SymbolFileWriter.Part {
        var list = SymbolList()
        list.add(name, at: section == nil ? 7 : start + 16, section: section == nil ? nil : 0)
        return SymbolFileWriter.Part(
            owner: owner, range: start..<start + 0x200, buildID: owner.isEmpty ? [] : [UInt8](1...16), symbols: list,
            sections: [section])
    }

    @Test("owners, their ranges and build IDs are those of the notes, and absolute symbols are their owner's")
    func noted() throws {
        let bytes = SymbolFileWriter(
            architecture: .x86_64,
            sections: [section(".text", 0x1000), section("gurka.text", 0x2000), section("odd.text", 0x3000)],
            parts: [
                part("", 0x1000, 0, "printf"), part("gurka", 0x2000, 1, "slice"), part("flags", 0x4000, nil, "flag"),
            ], generation: 1
        ).bytes
        let table = SymbolTable(try SymbolFile(bytes, name: "ksyms"))
        let sets = table.snapshot
        #expect(sets.map(\.owner) == ["", "gurka", "flags"])
        #expect(sets.map(\.range) == [0x1000..<0x1200, 0x2000..<0x2200, 0x4000..<0x4200])
        #expect(sets.map(\.buildID) == [[], [UInt8](1...16), [UInt8](1...16)])
        // A section that no owner in the notes has is the space's.
        #expect(sets.map { $0.sections.map(\.name) } == [[".text", "odd.text"], ["gurka.text"], []])
        #expect(table.describe(0x2014)?.name == "slice" && table.describe(0x2014)?.owner == "gurka")
        #expect(table.exported("flag").flatMap { table.owner($0.owner) }?.owner == "flags")
    }

    @Test("in a file without notes sections tell owners apart")
    func plain() throws {
        var list = SymbolList()
        list.add("printf", at: 0x1010, section: 0)
        list.add("slice", at: 0x2010, section: 1)
        list.add("flag", at: 7, section: nil)
        let bytes = ELFImageWriter.file(
            Image(
                architecture: .x86_64, segments: [],
                sections: [section(".text", 0x1000), section("gurka.text", 0x2000)], symbols: list, entry: 0,
                loadedSize: ELFImageWriter.headerSize, buildID: []))
        let sets = SymbolTable(try SymbolFile(bytes, name: "ksyms")).snapshot
        #expect(sets.map(\.owner) == ["", "gurka"])
        #expect(sets.map { set in set.symbols.entries.indices.map(set.name) } == [["flag", "printf"], ["slice"]])
        #expect(sets.map(\.range) == [0x1000..<0x1100, 0x2000..<0x2100])
    }
}
