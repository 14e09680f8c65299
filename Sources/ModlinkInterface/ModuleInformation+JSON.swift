import Varlink

// A list of ten thousand modules is written and read for each modstat: by hand, since by way of Codable that takes a quarter of
// a second. A field that is added to these types is added here; ModuleTextTests compare both ways.

extension ListMethod.Reply: JSONWritable, JSONReadable {
    private static let fields: [StaticString] = ["modules", "spaces"]

    /// Writes the reply's object.
    public func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("modules") { $0.array(modules) { writer, module in module.write(to: &writer) } }
            writer.field("spaces") { $0.array(spaces) { writer, name in writer.string(name) } }
        }
    }

    /// Reads the reply's object.
    public init(from reader: inout JSONReader) throws(JSONFault) {
        var reply = ListMethod.Reply(modules: [], spaces: [])
        try reader.object(Self.fields, required: 0b11) { (reader, field) throws(JSONFault) in
            if field == 0 {
                reply.modules = try reader.array(ModuleInformation.init(from:))
            } else {
                reply.spaces = try reader.strings()
            }
        }
        self = reply
    }
}

extension ModuleInformation: JSONWritable, JSONReadable {
    private static let fields: [StaticString] = [
        "id", "name", "space", "state", "address", "size", "uses", "usedBy", "autoclean", "dependency",
        "useCount", "owner", "dialect", "type", "offset", "info",
    ]
    /// All up to `dependency`.
    private static let required: UInt32 = 0b11_1111_1111

    /// Writes the module's object.
    public func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("id") { $0.number(id) }
            writer.field("name") { $0.string(name) }
            writer.field("space") { $0.string(space) }
            writer.field("state") { $0.string(state) }
            writer.field("address") { $0.number(address) }
            writer.field("size") { $0.number(size) }
            writer.field("uses") { $0.array(uses) { writer, use in use.write(to: &writer) } }
            writer.field("usedBy") { $0.array(usedBy) { writer, name in writer.string(name) } }
            writer.field("autoclean") { $0.bool(autoclean) }
            writer.field("dependency") { $0.bool(dependency) }
            if let useCount { writer.field("useCount") { $0.number(useCount) } }
            if let owner { writer.field("owner") { owner.write(to: &$0) } }
            if let dialect { writer.field("dialect") { $0.string(dialect) } }
            if let type { writer.field("type") { $0.string(type) } }
            if let offset { writer.field("offset") { $0.number(offset) } }
            if let info { writer.field("info") { $0.number(info) } }
        }
    }

    /// Reads a module's object.
    public init(from reader: inout JSONReader) throws(JSONFault) {
        var module = ModuleInformation(
            id: 0, name: "", space: "", state: "", address: 0, size: 0, useCount: nil, uses: [], usedBy: [],
            autoclean: false)
        try reader.object(Self.fields, required: Self.required) { (reader, field) throws(JSONFault) in
            switch field {
            case 0: module.id = try reader.number()
            case 1: module.name = try reader.string()
            case 2: module.space = try reader.string()
            case 3: module.state = try reader.string()
            case 4: module.address = try reader.number()
            case 5: module.size = try reader.number()
            case 6: module.uses = try reader.array(ModuleUse.init(from:))
            case 7: module.usedBy = try reader.strings()
            case 8: module.autoclean = try reader.bool()
            case 9: module.dependency = try reader.bool()
            case 10: module.useCount = try reader.number()
            case 11: module.owner = try ModuleOwner(from: &reader)
            case 12: module.dialect = try reader.string()
            case 13: module.type = try reader.string()
            case 14: module.offset = try reader.number()
            default: module.info = try reader.number()
            }
        }
        self = module
    }
}

extension ModuleOwner: JSONWritable, JSONReadable {
    private static let fields: [StaticString] = ["process", "user"]

    /// Writes the owner's object.
    public func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("process") { $0.number(process) }
            writer.field("user") { $0.number(user) }
        }
    }

    /// Reads an owner's object.
    public init(from reader: inout JSONReader) throws(JSONFault) {
        var owner = ModuleOwner(process: 0, user: 0)
        try reader.object(Self.fields, required: 0b11) { (reader, field) throws(JSONFault) in
            if field == 0 {
                owner.process = try reader.number()
            } else {
                owner.user = try reader.number()
            }
        }
        self = owner
    }
}

extension ModuleUse: JSONWritable, JSONReadable {
    private static let fields: [StaticString] = ["module", "symbols"]

    /// Writes the use's object.
    public func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("module") { $0.string(module) }
            writer.field("symbols") { $0.array(symbols) { writer, name in writer.string(name) } }
        }
    }

    /// Reads a use's object.
    public init(from reader: inout JSONReader) throws(JSONFault) {
        var use = ModuleUse(module: "", symbols: [])
        try reader.object(Self.fields, required: 0b11) { (reader, field) throws(JSONFault) in
            if field == 0 {
                use.module = try reader.string()
            } else {
                use.symbols = try reader.strings()
            }
        }
        self = use
    }
}
