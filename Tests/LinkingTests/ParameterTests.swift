import Linking
import ObjectModel
import Testing

@Suite struct ParameterTests {
    private static let text = """
        unsigned char byte = 9; short half = 9; int word = 9; long wide = 9;
        int list[4] = {9, 9, 9, 9};
        char buffer[16] = "old";
        char *pointer = "old";
        int zero; static int own __attribute__((used)) = 9;
        const int constant = 9;
        char *zero_pointer;
        int *use[] = {&own};
        int f(void) { return 1; }
        """

    private static let object = Result { try LinkingTests.object(text, ["-O0"]) }

    private func source(_ name: String, _ value: String) throws -> ModuleSource {
        ModuleSource(
            name: "gurka", objects: [try Self.object.get()], parameters: [Parameter(name: name, value: value)])
    }

    /// The bytes of a variable in the image after the link.
    private func bytes(_ name: String, _ value: String) throws -> [UInt8]? {
        let linked = try Space().link([source(name, value)])
        guard let entry = linked.modules[0].entry(name) else { return nil }
        let start = Int(entry.address - linked.modules[0].range.lowerBound)
        return Array(linked.images[0][start..<start + Int(entry.size)])
    }

    private func refusal(_ name: String, _ value: String) throws -> String {
        Space().problems([try source(name, value)])
    }

    @Test(
        "the last numbers that fit a width, signed or not, and the first that do not",
        arguments: [
            ("byte", 1, ["-128", "255"], ["-129", "256"]), ("half", 2, ["-32768", "65535"], ["-32769", "65536"]),
            ("word", 4, ["-2147483648", "4294967295"], ["-2147483649", "4294967296"]),
        ])
    func limits(_ name: String, _ size: Int, _ good: [String], _ bad: [String]) throws {
        #expect(try bytes(name, good[0]) == [UInt8](repeating: 0, count: size - 1) + [0x80])
        #expect(try bytes(name, good[1]) == [UInt8](repeating: 0xff, count: size))
        for value in bad {
            #expect(
                try refusal(name, value)
                    == "gurka: parameter '\(name)': the value '\(value)' does not fit a variable of \(size) bytes")
        }
    }

    @Test("the limits of 8 bytes; what is beyond is text for a pointer") func wide() throws {
        #expect(try bytes("wide", "18446744073709551615") == [UInt8](repeating: 0xff, count: 8))
        #expect(try bytes("wide", "-9223372036854775808") == [0, 0, 0, 0, 0, 0, 0, 0x80])
        let linked = try Space().link([source("wide", "18446744073709551616")])
        let place = try #require(linked.word("wide"))
        #expect(text(place, in: linked) == "18446744073709551616")
    }

    @Test(
        "numbers as C writes them",
        arguments: [
            ("17", 17), ("+17", 17), ("0x1F", 31), ("0Xff", 255), ("017", 15), ("0", 0), ("-0", 0), ("-1", 0xffff_ffff),
            ("-0x10", 0xffff_fff0), ("007", 7),
        ] as [(String, UInt32)])
    func radix(_ value: String, _ number: UInt32) throws {
        #expect(try Space().link([source("word", value)]).int("word") == number)
    }

    @Test(
        "what is no number is refused",
        arguments: ["", "x", "1x", "0x", "08", "--1", "-+1", "0x-1", " 1", "1 ", "1.5", "1e3", "0b1", "-"])
    func notNumbers(_ value: String) throws {
        #expect(
            try refusal("word", value)
                == "gurka: parameter 'word': the value '\(value)' does not fit a variable of 4 bytes")
    }

    @Test("a list fills an array from its start, up to its end and no further") func lists() throws {
        #expect(try bytes("list", "1,-2") == [1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 9, 0, 0, 0, 9, 0, 0, 0])
        #expect(try bytes("list", "1,2,3,0x4") == [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0])
        #expect(try bytes("list", "7")?.prefix(8) == [7, 0, 0, 0, 9, 0, 0, 0])
        // Five numbers are more than the array has; as text they fit.
        #expect(
            try refusal("list", "1,2,3,4,12345678")
                == "gurka: parameter 'list': the value '1,2,3,4,12345678' does not fit a variable of 16 bytes")
        #expect(
            try refusal("word", "1,2") == "gurka: parameter 'word': the value '1,2' does not fit a variable of 4 bytes")
    }

    @Test("text goes into an array that holds it and its NUL") func arrays() throws {
        #expect(try bytes("buffer", "gurka") == Array("gurka".utf8) + [UInt8](repeating: 0, count: 11))
        #expect(try bytes("buffer", "abcdefghijklmno") == Array("abcdefghijklmno".utf8) + [0])
        #expect(
            try refusal("buffer", "abcdefghijklmnop")
                == "gurka: parameter 'buffer': the value 'abcdefghijklmnop' does not fit a variable of 16 bytes")
    }

    private func text(_ address: UInt64, in linked: Linked) -> String {
        let start = Int(address - linked.modules[0].range.lowerBound)
        return String(decoding: linked.images[0][start...].prefix { $0 != 0 }, as: UTF8.self)
    }

    @Test("a pointer points to text that the module keeps") func pointers() throws {
        for value in ["gurka", "", "größer", String(repeating: "x", count: 5000)] {
            let linked = try Space().link([source("pointer", value)])
            let place = try #require(linked.word("pointer"))
            #expect(text(place, in: linked) == value)
            let section = linked.modules[0].image.sections.first {
                place >= $0.address && place - $0.address < $0.size
            }
            #expect(section?.protection == [.read, .write])
        }
    }

    @Test("what lies in zeroes is to be written once they are there") func zeroes() throws {
        let linked = try Space().link([source("zero", "5")])
        let module = linked.modules[0]
        #expect(module.writes.map(\.address) == [module.address("zero")])
        #expect(module.writes.map(\.bytes) == [[5, 0, 0, 0]])
        #expect(try Space().link([source("word", "5")]).modules[0].writes.isEmpty)
        let pointer = try Space().link([source("zero_pointer", "tomat")])
        let write = try #require(pointer.modules[0].writes.first)
        let place = write.bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        #expect(text(place, in: pointer) == "tomat")
    }

    @Test("a common variable is set too") func common() throws {
        let linked = try Space().link([
            ModuleSource(
                name: "gurka", objects: [try LinkingTests.object("int shared;", ["-fcommon"])],
                parameters: [Parameter(name: "shared", value: "6")])
        ])
        #expect(linked.modules[0].writes.map(\.address) == [linked.modules[0].address("shared")])
    }

    @Test("a variable that is local to its object is found") func local() throws {
        #expect(try Space().link([source("own", "3")]).int("own") == 3)
    }

    @Test("of several values of one variable the last one holds") func twice() throws {
        let linked = try Space().link([
            ModuleSource(
                name: "gurka", objects: [try Self.object.get()],
                parameters: [Parameter(name: "word", value: "1"), Parameter(name: "word", value: "2")])
        ])
        #expect(linked.int("word") == 2)
    }

    @Test("an unknown variable, and one that is only referred to") func unknown() throws {
        #expect(try refusal("wrd", "1") == "gurka: parameter 'wrd': the module has no variable of that name")
        let user = ModuleSource(
            name: "gurka", objects: [try assembled(".data\n.quad tomat\n")],
            parameters: [Parameter(name: "tomat", value: "1")])
        #expect(
            Space(["tomat": 0x40_1000]).problems([user])
                == "gurka: parameter 'tomat': the module has no variable of that name")
    }

    @Test("a constant and a function are not set") func constant() throws {
        for name in ["constant", "f"] {
            #expect(try refusal(name, "1") == "gurka: parameter '\(name)': the variable is constant")
        }
    }

    @Test("a label without a size is not set") func label() throws {
        let source = ModuleSource(
            name: "gurka", objects: [try assembled(".globl label\n.data\nlabel: .quad 0\n")],
            parameters: [Parameter(name: "label", value: "1")])
        #expect(
            Space().problems([source])
                == "gurka: parameter 'label': the value '1' does not fit a variable of 0 bytes")
    }

    @Test("all parameters that are wrong are listed together") func all() throws {
        let source = ModuleSource(
            name: "gurka", objects: [try Self.object.get()],
            parameters: ["a", "constant", "word"].map { Parameter(name: $0, value: "x") })
        #expect(Space().problems([source]).split(separator: "\n").count == 3)
    }
}
