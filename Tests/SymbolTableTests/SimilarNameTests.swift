import Testing

@testable import SymbolTable

@Suite struct SimilarNameTests {
    private static let table: SymbolTable = {
        var table = SymbolTable()
        let names = ["printf", "malloc", "free", "pthread_mutex_lock", "open", "a"]
        _ = table.insert(
            SymbolSet(
                "a",
                names.enumerated().map { Named(name: $1, address: 0x1000 + UInt64($0)) } + [
                    Named(name: "hidden_name", address: 0x1100, binding: .local)
                ]))
        return table
    }()

    @Test(
        "a slip finds the name that was meant",
        arguments: [
            ("pritnf", "printf"), ("print", "printf"), ("prontfx", "printf"), ("maloc", "malloc"), ("opem", "open"),
            ("fre", "free"), ("pthread_mutxe_lok", "pthread_mutex_lock"), ("PTHread_mutex_lock", "pthread_mutex_lock"),
        ])
    func found(_ slip: String, _ name: String) {
        #expect(Self.table.nearestName(to: slip) == name)
    }

    @Test(
        "a name that is further away finds nothing",
        arguments: ["prXXXf", "oXXn", "b", "", "PTHRead_mutex_lock", "hidden_nam", "printf_unlocked_stdio"])
    func notFound(_ name: String) {
        #expect(Self.table.nearestName(to: name) == nil)
    }

    @Test("a name of 4 characters may have one slip, one of 5 two, one of 12 three") func limits() {
        var table = SymbolTable()
        _ = table.insert(
            SymbolSet(
                "a",
                ["abcd", "qrstu", "ABCDEFGHIJK", "abcdefghijkl"].enumerated().map {
                    Named(name: $1, address: 0x1000 + UInt64($0))
                }))
        #expect(table.nearestName(to: "abcX") == "abcd")
        #expect(table.nearestName(to: "abXX") == nil)
        #expect(table.nearestName(to: "qrsXX") == "qrstu")
        #expect(table.nearestName(to: "qrXXX") == nil)
        #expect(table.nearestName(to: "ABCDEFGHIXX") == "ABCDEFGHIJK")
        #expect(table.nearestName(to: "ABCDEFGHXXX") == nil)
        #expect(table.nearestName(to: "abcdefghiXXX") == "abcdefghijkl")
        #expect(table.nearestName(to: "abcdefghXXXX") == nil)
    }

    @Test("the nearest of several is taken, of equals the one at the lower address") func nearest() {
        var table = SymbolTable()
        _ = table.insert(
            SymbolSet(
                "a",
                [
                    Named(name: "slice_xx", address: 0x1000), Named(name: "slice_of", address: 0x1010),
                    Named(name: "slide_of", address: 0x1020),
                ]))
        #expect(table.nearestName(to: "slice_o") == "slice_of")
        #expect(table.nearestName(to: "slice_ox") == "slice_xx")
    }

    @Test(
        "the distance counts insertions, deletions, replacements and swaps",
        arguments: [
            ("abc", "abc", 0), ("abc", "abcd", 1), ("abc", "bc", 1), ("abc", "axc", 1), ("abc", "acb", 1),
            ("abcd", "badc", 2), ("kitten", "sitting", 3), ("abc", "", 3),
        ])
    func distance(_ left: String, _ right: String, _ expected: Int) {
        #expect(editDistance(Array(left.utf8), Array(right.utf8)[...], limit: 3) == expected)
        if expected > 0 {
            #expect(editDistance(Array(left.utf8), Array(right.utf8)[...], limit: expected) == expected)
            #expect(editDistance(Array(left.utf8), Array(right.utf8)[...], limit: expected - 1) == nil)
        }
    }
}
