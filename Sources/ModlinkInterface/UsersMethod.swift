import Varlink

/// A place that refers to a symbol (`type Use`).
public struct SymbolUse: Codable, Sendable, Equatable {
    /// The module that it is in.
    public var module: String
    /// The section of its object.
    public var section: String
    /// The function or variable that it is in; empty where there is none.
    public var function: String
    /// How many bytes after its start.
    public var offset: Int
    /// Where the place is, 64 bits as JSON's integers have them.
    public var address: Int
    /// What it refers to: `module:name`, or the name alone for the space's own.
    public var symbol: String

    /// Makes the use of the given parts.
    public init(module: String, section: String, function: String, offset: Int, address: Int, symbol: String) {
        self.module = module
        self.section = section
        self.function = function
        self.offset = offset
        self.address = address
        self.symbol = symbol
    }

    /// Where the place is.
    public var unsignedAddress: UInt64 { UInt64(bitPattern: Int64(address)) }
}

/// Who refers to what was asked for (`type Users`).
public struct UsersAnswer: Codable, Sendable, Equatable {
    /// What was asked for.
    public var query: String
    /// The symbols that it means; none where there is no such symbol.
    public var symbols: [SymbolInformation]
    /// The places that refer to them, in the order of address.
    public var uses: [SymbolUse]

    /// Makes the answer to a query.
    public init(query: String, symbols: [SymbolInformation], uses: [SymbolUse]) {
        self.query = query
        self.symbols = symbols
        self.uses = uses
    }
}

/// `org.modlink.FindUsers`.
public enum FindUsersMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.FindUsers"
    /// As of `LookUp`.
    public typealias Parameters = LookUpMethod.Parameters

    /// What was found.
    public struct Reply: Codable, Sendable, Equatable {
        /// An answer to each query, in their order.
        public var answers: [UsersAnswer]

        /// Makes a reply of the given parts.
        public init(answers: [UsersAnswer]) {
            self.answers = answers
        }
    }
}
