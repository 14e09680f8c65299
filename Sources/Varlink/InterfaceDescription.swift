/// An interface as its description text states it: what a service sends as the answer to
/// `org.varlink.service.GetInterfaceDescription`.
///
/// Source: varlink.org, Interface Definition.
public struct InterfaceDescription: Sendable, Equatable {
    /// The interface's name in reverse-domain notation, such as `org.example.ping`.
    public let name: String
    /// The text that was parsed, unchanged.
    public let text: String
    /// The types, in the order of the text. Each is a structure or an enumeration.
    public let types: [TypeDefinition]
    /// The methods, in the order of the text.
    public let methods: [MethodDefinition]
    /// The errors, in the order of the text.
    public let errors: [ErrorDefinition]

    /// Reads and checks a description: its grammar, that no member and no field of a structure is declared twice, and
    /// that every type it names is defined in it.
    ///
    /// - Throws: the first fault, with its line.
    public static func parse(_ text: String) throws(InterfaceDescriptionError) -> InterfaceDescription {
        var parser = InterfaceDescriptionParser(text)
        return try parser.parse()
    }

    /// The method of this unqualified name (`Ping`, not `org.example.ping.Ping`), if there is one.
    public func method(named name: String) -> MethodDefinition? {
        methods.first { $0.name == name }
    }

    /// The error of this unqualified name, if there is one.
    public func error(named name: String) -> ErrorDefinition? {
        errors.first { $0.name == name }
    }

    /// The type of this name, if there is one.
    public func type(named name: String) -> TypeDefinition? {
        types.first { $0.name == name }
    }
}

/// `type NAME (…)` of an interface description.
public struct TypeDefinition: Sendable, Equatable {
    /// The name, of the form `[A-Z][A-Za-z0-9]*`.
    public let name: String
    /// A structure or an enumeration.
    public let type: TypeExpression
}

/// `method NAME(…) -> (…)` of an interface description.
public struct MethodDefinition: Sendable, Equatable {
    /// The unqualified name, of the form `[A-Z][A-Za-z0-9]*`.
    public let name: String
    /// The fields of a call's parameters, in the order of the text.
    public let parameters: [FieldDefinition]
    /// The fields of a reply's parameters, in the order of the text.
    public let reply: [FieldDefinition]
}

/// `error NAME (…)` of an interface description.
public struct ErrorDefinition: Sendable, Equatable {
    /// The unqualified name, of the form `[A-Z][A-Za-z0-9]*`.
    public let name: String
    /// The fields of the error's parameters, in the order of the text.
    public let parameters: [FieldDefinition]
}

/// One `name: type` of a structure.
public struct FieldDefinition: Sendable, Equatable {
    /// The name, of the form `[A-Za-z](_?[A-Za-z0-9])*`.
    public let name: String
    /// The type of the field's value.
    public let type: TypeExpression
}

/// A type as an interface description writes it.
public indirect enum TypeExpression: Sendable, Equatable {
    /// `bool`: JSON true or false.
    case bool
    /// `int`: a JSON number without a fraction, of 64 bits with a sign.
    case int
    /// `float`: a JSON number, IEEE 754 binary64.
    case float
    /// `string`: a JSON string.
    case string
    /// `object`: any JSON object.
    case object
    /// A type that the interface defines under this name.
    case named(String)
    /// `(name: type, …)`.
    case structure([FieldDefinition])
    /// `(name, …)`: a JSON string, one of these.
    case enumeration([String])
    /// `[]type`.
    case array(TypeExpression)
    /// `[string]type`: a JSON object with keys of any name. A set is a dictionary of empty structures.
    case dictionary(TypeExpression)
    /// `?type`: may be absent or null.
    case optional(TypeExpression)
}

/// Why a text is no interface description.
public struct InterfaceDescriptionError: Error, Equatable, CustomStringConvertible {
    /// What is wrong.
    public enum Fault: Sendable, Equatable {
        /// The grammar asks for something else than what the text has here.
        case expected(String, found: String)
        /// A member of this name (a type, a method or an error) is declared for the second time.
        case duplicateMember(String)
        /// The structure or enumeration has a field of this name already.
        case duplicateField(String)
        /// The interface defines no type of this name.
        case undefinedType(String)
        /// Structures or arrays stand inside each other more often than the number says.
        case nestedTooDeep(limit: Int)
    }

    /// The line of the fault; the first line is 1.
    public let line: Int
    /// What is wrong there.
    public let fault: Fault

    /// One line for people, such as `interface description: line 3: type 'Tomat' is not defined`.
    public var description: String {
        let reason =
            switch fault {
            case .expected(let expected, let found): "expected \(expected), found \(found)"
            case .duplicateMember(let name): "'\(name)' is declared twice"
            case .duplicateField(let name): "field '\(name)' is declared twice"
            case .undefinedType(let name): "type '\(name)' is not defined"
            case .nestedTooDeep(let limit): "types are nested more than \(limit) deep"
            }
        return "interface description: line \(line): \(reason)"
    }
}
