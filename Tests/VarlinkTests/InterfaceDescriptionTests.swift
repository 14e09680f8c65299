import Testing

@testable import Varlink

@Suite("interface description")
struct InterfaceDescriptionTests {
    @Test("name, types, methods and errors are found in the order of the text")
    func members() throws {
        let description = try InterfaceDescription.parse(Example.text)
        #expect(description.name == "org.example.test")
        #expect(description.text == Example.text)
        #expect(description.types.map(\.name) == ["Item"])
        #expect(
            description.methods.map(\.name) == ["Echo", "Sum", "Count", "Write", "Keep", "Kept", "Fail", "Forgotten"])
        #expect(description.errors.map(\.name) == ["Refused", "Bare"])
    }

    @Test("a method's fields are found with their types")
    func fields() throws {
        let description = try InterfaceDescription.parse(Example.text)
        let echo = try #require(description.method(named: "Echo"))
        #expect(
            echo.parameters == [
                FieldDefinition(name: "text", type: .string), FieldDefinition(name: "note", type: .optional(.string)),
            ])
        #expect(description.method(named: "Forgotten")?.reply == [])
        #expect(description.method(named: "Refused") == nil)
        #expect(description.error(named: "Refused")?.parameters == [FieldDefinition(name: "why", type: .string)])
        #expect(description.type(named: "Item")?.name == "Item")
    }

    @Test(
        "every type of the language is read",
        arguments: [
            ("bool", TypeExpression.bool), ("int", .int), ("float", .float), ("string", .string), ("object", .object),
            ("T", .named("T")), ("[]int", .array(.int)), ("[string]int", .dictionary(.int)),
            ("[string]()", .dictionary(.structure([]))), ("?int", .optional(.int)),
            ("[][]T", .array(.array(.named("T")))),
            ("?[]?[string]int", .optional(.array(.optional(.dictionary(.int))))),
            ("(one, two)", .enumeration(["one", "two"])), ("(one)", .enumeration(["one"])),
            (
                "(a: int, b_2: (c: T))",
                .structure([
                    FieldDefinition(name: "a", type: .int),
                    FieldDefinition(name: "b_2", type: .structure([FieldDefinition(name: "c", type: .named("T"))])),
                ])
            ),
        ])
    func types(text: String, type: TypeExpression) throws {
        let description = try InterfaceDescription.parse("interface a.b\ntype T ()\ntype U (x: \(text))")
        #expect(description.type(named: "U")?.type == .structure([FieldDefinition(name: "x", type: type)]))
    }

    @Test("comments and white space may stand between all words")
    func whiteSpace() throws {
        let text = "#one\r\n interface#two\n\ta.b # three\nmethod\nA # four\n(\nx\n:\n[]\n?\nint)\n->\n(#five\n)# six"
        let method = try InterfaceDescription.parse(text).method(named: "A")
        #expect(method?.parameters == [FieldDefinition(name: "x", type: .array(.optional(.int)))])
    }

    @Test(
        "an interface name has at least two labels of letters, digits and inner hyphens",
        arguments: [
            ("a.b", true), ("org.example-1.x--y", true), ("a.0", true), ("A1.b", true),
            ("a", false), ("a.", false), (".a", false), ("1.b", false), ("a..b", false), ("a.-b", false),
            ("a.b-", false), ("a-.b", false), ("a.b_c", false),
        ])
    func interfaceNames(name: String, isGood: Bool) {
        #expect(Names.isInterfaceName(name) == isGood)
        #expect(((try? InterfaceDescription.parse("interface \(name)")) != nil) == isGood)
    }

    @Test(
        "a field name has letters and digits with single underscores between them",
        arguments: [
            ("a", true), ("A", true), ("a_b", true), ("a1_2", true), ("type", true),
            ("", false), ("1", false), ("_a", false), ("a_", false), ("a__b", false), ("å", false), ("a-b", false),
        ])
    func fieldNames(name: String, isGood: Bool) {
        #expect(Names.isFieldName(name) == isGood)
        #expect(((try? InterfaceDescription.parse("interface a.b type T (\(name): int)")) != nil) == isGood)
    }

    @Test(
        "a member name begins with a capital",
        arguments: [("A", true), ("Ab1", true), ("a", false), ("A_b", false), ("1A", false), ("Å", false)])
    func memberNames(name: String, isGood: Bool) {
        #expect(Names.isMemberName(name) == isGood)
        #expect(((try? InterfaceDescription.parse("interface a.b method \(name)() -> ()")) != nil) == isGood)
    }

    @Test(
        "a text with a fault is refused with its line and its reason",
        arguments: [
            ("", "line 1: expected 'interface', found the end of the text"),
            ("method A() -> ()", "line 1: expected 'interface', found 'method'"),
            ("interface\n", "line 2: expected an interface name such as org.example.ping, found the end of the text"),
            ("interface a.b\nmethods A() -> ()", "line 2: expected 'type', 'method' or 'error', found 'methods'"),
            ("interface a.b\nmethod A()", "line 2: expected '->', found the end of the text"),
            (
                "interface a.b\nmethod A() -> (",
                "line 2: expected a field name of the form [A-Za-z](_?[A-Za-z0-9])*, found the end of the text"
            ),
            ("interface a.b\nmethod A(x) -> ()", "line 2: expected fields with types, found an enumeration"),
            ("interface a.b\nerror A", "line 2: expected '(', found the end of the text"),
            ("interface a.b\ntype A []int", "line 2: expected '(', found '[]'"),
            ("interface a.b\ntype A (x: int y: int)", "line 2: expected ',' or ')', found 'y'"),
            (
                "interface a.b\ntype A (x: int,)",
                "line 2: expected a field name of the form [A-Za-z](_?[A-Za-z0-9])*, found ')'"
            ),
            ("interface a.b\ntype A (x: int, y)", "line 2: expected ':', found ')'"),
            ("interface a.b\ntype A (x, y: int)", "line 2: expected ',' or ')', found ':'"),
            ("interface a.b\ntype A (x: ??int)", "line 2: expected a type, found '?'"),
            ("interface a.b\ntype A (x: integer)", "line 2: expected a type, found 'integer'"),
            ("interface a.b\ntype A (x: [int]int)", "line 2: expected a type, found '['"),
            ("interface a.b\ntype A (x: \u{1})", "line 2: expected a type, found byte 0x1"),
            ("interface a.b\n\ntype A (\n  x: int,\n  x: int)", "line 5: field 'x' is declared twice"),
            ("interface a.b\ntype A (x, x)", "line 2: field 'x' is declared twice"),
            ("interface a.b\ntype A ()\nmethod A() -> ()", "line 3: 'A' is declared twice"),
            ("interface a.b\nmethod M(x: []?Tomat) -> ()\ntype A ()", "line 2: type 'Tomat' is not defined"),
        ])
    func faults(text: String, message: String) {
        let fault = #expect(throws: InterfaceDescriptionError.self) { try InterfaceDescription.parse(text) }
        #expect(fault?.description == "interface description: \(message)")
    }

    @Test("types nested 64 deep are read, 65 deep are refused")
    func nesting() throws {
        func text(_ depth: Int) -> String {
            // The structure of the type itself is the first.
            "interface a.b\ntype T (x: " + String(repeating: "[]", count: depth - 1) + "int)"
        }
        _ = try InterfaceDescription.parse(text(64))
        let fault = #expect(throws: InterfaceDescriptionError.self) { try InterfaceDescription.parse(text(65)) }
        #expect(fault?.description == "interface description: line 2: types are nested more than 64 deep")
    }
}
