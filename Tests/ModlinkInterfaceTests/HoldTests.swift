import ModlinkInterface
import Testing

@Suite struct HoldTests {
    private func user(_ name: String, _ symbols: [String]) -> Hold {
        Hold(module: "gurka", kind: .module, holder: name, symbols: symbols, count: symbols.count)
    }

    @Test("each kind of hold is told in its words")
    func kinds() {
        let texts: [(Hold, String)] = [
            (user("sallad", ["slice"]), "in use by sallad, which refers to slice"),
            (user("sallad", ["peel", "slice"]), "in use by sallad, which refers to peel and slice"),
            (user("sallad", ["peel", "salt", "slice"]), "in use by sallad, which refers to peel, salt and slice"),
            (user("sallad", []), "in use by sallad, which requires it"),
            (Hold(module: "gurka", kind: .count, count: 2), "in use: its use count is 2"),
            (Hold(module: "gurka", kind: .device, holder: "slicer0", count: 1), "in use: its device slicer0 is open"),
            (
                Hold(module: "gurka", kind: .device, holder: "slicer0", count: 2),
                "in use: its device slicer0 is open 2 times"
            ),
            (Hold(module: "gurka", kind: .client, holder: "process 12", count: 1), "in use by process 12"),
        ]
        for (hold, text) in texts { #expect(Hold.reason([hold]) == text) }
    }

    @Test("all holds of a module are one line")
    func several() {
        let holds = [user("sallad", ["slice"]), user("sill", []), Hold(module: "gurka", kind: .count, count: 1)]
        #expect(
            Hold.reason(holds)
                == "in use by sallad, which refers to slice; by sill, which requires it; its use count is 1")
    }

    @Test("of five symbols each is named, of six five and how many more")
    func manySymbols() {
        let names = ["a", "b", "c", "d", "e", "f"]
        #expect(Hold.reason([user("x", Array(names.prefix(5)))]) == "in use by x, which refers to a, b, c, d and e")
        #expect(Hold.reason([user("x", names)]) == "in use by x, which refers to a, b, c, d, e and 1 more")
    }

    @Test("of eight holders each is named, of nine eight and how many more")
    func manyHolders() {
        let holders = (1...9).map { user("m\($0)", ["s"]) }
        #expect(Hold.reason(Array(holders.prefix(8))).hasSuffix("; by m8, which refers to s"))
        #expect(Hold.reason(holders).hasSuffix("; by m8, which refers to s; and 1 more"))
    }

    @Test("a thread is told by number and place, and last what to do") func thread() {
        let holds = [
            user("sallad", ["slice"]),
            Hold(module: "gurka", kind: .thread, holder: "4711", symbols: ["run+0x12"], count: 1),
        ]
        let told = "thread 4711 runs in run+0x12; wait until it has ended, or end it with -f"
        #expect(Hold.reason(holds) == "in use by sallad, which refers to slice; \(told)")
        #expect(Hold.reason(Array(holds.dropFirst())) == "in use: \(told)")
    }
}
