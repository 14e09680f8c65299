import FoundationEssentials

/// The outer object of a message, call or reply: everything but what is inside `parameters`.
///
/// Source: varlink.org, Method Call. Fields that the protocol does not know are passed over. Where a field comes twice
/// the first counts, as it does within parameters. A field that is null counts as absent.
struct Envelope: Equatable {
    /// Where in the message the object with the parameters lies; nil when they are absent or null.
    var parameters: Range<Int>?
    var method: String?
    var oneway: Bool?
    var more: Bool?
    var upgrade: Bool?
    var continues: Bool?
    var error: String?

    init(_ message: [UInt8]) throws(VarlinkError) {
        var scanner = try JSONScanner(message)
        guard scanner.skip(UInt8(ascii: "{")) else { throw scanner.fault("an object") }
        if !scanner.skip(UInt8(ascii: "}")) {
            repeat {
                let key = try Self.string(message, try scanner.skipString())
                try scanner.expect(UInt8(ascii: ":"))
                try readField(key, message, &scanner)
            } while scanner.skip(UInt8(ascii: ","))
            guard scanner.skip(UInt8(ascii: "}")) else { throw scanner.fault("',' or '}'") }
        }
        try scanner.expectEnd()
    }

    private mutating func readField(
        _ key: String, _ message: [UInt8], _ scanner: inout JSONScanner
    ) throws(VarlinkError) {
        if scanner.peek() == UInt8(ascii: "n") {
            try scanner.skipValue()
            return
        }
        switch key {
        case "method": try Self.readString(key, &method, message, &scanner)
        case "error": try Self.readString(key, &error, message, &scanner)
        case "oneway": try Self.readBool(key, &oneway, &scanner)
        case "more": try Self.readBool(key, &more, &scanner)
        case "upgrade": try Self.readBool(key, &upgrade, &scanner)
        case "continues": try Self.readBool(key, &continues, &scanner)
        case "parameters":
            guard scanner.peek() == UInt8(ascii: "{") else { throw scanner.fault("an object as 'parameters'") }
            let range = try scanner.skipValue()
            parameters = parameters ?? range
        default: try scanner.skipValue()
        }
    }

    private static func readString(
        _ key: String, _ field: inout String?, _ message: [UInt8], _ scanner: inout JSONScanner
    ) throws(VarlinkError) {
        guard scanner.peek() == UInt8(ascii: "\"") else { throw scanner.fault("a string as '\(key)'") }
        let value = try string(message, try scanner.skipString())
        field = field ?? value
    }

    private static func readBool(
        _ key: String, _ field: inout Bool?, _ scanner: inout JSONScanner
    ) throws(VarlinkError) {
        let first = scanner.peek()
        guard first == UInt8(ascii: "t") || first == UInt8(ascii: "f") else {
            throw scanner.fault("true or false as '\(key)'")
        }
        try scanner.skipValue()
        field = field ?? (first == UInt8(ascii: "t"))
    }

    /// The value of the string literal in `range`, which includes its quotation marks.
    private static func string(_ message: [UInt8], _ range: Range<Int>) throws(VarlinkError) -> String {
        guard message[range].contains(UInt8(ascii: "\\")) else {
            return String(decoding: message[range].dropFirst().dropLast(), as: UTF8.self)
        }
        do {
            return try JSONDecoder().decode(String.self, from: Data(message[range]))
        } catch {
            // What the grammar allows and Unicode does not: half of a surrogate pair.
            throw VarlinkError.malformed(offset: range.lowerBound, expected: "escapes that stand for characters")
        }
    }
}

/// Turns values into the bytes of messages and back, without the NUL that ends a message on the wire.
enum MessageCoding {
    /// `{"method":…,"parameters":…}` with those of the flags that are set.
    static func call<Parameters: Encodable>(
        _ method: String, _ parameters: Parameters, flag: String?
    ) throws(VarlinkError) -> [UInt8] {
        var head = "{\"method\":\(literal(method))"
        if let flag { head += ",\"\(flag)\":true" }
        return try message(head, parameters, subject: method)
    }

    /// `{"parameters":…}`, with `continues` when more replies to the same call follow.
    static func reply<Parameters: Encodable>(
        _ parameters: Parameters, to method: String, continues: Bool
    ) throws(VarlinkError) -> [UInt8] {
        try message(continues ? "{\"continues\":true" : "{", parameters, subject: method)
    }

    /// `{"error":…,"parameters":…}`.
    static func error(_ name: String, _ parameters: any Encodable) throws(VarlinkError) -> [UInt8] {
        try message("{\"error\":\(literal(name))", parameters, subject: name)
    }

    private static func message(
        _ head: String, _ parameters: some Encodable, subject: String
    ) throws(VarlinkError) -> [UInt8] {
        var bytes = Array(head.utf8)
        bytes.append(contentsOf: (head == "{" ? "\"parameters\":" : ",\"parameters\":").utf8)
        if let parameters = parameters as? any JSONWritable {
            var writer = JSONWriter(after: bytes)
            parameters.write(to: &writer)
            bytes = writer.text
        } else {
            let body = try encode(parameters, subject: subject)
            // One byte for the brace, one for the NUL: the connection adds it without copying the message again.
            bytes.reserveCapacity(bytes.count + body.count + 2)
            bytes.append(contentsOf: body)
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private static func encode(_ parameters: some Encodable, subject: String) throws(VarlinkError) -> Data {
        if parameters is Empty { return Data("{}".utf8) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        let data: Data
        do {
            data = try encoder.encode(parameters)
        } catch {
            throw VarlinkError.notEncodable(method: subject, reason: JSONFault(error))
        }
        guard data.first == UInt8(ascii: "{") else {
            throw VarlinkError.notEncodable(
                method: subject, reason: JSONFault(field: "", reason: "parameters have to be a JSON object"))
        }
        return data
    }

    /// The value that the object in `range` stands for; for absent parameters, the value of `{}`.
    static func decode<Value: Decodable>(
        _ type: Value.Type, from message: [UInt8], _ range: Range<Int>?
    ) throws(JSONFault) -> Value {
        if let readable = type as? any JSONReadable.Type, let range {
            var reader = JSONReader(message, range)
            if let value = try readable.init(from: &reader) as? Value { return value }
        }
        do {
            let text = if let range { Data(message[range]) } else { Data("{}".utf8) }
            return try JSONDecoder().decode(type, from: text)
        } catch {
            throw JSONFault(error)
        }
    }

    /// A JSON string literal. The names it is used for need no escapes; other bytes must not break the message.
    private static func literal(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
