import Demangling
import TestSupport
import Testing

@Suite struct DemanglingTests {
    private static let names = [
        "_Z5slicei", "_ZN2ns5sliceEi", "_ZNK5gurka6sallad5sliceIiEEvRKSsT_", "_ZZ5slicevENKUliE_clEi",
        "_ZTV5gurka", "_ZNSt6vectorIiSaIiEE9push_backERKi", "_ZN12_GLOBAL__N_15sliceEv", "_Z5sliceiPKc.cold",
        "_ZNSt8ios_base4InitC1Ev", "_ZGVZ5slicevE4once", "_ZThn8_N5gurka5sliceEv", "_ZplRK5gurkaS1_",
    ]

    @Test("names are read as c++filt reads them", arguments: names)
    func readable(name: String) throws {
        let text = try Tool.output("c++filt", ["--no-verbose", name])
        #expect(demangled(name) + "\n" == text && text != name + "\n")
    }

    @Test(
        "what is no C++ name stays",
        arguments: ["", "slice", "_Z", "_Zqqq", "_ZN", "_ZN2ns5slice", "_R", "i", "Z5slicei"])
    func others(name: String) { #expect(demangled(name) == name) }

    @Test("a name of 1,024 bytes is read, a longer one is not")
    func longest() {
        func function(_ count: Int) -> String { "_Z\(count)" + String(repeating: "x", count: count) + "v" }
        let (last, first) = (function(1017), function(1018))
        #expect(last.utf8.count == demanglingLimits.name && demangled(last) == last.dropFirst(6).dropLast() + "()")
        #expect(first.utf8.count == demanglingLimits.name + 1 && demangled(first) == first)
    }

    /// A function of a pair of pairs of pairs, so deep: the text grows to twice its size with each.
    private func nested(_ levels: Int) -> String {
        let closing = (0..<levels - 1).map { "ES\(String($0, radix: 36).uppercased())_" }.joined()
        return "_Z1f1p" + String(repeating: "IS_", count: levels - 1) + "Iii" + closing + "E"
    }

    @Test("a name that says more than 1,024 bytes stays, however much it would say")
    func largest() throws {
        #expect(try demangled(nested(6)) + "\n" == Tool.output("c++filt", [nested(6)]))
        for levels in [7, 9, 30, 100] { #expect(demangled(nested(levels)) == nested(levels)) }
    }

    @Test("bytes that are no text stay")
    func bytes() {
        #expect(demangled(Array("_Z5slicei".utf8)[...]) == Array("slice(int)".utf8))
        #expect(demangled(Array("_Z5slicei\0".utf8)[...]) == nil)
        #expect(demangled([0x5f, 0x5a, 0x32, 0xff, 0x1b, 0x76]) == [0xff, 0x1b, 0x28, 0x29])
    }

    @Test("names that are changed at random are read or stay")
    func mutations() {
        var numbers = SeededNumbers(seed: 11)
        var read = 0
        for _ in 0..<20_000 {
            var name = Array(Self.names.randomElement(using: &numbers)?.utf8 ?? "".utf8)
            for _ in 0..<3 {
                name[Int.random(in: 2..<name.count, using: &numbers)] = UInt8.random(in: 1..<127, using: &numbers)
            }
            read += demangled(name[...]) == nil ? 0 : 1
        }
        #expect(read > 100)
    }
}
