/// Why a value and JSON text do not fit each other.
public struct JSONFault: Error, Equatable, CustomStringConvertible {
    /// The field, as a path from the parameters down: `modules[3].name`. Empty when it is the parameters themselves.
    public let field: String
    /// What is wrong with it.
    public let reason: String

    init(field: String, reason: String) {
        self.field = field
        self.reason = reason
    }

    /// What the encoder or decoder threw, with the field that it speaks of.
    init(_ error: any Error) {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            self.init(path: context.codingPath + [key], reason: "the field is missing")
        case DecodingError.valueNotFound(_, let context):
            self.init(path: context.codingPath, reason: "the field is null")
        case DecodingError.typeMismatch(let type, let context):
            self.init(path: context.codingPath, reason: "no value of type \(type)")
        case DecodingError.dataCorrupted(let context):
            self.init(path: context.codingPath, reason: context.debugDescription)
        case EncodingError.invalidValue(_, let context):
            self.init(path: context.codingPath, reason: context.debugDescription)
        default:
            self.init(field: "", reason: "\(error)")
        }
    }

    private init(path: [any CodingKey], reason: String) {
        var field = ""
        for key in path {
            if let index = key.intValue {
                field += "[\(index)]"
            } else {
                field += field.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        self.init(field: field, reason: reason)
    }

    /// One line for people: `field 'modules[3].name': the field is missing`.
    public var description: String {
        field.isEmpty ? reason : "field '\(field)': \(reason)"
    }
}
