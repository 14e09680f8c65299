import ModlinkInterface
import Testing

@testable import ToolSupport

@Suite struct TextTests {
    @Test("columns are as wide as their widest text, two spaces apart, without spaces at the end")
    func columns() {
        var table = TextTable([("ID", .right), ("NAME", .left), ("SIZE", .right), ("USED BY", .left)])
        table.add(["1", "gurka", "4096", "-"])
        table.add(["100", "a", "8", "sallad, soppa"])
        #expect(
            table.text == """
                 ID  NAME   SIZE  USED BY
                  1  gurka  4096  -
                100  a         8  sallad, soppa

                """)
    }

    @Test("a table without rows is its titles")
    func titles() {
        #expect(TextTable([("A", .right), ("B", .left)]).text == "A  B\n")
    }

    @Test("texts at the end that are empty leave no spaces")
    func emptyCells() {
        var table = TextTable([("A", .left), ("B", .left)])
        table.add(["", ""])
        table.add(["long", ""])
        #expect(table.text == "A     B\n\nlong\n")
    }

    @Test("a character counts as one, however many bytes it has")
    func characters() {
        var table = TextTable([("A", .left), ("B", .left)])
        table.add(["åäö", "1"])
        table.add(["e\u{301}", "2"])
        #expect(table.text == "A    B\nåäö  1\ne\u{301}    2\n")
    }

    @Test("numbers are written as Swift writes them", arguments: [0, 7, -10, 255, .max, .min])
    func numbers(_ number: Int) {
        var table = TextTable([("A", .right), ("B", .left)])
        table.add(number)
        table.add(number, radix: 16)
        #expect(table.text.split(separator: "\n").last == "\(number)  \(String(number, radix: 16))")
        var prefixed = TextTable([("A", .left)])
        prefixed.add(255, radix: 16, prefix: "0x")
        #expect(prefixed.text == "A\n0xff\n")
    }

    @Test("a hidden column leaves nothing, wherever it stands")
    func hidden() {
        var table = TextTable([("A", .left), ("BB", .right), ("C", .left)])
        table.add(["aaa", "b", "c"])
        table.hidden = [1]
        #expect(table.text == "A    C\naaa  c\n")
        table.hidden = [0]
        #expect(table.text == "BB  C\n b  c\n")
        table.hidden = [0, 1]
        #expect(table.text == "C\nc\n")
        table.hidden = []
        #expect(table.text == "A    BB  C\naaa   b  c\n")
    }

    @Test("filling and indenting add up to the width, and cut nothing")
    func padding() {
        #expect("ab".filled(to: 4) == "ab  ")
        #expect("ab".indented(to: 4) == "  ab")
        #expect("ab".filled(to: 2) == "ab")
        #expect("abc".indented(to: 2) == "abc")
        #expect("7".indented(to: 3, with: "0") == "007")
    }

    @Test("hexadecimal digits have zeros before them, and no limit")
    func hexadecimal() {
        #expect(String(hexadecimal: 0x1b, digits: 4) == "001b")
        #expect(String(hexadecimal: 0x12345, digits: 4) == "12345")
        #expect(String(hexadecimal: UInt64.max, digits: 16) == "ffffffffffffffff")
        #expect(String(hexadecimal: 0, digits: 1) == "0")
    }

    @Test("JSON is indented, with fields in the order of the alphabet and slashes as they are")
    func json() throws {
        let phase = Phase(name: "a/b \"c\"", nanoseconds: 1)
        try #expect(
            ToolOutput.json([phase]) == """
                [
                  {
                    "name" : "a/b \\"c\\"",
                    "nanoseconds" : 1
                  }
                ]

                """)
        try #expect(ToolOutput.json([Phase]()) == "[\n\n]\n")
    }

    @Test("what JSON cannot say is refused")
    func notJSON() {
        #expect(
            throws: Failure(.systemFailure, subject: "--json", reason: "the values cannot be written as JSON")
        ) { try ToolOutput.json(Double.infinity) }
    }
}
