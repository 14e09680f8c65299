import Varlink

/// An object file, or an archive of them (`type Object`).
public struct ObjectFile: Codable, Sendable, Equatable {
    /// What messages call it.
    public var name: String
    /// The index of its descriptor among those of the message.
    public var descriptor: Int?
    /// Its absolute path, where no descriptor comes. With neither, the name is that of a module of the module path.
    public var path: String?

    /// Makes an object of the given parts.
    public init(name: String, descriptor: Int? = nil, path: String? = nil) {
        self.name = name
        self.descriptor = descriptor
        self.path = path
    }
}

/// What a module is to be made of (`type ModuleSource`).
public struct ModuleRequest: Codable, Sendable, Equatable {
    /// Its name; that of its first object where it is nil.
    public var name: String?
    /// Its objects, linked as one, and archives of which members are linked with them.
    public var objects: [ObjectFile]
    /// A function to call in the classic way.
    public var entry: String?
    /// Values for variables, `NAME=VALUE`.
    public var parameters: [String]?
    /// Whether a pass of autoclean may take it.
    public var autoclean: Bool?
    /// Whether symbols that another module exports are kept to it.
    public var `private`: Bool?
    /// Whether all members of archives are linked, not only those that are needed.
    public var wholeArchives: Bool?

    /// Makes a request of the given parts.
    public init(
        name: String? = nil, objects: [ObjectFile], entry: String? = nil, parameters: [String]? = nil,
        autoclean: Bool? = nil, private: Bool? = nil, wholeArchives: Bool? = nil
    ) {
        self.name = name
        self.objects = objects
        self.entry = entry
        self.parameters = parameters
        self.autoclean = autoclean
        self.private = `private`
        self.wholeArchives = wholeArchives
    }
}

/// A module and the symbols that were taken from it (`type Reference`).
public struct ModuleUse: Codable, Sendable, Equatable {
    /// The module.
    public var module: String
    /// The symbols, in alphabetical order; none where the module is only required by name.
    public var symbols: [String]

    /// Makes a use of the given parts.
    public init(module: String, symbols: [String]) {
        self.module = module
        self.symbols = symbols
    }
}

/// Who has made a module by `CreateModule` (`type Owner`).
public struct ModuleOwner: Codable, Sendable, Equatable {
    /// The process's number; it may have ended since.
    public var process: Int
    /// The user's number.
    public var user: Int

    /// Makes the owner of the given parts.
    public init(process: Int, user: Int) {
        self.process = process
        self.user = user
    }
}

/// A module and the space that it is in (`type Module`).
public struct ModuleInformation: Codable, Sendable, Equatable {
    /// Its number.
    public var id: Int
    /// Its name.
    public var name: String
    /// The name of its space: that of the machine.
    public var space: String
    /// `uninitialized`, `loading`, `running`, `unloading` or `faulted`.
    public var state: String
    /// Where it begins.
    public var address: Int
    /// Its size in bytes, whole pages.
    public var size: Int
    /// Its own use counter, when it has one.
    public var useCount: Int?
    /// Whom it uses.
    public var uses: [ModuleUse]
    /// Who uses it.
    public var usedBy: [String]
    /// Whether a pass of autoclean may take it.
    public var autoclean: Bool
    /// Whether it was not named, but came in because another module needed it.
    public var dependency: Bool
    /// Who has made it, when that was by `CreateModule`.
    public var owner: ModuleOwner?
    /// What it says to be called by: `linux` (init_module), `lkm` (an entry function) or `module` (MODULE()); nil when by nothing.
    public var dialect: String?
    /// What it is there: of an LKM `SYSCALL`, `DEV` and so on; of MODULE() the class, `misc` and so on.
    public var type: String?
    /// Its slot in the table of that type; of a device the major number.
    public var offset: Int?
    /// The address of what it says of itself.
    public var info: Int?

    /// Makes the information of the given parts.
    public init(
        id: Int, name: String, space: String, state: String, address: Int, size: Int, useCount: Int?,
        uses: [ModuleUse], usedBy: [String], autoclean: Bool, dependency: Bool = false, owner: ModuleOwner? = nil,
        dialect: String? = nil, type: String? = nil, offset: Int? = nil, info: Int? = nil
    ) {
        self.id = id
        self.name = name
        self.space = space
        self.state = state
        self.address = address
        self.size = size
        self.useCount = useCount
        self.uses = uses
        self.usedBy = usedBy
        self.autoclean = autoclean
        self.dependency = dependency
        self.owner = owner
        self.dialect = dialect
        self.type = type
        self.offset = offset
        self.info = info
    }

    /// The names of the types of LKMs, in the order of their numbers (NetBSD sys/lkm.h, MODTYPE).
    public static let classicTypes = ["SYSCALL", "VFS", "DEV", "STRMOD", "EXEC", "COMPAT", "MISC", "DRV"]

    /// The number of the type that it has as an LKM.
    public var classicType: Int? { type.flatMap(Self.classicTypes.firstIndex) }

    /// How many references there are to it: modules that use it, and what its own counter says.
    public var references: Int { usedBy.count + (useCount ?? 0) }
}

/// How long a part of the work took (`type Phase`).
public struct Phase: Codable, Sendable, Equatable {
    /// What was done.
    public var name: String
    /// How long it took.
    public var nanoseconds: Int

    /// Makes the phase of that name and length.
    public init(name: String, nanoseconds: Int) {
        self.name = name
        self.nanoseconds = nanoseconds
    }
}

/// A reply that may only say how far the work is: several of them can come before the last one.
public protocol ProgressReply {
    /// How far it is; nil in the last one. Its activity is empty where there is output.
    var progress: Progress? { get }
    /// What modules have printed since the reply before.
    var output: String { get set }
    /// A reply with nothing else.
    init(progress: Progress)
}

/// How far a piece of work is (`type Progress`).
public struct Progress: Codable, Sendable, Equatable {
    /// What is being done.
    public var activity: String
    /// How much of it is done.
    public var done: Int
    /// How much there is; 0 when that is not known.
    public var total: Int
    /// The process that a debugger is waited for to attach to.
    public var debuggee: Int?

    /// Makes the progress of the given parts.
    public init(activity: String, done: Int, total: Int, debuggee: Int? = nil) {
        self.activity = activity
        self.done = done
        self.total = total
        self.debuggee = debuggee
    }
}

/// A symbol (`type Symbol`).
public struct SymbolInformation: Codable, Sendable, Equatable {
    /// The module that it belongs to; empty for the space's own.
    public var module: String
    /// Its name.
    public var name: String
    /// Its address, the 64 bits as JSON's integers have them: see `unsignedAddress`.
    public var address: Int
    /// How many bytes it names, 0 when that is not known.
    public var size: Int
    /// How far after its start the address is that was asked for.
    public var offset: Int
    /// `function`, `object`, `label`, or `threadLocal`, a variable of each thread, whose address is its distance from the thread
    /// pointer; `section` for an address that no symbol is before.
    public var kind: String
    /// The type as nm(1) has it, such as `T`; small for what modules cannot refer to.
    public var letter: String
    /// Whether modules may refer to it.
    public var exported: Bool
    /// How long ago the module was unloaded, in milliseconds; nil of what is there.
    public var unloaded: Int?

    /// Makes the information of the given parts.
    public init(
        module: String, name: String, address: Int, size: Int, offset: Int, kind: String, letter: String,
        exported: Bool, unloaded: Int? = nil
    ) {
        self.module = module
        self.name = name
        self.address = address
        self.size = size
        self.offset = offset
        self.kind = kind
        self.letter = letter
        self.exported = exported
        self.unloaded = unloaded
    }

    /// Its address, or its value when it is absolute.
    public var unsignedAddress: UInt64 { UInt64(bitPattern: Int64(address)) }
}

/// What was found for one name or address (`type Answer`).
public struct LookUpAnswer: Codable, Sendable, Equatable {
    /// What was asked for.
    public var query: String
    /// What was found.
    public var symbols: [SymbolInformation]

    /// Makes the answer to a query.
    public init(query: String, symbols: [SymbolInformation]) {
        self.query = query
        self.symbols = symbols
    }
}
