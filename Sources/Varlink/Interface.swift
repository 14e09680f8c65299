/// An interface that a service offers: its description, and a handler for each method.
public struct Interface: Sendable {
    /// What the text says.
    public let description: InterfaceDescription
    /// By unqualified name.
    let handlers: [String: MethodHandler]

    /// Why description and handlers do not make an interface.
    public enum Fault: Error, Equatable, CustomStringConvertible {
        /// The text is no description.
        case description(InterfaceDescriptionError)
        /// There is a handler for a method that the interface does not describe.
        case undescribedMethod(String, interface: String)
        /// There are two handlers for this method.
        case duplicateHandler(String)
        /// A service was given two interfaces of this name; it makes `org.varlink.service` itself.
        case duplicateInterface(String)

        /// One line for people.
        public var description: String {
            switch self {
            case .description(let error): "\(error)"
            case .undescribedMethod(let method, let interface):
                "\(method): a handler for a method that the description of \(interface) does not have"
            case .duplicateHandler(let method): "\(method): two handlers for one method"
            case .duplicateInterface(let name): "\(name): two interfaces of one name"
            }
        }
    }

    /// An interface of this description. A call of a method that it describes and that has no handler is answered
    /// `org.varlink.service.MethodNotImplemented`.
    ///
    /// - Parameter text: the description, in the language of varlink.org, Interface Definition.
    public init(_ text: String, methods: [MethodHandler]) throws(Fault) {
        let description: InterfaceDescription
        do {
            description = try InterfaceDescription.parse(text)
        } catch {
            throw Fault.description(error)
        }
        var handlers: [String: MethodHandler] = [:]
        for handler in methods {
            guard let method = description.methods.first(where: { "\(description.name).\($0.name)" == handler.name })
            else { throw Fault.undescribedMethod(handler.name, interface: description.name) }
            guard handlers.updateValue(handler, forKey: method.name) == nil else {
                throw Fault.duplicateHandler(handler.name)
            }
        }
        self.description = description
        self.handlers = handlers
    }
}
