import Linking
import ObjectModel
import TestSupport
import Testing

/// Values for the dictionary that a module of MODULE() is given.
@Suite struct PropertyTests {
    private static let text = """
        #include <sys/module.h>
        #include <prop/proplib.h>
        #include <linux/moduleparam.h>
        MODULE(MODULE_CLASS_MISC, gurka, NULL);
        int declared = 1, undeclared = 1;
        module_param(declared, int, 0);
        static int gurka_modcmd(modcmd_t command, void *argument)
        {
            return command == MODULE_CMD_INIT ? !prop_dictionary_get(argument, "a") : 0;
        }
        """
    private static let native = Result { try object(text, ["-O2", ModuleHeaders.option]) }
    private static let i386 = Result { try object(text, ["-O2", "-m32", ModuleHeaders.option]) }

    private func source(_ values: [String], _ architecture: Architecture = .x86_64) throws -> ModuleSource {
        ModuleSource(
            name: "gurka", objects: [try (architecture == .x86_64 ? Self.native : Self.i386).get()],
            parameters: values.compactMap(Parameter.init(text:)))
    }

    private func link(_ values: [String], _ architecture: Architecture = .x86_64) throws -> Linked {
        try Space(["prop_dictionary_get": 0x40_0010], architecture).link([try source(values, architecture)])
    }

    /// The records of a module up to the byte that ends them, with `|` for zeroes; nil when there are none.
    private func records(_ values: String..., for architecture: Architecture = .x86_64) throws -> String? {
        let linked = try link(values, architecture)
        guard let address = linked.modules[0].properties else { return nil }
        var bytes: [UInt8] = []
        while let byte = linked.number(address + UInt64(bytes.count), as: UInt8.self),
            !bytes.suffix(2).elementsEqual([0, 0])
        {
            bytes.append(byte)
        }
        return String(decoding: bytes.map { $0 == 0 ? UInt8(ascii: "|") : $0 }, as: UTF8.self)
    }

    private func refusal(_ values: String...) throws -> String {
        Space(["prop_dictionary_get": 0x40_0010]).problems([try source(values)])
    }

    @Test(
        "a value is a bool, a number or text by what it looks like",
        arguments: [
            ("a=true", "ba|1||"), ("a=false", "ba|0||"), ("a=True", "sa|True||"), ("a=1", "ia|1||"),
            ("a=-0x10", "ia|-16||"),
            ("a=010", "ia|8||"), ("a=9223372036854775807", "ia|9223372036854775807||"),
            ("a=9223372036854775808", "ua|9223372036854775808||"),
            ("a=18446744073709551615", "ua|18446744073709551615||"),
            ("a=18446744073709551616", "sa|18446744073709551616||"),
            ("a=-9223372036854775808", "ia|-9223372036854775808||"),
            ("a=-9223372036854775809", "sa|-9223372036854775809||"), ("a=1,2", "sa|1,2||"), ("a=x=y", "sa|x=y||"),
        ])
    func types(_ value: String, _ wanted: String) throws {
        #expect(try records(value) == wanted)
        #expect(try records(value, for: .i386) == wanted)
    }

    @Test("several follow each other in their order, and an empty text is one") func several() throws {
        #expect(try records("b=1", "a=", "b=2") == "ib|1|sa||")
        let linked = try link(["b=1", "a=", "b=2"])
        let address = try #require(linked.modules[0].properties)
        let bytes = (0..<13).map { linked.number(address + $0, as: UInt8.self) }
        #expect(bytes == Array("ib\u{0}1\u{0}sa\u{0}\u{0}ib\u{0}2".utf8))
    }

    @Test("a type that is given counts, whatever the value looks like") func given() throws {
        #expect(try records("a:string=true") == "sa|true||")
        #expect(try records("a:boolean=1") == "ba|1||")
        #expect(try records("a:boolean=off") == "ba|0||")
        #expect(try records("a:integer=07") == "ia|7||")
        #expect(try refusal("a:boolean=maybe") == "gurka: parameter 'a': the value 'maybe' is no bool: true or false")
        #expect(
            try refusal("a:integer=18446744073709551616")
                == "gurka: parameter 'a': the value '18446744073709551616' is no integer: a number from -9223372036854775808 to 18446744073709551615"
        )
    }

    @Test("what the module declares is no property; what it does not is one, also where it has such a variable")
    func declared() throws {
        #expect(try records("declared=5") == nil)
        #expect(try link(["declared=5"]).int("declared") == 5)
        #expect(try records("undeclared=5") == "iundeclared|5||")
        #expect(try link(["undeclared=5"]).int("undeclared") == 1)
        #expect(try records() == nil)
        #expect(
            try refusal("declared:integer=5")
                == "gurka: parameter 'declared': declared by the module, so it has a type; give the value alone")
    }

    @Test("a module without MODULE(), or one with an entry of another kind, takes no properties") func otherDialects()
        throws
    {
        var module = try source(["a=1"])
        module.entryName = "entry"
        module.objects.append(try object("int entry(void) { return 0; }", name: "entry.o"))
        #expect(
            Space(["prop_dictionary_get": 0x40_0010]).problems([module]).hasPrefix(
                "gurka: parameter 'a': unknown; it has"))
        let linux = ModuleSource(
            name: "gurka",
            objects: [
                try object(
                    "void prop_object_release(void *); int init_module(void) { prop_object_release(0); return 0; }")
            ],
            parameters: [Parameter(name: "a", value: "1")])
        #expect(
            Space(["prop_object_release": 0x40_0010]).problems([linux])
                == "gurka: parameter 'a': the module has no variable of that name")
    }

    @Test("a name has 127 bytes at most") func longNames() throws {
        let name = String(repeating: "n", count: 127)
        #expect(try records(name + "=1") == "i\(name)|1||")
        #expect(try refusal(name + "n=1").hasSuffix("': a property's name has at most 127 bytes"))
    }

    @Test(
        "a type stands behind the last colon of a name",
        arguments: [
            ("a:integer=1", "a", PropertyType.integer), ("a:b:string=1", "a:b", .string), ("a=b:c=d", "a", nil),
        ])
    func texts(_ text: String, _ name: String, _ type: PropertyType?) throws {
        let parameter = try #require(Parameter(text: text))
        #expect(parameter.name == name && parameter.type == type)
    }

    @Test("what has another type, or no name, is none", arguments: ["a:int=1", "a:=1", ":string=1", "=1", "a"])
    func noTexts(_ text: String) {
        #expect(Parameter(text: text) == nil)
    }
}
