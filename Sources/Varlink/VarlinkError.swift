import Posix

/// Why a message could not be sent, received or understood, or what the other end answered instead of a reply.
public enum VarlinkError: Error, Equatable {
    /// A system call failed.
    case transport(SystemError)
    /// The peer closed the connection before it answered, or before it took what was sent.
    case closed
    /// An earlier error, or replies that nobody waited for, left the connection in the middle of something.
    case unusable
    /// The connection ended inside a message, of which this many bytes had come.
    case closedInsideMessage(byteCount: Int)
    /// A message, of which this many bytes are known, is longer than ``Connection/maximumMessageSize``.
    case messageTooLong(byteCount: Int)
    /// More descriptors than ``Connection/maximumDescriptorCount`` belong to one message.
    case tooManyDescriptors(count: Int)
    /// The message is not what the protocol asks for at this offset, in bytes from its start.
    case malformed(offset: Int, expected: String)
    /// The value of parameters or reply cannot be written as a JSON object.
    case notEncodable(method: String, reason: JSONFault)
    /// The reply to the method is JSON, and not of the type that the method declares.
    case notDecodable(method: String, reason: JSONFault)
    /// One reply was asked for, and the peer announced more.
    case unexpectedContinuation(method: String)
    /// The peer answered with an error.
    case remote(RemoteError)
}

extension VarlinkError: CustomStringConvertible {
    /// One line for people.
    public var description: String {
        switch self {
        case .transport(let error): "varlink connection: \(error)"
        case .closed: "varlink connection: the peer closed it"
        case .unusable: "varlink connection: an earlier call on it failed or was given up: connect again"
        case .closedInsideMessage(let count):
            "varlink connection: the peer closed it inside a message, after \(count) bytes of it"
        case .messageTooLong(let count):
            "varlink message: \(count) bytes: a message has at most \(Connection.maximumMessageSize)"
        case .tooManyDescriptors(let count):
            "varlink message: \(count) descriptors: a message carries at most \(Connection.maximumDescriptorCount)"
        case .malformed(let offset, let expected): "varlink message: byte \(offset): expected \(expected)"
        case .notEncodable(let method, let reason): "\(method): parameters: \(reason)"
        case .notDecodable(let method, let reason): "\(method): reply: \(reason)"
        case .unexpectedContinuation(let method):
            "\(method): reply: the peer announced more replies than were asked for"
        case .remote(let error): "\(error)"
        }
    }
}

/// An error that the peer answered a call with.
public struct RemoteError: Error, Equatable {
    /// The qualified name, such as `org.varlink.service.MethodNotFound`.
    public let name: String
    /// The error's parameters: the text of a JSON object. `{}` where the message had none.
    public let parameters: [UInt8]

    /// The parameters as a value.
    ///
    /// - Throws: ``VarlinkError/notDecodable(method:reason:)`` with the error's name as the method, when they are not
    ///   of this type.
    public func decode<Parameters: Decodable>(_ type: Parameters.Type) throws(VarlinkError) -> Parameters {
        do {
            return try MessageCoding.decode(type, from: parameters, parameters.indices)
        } catch {
            throw VarlinkError.notDecodable(method: name, reason: error)
        }
    }
}

extension RemoteError: CustomStringConvertible {
    /// Name and parameters on one line, without characters that a terminal would act on.
    public var description: String {
        var line = ""
        for scalar in "\(name): \(String(decoding: parameters, as: UTF8.self))".unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                line += "\\u{\(String(scalar.value, radix: 16))}"
            default: line.unicodeScalars.append(scalar)
            }
        }
        return line
    }
}
