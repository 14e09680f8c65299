import Posix

/// The answering end: a set of interfaces, and what handles a connection to them.
public struct Service: Sendable {
    private let interfaces: [String: Interface]

    /// A service with these interfaces, and `org.varlink.service` besides.
    ///
    /// - Parameters:
    ///   - vendor: who makes the product.
    ///   - product: what the service is part of.
    ///   - version: the product's version.
    ///   - url: where to read about it.
    ///   - interfaces: in the order in which `GetInfo` is to list them.
    /// - Throws: ``Interface/Fault/duplicateInterface(_:)``.
    public init(
        vendor: String, product: String, version: String, url: String, interfaces: [Interface]
    ) throws(Interface.Fault) {
        let info = ServiceInterface.GetInfo.Reply(
            vendor: vendor, product: product, version: version, url: url,
            interfaces: [ServiceInterface.name] + interfaces.map(\.description.name))
        var texts = [ServiceInterface.name: ServiceInterface.text]
        for interface in interfaces {
            let (name, text) = (interface.description.name, interface.description.text)
            guard texts.updateValue(text, forKey: name) == nil else { throw Interface.Fault.duplicateInterface(name) }
        }
        let own = try Interface(ServiceInterface.text, methods: Self.handlers(info, texts))
        self.interfaces = Dictionary(uniqueKeysWithValues: ([own] + interfaces).map { ($0.description.name, $0) })
    }

    private static func handlers(
        _ info: ServiceInterface.GetInfo.Reply, _ texts: [String: String]
    ) -> [MethodHandler] {
        [
            MethodHandler(ServiceInterface.GetInfo.self) { _, _ in info },
            MethodHandler(ServiceInterface.GetInterfaceDescription.self) { parameters, _ throws(MethodError) in
                guard let text = texts[parameters.interface] else {
                    throw Self.interfaceNotFound(parameters.interface)
                }
                return ServiceInterface.GetInterfaceDescription.Reply(description: text)
            },
        ]
    }

    /// Answers the calls of one connection, one after the other, until its peer ends it. Blocks.
    ///
    /// - Parameter number: what handlers know the connection by.
    /// - Throws: why the connection had to be given up: a message that is no call, a transport that failed, a reply that
    ///   could not be sent. The peer sees it closed. Nothing but this connection is affected.
    public func serve(_ connection: consuming Connection, number: Int = 0) throws(VarlinkError) {
        do {
            let peer = try connection.peerCredentials()
            while let message = try connection.receive() {
                try answer(message, connection.socket, peer, number)
            }
        } catch .closed {
            // Went away without waiting for its answer: its right.
        }
    }

    private func answer(
        _ message: consuming Message, _ socket: MessageSocket, _ peer: LocalSocket.Credentials, _ number: Int
    ) throws(VarlinkError) {
        let envelope = try Envelope(message.bytes)
        guard let method = envelope.method else {
            throw VarlinkError.malformed(offset: 0, expected: "a call, which has a field 'method'")
        }
        let replies = ReplySender(socket: socket, isOneway: envelope.oneway == true)
        let handler: MethodHandler
        do throws(MethodError) {
            // Nobody here speaks another protocol than Varlink, and a reply would mean that from now on both do.
            if envelope.upgrade == true { throw MethodError.invalidParameter("upgrade") }
            handler = try self.handler(of: method)
        } catch {
            return try replies.fail(error)
        }
        try handler.answer(
            IncomingCall(
                message: message.bytes, envelope: envelope, peer: peer, replies: replies,
                descriptors: message.descriptors, connection: number))
    }

    private func handler(of method: String) throws(MethodError) -> MethodHandler {
        // A name without a dot names no method of any interface.
        let dot = method.lastIndex(of: ".") ?? method.endIndex
        let name = String(method[dot...].dropFirst())
        guard let interface = interfaces[String(method[..<dot])] else {
            throw Self.interfaceNotFound(String(method[..<dot]))
        }
        if let handler = interface.handlers[name] { return handler }
        guard interface.description.method(named: name) == nil else {
            throw MethodError(
                ServiceInterface.MethodNotImplemented.name,
                parameters: ServiceInterface.MethodNotImplemented(method: method))
        }
        throw MethodError(
            ServiceInterface.MethodNotFound.name, parameters: ServiceInterface.MethodNotFound(method: method))
    }

    private static func interfaceNotFound(_ interface: String) -> MethodError {
        MethodError(
            ServiceInterface.InterfaceNotFound.name,
            parameters: ServiceInterface.InterfaceNotFound(interface: interface))
    }
}
