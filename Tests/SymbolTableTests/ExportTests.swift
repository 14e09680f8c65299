import ObjectModel
import Testing

@testable import SymbolTable

@Suite struct ExportTests {
    @Test("a global and a weak symbol are found by name, a local one is not") func bindings() {
        var table = SymbolTable()
        _ = table.insert(
            SymbolSet(
                "a",
                [
                    Named(name: "one", address: 0x1000), Named(name: "two", address: 0x1010, binding: .weak),
                    Named(name: "three", address: 0x1020, binding: .local),
                ]))
        #expect(table.place("one") == "a 0x1000")
        #expect(table.place("two") == "a 0x1010")
        #expect(table.place("three") == nil)
        #expect(table.place("on") == nil)
        #expect(table.place("") == nil)
    }

    @Test("a name is found where it stands in other bytes") func namePlace() {
        var table = SymbolTable()
        let slot = table.insert(SymbolSet("a", [Named(name: "one", address: 0x1000)]))
        let bytes = Array("xxonexx".utf8)
        #expect(
            table.exported(bytes, NameRange(offset: 2, count: 3)) == SymbolReference(owner: slot, entry: 0))
        #expect(table.exported(bytes, NameRange(offset: 2, count: 4)) == nil)
    }

    @Test("a strong symbol comes before a weak one, whichever was first") func strongFirst() {
        var table = SymbolTable()
        _ = table.insert(SymbolSet("a", [Named(name: "x", address: 0x1000, binding: .weak)]))
        _ = table.insert(SymbolSet("b", [Named(name: "x", address: 0x2000)], from: 0x2000, to: 0x3000))
        _ = table.insert(SymbolSet("c", [Named(name: "x", address: 0x3000, binding: .weak)], from: 0x3000, to: 0x4000))
        #expect(table.place("x") == "b 0x2000")
    }

    @Test("of two symbols of one strength the one that came first is found, also after the table has grown")
    func firstCome() {
        for binding in [SymbolBinding.weak, .global] {
            var table = SymbolTable()
            for number in 0..<200 as Range<UInt64> {
                _ = table.insert(
                    SymbolSet(
                        "m\(number)",
                        [
                            Named(name: "x", address: 0x1000 * number, binding: binding),
                            Named(name: "own\(number)", address: 0x1000 * number),
                        ], from: 0x1000 * number, to: 0x1000 * (number + 1)))
                #expect(table.place("x") == "m0 0x0")
            }
        }
    }

    @Test("a removed owner's symbols are gone, and another's of the same name are found again") func removal() {
        var table = SymbolTable()
        let a = table.insert(
            SymbolSet("a", [Named(name: "x", address: 0x1000), Named(name: "y", address: 0x1001)]))
        let b = table.insert(
            SymbolSet("b", [Named(name: "x", address: 0x2000, binding: .weak)], from: 0x2000, to: 0x3000))
        #expect(table.symbolCount == 3)
        table.remove(a)
        #expect(table.place("x") == "b 0x2000")
        #expect(table.place("y") == nil)
        #expect(table.symbolCount == 1)
        #expect(table.owner(a) == nil)
        #expect(table.symbol(SymbolReference(owner: a, entry: 0)) == nil)
        table.remove(b)
        #expect(table.place("x") == nil)
        #expect(table.symbolCount == 0)
    }

    @Test("a free slot is used again before a new one, and others keep theirs") func slots() {
        var table = SymbolTable()
        let slots = (0..<3).map {
            table.insert(SymbolSet("m\($0)", [], from: UInt64($0) << 12, to: UInt64($0 + 1) << 12))
        }
        #expect(slots == [0, 1, 2])
        table.remove(1)
        table.remove(0)
        #expect(table.owner(2)?.owner == "m2")
        let again = [("n", 0x9000), ("o", 0xa000), ("p", 0xb000)].map { name, start in
            table.insert(SymbolSet(name, [], from: UInt64(start), to: UInt64(start + 0x1000)))
        }
        #expect(Set(again.prefix(2)) == [0, 1])
        #expect(again[2] == 3)
        #expect(table.snapshot.map(\.owner) == ["m2", "n", "o", "p"])
    }

    @Test("the generation grows with every change, and only then") func generation() {
        var table = SymbolTable()
        #expect(table.generation == 0)
        let a = table.insert(SymbolSet("a", []))
        #expect(table.generation == 1)
        table.remove(a + 1)
        table.remove(-1)
        #expect(table.generation == 1)
        table.remove(a)
        #expect(table.generation == 2)
        table.remove(a)
        #expect(table.generation == 2)
    }

    @Test("a reference beyond a set is no symbol") func beyond() {
        var table = SymbolTable()
        let a = table.insert(SymbolSet("a", [Named(name: "x", address: 0x1000)]))
        #expect(table.symbol(SymbolReference(owner: a, entry: 1)) == nil)
        #expect(table.symbol(SymbolReference(owner: a, entry: -1)) == nil)
        #expect(table.symbol(SymbolReference(owner: 9, entry: 0)) == nil)
    }

    @Test("all symbols of a name are listed in the order of address, local ones too") func allNamed() {
        var table = SymbolTable()
        _ = table.insert(SymbolSet("b", [Named(name: "x", address: 0x2000)], from: 0x2000, to: 0x3000))
        _ = table.insert(
            SymbolSet(
                "a",
                [
                    Named(name: "x", address: 0x1008, binding: .local),
                    Named(name: "x", address: 0x1000, binding: .local),
                    Named(name: "xx", address: 0x1010),
                ]))
        let found = table.all(named: "x").compactMap { table.symbol($0)?.address }
        #expect(found == [0x1000, 0x1008, 0x2000])
        #expect(table.all(named: "y").isEmpty)
    }

    @Test("a snapshot stays as it was") func snapshot() {
        var table = SymbolTable()
        let a = table.insert(SymbolSet("a", [Named(name: "x", address: 0x1000)]))
        let snapshot = table.snapshot
        table.remove(a)
        #expect(snapshot.map(\.owner) == ["a"])
        #expect(snapshot[0].name(0) == "x")
        #expect(table.snapshot.isEmpty)
    }

    @Test("10,000 owners are entered and removed, and each is found while it is there") func manyOwners() {
        var table = SymbolTable()
        var slots: [Int] = []
        for number in 0..<10_000 as Range<UInt64> {
            let start = 0x1000_0000 + number * 0x1000
            slots.append(
                table.insert(
                    SymbolSet(
                        "m\(number)",
                        [
                            Named(name: "f\(number)", address: start),
                            Named(name: "init", address: start, binding: .local),
                        ], from: start, to: start + 0x1000)))
        }
        #expect(table.symbolCount == 20_000)
        #expect(table.place("f9999") == "m9999 0x1270f000")
        #expect(table.describe(0x1000_0000 + 5000 * 0x1000 + 7)?.owner == "m5000")
        // Every second, then the others from the end.
        let order = stride(from: 0, to: 10_000, by: 2) + stride(from: 9999, to: 0, by: -2)
        for (count, number) in order.enumerated() {
            table.remove(slots[number])
            if count % 1000 == 0 {
                #expect(table.place("f\(number)") == nil)
                #expect(table.place("f9997") == (count <= 5000 ? "m9997 0x1270d000" : nil))
            }
        }
        #expect(table.symbolCount == 0)
        #expect(table.snapshot.isEmpty)
        #expect(table.generation == 20_000)
    }
}

private func + (left: StrideTo<Int>, right: StrideTo<Int>) -> [Int] { Array(left) + Array(right) }
