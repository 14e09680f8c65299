import Posix

/// A reply, with the descriptors that came with it.
public struct Answer<Reply: Sendable>: ~Copyable {
    /// The reply's parameters.
    public let reply: Reply
    /// The descriptors of the reply's message. The reply's fields name them by index.
    public var descriptors: Descriptors
}

/// The calling end of a connection: one call at a time, each blocks until it is answered.
public struct Client: ~Copyable {
    private var connection: Connection
    /// Whether replies may still come that nobody waits for: what is received could not be told from them.
    private var isAbandoned = false

    /// Calls over this connection from now on.
    public init(_ connection: consuming Connection) {
        self.connection = connection
    }

    /// Connects to the Unix stream socket at this path.
    public static func connect(to path: String) throws(VarlinkError) -> Client {
        Client(try Connection.connect(to: path))
    }

    /// Calls a method that is answered once.
    ///
    /// - Parameter descriptors: sent along; they stay the caller's, and have to be open until the call returns.
    /// - Throws: ``VarlinkError/remote(_:)`` when the peer answers with an error. After that, and after values that
    ///   could not be encoded or decoded, the client can be used further; after any other error it cannot, and says
    ///   ``VarlinkError/unusable``.
    public mutating func call<M: Method>(
        _ method: M.Type, _ parameters: M.Parameters, descriptors: [Int32] = []
    ) throws(VarlinkError) -> Answer<M.Reply> {
        try send(method, parameters, flag: nil, descriptors)
        isAbandoned = true
        let message = try receiveReply()
        let envelope = try Envelope(message.bytes)
        guard envelope.continues != true else { throw VarlinkError.unexpectedContinuation(method: M.name) }
        isAbandoned = false
        return try answer(method, message, envelope)
    }

    /// Calls a method that may be answered several times.
    ///
    /// - Parameters:
    ///   - descriptors: sent along; they stay the caller's, and have to be open until the call returns.
    ///   - each: is given every reply as it comes, and says whether it wants the next. After false the call returns,
    ///     and the client cannot be used further unless that reply was the last.
    /// - Throws: as `call` does; after replies that could not be decoded the client cannot be used further.
    public mutating func callMany<M: Method>(
        _ method: M.Type, _ parameters: M.Parameters, descriptors: [Int32] = [],
        each: (consuming Answer<M.Reply>) throws(VarlinkError) -> Bool
    ) throws(VarlinkError) {
        try send(method, parameters, flag: "more", descriptors)
        isAbandoned = true
        var continues = true
        while continues {
            let message = try receiveReply()
            let envelope = try Envelope(message.bytes)
            continues = envelope.continues == true && envelope.error == nil
            isAbandoned = continues
            guard try each(try answer(method, message, envelope)) else { return }
        }
    }

    /// Calls a method and asks for no answer, not even an error. Returns when the message is sent.
    ///
    /// - Parameter descriptors: sent along; they stay the caller's, and have to be open until the call returns.
    public mutating func oneway<M: Method>(
        _ method: M.Type, _ parameters: M.Parameters, descriptors: [Int32] = []
    ) throws(VarlinkError) {
        try send(method, parameters, flag: "oneway", descriptors)
    }

    private mutating func send<M: Method>(
        _ method: M.Type, _ parameters: M.Parameters, flag: String?, _ descriptors: [Int32]
    ) throws(VarlinkError) {
        guard !isAbandoned else { throw VarlinkError.unusable }
        try connection.send(try MessageCoding.call(M.name, parameters, flag: flag), descriptors: descriptors)
    }

    private mutating func receiveReply() throws(VarlinkError) -> Message {
        guard let message = try connection.receive() else { throw VarlinkError.closed }
        return message
    }

    private func answer<M: Method>(
        _ method: M.Type, _ message: consuming Message, _ envelope: Envelope
    ) throws(VarlinkError) -> Answer<M.Reply> {
        if let name = envelope.error {
            let parameters = envelope.parameters.map { Array(message.bytes[$0]) } ?? Array("{}".utf8)
            throw VarlinkError.remote(RemoteError(name: name, parameters: parameters))
        }
        let reply: M.Reply
        do {
            reply = try MessageCoding.decode(M.Reply.self, from: message.bytes, envelope.parameters)
        } catch {
            throw VarlinkError.notDecodable(method: M.name, reason: error)
        }
        return Answer(reply: reply, descriptors: message.descriptors)
    }
}
