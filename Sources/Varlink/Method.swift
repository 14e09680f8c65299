/// One method of an interface: its name and the types of what it takes and gives.
///
/// Both types have to encode as JSON objects, so as structures of named fields; ``Empty`` for none.
public protocol Method: SendableMetatype {
    /// What a call carries.
    associatedtype Parameters: Codable & Sendable
    /// What each reply carries.
    associatedtype Reply: Codable & Sendable
    /// The qualified name, such as `org.example.ping.Ping`.
    static var name: String { get }
}

/// No parameters, or a reply without any: the JSON object `{}`. Fields that come all the same are passed over.
public struct Empty: Codable, Sendable, Equatable {
    /// The only value.
    public init() {}
}
