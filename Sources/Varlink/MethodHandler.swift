import Posix

/// What a service does at a call of one method.
public struct MethodHandler: Sendable {
    /// The method's qualified name.
    public let name: String

    let answer: @Sendable (consuming IncomingCall) throws(VarlinkError) -> Void

    /// A handler that is given the decoded parameters and returns the reply. Handlers of different connections may run
    /// at the same time.
    ///
    /// When the parameters are not of the method's type the handler is not called; the peer is answered
    /// `org.varlink.service.InvalidParameter` with the first field that does not fit.
    ///
    /// - Parameter handle: throws a ``MethodError`` to answer with an error.
    public init<M: Method>(
        _ method: M.Type,
        _ handle: @escaping @Sendable (M.Parameters, inout CallContext<M>) throws(MethodError) -> M.Reply
    ) {
        name = M.name
        answer = { (call) throws(VarlinkError) in
            let parameters: M.Parameters
            do throws(JSONFault) {
                parameters = try MessageCoding.decode(M.Parameters.self, from: call.message, call.envelope.parameters)
            } catch {
                let field = error.field.isEmpty ? "parameters" : error.field
                return try call.replies.fail(.invalidParameter(field))
            }
            let replies = call.replies
            var context = CallContext<M>(call)
            let reply: M.Reply
            do throws(MethodError) {
                reply = try handle(parameters, &context)
            } catch {
                return try replies.fail(error)
            }
            try replies.send(reply, to: M.name, continues: false, context.takeAttachments())
        }
    }
}

/// A call on its way to its handler.
struct IncomingCall: ~Copyable {
    let message: [UInt8]
    let envelope: Envelope
    let peer: LocalSocket.Credentials
    let replies: ReplySender
    var descriptors: Descriptors
    let connection: Int
}

/// Sends what a call is answered with; nothing, for a call that asked for no answer.
struct ReplySender {
    let socket: MessageSocket
    let isOneway: Bool

    func send(
        _ reply: some Encodable, to method: String, continues: Bool, _ attachments: consuming Descriptors
    ) throws(VarlinkError) {
        guard !isOneway else { return }
        let message = try MessageCoding.reply(reply, to: method, continues: continues)
        try socket.send(message, descriptors: attachments.numbers)
    }

    func fail(_ error: MethodError) throws(VarlinkError) {
        switch error.cause {
        case .connection(let error): throw error
        case .declared(let name, let parameters):
            guard !isOneway else { return }
            try socket.send(try MessageCoding.error(name, parameters), descriptors: [])
        }
    }
}

/// What a handler knows of its call besides the parameters, and what it can do besides returning a reply.
public struct CallContext<M: Method>: ~Copyable {
    /// Who calls, as the kernel saw them when they connected.
    public let peer: LocalSocket.Credentials
    /// The descriptors that came with the call. Those that the handler does not take are closed when it returns.
    public var descriptors: Descriptors
    /// Whether the caller takes several replies. Without it ``reply(_:)`` fails.
    public let wantsMore: Bool

    /// What the service was told to know the connection by: see ``Service/serve(_:number:)``.
    public let connection: Int

    private let replies: ReplySender
    private var attachments = Descriptors()

    init(_ call: consuming IncomingCall) {
        peer = call.peer
        wantsMore = call.envelope.more == true && !call.replies.isOneway
        replies = call.replies
        connection = call.connection
        descriptors = call.descriptors
    }

    /// The number of the connection's socket, to find out with poll(2) whether the caller has gone.
    public var socketNumber: Int32 { replies.socket.descriptor.number }

    /// Adds a descriptor to the next reply, which closes it here when it is sent.
    ///
    /// - Returns: the index by which the reply's fields name it.
    public mutating func attach(_ descriptor: consuming Descriptor) -> Int {
        attachments.append(descriptor)
    }

    /// Sends a reply after which others follow; what the handler returns is the last.
    ///
    /// - Throws: what the handler has to throw on. `org.varlink.service.InvalidParameter` with the parameter `more` when
    ///   the caller takes only one reply.
    public mutating func reply(_ reply: M.Reply) throws(MethodError) {
        guard wantsMore else { throw MethodError.invalidParameter("more") }
        do {
            try replies.send(reply, to: M.name, continues: true, takeAttachments())
        } catch {
            throw MethodError(error)
        }
    }

    mutating func takeAttachments() -> Descriptors {
        attachments.takeAll()
    }
}
