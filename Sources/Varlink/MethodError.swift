/// What a handler throws to answer a call with an error instead of a reply.
public struct MethodError: Error {
    enum Cause {
        case declared(name: String, parameters: any Encodable & Sendable)
        /// The connection failed while the handler sent a reply: there is nobody to answer.
        case connection(VarlinkError)
    }

    let cause: Cause

    /// An error that the interface declares.
    ///
    /// - Parameters:
    ///   - name: the qualified name, such as `org.example.ping.NotNow`.
    ///   - parameters: a value that encodes as a JSON object with the fields that the interface declares for the error.
    public init(_ name: String, parameters: some Encodable & Sendable) {
        cause = .declared(name: name, parameters: parameters)
    }

    /// An error that the interface declares without fields.
    public init(_ name: String) {
        self.init(name, parameters: Empty())
    }

    init(_ error: VarlinkError) {
        cause = .connection(error)
    }

    /// `org.varlink.service.InvalidParameter`: a parameter has a value that cannot be.
    ///
    /// - Parameter field: its name; that of a field inside it as a path, `modules[3].name`.
    public static func invalidParameter(_ field: String) -> MethodError {
        MethodError(
            ServiceInterface.InvalidParameter.name, parameters: ServiceInterface.InvalidParameter(parameter: field))
    }
}
