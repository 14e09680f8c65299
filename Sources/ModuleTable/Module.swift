/// Where a module is in its life.
public enum ModuleState: String, Sendable, Codable {
    /// Made by create_module of modules(2): it has memory, and nothing has run.
    case uninitialized
    /// Linked and mapped; its constructors or its init run.
    case loading
    /// Its init has succeeded.
    case running
    /// Its cleanup runs.
    case unloading
    /// It crashed, or was stopped in the middle of something: nobody knows its state, and it is not called any more.
    case faulted
}

/// A module.
public struct Module: Sendable, Identifiable {
    /// A number from 1 on that no other module of the table ever had or will have.
    public let id: Int
    /// Its name, which no other module has at the same time.
    public let name: String
    /// Where it is in its life.
    public internal(set) var state: ModuleState
    /// The addresses that it takes, whole pages.
    public let range: Range<UInt64>
    /// Whether a pass of autoclean may take it when nobody uses it (`modload -k`).
    public internal(set) var isAutoclean: Bool
    /// Whether it was not named, but came in because another module needed it.
    public internal(set) var isDependency = false
    /// Whether it has been used since the last pass of autoclean, by somebody who does not hold it any more. Of a module with a
    /// counter of its own, that says so itself.
    public internal(set) var isVisited = false
    /// The modules that it took symbols from; for each, the names of those symbols in alphabetical order.
    public internal(set) var uses: [Int: [String]]
}

/// A module that refers to another one.
public struct ModuleHolder: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// The symbols that it took, in alphabetical order.
    public let symbols: [String]

    /// The holder of that name that took those symbols.
    public init(name: String, symbols: [String]) {
        self.name = name
        self.symbols = symbols
    }
}

/// Why the module table refuses something.
public enum ModuleTableError: Error, Sendable, Equatable {
    /// A module of that name is there already.
    case exists(name: String)
    /// There is no module of that name or number.
    case unknown(String)
    /// Others refer to it.
    case held(name: String, by: [ModuleHolder])
    /// It is being loaded or unloaded.
    case changing(name: String, ModuleState)
    /// It has faulted, and somebody wants to use it.
    case faulted(name: String)

    /// The reason, without the module's name.
    public var reason: String {
        switch self {
        case .exists: "a module of that name is already loaded"
        case .unknown: "no such module"
        case .held(_, let holders): "in use by \(holders.map(\.name).joined(separator: ", "))"
        case .changing(_, .loading): "still loading"
        case .changing(_, .unloading): "already unloading"
        case .changing(_, .running): "running"
        case .changing(_, .uninitialized): "not initialized"
        case .changing(_, .faulted), .faulted: "has faulted and is not used any more; 'modunload -f' discards it"
        }
    }

    /// Which module it is about.
    public var subject: String {
        switch self {
        case .exists(let name), .unknown(let name), .held(let name, _), .changing(let name, _), .faulted(let name): name
        }
    }

    /// The errno that modules(2) and module(9) give for it.
    public var errorName: String {
        switch self {
        case .exists: "EEXIST"
        case .unknown: "ENOENT"
        case .held, .changing: "EBUSY"
        case .faulted: "EIO"
        }
    }
}
