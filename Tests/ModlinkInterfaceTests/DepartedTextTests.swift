import ModlinkInterface
import Testing

@Suite struct DepartedTextTests {
    private func text(_ unloaded: Int?, name: String = "slice") -> String? {
        SymbolInformation(
            module: "gurka", name: name, address: 0x1000_1000, size: 64, offset: 18, kind: "function", letter: "t",
            exported: false,
            unloaded: unloaded
        ).departed
    }

    @Test(
        "the time since the module went is told in the largest unit that it has one of",
        arguments: [
            (0, "less than 1 s"), (999, "less than 1 s"), (1_000, "1 s"), (3_999, "3 s"), (59_999, "59 s"),
            (60_000, "1 min"), (3_599_999, "59 min"), (3_600_000, "1 h"), (86_399_999, "23 h"), (86_400_000, "1 d"),
            (864_000_000, "10 d"),
        ])
    func time(milliseconds: Int, told: String) {
        #expect(text(milliseconds) == "slice+0x12 in gurka, unloaded \(told) ago")
    }

    @Test("without a symbol the offset is the module's, and what is there has not departed")
    func others() {
        #expect(text(3_000, name: "") == "gurka+0x12, unloaded 3 s ago")
        #expect(text(nil) == nil)
    }
}
