import ObjectModel
import Testing

@testable import SymbolTable

@Suite struct DepartedOwnersTests {
    /// A module at an address, of a page of text with a function at its start, behind a header.
    private func set(_ name: String, at start: UInt64) -> SymbolSet {
        SymbolSet(
            name, [Named(name: "slice", address: start + 0x1000, size: 0x40)], from: start, to: start + 0x2000,
            sections: [(".text", start + 0x1000..<start + 0x1800)])
    }

    @Test("an address is told with its symbol, with the module alone where there is none, and outside not at all")
    func describe() {
        var departed = DepartedOwners()
        departed.remember(set("gurka", at: 0x10000), at: 7)
        #expect(
            departed.describe(0x11012)
                == DepartedAddress(
                    owner: "gurka", name: "slice", start: 0x11000, size: 0x40, type: .function, time: 7))
        #expect(
            departed.describe(0x10010)
                == DepartedAddress(owner: "gurka", name: "", start: 0x10000, size: 0, type: .none, time: 7))
        #expect(departed.describe(0x11fff)?.name == "")
        #expect(departed.describe(0xffff) == nil)
        #expect(departed.describe(0x12000) == nil)
        #expect(departed.last == "gurka")
        #expect(DepartedOwners().last == nil)
    }

    @Test("of several that were at an address the last one is told")
    func newest() {
        var departed = DepartedOwners()
        departed.remember(set("first", at: 0x10000), at: 1)
        departed.remember(set("second", at: 0x11000), at: 2)
        #expect(departed.describe(0x10000)?.owner == "first")
        #expect(departed.describe(0x11000)?.owner == "second")
    }

    @Test("a thousand are remembered, and of the next one the first is forgotten")
    func limit() {
        var departed = DepartedOwners()
        for number in 0..<1_000 { departed.remember(set("m\(number)", at: UInt64(number) * 0x2000), at: 0) }
        #expect(departed.count == 1_000)
        #expect(departed.describe(0x1000)?.owner == "m0" && departed.describe(0x1000)?.name == "slice")
        departed.remember(set("next", at: 1_000 * 0x2000), at: 0)
        #expect(departed.count == 1_000)
        #expect(departed.describe(0x1000) == nil)
        #expect(departed.describe(0x3000)?.owner == "m1")
        #expect(departed.describe(1_000 * 0x2000)?.owner == "next")
        #expect(departed.last == "next")
    }

    @Test("symbols beyond the limit of bytes are forgotten, the oldest first, and their modules are not")
    func bytes() {
        var one = DepartedOwners()
        one.remember(set("m0", at: 0), at: 0)
        let size = one.symbolByteCount
        #expect(size > 0)
        for (limit, name) in [(2 * size, "slice"), (2 * size - 1, "")] {
            var departed = DepartedOwners(symbolByteLimit: limit)
            departed.remember(set("m0", at: 0), at: 0)
            departed.remember(set("m1", at: 0x2000), at: 0)
            #expect(departed.describe(0x1000)?.name == name)
            #expect(departed.describe(0x1000)?.owner == "m0")
            #expect(departed.describe(0x3000)?.name == "slice")
            #expect(departed.symbolByteCount <= limit)
        }
    }

    @Test("however many come and go, what is kept stays within its limits")
    func many() {
        var departed = DepartedOwners(limit: 3, symbolByteLimit: 1 << 20)
        var largest = 0
        for number in 0..<10_000 {
            departed.remember(set("m\(number)", at: UInt64(number % 5) * 0x2000), at: 0)
            largest = max(largest, departed.symbolByteCount)
        }
        var three = DepartedOwners()
        for number in 0..<3 { three.remember(set("m999\(number)", at: UInt64(number) * 0x2000), at: 0) }
        #expect(largest == three.symbolByteCount)
        #expect(departed.describe(4 * 0x2000)?.owner == "m9999")
        #expect(departed.describe(0x2000 + 0x1000) == nil)
    }
}
