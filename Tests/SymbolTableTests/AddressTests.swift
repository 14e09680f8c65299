import ObjectModel
import SymbolTable
import TestSupport
import Testing

@Suite struct AddressTests {
    @Test("a symbol is described from its first byte to its last") func firstAndLast() {
        var table = SymbolTable()
        _ = table.insert(
            SymbolSet("a", [Named(name: "f", address: 0x1000, size: 16), Named(name: "g", address: 0x1010, size: 8)]))
        #expect(table.line(0x1000) == "a:f+0x0/0x10")
        #expect(table.line(0x100f) == "a:f+0xf/0x10")
        #expect(table.line(0x1010) == "a:g+0x0/0x8")
        #expect(table.line(0x1fff) == "a:g+0xfef/0x8")
    }

    @Test("an address before an owner's first byte or after its last belongs to nobody") func ends() {
        var table = SymbolTable()
        _ = table.insert(SymbolSet("a", [Named(name: "f", address: 0x1000)]))
        #expect(table.line(0xfff) == nil)
        #expect(table.line(0x2000) == nil)
        #expect(table.line(0) == nil)
        #expect(table.line(.max) == nil)
    }

    @Test("of adjacent owners each has its own bytes") func adjacent() {
        var table = SymbolTable()
        _ = table.insert(SymbolSet("b", [Named(name: "g", address: 0x2000)], from: 0x2000, to: 0x3000))
        _ = table.insert(SymbolSet("a", [Named(name: "f", address: 0x1000)]))
        #expect(table.line(0x1fff) == "a:f+0xfff/0x0")
        #expect(table.line(0x2000) == "b:g+0x0/0x0")
        #expect(table.line(0x2fff) == "b:g+0xfff/0x0")
    }

    @Test("an empty table describes nothing") func emptyTable() {
        #expect(SymbolTable().line(0x1000) == nil)
    }

    @Test("before the first symbol of a section it is the section that is named") func beforeFirst() {
        var table = SymbolTable()
        _ = table.insert(SymbolSet("a", [Named(name: "f", address: 0x1100)]))
        #expect(table.line(0x10ff) == "a:.text+0xff/0x1000")
        #expect(table.line(0x1100) == "a:f+0x0/0x0")
    }

    @Test("a gap between sections belongs to no symbol") func gap() {
        var table = SymbolTable()
        _ = table.insert(
            SymbolSet(
                "a", [Named(name: "f", address: 0x1000), Named(name: "v", address: 0x1900, type: .object, section: 1)],
                sections: [(".text", 0x1000..<0x1100), (".data", 0x1800..<0x1a00)]))
        #expect(table.line(0x10ff) == "a:f+0xff/0x0")
        #expect(table.line(0x1100) == nil)
        #expect(table.line(0x17ff) == nil)
        #expect(table.line(0x1800) == "a:.data+0x0/0x200")
        #expect(table.line(0x1900) == "a:v+0x0/0x0")
    }

    @Test("a label at the end of a section is not what the next section's bytes are") func endLabel() {
        var table = SymbolTable()
        _ = table.insert(
            SymbolSet(
                "a",
                [
                    Named(name: "text_end", address: 0x1800, section: 0), Named(name: "f", address: 0x1000),
                    Named(name: "data_start", address: 0x1800, type: .object, section: 1),
                ], sections: [(".text", 0x1000..<0x1800), (".data", 0x1800..<0x2000)]))
        #expect(table.line(0x17ff) == "a:f+0x7ff/0x0")
        #expect(table.line(0x1810) == "a:data_start+0x10/0x0")
    }

    @Test("an absolute value is not what an address is") func absolute() {
        var table = SymbolTable()
        _ = table.insert(
            SymbolSet(
                "a", [Named(name: "f", address: 0x1000), Named(name: "COUNT", address: 0x1010, section: nil)]))
        #expect(table.line(0x1010) == "a:f+0x10/0x0")
        #expect(table.place("COUNT") == "a 0x1010")
    }

    @Test("of several names of one address the one that people know is taken") func aliases() {
        let preferred: [[Named]] = [
            // A function before a label, whatever their bindings.
            [
                Named(name: "f", address: 0x1000, binding: .local),
                Named(name: "l", address: 0x1000, binding: .global, type: .none),
            ],
            [Named(name: "global", address: 0x1000), Named(name: "weak", address: 0x1000, binding: .weak)],
            [
                Named(name: "weak", address: 0x1000, binding: .weak),
                Named(name: "lo", address: 0x1000, binding: .local),
            ],
            [Named(name: "abc", address: 0x1000), Named(name: "abcd", address: 0x1000)],
        ]
        for pair in preferred {
            for symbols in [pair, pair.reversed()] {
                var table = SymbolTable()
                _ = table.insert(SymbolSet("a", symbols))
                #expect(table.describe(0x1008)?.name == pair[0].name)
            }
        }
        // Of equals the one that came first.
        var table = SymbolTable()
        _ = table.insert(SymbolSet("a", [Named(name: "yy", address: 0x1000), Named(name: "xx", address: 0x1000)]))
        #expect(table.describe(0x1000)?.name == "yy")
    }

    @Test("many symbols are in the same order as few", arguments: [255, 256, 5000])
    func counted(count: Int) {
        // Addresses near each other and far apart, many twice; types, bindings and lengths that decide between those.
        var numbers = SeededNumbers(seed: UInt64(count))
        let symbols = (0..<count).map { number in
            let low = UInt64.random(in: 0..<4000, using: &numbers) * 16
            return Named(
                name: String(repeating: "a", count: Int.random(in: 1...3, using: &numbers)) + "\(number)",
                address: number % 50 == 0 ? low << 40 : 0x1000_0000 + low,
                binding: [.global, .weak, .local].randomElement(using: &numbers) ?? .global,
                type: [.function, .none].randomElement(using: &numbers) ?? .none)
        }
        let rank: (SymbolEntry) -> [UInt64] = {
            [
                $0.address, $0.type == .none ? 1 : 0, $0.binding == .global ? 0 : $0.binding == .weak ? 1 : 2,
                UInt64($0.name.count), UInt64($0.name.offset),
            ]
        }
        let set = SymbolSet("gurka", symbols, from: 0, to: 1 << 60)
        let ranks = set.symbols.entries.map(rank)
        #expect(zip(ranks, ranks.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
        #expect(Set(set.symbols.entries.indices.map(set.name)) == Set(symbols.map(\.name)))
    }

    @Test("symbols of a set are in the order of address") func sorted() {
        let set = SymbolSet("a", [Named(name: "c", address: 0x1020), Named(name: "b", address: 0x1010)])
        #expect((0..<2).map(set.name) == ["b", "c"])
    }
}
