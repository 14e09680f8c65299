import Testing

@testable import Varlink

@Suite("envelope")
struct EnvelopeTests {
    private func read(_ text: String) throws(VarlinkError) -> Envelope {
        try Envelope(Array(text.utf8))
    }

    /// The text of the parameters.
    private func parameters(_ text: String) throws -> String? {
        try read(text).parameters.map { String(decoding: Array(text.utf8)[$0], as: UTF8.self) }
    }

    @Test("a call's fields are read in any order")
    func fields() throws {
        let text = #" { "more" : true, "parameters" : { "a" : [1, {"}": "]"}] }, "method" : "a.b.C" } "#
        let envelope = try read(text)
        #expect(envelope.method == "a.b.C")
        #expect(envelope.more == true)
        #expect(envelope.oneway == nil)
        #expect(try parameters(text) == #"{ "a" : [1, {"}": "]"}] }"#)
    }

    @Test("a field that is null counts as absent", arguments: ["method", "parameters", "error", "more", "continues"])
    func null(field: String) throws {
        #expect(try read("{\"\(field)\":null}") == read("{}"))
    }

    @Test("of a field that comes twice the first counts")
    func twice() throws {
        #expect(try read(#"{"method":"a.B","method":"c.D"}"#).method == "a.B")
        #expect(try parameters(#"{"parameters":{"a":1},"parameters":{}}"#) == #"{"a":1}"#)
    }

    @Test("fields that the protocol does not know are passed over")
    func unknown() throws {
        #expect(try read(#"{"x":[-0.5e+3,"\u00e5\n",null,{}],"method":"a.B"}"#).method == "a.B")
    }

    @Test("escapes in names mean the characters they stand for")
    func escapes() throws {
        #expect(try read(#"{"m\u0065thod":"a\u002eB"}"#).method == "a.B")
    }

    @Test(
        "text that is no JSON object or has fields of wrong types is refused where the fault is",
        arguments: [
            ("", 0, "an object"),
            ("[]", 0, "an object"),
            ("{", 1, "a string"),
            ("{\"a\"}", 4, "':'"),
            ("{\"a\":}", 5, "a value"),
            ("{\"a\":1", 6, "',' or '}'"),
            ("{\"a\":1,}", 7, "a string"),
            ("{\"a\":[1}", 7, "',' or ']'"),
            ("{\"a\":{\"b\":1]}", 11, "',' or '}'"),
            ("{\"a\":tru}", 5, "a value"),
            ("{\"a\":-}", 6, "a value"),
            ("{\"a\":01}", 6, "',' or '}'"),
            ("{\"a\":1.}", 7, "a digit"),
            ("{\"a\":1e}", 7, "a digit"),
            ("{\"a\":\"\n\"}", 6, "no control character in a string"),
            ("{\"a\":\"b", 7, "the end of a string"),
            ("{\"a\":\"\\", 7, "one of \"\\/bfnrtu after '\\'"),
            ("{\"a\":\"\\x\"}", 7, "one of \"\\/bfnrtu after '\\'"),
            ("{\"a\":\"\\u12", 7, "four hexadecimal digits after '\\u'"),
            ("{\"a\":\"\\u12g4\"}", 7, "four hexadecimal digits after '\\u'"),
            ("{\"method\":\"\\ud800\"}", 10, "escapes that stand for characters"),
            ("{} {}", 3, "the end of the message"),
            ("{\"method\":7}", 10, "a string as 'method'"),
            ("{\"more\":1}", 8, "true or false as 'more'"),
            ("{\"parameters\":[]}", 14, "an object as 'parameters'"),
        ])
    func refused(text: String, offset: Int, expected: String) {
        let fault = error { () throws(VarlinkError) in _ = try read(text) }
        #expect(fault == .malformed(offset: offset, expected: expected))
    }

    @Test("bytes that are no UTF-8 are refused where the fault is")
    func notUTF8() {
        let bytes = Array("{\"a\":\"".utf8) + [0xc0, 0x80] + Array("\"}".utf8)
        #expect(throws: VarlinkError.malformed(offset: 6, expected: "UTF-8")) { try Envelope(bytes) }
    }

    @Test("values nested 256 deep are read, 257 deep are refused")
    func nesting() throws {
        func text(_ depth: Int) -> String {
            "{\"a\":" + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
        }
        _ = try read(text(256))
        let fault = error { () throws(VarlinkError) in _ = try read(text(257)) }
        #expect(fault == .malformed(offset: 261, expected: "at most 256 nested values"))
    }

    @Test("a text cut off at any place is refused")
    func cutOff() throws {
        let text = #"{"method":"a.B","x":[1.5e-3,{"y":"å\u00e5"},true,null],"parameters":{"z":{}}}"#
        let bytes = Array(text.utf8)
        _ = try Envelope(bytes)
        for count in bytes.indices {
            #expect(throws: VarlinkError.self, "first \(count) bytes") { try Envelope(Array(bytes[..<count])) }
        }
    }

    @Test("whatever byte of a message is changed: what the envelope accepts, the decoder accepts as JSON")
    func mutations() throws {
        let text = #"{"method":"a.B","x":[-10.5e-3,{"y":"å\u00e5\n"},true],"more":false,"parameters":{"z":null}}"#
        let bytes = Array(text.utf8)
        let replacements = Array("{}[]\",:\\0-.eu \u{1}\u{7f}".utf8) + [0x80, 0xc3, 0xff]
        var accepted = 0
        for place in bytes.indices {
            for replacement in replacements {
                var changed = bytes
                changed[place] = replacement
                guard (try? Envelope(changed)) != nil else { continue }
                accepted += 1
                _ = try MessageCoding.decode(Empty.self, from: changed, changed.indices)
            }
        }
        #expect(accepted > bytes.count)
        #expect(accepted < bytes.count * replacements.count)
    }

    @Test("a call is written with its flag, and reads back")
    func call() throws {
        let bytes = try MessageCoding.call("a.b.C", Empty(), flag: "oneway")
        #expect(String(decoding: bytes, as: UTF8.self) == #"{"method":"a.b.C","oneway":true,"parameters":{}}"#)
        #expect(try Envelope(bytes).oneway == true)
    }

    @Test("a name with quotation marks and control characters does not break the message")
    func literal() throws {
        let name = "a\"\\\u{1b}\nå"
        #expect(try Envelope(MessageCoding.call(name, Empty(), flag: nil)).method == name)
    }

    @Test("slashes of paths are written as they are")
    func slashes() throws {
        let bytes = try MessageCoding.call("a.B", ["path": "/x/y"], flag: nil)
        #expect(String(decoding: bytes, as: UTF8.self) == #"{"method":"a.B","parameters":{"path":"/x/y"}}"#)
    }

    @Test("parameters that are no object cannot be sent")
    func noObject() {
        let fault = error { () throws(VarlinkError) in _ = try MessageCoding.call("a.B", [1], flag: nil) }
        #expect(fault?.description == "a.B: parameters: parameters have to be a JSON object")
    }

    @Test("a number that JSON cannot write cannot be sent, and its field is named")
    func notANumber() {
        let fault = error { () throws(VarlinkError) in
            _ = try MessageCoding.call("a.B", ["x": [0, Double.nan]], flag: nil)
        }
        guard case .notEncodable("a.B", let reason) = fault else {
            Issue.record("\(String(describing: fault))")
            return
        }
        #expect(reason.field == "x[1]")
    }
}
