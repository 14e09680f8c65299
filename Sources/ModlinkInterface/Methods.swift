import ObjectModel
import Varlink

/// `org.modlink.Load`.
public enum LoadMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.Load"

    /// The modules, loaded as one transaction.
    public struct Parameters: Codable, Sendable, Equatable {
        /// What each is to be made of.
        public var modules: [ModuleRequest]
        /// The name of the space that they have to be for; nil: that of their objects.
        public var space: String?
        /// The folders that modules are found in, absolute paths; nil: those of the daemon.
        public var modulePath: [String]?
        /// Whether a debugger is waited for before anything of the modules runs.
        public var debugger: Bool?
        /// How many seconds each call into the modules may take; 0: as long as it wants; nil: ``standardTimeout``.
        public var timeout: Int?

        /// How many seconds a call into a module may take, where nothing else is said.
        public static let standardTimeout = 30
        /// The most: a year.
        public static let longestTimeout = 31_536_000

        /// Makes the parameters of a call.
        public init(
            modules: [ModuleRequest], space: String? = nil, modulePath: [String]? = nil, debugger: Bool? = nil,
            timeout: Int? = nil
        ) {
            self.modules = modules
            self.space = space
            self.modulePath = modulePath
            self.debugger = debugger
            self.timeout = timeout
        }
    }

    /// What became of them.
    public struct Reply: Codable, Sendable, Equatable {
        /// The modules, each before those that need it; those of the request in its order.
        public var modules: [ModuleInformation]
        /// What they printed; of several replies, since the one before.
        public var output: String
        /// How long each part of the work took.
        public var phases: [Phase]
        /// What was found in the module path that cannot be used.
        public var warnings: [Problem]?
        /// How far the work is. A reply that has it comes before the last one, and has nothing else but output.
        public var progress: Progress?

        /// Makes a reply of the given parts.
        public init(
            modules: [ModuleInformation], output: String, phases: [Phase], warnings: [Problem]? = nil,
            progress: Progress? = nil
        ) {
            self.modules = modules
            self.output = output
            self.phases = phases
            self.warnings = warnings
            self.progress = progress
        }
    }
}

extension LoadMethod.Reply: ProgressReply {
    /// A reply with nothing but progress.
    public init(progress: Progress) {
        self.init(modules: [], output: "", phases: [], progress: progress)
    }
}

/// `org.modlink.Unload`.
public enum UnloadMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.Unload"

    /// The modules, by name or number.
    public struct Parameters: Codable, Sendable, Equatable {
        /// Names.
        public var names: [String]?
        /// Numbers.
        public var ids: [Int]?
        /// Whether all that refer to them go too.
        public var dependents: Bool?
        /// Whether nothing is to be done: the reply says what would go.
        public var dryRun: Bool?
        /// Whether modules that have faulted are discarded, without being called, and those that refuse too.
        public var force: Bool?

        /// Makes the parameters of a call.
        public init(
            names: [String]? = nil, ids: [Int]? = nil, dependents: Bool? = nil, dryRun: Bool? = nil,
            force: Bool? = nil
        ) {
            self.names = names
            self.ids = ids
            self.dependents = dependents
            self.dryRun = dryRun
            self.force = force
        }
    }

    /// What became of them.
    public struct Reply: Codable, Sendable, Equatable {
        /// Their names, in the order in which they went.
        public var modules: [String]
        /// What they printed; of several replies, since the one before.
        public var output: String
        /// How far the work is. A reply that has it comes before the last one, and has nothing else but output.
        public var progress: Progress?
        /// What has gone wrong and has not kept them.
        public var problems: [Problem]?
        /// What was done to modules that did not go by themselves.
        public var warnings: [Problem]?
        /// What they have left open, and what has become of that.
        public var notes: [Problem]?

        /// Makes a reply of the given parts.
        public init(modules: [String], output: String, progress: Progress? = nil) {
            self.modules = modules
            self.output = output
            self.progress = progress
        }
    }
}

extension UnloadMethod.Reply: ProgressReply {
    /// A reply with nothing but progress.
    public init(progress: Progress) {
        self.init(modules: [], output: "", progress: progress)
    }
}

/// `org.modlink.Autoclean`.
public enum AutocleanMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.Autoclean"
    /// None.
    public typealias Parameters = Empty

    /// What a pass did.
    public struct Reply: Codable, Sendable, Equatable {
        /// The names of the modules that went, in that order.
        public var modules: [String]
        /// What they printed, and those that refused.
        public var output: String
        /// Why modules refused to go.
        public var problems: [Problem]
        /// How far the work is. A reply that has it comes before the last one, and has nothing else but output.
        public var progress: Progress?

        /// Makes a reply of the given parts.
        public init(
            modules: [String] = [], output: String = "", problems: [Problem] = [], progress: Progress? = nil
        ) {
            self.modules = modules
            self.output = output
            self.problems = problems
            self.progress = progress
        }
    }
}

extension AutocleanMethod.Reply: ProgressReply {
    /// A reply with nothing but progress.
    public init(progress: Progress) {
        self.init(problems: [], progress: progress)
    }
}

/// `org.modlink.List`.
public enum ListMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.List"

    /// How much of them.
    public struct Parameters: Codable, Sendable, Equatable {
        /// Whether what each uses is left out.
        public var brief: Bool?

        /// Makes the parameters of a call.
        public init(brief: Bool? = nil) {
            self.brief = brief
        }
    }

    /// All modules; or a part of them, for who takes several replies.
    public struct Reply: Codable, Sendable, Equatable {
        /// The modules in the order in which they were loaded.
        public var modules: [ModuleInformation]
        /// The names of the spaces that run, the native one first.
        public var spaces: [String]

        /// Makes a reply of the given parts.
        public init(modules: [ModuleInformation], spaces: [String]) {
            self.modules = modules
            self.spaces = spaces
        }
    }
}

/// `org.modlink.LookUp`.
public enum LookUpMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.LookUp"

    /// What is looked for.
    public struct Parameters: Codable, Sendable, Equatable {
        /// Names, or addresses as numbers.
        public var queries: [String]
        /// The name of the space; nil is the native one.
        public var space: String?

        /// Makes the parameters of a call.
        public init(queries: [String], space: String? = nil) {
            self.queries = queries
            self.space = space
        }
    }

    /// What was found.
    public struct Reply: Codable, Sendable, Equatable {
        /// An answer for each query.
        public var answers: [LookUpAnswer]

        /// Makes a reply of these answers.
        public init(answers: [LookUpAnswer]) { self.answers = answers }
    }
}

/// What is asked about one space.
public struct SpaceParameters: Codable, Sendable, Equatable {
    /// Its name; nil is the native one.
    public var space: String?

    /// Makes the parameters of a call.
    public init(space: String? = nil) { self.space = space }
}

/// `org.modlink.Symbols`.
public enum SymbolsMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.Symbols"
    /// Whose.
    public typealias Parameters = SpaceParameters

    /// The symbol table as an ELF file.
    public struct Reply: Codable, Sendable, Equatable {
        /// The index of the file's descriptor.
        public var descriptor: Int
        /// Which state of the table it shows, unless it shows a later one already: grows with every change.
        public var generation: Int

        /// Makes a reply of the given parts.
        public init(descriptor: Int, generation: Int) {
            self.descriptor = descriptor
            self.generation = generation
        }
    }
}

/// `org.modlink.Status`.
public enum StatusMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.Status"
    /// Of which space.
    public typealias Parameters = SpaceParameters

    /// The daemon and one space.
    public struct Reply: Codable, Sendable, Equatable {
        /// The product's version.
        public var version: String
        /// The daemon's process number.
        public var process: Int
        /// The space's process number; nil before one is needed.
        public var space: Int?
        /// The machine that modules are for.
        public var architecture: String
        /// The addresses that modules lie in: the first, and the one after the last.
        public var windowStart: Int
        /// The end of them.
        public var windowEnd: Int
        /// How many modules there are.
        public var modules: Int
        /// How many symbols there are.
        public var symbols: Int
        /// The state of the symbol table: grows with every change.
        public var generation: Int

        /// Makes a reply of the given parts.
        public init(
            version: String, process: Int, space: Int?, architecture: String, windowStart: Int, windowEnd: Int,
            modules: Int, symbols: Int, generation: Int
        ) {
            self.version = version
            self.process = process
            self.space = space
            self.architecture = architecture
            self.windowStart = windowStart
            self.windowEnd = windowEnd
            self.modules = modules
            self.symbols = symbols
            self.generation = generation
        }
    }
}

/// `org.modlink.Stop`.
public enum StopMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.Stop"
    /// None.
    public typealias Parameters = Empty

    /// Who ends.
    public struct Reply: Codable, Sendable, Equatable {
        /// The daemon's process number; nil of a daemon of an earlier version.
        public var process: Int?
        /// What did not end by itself and was killed, in lines. Known in the last of several replies.
        public var events: [String]?

        /// Makes a reply of the given parts.
        public init(process: Int? = nil, events: [String]? = nil) {
            self.process = process
            self.events = events
        }
    }
}
