import ObjectModel
import SymbolTable
import Testing

@testable import ModuleService

/// The names of modules of create_module, for perf.
@Suite struct PerfMapTests {
    @Test(
        "each name goes to the next one, names of one address together, the last to the end; what lies outside is left out"
    )
    func lines() {
        var list = SymbolList()
        for (name, address) in [("slice", 0x1010), ("cut", 0x1010), ("peel", 0x1000), ("end", 0x2000), ("far", 0x10)] {
            list.add(
                name, at: UInt64(address), size: 0, section: nil, binding: .global, type: .none)
        }
        let set = SymbolSet(owner: "gurka", symbols: list, sections: [], range: 0x1000..<0x2000)
        #expect(
            ModuleService.perfLines(set) == """
                1000 10 peel [gurka]
                1010 ff0 cut [gurka]
                1010 ff0 slice [gurka]

                """)
        #expect(ModuleService.perfLines(SymbolSet(owner: "x", symbols: SymbolList(), sections: [], range: 0..<1)) == "")
    }
}
