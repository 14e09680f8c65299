import ModlinkInterface
import Posix
import TestSupport
import Varlink

extension Session {
    /// A connection to the daemon, which runs.
    func client() throws -> Client { try Client.connect(to: runtime + "/socket") }

    /// Starts a part of the program of devices that ends when it is ended.
    func startDevices(_ part: String) throws -> RunningTool {
        try makeProgram("devices")
        return try RunningTool(
            executable: "/usr/bin/env", ["-C", path, "\(path)/devices", part], environment: environment())
    }
}

/// A device that is open for a client.
final class OpenedDevice {
    let reply: OpenDeviceMethod.Reply
    private let descriptor: SharedDescriptor

    init(_ session: Session, _ parameters: OpenDeviceMethod.Parameters) throws {
        var client = try session.client()
        var answer = try client.call(OpenDeviceMethod.self, parameters)
        reply = answer.reply
        guard let descriptor = answer.descriptors.take(answer.reply.descriptor) else {
            throw ToolFailure(description: "the device's descriptor did not come")
        }
        self.descriptor = SharedDescriptor(descriptor)
    }

    func ask(_ request: DeviceRequest) throws -> DeviceReply? { try ask(packet: request.packet) }

    func ask(packet: [UInt8]) throws -> DeviceReply? {
        try LocalSocket.send(descriptor.descriptor, packet)
        return try receiveReply()
    }

    /// Asks for something, and does not wait for it.
    func send(_ request: DeviceRequest) throws { try LocalSocket.send(descriptor.descriptor, request.packet) }

    func receiveReply() throws -> DeviceReply? { DeviceReply(packet: try receive()) }

    /// Whether the daemon has ended the connection.
    var hasEnded: Bool {
        get throws { try receive().isEmpty }
    }

    private func receive() throws -> [UInt8] {
        try LocalSocket.receive(descriptor.descriptor, maximum: 1 << 17).bytes
    }
}
