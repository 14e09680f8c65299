/// Recursive descent over the text of an interface description: one function a rule of the grammar.
struct InterfaceDescriptionParser {
    private static let nestingLimit = 64

    private let text: String
    private var lexer: InterfaceDescriptionLexer
    private var memberNames: Set<String> = []
    /// Types may be used before they are defined, so uses are checked at the end.
    private var typeUses: [(name: String, line: Int)] = []
    private var depth = 0

    init(_ text: String) {
        self.text = text
        lexer = InterfaceDescriptionLexer(text)
    }

    /// `interface NAME`, then members until the end.
    mutating func parse() throws(InterfaceDescriptionError) -> InterfaceDescription {
        try expectWord("interface")
        let name = try interfaceName()
        var types: [TypeDefinition] = []
        var methods: [MethodDefinition] = []
        var errors: [ErrorDefinition] = []
        while true {
            let token = lexer.next()
            switch token.kind {
            case .word("type"):
                types.append(try typeDefinition())
            case .word("method"):
                methods.append(try methodDefinition())
            case .word("error"):
                errors.append(try errorDefinition())
            case .end:
                try checkTypeUses(defined: Set(types.map(\.name)))
                return InterfaceDescription(name: name, text: text, types: types, methods: methods, errors: errors)
            default:
                throw fault(token, expected: "'type', 'method' or 'error'")
            }
        }
    }

    private mutating func interfaceName() throws(InterfaceDescriptionError) -> String {
        let token = lexer.nextInterfaceName()
        guard case .word(let name) = token.kind, Names.isInterfaceName(name) else {
            throw fault(token, expected: "an interface name such as org.example.ping")
        }
        return name
    }

    private mutating func typeDefinition() throws(InterfaceDescriptionError) -> TypeDefinition {
        let name = try memberName()
        let open = lexer.next()
        guard open.kind == .punctuation("(") else { throw fault(open, expected: "'('") }
        return TypeDefinition(name: name, type: try structureOrEnumeration(openedAt: open))
    }

    private mutating func methodDefinition() throws(InterfaceDescriptionError) -> MethodDefinition {
        let name = try memberName()
        let parameters = try structure()
        try expectPunctuation("->")
        return MethodDefinition(name: name, parameters: parameters, reply: try structure())
    }

    private mutating func errorDefinition() throws(InterfaceDescriptionError) -> ErrorDefinition {
        ErrorDefinition(name: try memberName(), parameters: try structure())
    }

    private mutating func memberName() throws(InterfaceDescriptionError) -> String {
        let token = lexer.next()
        guard case .word(let name) = token.kind, Names.isMemberName(name) else {
            throw fault(token, expected: "a name of the form [A-Z][A-Za-z0-9]*")
        }
        guard memberNames.insert(name).inserted else {
            throw InterfaceDescriptionError(line: token.line, fault: .duplicateMember(name))
        }
        return name
    }

    /// What a method takes and gives and what an error carries: never an enumeration.
    private mutating func structure() throws(InterfaceDescriptionError) -> [FieldDefinition] {
        let open = lexer.next()
        guard open.kind == .punctuation("(") else { throw fault(open, expected: "'('") }
        guard case .structure(let fields) = try structureOrEnumeration(openedAt: open) else {
            throw InterfaceDescriptionError(
                line: open.line, fault: .expected("fields with types", found: "an enumeration"))
        }
        return fields
    }

    /// After `(`. The first field decides: with a type it is a structure, without one an enumeration.
    private mutating func structureOrEnumeration(
        openedAt open: InterfaceDescriptionLexer.Token
    ) throws(InterfaceDescriptionError) -> TypeExpression {
        try enter(open)
        defer { depth -= 1 }
        if lexer.peek().kind == .punctuation(")") {
            _ = lexer.next()
            return .structure([])
        }
        var names: Set<String> = []
        let first = try fieldName(&names)
        guard lexer.peek().kind == .punctuation(":") else {
            var values = [first]
            while try anotherFollows() { values.append(try fieldName(&names)) }
            return .enumeration(values)
        }
        try expectPunctuation(":")
        var fields = [FieldDefinition(name: first, type: try type())]
        while try anotherFollows() {
            let name = try fieldName(&names)
            try expectPunctuation(":")
            fields.append(FieldDefinition(name: name, type: try type()))
        }
        return .structure(fields)
    }

    private mutating func fieldName(_ names: inout Set<String>) throws(InterfaceDescriptionError) -> String {
        let token = lexer.next()
        guard case .word(let name) = token.kind, Names.isFieldName(name) else {
            throw fault(token, expected: "a field name of the form [A-Za-z](_?[A-Za-z0-9])*")
        }
        guard names.insert(name).inserted else {
            throw InterfaceDescriptionError(line: token.line, fault: .duplicateField(name))
        }
        return name
    }

    /// True after `,`, false after `)`.
    private mutating func anotherFollows() throws(InterfaceDescriptionError) -> Bool {
        let token = lexer.next()
        switch token.kind {
        case .punctuation(","): return true
        case .punctuation(")"): return false
        default: throw fault(token, expected: "',' or ')'")
        }
    }

    private mutating func type() throws(InterfaceDescriptionError) -> TypeExpression {
        let token = lexer.next()
        guard token.kind == .punctuation("?") else { return try requiredType(token) }
        return .optional(try requiredType(lexer.next()))
    }

    private mutating func requiredType(
        _ token: InterfaceDescriptionLexer.Token
    ) throws(InterfaceDescriptionError) -> TypeExpression {
        switch token.kind {
        case .word("bool"): return .bool
        case .word("int"): return .int
        case .word("float"): return .float
        case .word("string"): return .string
        case .word("object"): return .object
        case .word(let name) where Names.isMemberName(name):
            typeUses.append((name, token.line))
            return .named(name)
        case .punctuation("("):
            return try structureOrEnumeration(openedAt: token)
        case .punctuation("[]"):
            return .array(try elementType(token))
        case .punctuation("[string]"):
            return .dictionary(try elementType(token))
        default:
            throw fault(token, expected: "a type")
        }
    }

    private mutating func elementType(
        _ token: InterfaceDescriptionLexer.Token
    ) throws(InterfaceDescriptionError) -> TypeExpression {
        try enter(token)
        defer { depth -= 1 }
        return try type()
    }

    private mutating func enter(_ token: InterfaceDescriptionLexer.Token) throws(InterfaceDescriptionError) {
        guard depth < Self.nestingLimit else {
            throw InterfaceDescriptionError(line: token.line, fault: .nestedTooDeep(limit: Self.nestingLimit))
        }
        depth += 1
    }

    private mutating func expectWord(_ word: String) throws(InterfaceDescriptionError) {
        let token = lexer.next()
        guard token.kind == .word(word) else { throw fault(token, expected: "'\(word)'") }
    }

    private mutating func expectPunctuation(_ punctuation: String) throws(InterfaceDescriptionError) {
        let token = lexer.next()
        guard token.kind == .punctuation(punctuation) else { throw fault(token, expected: "'\(punctuation)'") }
    }

    private func checkTypeUses(defined: Set<String>) throws(InterfaceDescriptionError) {
        for use in typeUses where !defined.contains(use.name) {
            throw InterfaceDescriptionError(line: use.line, fault: .undefinedType(use.name))
        }
    }

    private func fault(
        _ token: InterfaceDescriptionLexer.Token, expected: String
    ) -> InterfaceDescriptionError {
        InterfaceDescriptionError(line: token.line, fault: .expected(expected, found: token.kind.description))
    }
}
