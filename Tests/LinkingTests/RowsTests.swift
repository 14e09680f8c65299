import Testing

@testable import Linking

@Suite struct RowsTests {
    @Test("each row has its own elements, and an empty one none")
    func elements() {
        var rows = Rows(starts: [0, 2, 2, 3], elements: [5, 6, 7])
        #expect([0, 1, 2].map { rows.range($0) } == [0..<2, 2..<2, 2..<3])
        #expect([0, 1, 2].map { rows.indices($0) } == [0..<2, 0..<0, 0..<1])
        #expect(rows[0, 1] == 6 && rows[2, 0] == 7)
        rows[2, 0] += 1
        rows.replace(0, by: [1, 2])
        #expect(rows.elements == [1, 2, 8])
    }

    @Test("beyond the end of a row is not the next one")
    func end() async {
        await #expect(processExitsWith: .failure) {
            let rows = Rows(starts: [0, 2, 3], elements: [5, 6, 7])
            _ = rows[0, 2]
        }
    }
}
