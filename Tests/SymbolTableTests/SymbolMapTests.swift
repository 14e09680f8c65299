import ObjectModel
import SymbolTable
import Testing

@Suite("Symbols as text")
struct SymbolMapTests {
    private func table(_ text: String) throws(Problem) -> SymbolTable {
        try SymbolTable(map: Array(text.utf8), name: "System.map")
    }

    @Test("capital letters are exported, small ones are not; weak and unique ones are")
    func exported() throws {
        let table = try table(
            "ffffffff81000000 T _text\nffffffff81000010 t hidden\nffffffff81000020 W weak\nffffffff81000030 u one\n")
        #expect(table.exported("_text").flatMap(table.symbol)?.address == 0xffff_ffff_8100_0000)
        #expect(table.exported("hidden") == nil)
        #expect(table.exported("weak").flatMap(table.symbol)?.binding == .weak)
        #expect(table.exported("one").flatMap(table.symbol)?.binding == .unique)
        #expect(table.symbolCount == 4)
    }

    @Test("a module in brackets owns its symbols")
    func owners() throws {
        let table = try table("0000000010001000 T slice\t[gurka]\n0000000070001000 T printf\n")
        let slice = try #require(table.exported("slice"))
        #expect(table.owner(slice.owner)?.owner == "gurka")
        let printf = try #require(table.exported("printf"))
        #expect(table.owner(printf.owner)?.owner == "")
    }

    @Test("a line for a module as ksyms -m prints it is passed over, and so is an undefined symbol")
    func passedOver() throws {
        let table = try table(
            "0000000010000000 (12k)\t[gurka]\n                 U puts\n\n0000000010001000 T slice\t[gurka]\n")
        #expect(table.symbolCount == 1)
    }

    @Test(
        "a line of another form is told by its number",
        arguments: ["x", "10 T", "10 TT name", "11111111111111111 T name", "zz T name"])
    func malformed(line: String) {
        #expect(throws: Problem(subject: "System.map", place: "line 2", reason: "not 'address type name'")) {
            try table("10 T good\n\(line)\n")
        }
    }

    @Test("only what begins with an address is taken for such a text")
    func recognised() {
        #expect(SymbolTable.isMap(Array("ffffffff81000000 T _text\n".utf8)))
        #expect(!SymbolTable.isMap(Array("11111111111111111 T name\n".utf8)))
        #expect(!SymbolTable.isMap(Array(" 10 T name\n".utf8)))
        #expect(!SymbolTable.isMap([0x7f, 0x45, 0x4c, 0x46]))
        #expect(!SymbolTable.isMap([]))
    }
}
