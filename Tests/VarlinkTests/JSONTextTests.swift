import FoundationEssentials
import Testing

@testable import Varlink

@Suite("JSON that values read and write themselves")
struct JSONTextTests {
    private func written(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        body(&writer)
        return String(decoding: writer.text, as: UTF8.self)
    }

    private func read<Value>(
        _ text: String, _ body: (inout JSONReader) throws(JSONFault) -> Value
    ) throws(JSONFault) -> Value {
        var reader = JSONReader(Array(text.utf8))
        return try body(&reader)
    }

    private func fault<Value>(_ text: String, _ body: (inout JSONReader) throws(JSONFault) -> Value) -> String {
        do throws(JSONFault) {
            _ = try read(text, body)
            return "no fault"
        } catch {
            return error.description
        }
    }

    @Test(
        "a string is written so that a decoder reads it, and read as an encoder wrote it",
        arguments: [
            "", "gurka", "a \"b\" \\ / c", "\u{0}\u{1f}\n\t\u{7f}", "åäö 🥒 \u{2028}",
            String(repeating: "x", count: 1000),
        ])
    func strings(text: String) throws {
        let own = written { $0.string(text) }
        #expect(try JSONDecoder().decode(String.self, from: Data(own.utf8)) == text)
        let other = String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
        #expect(try read(other) { (reader) throws(JSONFault) in try reader.string() } == text)
        #expect(try read(own) { (reader) throws(JSONFault) in try reader.string() } == text)
    }

    @Test("a field whose name begins as another does is told from it, in any order")
    func similarNames() throws {
        for text in [
            #"{"use":1,"uses":2,"used":3}"#, #"{"used":3,"uses":2,"use":1}"#, #"{"uses":2,"use":1,"used":3,"us":4}"#,
        ] {
            var values = [0, 0, 0]
            try read(text) { (reader) throws(JSONFault) in
                try reader.object(["use", "uses", "used"], required: 0b111) { (reader, field) throws(JSONFault) in
                    values[field] = try reader.number()
                }
            }
            #expect(values == [1, 2, 3])
        }
    }

    @Test("arrays of any length are read, within others too", arguments: [0, 1, 7, 8, 9, 1000])
    func arrays(count: Int) throws {
        let wanted = (0..<3).map { row in (0..<count).map { row * $0 } }
        let read = try read("\(wanted)") { (reader) throws(JSONFault) in
            try reader.array { (reader) throws(JSONFault) in
                try reader.array { (reader) throws(JSONFault) in try reader.number() }
            }
        }
        #expect(read == wanted)
    }

    @Test(
        "a number is written and read, to the limits of 64 bits",
        arguments: [0, 7, -7, 10, 1_000_000, Int.max, Int.min])
    func numbers(number: Int) throws {
        #expect(written { $0.number(number) } == "\(number)")
        #expect(try read(" \(number) ") { (reader) throws(JSONFault) in try reader.number() } == number)
    }

    @Test(
        "what is no whole number of 64 bits is refused",
        arguments: ["9223372036854775808", "-9223372036854775809", "1.5", "1e3", "1E3", "-", "\"1\"", "true", ""])
    func badNumbers(text: String) {
        #expect(fault(text) { (reader) throws(JSONFault) in try reader.number() } == "no value of type Int")
    }

    @Test("what is no string is refused, half of a surrogate pair too", arguments: ["1", "\"\\ud800\"", "\"open", ""])
    func badStrings(text: String) {
        #expect(fault(text) { (reader) throws(JSONFault) in try reader.string() } == "no value of type String")
    }

    @Test("objects and arrays have commas where they belong")
    func commas() {
        let text = written { writer in
            writer.object { writer in
                writer.field("a") {
                    $0.array([[1, 2], [], [3]]) { writer, row in writer.array(row) { $0.number($1) } }
                }
                writer.field("b") { $0.object { _ in } }
                writer.field("c") { $0.object { $0.field("d") { $0.bool(true) } } }
                writer.field("e") { $0.bool(false) }
            }
        }
        #expect(text == #"{"a":[[1,2],[],[3]],"b":{},"c":{"d":true},"e":false}"#)
    }

    /// An object with a required field `a`, a number, and a list `b` that may be missing.
    private struct Pair: JSONReadable, Equatable {
        var a = 0
        var b: [Bool]?

        init(a: Int, b: [Bool]?) {
            self.a = a
            self.b = b
        }

        init(from reader: inout JSONReader) throws(JSONFault) {
            var pair = Pair(a: 0, b: nil)
            try reader.object(["a", "b"], required: 0b1) { (reader, field) throws(JSONFault) in
                if field == 0 {
                    pair.a = try reader.number()
                } else {
                    pair.b = try reader.array { (reader) throws(JSONFault) in try reader.bool() }
                }
            }
            self = pair
        }
    }

    @Test(
        "fields come in any order; unknown ones and null are passed over, and of two the first counts",
        arguments: [
            (#"{"a":1}"#, Pair(a: 1, b: nil)),
            (#" { "b" : [ true , false ] , "a" : 2 } "#, Pair(a: 2, b: [true, false])),
            (#"{"x":{"a":[{"a":9},"}"]},"y":-1.5e3,"z":"\"}","a":3,"w":null,"v":[],"u":{}}"#, Pair(a: 3, b: nil)),
            (#"{"a":4,"b":null,"a":5}"#, Pair(a: 4, b: nil)),
            (#"{"aa":7,"a":6,"":8}"#, Pair(a: 6, b: nil)),
        ])
    private func objects(text: String, pair: Pair) throws {
        #expect(try read(text, Pair.init(from:)) == pair)
    }

    @Test(
        "what does not fit is told with its place",
        arguments: [
            (#"{}"#, "field 'a': the field is missing"), (#"{"a":null}"#, "field 'a': the field is missing"),
            (#"{"a":"x"}"#, "field 'a': no value of type Int"),
            (#"{"a":1,"b":[true,1]}"#, "field 'b[1]': no value of type Bool"),
            (#"{"a":1,"b":{}}"#, "field 'b': not an array"), (#"[]"#, "not an object"), (#"{"a":1"#, "not '}'"),
        ])
    func places(text: String, message: String) {
        #expect(fault(text, Pair.init(from:)) == message)
    }
}
