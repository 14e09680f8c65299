/// `org.varlink.service`, which every service offers: what it is, and which interfaces it has.
///
/// Source: varlink.org, Service.
public enum ServiceInterface {
    static let name = "org.varlink.service"

    /// Says what the service is.
    public enum GetInfo: Method {
        /// The qualified name.
        public static let name = "org.varlink.service.GetInfo"
        /// None.
        public typealias Parameters = Empty
        /// Who made what, and the names of its interfaces.
        public struct Reply: Codable, Sendable, Equatable {
            /// Who makes the product.
            public var vendor: String
            /// What the service is part of.
            public var product: String
            /// The product's version.
            public var version: String
            /// Where to read about it.
            public var url: String
            /// The names of the interfaces, `org.varlink.service` among them.
            public var interfaces: [String]
        }
    }

    /// Gives the text that describes an interface.
    public enum GetInterfaceDescription: Method {
        /// The qualified name.
        public static let name = "org.varlink.service.GetInterfaceDescription"
        /// Which interface.
        public struct Parameters: Codable, Sendable, Equatable {
            /// The interface's name.
            public var interface: String

            /// The interface of this name.
            public init(interface: String) {
                self.interface = interface
            }
        }
        /// The text.
        public struct Reply: Codable, Sendable, Equatable {
            /// The text, in the language of varlink.org, Interface Definition.
            public var description: String
        }
    }

    /// The service has no interface of this name.
    public struct InterfaceNotFound: Codable, Sendable, Equatable {
        /// The error's qualified name.
        public static let name = "org.varlink.service.InterfaceNotFound"
        /// The name that was asked for.
        public var interface: String
    }

    /// The interface has no method of this name.
    public struct MethodNotFound: Codable, Sendable, Equatable {
        /// The error's qualified name.
        public static let name = "org.varlink.service.MethodNotFound"
        /// The qualified name that was called.
        public var method: String
    }

    /// The interface has the method, but this service does not.
    public struct MethodNotImplemented: Codable, Sendable, Equatable {
        /// The error's qualified name.
        public static let name = "org.varlink.service.MethodNotImplemented"
        /// The qualified name that was called.
        public var method: String
    }

    /// A parameter is missing, of another type, or has a value that cannot be.
    public struct InvalidParameter: Codable, Sendable, Equatable {
        /// The error's qualified name.
        public static let name = "org.varlink.service.InvalidParameter"
        /// The parameter; a field inside one as a path, `modules[3].name`.
        public var parameter: String
    }

    static let text = """
        # What a service is, and which interfaces it has.
        interface org.varlink.service

        # Who makes which product in which version, where to read about it, and the names of all interfaces.
        method GetInfo() -> (
          vendor: string,
          product: string,
          version: string,
          url: string,
          interfaces: []string
        )

        # The text that describes an interface.
        method GetInterfaceDescription(interface: string) -> (description: string)

        # There is no interface of this name.
        error InterfaceNotFound (interface: string)

        # The interface has no method of this name.
        error MethodNotFound (method: string)

        # The interface has this method, but this service does not.
        error MethodNotImplemented (method: string)

        # This parameter is missing, of another type, or has a value that cannot be.
        error InvalidParameter (parameter: string)

        """
}
