import ObjectModel
import Testing

@Suite struct SymbolListTests {
    @Test("the names begin with a NUL, and one ends each name") func shape() {
        var list = SymbolList()
        #expect(list.names == [0])
        let name = list.intern(Array("xab".utf8), NameRange(offset: 1, count: 2))
        #expect(name == NameRange(offset: 1, count: 2))
        #expect(list.names == [0, 0x61, 0x62, 0])
        #expect(list.text(NameRange(offset: 1, count: 2)) == "ab")
    }

    @Test("an appended list brings its names, and its sections are translated") func append() throws {
        var first = SymbolList()
        let nameOfFirst = first.intern(Array("a".utf8), NameRange(offset: 0, count: 1))
        let a = try #require(nameOfFirst)
        first.entries.append(
            SymbolEntry(address: 1, size: 2, name: a, section: 0, binding: .global, type: .function))
        var second = SymbolList()
        let nameOfSecond = second.intern(Array("b".utf8), NameRange(offset: 0, count: 1))
        let b = try #require(nameOfSecond)
        second.entries.append(
            SymbolEntry(address: 3, size: 4, name: b, section: 7, binding: .local, type: .object))
        second.entries.append(SymbolEntry(address: 5, size: 0, name: b, section: nil, binding: .weak, type: .none))
        first.append(second) { $0.map { $0 + 1 } }
        #expect(first.entries.map { first.text($0.name) } == ["a", "b", "b"])
        #expect(first.entries.map(\.section) == [0, 8, nil])
        #expect(first.entries.map(\.address) == [1, 3, 5])
    }

    @Test("an appended empty list changes nothing that can be seen") func appendEmpty() {
        var list = SymbolList()
        list.append(SymbolList()) { $0 }
        #expect(list.entries.isEmpty)
    }

    @Test("an architecture has a page, a pointer and a name") func architecture() {
        #expect(Architecture.x86_64.pageSize == 4096)
        #expect(Architecture.x86_64.pointerSize == 8)
        #expect(Architecture.x86_64.name == "x86-64")
        #expect(Architecture.x86_64.addressLimit == 0x8000_0000_0000)
        #expect(Architecture.i386.pageSize == 4096)
        #expect(Architecture.i386.pointerSize == 4)
        #expect(Architecture.i386.name == "i386")
        #expect(Architecture.i386.addressLimit == 0x1_0000_0000)
    }
}
