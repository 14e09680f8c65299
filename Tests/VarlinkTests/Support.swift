import Posix
import Testing

@testable import Varlink

/// Two connected ends. A receive that waits for ten seconds fails: a test must not hang.
struct Ends: ~Copyable {
    var near: Connection
    let far: Descriptor

    init() throws {
        let pair = try LocalSocket.pair()
        try LocalSocket.setReceiveTimeout(pair.first, seconds: 60)
        try LocalSocket.setReceiveTimeout(pair.second, seconds: 60)
        near = Connection(pair.first)
        far = pair.second
    }

    /// Sends bytes as they are to the near end.
    func sendFar(_ text: String, descriptors: [Int32] = []) throws {
        try LocalSocket.send(far, Array(text.utf8), descriptors: descriptors)
    }

    /// What the near end receives next, which has to be a message.
    mutating func receiveMessage() throws -> Message {
        guard let message = try near.receive() else { throw VarlinkError.closed }
        return message
    }

    /// What the near end receives next, as text.
    mutating func receiveText() throws(VarlinkError) -> String? {
        guard let message = try near.receive() else { return nil }
        return String(decoding: message.bytes, as: UTF8.self)
    }
}

/// The near end of a connection whose far end a service answers, on a thread of its own.
struct Served: ~Copyable {
    let connection: Connection
    /// Fulfilled when the service has let go of the connection; with the error, if there was one.
    let end = Promise<VarlinkError?>()

    init(_ service: Service) throws {
        connection = try Self.connect(service, end)
    }

    private static func connect(_ service: Service, _ end: Promise<VarlinkError?>) throws -> Connection {
        let pair = try LocalSocket.pair()
        try LocalSocket.setReceiveTimeout(pair.first, seconds: 60)
        let number = pair.second.release()
        try Threads.start(name: "service", stackSize: Threads.minimumStackSize) {
            do throws(VarlinkError) {
                try service.serve(Connection(Descriptor(owning: number)))
                end.fulfil(nil)
            } catch {
                end.fulfil(error)
            }
        }
        return Connection(pair.first)
    }
}

/// A client whose peer has sent its answers before they were asked for, and reads nothing.
struct Scripted: ~Copyable {
    var client: Client
    /// Open as long as the client is: sending to a peer that has gone fails.
    let far: Descriptor

    init(_ answers: String..., ends: Bool = false) throws {
        let pair = try LocalSocket.pair()
        try LocalSocket.setReceiveTimeout(pair.first, seconds: 60)
        for answer in answers { try LocalSocket.send(pair.second, Array((answer + "\0").utf8)) }
        if ends { try LocalSocket.shutdown(pair.second, .send) }
        client = Client(Connection(pair.first))
        far = pair.second
    }
}

/// A client of the example service.
func exampleClient() throws -> Client {
    let served = try Served(Example.service())
    return Client(served.connection)
}

/// The error that the body throws.
func error(of body: () throws(VarlinkError) -> Void) -> VarlinkError? {
    do {
        try body()
        return nil
    } catch {
        return error
    }
}

/// Everything that comes out of a pipe until its last writer closes it.
func readAll(_ descriptor: borrowing Descriptor) throws -> String {
    String(decoding: try File.readAll(descriptor, limit: 1 << 20), as: UTF8.self)
}
