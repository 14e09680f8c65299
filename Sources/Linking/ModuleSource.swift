import ObjectModel

/// What a module is to be made of.
public struct ModuleSource: Sendable {
    /// The module's name.
    public var name: String
    /// The objects, linked as one in this order.
    public var objects: [Object]
    /// The function that was named to be called (`modload -e`), if one was.
    public var entryName: String?
    /// Values for variables of the module, in the order in which they were given.
    public var parameters: [Parameter]
    /// The first of the objects that was taken from an archive because something needed it, if there is one: these and all
    /// behind it are for the module alone, and export nothing.
    public internal(set) var firstMember: Int?
    /// Whether a symbol that another module exports already is kept to this module (`modload -f`), instead of being a
    /// problem.
    public var keepsDuplicatesPrivate: Bool

    /// The name of the file that it is made of, where the module is called otherwise.
    public var fileName: String?

    /// Makes the source of a module.
    public init(
        name: String, objects: [Object], entryName: String? = nil, parameters: [Parameter] = [],
        keepsDuplicatesPrivate: Bool = false
    ) {
        self.name = name
        self.objects = objects
        self.entryName = entryName
        self.parameters = parameters
        self.keepsDuplicatesPrivate = keepsDuplicatesPrivate
    }
}

/// What a property of a module is (NetBSD modload(8)).
public enum PropertyType: String, Sendable {
    case boolean
    case integer
    case string
}

/// A value for a variable of a module, or a property of it, as written on a command line (insmod(8)).
public struct Parameter: Sendable, Equatable {
    /// The variable's name.
    public var name: String
    /// The value: numbers with commas between them, or text.
    public var value: String
    /// What it has to be as a property; nil: what it looks like.
    public var type: PropertyType?

    /// Makes the parameter `name=value`.
    public init(name: String, value: String, type: PropertyType? = nil) {
        self.name = name
        self.value = value
        self.type = type
    }

    /// Makes the parameter of a text `NAME=VALUE` or `NAME:TYPE=VALUE`, where the type is that of a property; nil when it is none.
    public init?(text: String) {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else { return nil }
        var name = text[..<equals]
        var type: PropertyType?
        if let colon = name.lastIndex(of: ":") {
            guard let known = PropertyType(rawValue: String(name[name.index(after: colon)...])),
                colon != name.startIndex
            else { return nil }
            (name, type) = (name[..<colon], known)
        }
        self.init(name: String(name), value: String(text[text.index(after: equals)...]), type: type)
    }
}

/// How a module says what to call (its dialect), with the addresses.
public enum EntryPoint: Sendable, Equatable {
    /// `init_module` and, if there is one, `cleanup_module` (Linux modules(2)): `int (void)` and `void (void)`.
    case linux(initialize: UInt64, cleanup: UInt64?)
    /// `int entry(struct lkm_table *, int command, int version)` (NetBSD lkm(4)), and a zeroed table for it.
    case classic(name: String, entry: UInt64, table: UInt64)
    /// `int command(modcmd_t, void *)`, which MODULE() names (NetBSD module(9)).
    case module(command: UInt64)
    /// Nothing: the module is loaded for its symbols and constructors.
    case none
}

/// A module, linked: everything about it but its bytes.
public struct LinkedModule: Sendable {
    /// Its name.
    public var name: String
    /// The name of its file, where that is another; it is found by that as well.
    public var fileName: String?
    /// The file without its contents; addresses are final.
    public var image: Image
    /// What is to be called.
    public var entryPoint: EntryPoint
    /// What it says of itself with MODULE(), if that is what is called.
    public var declaration: ModuleDeclaration?
    /// The array of constructors in the image: address and number of functions.
    public var constructors: FunctionArray
    /// The array of destructors, to be run last first.
    public var destructors: FunctionArray
    /// Functions of run-time libraries in the module that give back all memory: to be called after the destructors.
    public var releases: [UInt64] = []
    /// Indirect functions, whose table entries are zero until their resolvers are asked.
    public var indirectFunctions: [IndirectFunction]
    /// The addresses of `.eh_frame`, its terminating zero word included, if there is one.
    public var frames: Range<UInt64>?
    /// The address of its use counter, `mod_use_count_` (8 bytes), if it has one.
    public var useCount: UInt64?
    /// The address of the properties that its function is given with MODULE_CMD_INIT, in the form of modlink_initialize_module; nil
    /// where it gets none.
    public var properties: UInt64?
    /// What is to be stored in its zeroes before anything runs: parameters. Those in the file are stored already.
    public var writes: [MemoryWrite]
    /// The addresses that it takes, whole pages.
    public var range: Range<UInt64>
    /// Which owners of the symbol table it took symbols from, and which: a slot of the table and indices of its set.
    public var references: [ModuleReference]
    /// Which modules of the same transaction it took symbols from, by index into the list of sources, and the names of those in
    /// alphabetical order.
    public var peers: [Int: [String]]
    /// Its thread-local variables, if it has any.
    public var threadStorage: ThreadStorage?
}

/// Symbols that a module took from one other.
public struct ModuleReference: Sendable, Equatable {
    /// The owner's slot in the symbol table.
    public let owner: Int
    /// The symbols, by index in the owner's set, ascending.
    public let symbols: [Int]
}

/// An array of addresses of functions.
public struct FunctionArray: Sendable, Equatable {
    /// Where it is.
    public var address: UInt64
    /// How many functions it has.
    public var count: Int

    /// Makes the array of `count` functions at `address`.
    public init(address: UInt64, count: Int) {
        self.address = address
        self.count = count
    }

    /// The array of no functions.
    public static let empty = FunctionArray(address: 0, count: 0)
}

extension ModuleSource {
    /// The name of a module that is made of a file: that of the file, without folders and `.o`, `.ko` or `.a`.
    public static func name(ofFile path: String) -> String { Draft.stem(path) }
}
