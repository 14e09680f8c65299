import FoundationEssentials
import ObjectModel
import Testing
import Varlink

@testable import ModlinkInterface

/// The interface's text beside the Swift types that are sent by it.
@Suite struct InterfaceTextTests {
    private let interface: InterfaceDescription

    init() throws {
        interface = try InterfaceDescription.parse(interfaceText)
    }

    // A value of each type with nothing left out, so that all its fields are encoded.
    private static let object = ObjectFile(name: "gurka.o", descriptor: 0, path: "/gurka.o")
    private static let source = ModuleRequest(
        name: "gurka", objects: [object], entry: "xxxinit", parameters: ["a=1"], autoclean: true, private: true,
        wholeArchives: true)
    private static let use = ModuleUse(module: "tomat", symbols: ["slice"])
    private static let owner = ModuleOwner(process: 4711, user: 1000)
    private static let module = ModuleInformation(
        id: 1, name: "gurka", space: "x86-64", state: "running", address: 0x1000_0000, size: 4096, useCount: 2,
        uses: [use],
        usedBy: ["sallad"], autoclean: true, dependency: true, owner: owner, dialect: "lkm", type: "SYSCALL",
        offset: 210,
        info: 0x1000_1000)
    private static let hold = Hold(
        module: "gurka", kind: .module, holder: "sallad", symbols: ["slice"], count: 1)
    private static let phase = Phase(name: "read", nanoseconds: 1)
    private static let progress = Progress(activity: "linking", done: 1, total: 2, debuggee: 3)
    private static let symbol = SymbolInformation(
        module: "gurka", name: "slice", address: 0x1000_0040, size: 8, offset: 4, kind: "function", letter: "T",
        exported: true, unloaded: 5)
    private static let answer = LookUpAnswer(query: "slice", symbols: [symbol])
    private static let symbolUse = SymbolUse(
        module: "sallad", section: ".text", function: "init_module", offset: 4, address: 0x1000_2004,
        symbol: "gurka:slice")
    private static let users = UsersAnswer(query: "slice", symbols: [symbol], uses: [symbolUse])
    private static let problem = Problem(subject: "gurka", place: ".text", reason: "no")

    private static let crash = CrashInformation(
        number: 1, time: 1_700_000_000, space: "x86-64", module: "gurka", what: "SIGFPE", place: "gurka:slice",
        folder: "/run/modlink/crash/1")

    private static let field = ModuleField(name: "license", value: "GPL")
    private static let parameter = ModuleParameter(name: "slices", type: "int", value: "5", description: "how many")
    private static let section = ModuleSection(name: ".text", address: 0x1000_1000, size: 8, access: "r-x")
    private static let thread = ModuleThread(number: 4711, place: "slice+0x9")
    private static let descriptor = ModuleDescriptor(number: 5, file: "socket:[1234]")
    private static let details = ModuleDetails(
        files: ["/gurka.o"], loaded: 1_700_000_000, information: [field], parameters: [parameter], buildID: "00",
        sections: [section], exports: ["slice"], threads: [thread], descriptors: [descriptor], holds: [hold])

    private static let types: [(name: String, value: any Codable & Sendable)] = [
        ("Problem", problem), ("Object", object), ("ModuleSource", source), ("Reference", use), ("Owner", owner),
        ("Module", module), ("Hold", hold), ("Phase", phase), ("Progress", progress), ("Symbol", symbol),
        ("Answer", answer), ("Use", symbolUse), ("Users", users), ("Crash", crash),
        ("ModuleDetails", details), ("ModuleThread", thread), ("ModuleDescriptor", descriptor), ("ModuleField", field),
        ("ModuleParameter", parameter), ("ModuleSection", section),
    ]

    private static let methods: [(name: String, parameters: any Codable & Sendable, reply: any Codable & Sendable)] = [
        (
            LoadMethod.name,
            LoadMethod.Parameters(modules: [source], space: "x86-64", modulePath: ["/m"], debugger: true, timeout: 30),
            LoadMethod.Reply(
                modules: [module], output: "", phases: [phase], warnings: [problem], progress: progress)
        ),
        (
            UnloadMethod.name,
            UnloadMethod.Parameters(names: ["gurka"], ids: [1], dependents: true, dryRun: true, force: true),
            {
                var reply = UnloadMethod.Reply(modules: ["gurka"], output: "", progress: progress)
                let problem = Problem(subject: "gurka", reason: "gone")
                (reply.problems, reply.warnings, reply.notes) = ([problem], [problem], [problem])
                return reply
            }()
        ),
        (
            AutocleanMethod.name, Empty(),
            AutocleanMethod.Reply(
                modules: ["gurka"], output: "", problems: [problem], progress: progress)
        ),
        (ListMethod.name, ListMethod.Parameters(brief: true), ListMethod.Reply(modules: [module], spaces: ["x86-64"])),
        (
            LookUpMethod.name, LookUpMethod.Parameters(queries: ["slice"], space: "x86-64"),
            LookUpMethod.Reply(answers: [answer])
        ),
        (
            FindUsersMethod.name, FindUsersMethod.Parameters(queries: ["slice"], space: "x86-64"),
            FindUsersMethod.Reply(answers: [users])
        ),
        (
            SymbolsMethod.name, SpaceParameters(space: "x86-64"), SymbolsMethod.Reply(descriptor: 0, generation: 1)
        ),
        (
            StatusMethod.name, SpaceParameters(space: "x86-64"),
            StatusMethod.Reply(
                version: "1", process: 2, space: 3, architecture: "x86-64", windowStart: 4, windowEnd: 5, modules: 6,
                symbols: 7, generation: 8)
        ),
        (
            CallMethod.name, CallMethod.Parameters(function: "slice", arguments: [1], space: "x86-64"),
            CallMethod.Reply(result: 7, output: "")
        ),
        (
            SystemCallMethod.name, SystemCallMethod.Parameters(number: 210, arguments: [1], space: "x86-64"),
            SystemCallMethod.Reply(error: 0, values: [7, 0], output: "")
        ),
        (
            OpenDeviceMethod.name,
            OpenDeviceMethod.Parameters(device: "gurka", minor: 1, flags: 3, block: false, space: "x86-64"),
            OpenDeviceMethod.Reply(descriptor: 0, module: "gurka", major: 3, output: "")
        ),
        (
            CreateModuleMethod.name,
            CreateModuleMethod.Parameters(name: "gurka", size: 4096, connection: true, unreadable: ["name"]),
            CreateModuleMethod.Reply(address: 0x1000_0000)
        ),
        (
            InitModuleMethod.name,
            InitModuleMethod.Parameters(
                name: "gurka", size: 16, code: 0, autoclean: true, initialize: 0x1000_0008, cleanup: 0x1000_0010,
                symbolsSize: 16, symbols: 1, unreadable: ["name"]),
            InitModuleMethod.Reply(output: "")
        ),
        (
            DeleteModuleMethod.name, DeleteModuleMethod.Parameters(name: "gurka", unreadable: ["name"]),
            DeleteModuleMethod.Reply(modules: ["gurka"], output: "")
        ),
        (
            KernelSymbolsMethod.name, KernelSymbolsMethod.Parameters(unwritable: true),
            KernelSymbolsMethod.Reply(available: 2, entries: 1, descriptor: 0)
        ),
        (ListCrashesMethod.name, Empty(), ListCrashesMethod.Reply(crashes: [crash])),
        (
            DescribeMethod.name, DescribeMethod.Parameters(name: "gurka", id: 1),
            DescribeMethod.Reply(module: module, details: details)
        ),
        (
            DescribeCrashMethod.name, DescribeCrashMethod.Parameters(number: 1),
            DescribeCrashMethod.Reply(crash: crash, report: "Oops: ")
        ),
        (StopMethod.name, Empty(), StopMethod.Reply(process: 1, events: ["killed"])),
    ]

    @Test("each type of the text has the fields of its Swift type, and no others")
    func types() throws {
        #expect(interface.types.map(\.name) == Self.types.map(\.name))
        for (name, value) in Self.types {
            guard case .structure(let fields)? = interface.type(named: name)?.type else {
                Issue.record("\(name) is no structure")
                continue
            }
            try check(value, fields, name)
        }
    }

    @Test("each method of the text has the parameters and the reply of its Swift type, and no others")
    func methods() throws {
        #expect(interface.methods.map { "org.modlink.\($0.name)" } == Self.methods.map(\.name))
        for (name, parameters, reply) in Self.methods {
            let method = try #require(interface.method(named: String(name.dropFirst("org.modlink.".count))))
            try check(parameters, method.parameters, name)
            try check(reply, method.reply, name)
        }
    }

    @Test("the states of a module and the kinds of a symbol are those that are sent")
    func enumerations() {
        #expect(
            field("state", of: "Module")
                == .enumeration(["uninitialized", "loading", "running", "unloading", "faulted"]))
        #expect(field("dialect", of: "Module") == .optional(.enumeration(["linux", "lkm", "module"])))
        #expect(field("kind", of: "Hold") == .enumeration(["module", "count", "device", "client", "thread"]))
        #expect(field("kind", of: "Symbol") == .enumeration(["function", "object", "threadLocal", "label", "section"]))
    }

    private func field(_ field: String, of type: String) -> TypeExpression? {
        guard case .structure(let fields)? = interface.type(named: type)?.type else { return nil }
        return fields.first { $0.name == field }?.type
    }

    /// A value with nothing left out has each field, of the type that the text says; one that has lost a field is decoded just
    /// when that field is declared with `?`.
    private func check(_ value: some Codable, _ fields: [FieldDefinition], _ name: String) throws {
        let data = try JSONEncoder().encode(value)
        var members = try JSONDecoder().decode([String: AnyJSON].self, from: data)
        #expect(members.keys.sorted() == fields.map(\.name).sorted(), "\(name)")
        for field in fields {
            let member = try #require(members[field.name], "\(name).\(field.name)")
            #expect(fits(member, field.type), "\(name).\(field.name): \(member)")
            members[field.name] = nil
            let rest = try JSONEncoder().encode(members)
            let isOptional = (try? JSONDecoder().decode(type(of: value), from: rest)) != nil
            #expect(isOptional == isDeclaredOptional(field.type), "\(name).\(field.name)")
            members[field.name] = member
        }
    }

    private func isDeclaredOptional(_ type: TypeExpression) -> Bool {
        if case .optional = type { true } else { false }
    }

    private func fits(_ value: AnyJSON, _ type: TypeExpression) -> Bool {
        switch (type, value) {
        case (.optional(let type), _): fits(value, type)
        case (.bool, .bool), (.int, .number), (.string, .text): true
        case (.enumeration(let names), .text(let text)): names.contains(text)
        case (.array(let type), .array(let values)): !values.isEmpty && values.allSatisfy { fits($0, type) }
        // Its own fields are looked at by themselves.
        case (.named, .object): true
        default: false
        }
    }
}

/// A value of JSON, whatever it is.
enum AnyJSON: Codable {
    case bool(Bool)
    case number(Int)
    case text(String)
    case array([AnyJSON])
    case object([String: AnyJSON])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([AnyJSON].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: AnyJSON].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}
