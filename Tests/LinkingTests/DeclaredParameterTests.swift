import Linking
import ObjectModel
import TestSupport
import Testing

/// Values for parameters that a module declares with the macros of linux/moduleparam.h.
@Suite struct DeclaredParameterTests {
    /// All variables are static, and nothing in the file changes them.
    private static let text = """
        #include <stddef.h>
        #include <linux/moduleparam.h>
        static unsigned char a_byte = 9; static short a_short = 9; static unsigned short a_ushort = 9; static int a_int = 9;
        static unsigned a_uint = 9; static long a_long = 9; static unsigned long a_ulong = 9;
        static unsigned long long a_ullong = 9;
        module_param(a_byte, byte, 0644); module_param(a_short, short, 0644); module_param(a_ushort, ushort, 0644);
        module_param(a_int, int, S_IRUGO); module_param(a_uint, uint, 0); module_param(a_long, long, 0);
        module_param(a_ulong, ulong, 0); module_param(a_ullong, ullong, 0);
        static char old_b = 9; static short old_h = 9; static int old_i = 9; static long old_l = 9;
        MODULE_PARM(old_b, "b"); MODULE_PARM(old_h, "h"); MODULE_PARM(old_i, "1i"); MODULE_PARM(old_l, "1-1l");
        static _Bool a_bool = 1; static int wide_bool = 1; static _Bool inverted; static int flag_int = 9;
        module_param(a_bool, bool, 0); module_param(wide_bool, bool, 0); module_param(inverted, invbool, 0);
        module_param(flag_int, bint, 0);
        static char *a_text = "old"; module_param(a_text, charp, 0);
        static const char *old_s; MODULE_PARM(old_s, "s");
        static char room[8] = "1234567"; module_param_string(room_text, room, sizeof room, 0);
        static char old_c[8] = "1234567"; MODULE_PARM(old_c, "c8");
        static int hidden = 9; module_param_named(shown, hidden, int, 0); MODULE_PARM_DESC(shown, "what is " "shown");
        static int list[4] = {9, 9, 9, 9}; static unsigned list_count = 9;
        module_param_array(list, int, &list_count, 0);
        static short plain[3]; module_param_array_named(few, plain, short, NULL, 0);
        static _Bool flags[4] = {1, 1, 1, 1}; module_param_array(flags, bool, NULL, 0);
        static char *words[2] = {"a", "b"}; module_param_array(words, charp, NULL, 0);
        static int old_list[4] = {9, 9, 9, 9}; MODULE_PARM(old_list, "2-4i");
        static char old_names[2][4]; MODULE_PARM(old_names, "1-2c4");
        int use(void) { return a_int + old_i + wide_bool + flag_int + hidden + list[0] + old_list[0] + a_byte; }
        """

    private static let native = Result { try compiled(text) }
    private static let i386 = Result { try compiled(text, ["-m32"]) }

    private static func compiled(_ text: String, _ options: [String] = []) throws -> Object {
        try LinkingTests.object(text, ["-O2", ModuleHeaders.option] + options)
    }

    private static func object(_ architecture: Architecture) throws -> Object {
        try (architecture == .x86_64 ? native : i386).get()
    }

    private func source(_ object: Object, _ values: String...) -> ModuleSource {
        ModuleSource(name: "gurka", objects: [object], parameters: values.compactMap(Parameter.init(text:)))
    }

    /// The bytes of a variable after the link, those included that are stored in zeroes.
    private func bytes(_ name: String, _ linked: Linked) throws -> [UInt8] {
        let module = linked.modules[0]
        let entry = try #require(module.entry(name))
        var image = linked.images[0]
        image += [UInt8](repeating: 0, count: Int(module.range.upperBound - module.range.lowerBound) - image.count)
        for write in module.writes {
            let start = Int(write.address - module.range.lowerBound)
            image.replaceSubrange(start..<start + write.bytes.count, with: write.bytes)
        }
        let start = Int(entry.address - module.range.lowerBound)
        return Array(image[start..<start + Int(entry.size)])
    }

    private func bytes(_ name: String, _ value: String, _ architecture: Architecture = .x86_64) throws -> [UInt8] {
        let linked = try Space([:], architecture).link([source(try Self.object(architecture), value)])
        return try bytes(name, linked)
    }

    private func refusal(_ values: String..., for architecture: Architecture = .x86_64) throws -> String {
        let module = ModuleSource(
            name: "gurka", objects: [try Self.object(architecture)],
            parameters: values.compactMap(Parameter.init(text:)))
        return Space([:], architecture).problems([module])
    }

    private func little(_ number: Int128, _ width: Int) -> [UInt8] {
        (0..<width).map { UInt8(truncatingIfNeeded: number >> Int128($0 * 8)) }
    }

    // MARK: Numbers

    private static let widths: [(name: String, type: String, x86_64: Int, i386: Int, isSigned: Bool?)] = [
        ("a_byte", "byte", 1, 1, false), ("a_short", "short", 2, 2, true), ("a_ushort", "ushort", 2, 2, false),
        ("a_int", "int", 4, 4, true), ("a_uint", "uint", 4, 4, false), ("a_long", "long", 8, 4, true),
        ("a_ulong", "ulong", 8, 4, false), ("a_ullong", "ullong", 8, 8, false), ("old_b", "byte", 1, 1, nil),
        ("old_h", "short", 2, 2, nil), ("old_i", "int", 4, 4, nil), ("old_l", "long", 8, 4, nil),
    ]

    @Test(
        "the first and the last number of each type, and the ones beyond",
        arguments: [Architecture.x86_64, .i386], widths)
    func numbers(
        _ architecture: Architecture, _ row: (name: String, type: String, x86_64: Int, i386: Int, isSigned: Bool?)
    ) throws {
        let width = architecture == .x86_64 ? row.x86_64 : row.i386
        let half = Int128(1) << Int128(8 * width - 1)
        // The old types are signed and unsigned at once.
        let lowest = row.isSigned == false ? 0 : -half
        let highest = (row.isSigned == true ? half : half * 2) - 1
        #expect(try bytes(row.name, "\(row.name)=\(lowest)", architecture) == little(lowest, width))
        #expect(try bytes(row.name, "\(row.name)=\(highest)", architecture) == little(highest, width))
        for number in [lowest - 1, highest + 1] {
            #expect(
                try refusal("\(row.name)=\(number)", for: architecture)
                    == "gurka: parameter '\(row.name)': the value '\(number)' is out of range: \(row.type) is a number from \(lowest) to \(highest)"
            )
        }
    }

    @Test("numbers are written as in C", arguments: [("0x10", 16), ("010", 8), ("+5", 5), ("-0x1", -1), ("0", 0)])
    func radix(_ text: String, _ number: Int) throws {
        #expect(try bytes("a_int", "a_int=\(text)") == little(Int128(number), 4))
    }

    @Test("what is no number is refused", arguments: ["", "x", "1x", "0x", "08", "1 ", "1,2", "１", "--1"])
    func noNumber(_ value: String) throws {
        #expect(
            try refusal("a_int=\(value)")
                == "gurka: parameter 'a_int': the value '\(value)' is no int: a number from -2147483648 to 2147483647")
    }

    // MARK: Truth

    @Test("a bool takes words and digits, in its own width", arguments: ["y", "Y", "yes", "1", "on", "TRUE", "t"])
    func truth(_ word: String) throws {
        #expect(try bytes("a_bool", "a_bool=\(word)") == [1])
        #expect(try bytes("wide_bool", "wide_bool=\(word)") == [1, 0, 0, 0])
        #expect(try bytes("inverted", "inverted=\(word)") == [0])
        #expect(try bytes("flag_int", "flag_int=\(word)") == [1, 0, 0, 0])
    }

    @Test("and the contrary", arguments: ["n", "N", "no", "0", "off", "False", "f"])
    func falsehood(_ word: String) throws {
        #expect(try bytes("a_bool", "a_bool=\(word)") == [0])
        #expect(try bytes("wide_bool", "wide_bool=\(word)") == [0, 0, 0, 0])
        #expect(try bytes("inverted", "inverted=\(word)") == [1])
        #expect(try bytes("flag_int", "flag_int=\(word)") == [0, 0, 0, 0])
    }

    @Test("anything else is no bool", arguments: ["2", "", "maybe", "yn", "-1"]) func noBool(_ value: String) throws {
        #expect(
            try refusal("a_bool=\(value)")
                == "gurka: parameter 'a_bool': the value '\(value)' is no bool: y, n, 1, 0, on or off")
    }

    // MARK: Text

    @Test("a text, of digits too, is pointed to", arguments: [Architecture.x86_64, .i386])
    func text(_ architecture: Architecture) throws {
        for (name, value) in [("a_text", "12"), ("a_text", ""), ("a_text", "a,b c=d"), ("old_s", "gurka")] {
            let linked = try Space([:], architecture).link([source(try Self.object(architecture), "\(name)=\(value)")])
            #expect(try pointedTo(name, 0, linked, architecture) == value)
        }
    }

    private func pointedTo(
        _ name: String, _ index: Int, _ linked: Linked, _ architecture: Architecture = .x86_64
    ) throws -> String {
        let width = Int(architecture.pointerSize)
        let pointer = try bytes(name, linked)[index * width..<(index + 1) * width]
        let address = pointer.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let start = Int(address - linked.modules[0].range.lowerBound)
        return String(decoding: linked.images[0][start...].prefix { $0 != 0 }, as: UTF8.self)
    }

    @Test("an array of characters takes a text that is shorter, of digits too", arguments: ["room_text", "old_c"])
    func characters(_ name: String) throws {
        let variable = name == "old_c" ? name : "room"
        #expect(try bytes(variable, "\(name)=abcdefg") == Array("abcdefg".utf8) + [0])
        #expect(try bytes(variable, "\(name)=12").prefix(3) == [0x31, 0x32, 0])
        #expect(
            try refusal("\(name)=abcdefgh")
                == "gurka: parameter '\(name)': the text 'abcdefgh' is too long: text of at most 7 bytes")
    }

    // MARK: Arrays

    @Test("an array takes up to as many values as it has room for, and the number is stored") func arrays() throws {
        let linked = try Space().link([source(try Self.native.get(), "list=1,-2,3")])
        #expect(try bytes("list", linked) == little(1, 4) + little(-2, 4) + little(3, 4) + little(9, 4))
        #expect(try bytes("list_count", linked) == [3, 0, 0, 0])
        #expect(try bytes("list", "list=1,2,3,4").suffix(4) == [4, 0, 0, 0])
        #expect(
            try refusal("list=1,2,3,4,5")
                == "gurka: parameter 'list': 5 values are too many for array of int, 1 to 4")
        #expect(
            try refusal("list=1,,3")
                == "gurka: parameter 'list': the value '' is no int: a number from -2147483648 to 2147483647")
    }

    @Test("without a variable for their number; in zeroes; of truth; of text") func otherArrays() throws {
        #expect(try bytes("plain", "few=1,2,-1") == [1, 0, 2, 0, 0xff, 0xff])
        #expect(try bytes("flags", "flags=n,y,off") == [0, 1, 0, 1])
        let linked = try Space().link([source(try Self.native.get(), "words=left,right")])
        #expect(try pointedTo("words", 0, linked) == "left")
        #expect(try pointedTo("words", 1, linked) == "right")
        #expect(
            try refusal("words=a,b,c") == "gurka: parameter 'words': 3 values are too many for array of text, 1 to 2")
    }

    @Test("the older way says how many values there are to be") func counts() throws {
        #expect(try bytes("old_list", "old_list=1,2").prefix(8) == [1, 0, 0, 0, 2, 0, 0, 0])
        #expect(try bytes("old_list", "old_list=1,2,3,4").suffix(4) == [4, 0, 0, 0])
        #expect(
            try refusal("old_list=1") == "gurka: parameter 'old_list': 1 value is too few for array of int, 2 to 4")
        #expect(
            try refusal("old_list=1,2,3,4,5")
                == "gurka: parameter 'old_list': 5 values are too many for array of int, 2 to 4")
        #expect(try bytes("old_names", "old_names=abc,d") == Array("abc\0d\0\0\0".utf8))
        #expect(
            try refusal("old_names=abcd")
                == "gurka: parameter 'old_names': the text 'abcd' is too long: array of text of at most 3 bytes, 1 to 2"
        )
    }

    // MARK: Names

    @Test("a parameter may have another name than its variable") func named() throws {
        #expect(try bytes("hidden", "shown=4") == [4, 0, 0, 0])
    }

    @Test("an unknown name is told with those that there are; so is the name of a mere variable") func unknown() throws
    {
        let small = try Self.compiled(
            """
            #include <linux/moduleparam.h>
            static int debug; module_param(debug, int, 0);
            static char *name; module_param(name, charp, 0);
            int other;
            """)
        for wrong in ["debg", "other", "Debug", "debug "] {
            #expect(
                Space().problems([source(small, "\(wrong)=1")])
                    == "gurka: parameter '\(wrong)': unknown; it has: debug (int), name (text)")
        }
    }

    @Test("of more than twenty, the one is told that is most alike") func many() throws {
        let declared = { (count: Int) in
            (1...count).map { "static int value\($0); module_param(value\($0), int, 0);" }.joined(separator: "\n")
        }
        for (count, rest) in [(20, ""), (21, " and 1 more; did you mean 'value21'?")] {
            let object = try Self.compiled("#include <linux/moduleparam.h>\n" + declared(count))
            let list = (1...20).map { "value\($0) (int)" }.joined(separator: ", ")
            #expect(
                Space().problems([source(object, "valeu21=1")])
                    == "gurka: parameter 'valeu21': unknown; it has: \(list)\(rest)")
        }
    }

    @Test("all that is wrong is told at once") func all() throws {
        #expect(
            try refusal("a_byte=256", "nope=1", "a_bool=2", "a_int=1").split(separator: "\n").map { $0.prefix(26) } == [
                "gurka: parameter 'a_byte':", "gurka: parameter 'nope': u", "gurka: parameter 'a_bool':",
            ])
    }

    @Test("each object of a module that declares a name gets the value") func several() throws {
        let text = "#include <linux/moduleparam.h>\nstatic int debug; module_param(debug, int, 0);"
        let objects = [try Self.compiled(text), try Self.compiled(text + "int more;")]
        let linked = try Space().link([
            ModuleSource(name: "gurka", objects: objects, parameters: [Parameter(name: "debug", value: "7")])
        ])
        #expect(linked.modules[0].writes.map(\.bytes) == [[7, 0, 0, 0], [7, 0, 0, 0]])
        #expect(Set(linked.modules[0].writes.map(\.address)).count == 2)
    }

    @Test("a list of them says types and descriptions") func listing() throws {
        let declared = DeclaredParameter.all(of: [try Self.native.get()])
        let types = Dictionary(uniqueKeysWithValues: declared.map { ($0.name, $0.type) })
        #expect(declared.first?.name == "a_byte" && types["a_byte"] == "byte" && declared.first?.description == nil)
        #expect(declared.first { $0.name == "shown" }?.description == "what is shown")
        #expect(types["list"] == "array of int, 1 to 4" && types["old_list"] == "array of int, 2 to 4")
        #expect(types["room_text"] == "text of at most 7 bytes")
        #expect(types["old_names"] == "array of text of at most 3 bytes, 1 to 2")
        #expect(types["inverted"] == "inverted bool" && types["few"] == "array of short, 1 to 3")
        #expect(types.count == 27 && types["hidden"] == nil)
    }
}
