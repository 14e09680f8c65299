import FoundationEssentials

// What a crash's folder says in JSON. The folder may have been written by another version, and its files may be cut off: every field may
// be missing.

/// `fault.json` of a crash's folder: what happened.
public struct CrashFault: Codable, Sendable, Equatable {
    /// `fault`, `hung`, `exit`, `execute` or `died`.
    public var kind: String?
    /// The signal's number on Linux; 0 for none.
    public var signal: Int?
    /// `si_code` of sigaction(2).
    public var code: Int?
    /// `si_addr` of sigaction(2).
    public var address: Hexadecimal?
    /// The instruction to which it happened.
    public var programCounter: Hexadecimal?
    /// The thread's number.
    public var thread: Int?
    /// The module that it happened to; nil when it happened to none.
    public var module: String?
    /// What the module's code was run for: `initialize`, `cleanup`, `constructor`, `call`, `device` and so on.
    public var activity: String?
    /// On whose behalf.
    public var request: CrashRequest?
    /// Of these addresses, those that were a module's which has been unloaded.
    public var departed: [DepartedPlace]?
    /// The thread's registers by their names, such as `rax`, as far as they are known: a core file has them too.
    public var registers: [String: Hexadecimal]?
    /// Why there is no core file; nil when there is one.
    public var coreProblem: String?

    /// Makes a fault of which nothing is known.
    public init() {}
}

/// What an address was before a module was unloaded.
public struct DepartedPlace: Codable, Sendable, Equatable {
    /// The address.
    public var address: Hexadecimal
    /// What it was: `slice+0x12 in gurka, unloaded 3 s ago`.
    public var text: String

    /// Makes a place of the given parts.
    public init(_ address: UInt64, _ text: String) {
        self.address = Hexadecimal(address)
        self.text = text
    }
}

/// The request that was being done when a module crashed.
public struct CrashRequest: Codable, Sendable, Equatable {
    /// The method's name, without that of the interface: `Load`.
    public var method: String?
    /// The module that it was about.
    public var module: String?
    /// The client's user.
    public var userIdentifier: Int?
    /// The client's process.
    public var process: Int?
    /// The client's program.
    public var program: String?

    /// Makes a request of the given parts.
    public init(
        method: String? = nil, module: String? = nil, userIdentifier: Int? = nil, process: Int? = nil,
        program: String? = nil
    ) {
        self.method = method
        self.module = module
        self.userIdentifier = userIdentifier
        self.process = process
        self.program = program
    }
}

/// `modules.json` of a crash's folder: what was loaded at that moment.
public struct CrashModules: Codable, Sendable, Equatable {
    /// The name of the space's machine.
    public var architecture: String?
    /// The state of the symbol table.
    public var generation: Int?
    /// When: seconds since 1970, UTC.
    public var time: Double?
    /// The space.
    public var space: Space?
    /// The modules, in the order in which they were loaded.
    public var modules: [Module]?
    /// The module that was unloaded last.
    public var lastUnloaded: String?

    /// Makes a state of which nothing is known.
    public init() {}

    /// The space.
    public struct Space: Codable, Sendable, Equatable {
        /// Its process number.
        public var process: Int?
        /// The path of its program.
        public var executable: String?
        /// The program's build ID, in hexadecimal digits.
        public var buildID: String?

        /// Makes a space of the given parts.
        public init(process: Int? = nil, executable: String? = nil, buildID: String? = nil) {
            self.process = process
            self.executable = executable
            self.buildID = buildID
        }
    }

    /// A module.
    public struct Module: Codable, Sendable, Equatable {
        /// Its name.
        public var name: String
        /// Its number.
        public var identifier: Int?
        /// Where it begins.
        public var start: Hexadecimal?
        /// Its size in bytes.
        public var size: Int?
        /// The build ID of its image, in hexadecimal digits.
        public var buildID: String?
        /// Its state.
        public var state: String?
        /// Whether it has been at fault, now or before.
        public var isFaulty: Bool?
        /// Its use counter, if it has one.
        public var useCount: Int?
        /// The names of its objects in the folder `objects`.
        public var objects: [String]?

        /// Makes a module of the given parts.
        public init(
            name: String, identifier: Int? = nil, start: Hexadecimal? = nil, size: Int? = nil, buildID: String? = nil,
            state: String? = nil, isFaulty: Bool? = nil, useCount: Int? = nil, objects: [String]? = nil
        ) {
            self.name = name
            self.identifier = identifier
            self.start = start
            self.size = size
            self.buildID = buildID
            self.state = state
            self.isFaulty = isFaulty
            self.useCount = useCount
            self.objects = objects
        }
    }
}

/// An address as JSON has it here: a text, `0x10001000`, since not every reader of JSON keeps 64 bits of a number.
public struct Hexadecimal: Codable, Sendable, Equatable {
    /// The number.
    public var value: UInt64

    /// Makes the text of a number.
    public init(_ value: UInt64) { self.value = value }

    /// Reads it.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard text.hasPrefix("0x"), !text.hasPrefix("0x+"), let value = UInt64(text.dropFirst(2), radix: 16) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an address")
        }
        self.value = value
    }

    /// Writes it.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode("0x" + String(value, radix: 16))
    }
}

/// JSON of files of ours.
public enum CrashJSON {
    /// The value of a file's bytes; nil when they are not JSON of that form.
    public static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) -> Value? {
        try? JSONDecoder().decode(type, from: Data(bytes))
    }

    /// The bytes of a value, with fields in alphabetical order and a line feed at the end; empty when it has none.
    public static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return [] }
        return Array(data) + [UInt8(ascii: "\n")]
    }
}
