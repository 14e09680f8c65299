import Varlink

// The calls of modules(2), and of single functions: what programs do that link by themselves.

/// `org.modlink.Call`.
public enum CallMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.Call"
    /// The most words that a function is given.
    public static let argumentLimit = 4

    /// What is called.
    public struct Parameters: Codable, Sendable, Equatable {
        /// The name of a function, `module:name`, or an address as a number.
        public var function: String
        /// What it is given, up to four words; 64 bits each, as JSON's integers have them.
        public var arguments: [Int]
        /// The name of the space; nil is the native one.
        public var space: String?

        /// Makes the parameters of a call.
        public init(function: String, arguments: [Int] = [], space: String? = nil) {
            self.function = function
            self.arguments = arguments
            self.space = space
        }
    }

    /// What came of it.
    public struct Reply: Codable, Sendable, Equatable {
        /// The word that was returned, with its sign.
        public var result: Int
        /// What was printed.
        public var output: String

        /// Makes a reply of the given parts.
        public init(result: Int, output: String) {
            self.result = result
            self.output = output
        }
    }
}

/// `org.modlink.CreateModule`: create_module of modules(2).
public enum CreateModuleMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.CreateModule"

    /// What is to be made.
    public struct Parameters: Codable, Sendable, Equatable {
        /// The module's name; nil for a null pointer.
        public var name: String?
        /// Bytes, those of the use count too; an `unsigned long` as JSON's integers have it.
        public var size: Int
        /// Whether it goes with the connection while it is not initialized.
        public var connection: Bool?
        /// Which arguments the caller could not read.
        public var unreadable: [String]?

        /// Makes the parameters of a call.
        public init(name: String?, size: Int, connection: Bool? = nil, unreadable: [String]? = nil) {
            self.name = name
            self.size = size
            self.connection = connection
            self.unreadable = unreadable
        }
    }

    /// What was made.
    public struct Reply: Codable, Sendable, Equatable {
        /// Where its memory begins: its use count.
        public var address: Int

        /// Makes a reply of that address.
        public init(address: Int) { self.address = address }
    }
}

/// `org.modlink.InitModule`: init_module of modules(2).
public enum InitModuleMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.InitModule"

    /// What goes into it.
    public struct Parameters: Codable, Sendable, Equatable {
        /// The module's name; nil for a null pointer.
        public var name: String?
        /// Bytes of code.
        public var size: Int
        /// The index of the descriptor of a file with the code; nil when there is none, or it could not be read.
        public var code: Int?
        /// Whether the module goes when nobody uses it: MOD_AUTOCLEAN.
        public var autoclean: Bool?
        /// The address of its init.
        public var initialize: Int
        /// The address of its cleanup; 0 for none.
        public var cleanup: Int
        /// What its symbol table says to have: bytes. Nil when there is no symbol table.
        public var symbolsSize: Int?
        /// The index of the descriptor of a file with the symbol table; nil when there is none, or it could not be read.
        public var symbols: Int?
        /// Which arguments the caller could not read.
        public var unreadable: [String]?

        /// Makes the parameters of a call.
        public init(
            name: String?, size: Int, code: Int? = nil, autoclean: Bool? = nil, initialize: Int, cleanup: Int,
            symbolsSize: Int? = nil, symbols: Int? = nil, unreadable: [String]? = nil
        ) {
            self.name = name
            self.size = size
            self.code = code
            self.autoclean = autoclean
            self.initialize = initialize
            self.cleanup = cleanup
            self.symbolsSize = symbolsSize
            self.symbols = symbols
            self.unreadable = unreadable
        }
    }

    /// What came of it.
    public struct Reply: Codable, Sendable, Equatable {
        /// What its init printed.
        public var output: String

        /// Makes a reply with that output.
        public init(output: String) { self.output = output }
    }
}

/// `org.modlink.DeleteModule`: delete_module of modules(2).
public enum DeleteModuleMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.DeleteModule"

    /// What is to go.
    public struct Parameters: Codable, Sendable, Equatable {
        /// The module's name; nil for all that may go by themselves.
        public var name: String?
        /// Which arguments the caller could not read.
        public var unreadable: [String]?

        /// Makes the parameters of a call.
        public init(name: String?, unreadable: [String]? = nil) {
            self.name = name
            self.unreadable = unreadable
        }
    }

    /// What became of them: as for ``UnloadMethod``.
    public typealias Reply = UnloadMethod.Reply
}

/// `org.modlink.GetKernelSymbols`: get_kernel_syms of modules(2).
public enum KernelSymbolsMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.GetKernelSymbols"

    /// Nothing, or that there was no room.
    public struct Parameters: Codable, Sendable, Equatable {
        /// Whether the caller could not write the symbols where they were to go: that is told then.
        public var unwritable: Bool?

        /// Makes the parameters of a call.
        public init(unwritable: Bool? = nil) { self.unwritable = unwritable }
    }

    /// The symbols.
    public struct Reply: Codable, Sendable, Equatable {
        /// The same number as `entries`: modules that do not run are in neither.
        public var available: Int
        /// How many are in the file.
        public var entries: Int
        /// The index of the file's descriptor: `struct kernel_sym`, 72 bytes each.
        public var descriptor: Int

        /// Makes a reply of the given parts.
        public init(available: Int, entries: Int, descriptor: Int) {
            self.available = available
            self.entries = entries
            self.descriptor = descriptor
        }
    }
}
