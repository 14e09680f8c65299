import Logging
import ModlinkInterface
import Posix
import Varlink

/// Serves the descriptor of an open device, on a thread of its own.
struct DeviceServer: Sendable {
    let service: ModuleService
    /// The number of the device among those that are open.
    let number: Int
    /// How it was opened.
    let flags: Int32
    /// Who has opened it. Others may have the descriptor from them.
    let peer: LocalSocket.Credentials
    let socket: SharedDescriptor

    /// Answers until the client closes the device, or has gone; then the device is closed.
    func serve() {
        var position: UInt64 = 0
        var isOpen = true
        while isOpen, let request = next() {
            let reply = answer(request, &position)
            do throws(SystemError) {
                try LocalSocket.send(socket.descriptor, reply.packet, name: "device")
            } catch {
                break
            }
            // A close that came to nothing, because the client had no time for it, is made up for below.
            isOpen = request.request?.operation != .close
        }
        // Nothing to do when that has been done.
        _ = service.use(number, .close, position: 0, for: socket.number, by: caller("close"))
    }

    private func caller(_ operation: String) -> CrashRequest {
        CrashRequest("\(operation) of a device", of: nil, peer)
    }

    /// A packet of the client's; nothing in it when it is none that can be answered otherwise than by an error.
    private struct Packet {
        var request: DeviceRequest?
        var error = ErrorCode.invalidArgument
    }

    /// Nil when the client has gone.
    private func next() -> Packet? {
        do throws(SystemError) {
            let packet = try LocalSocket.receive(
                socket.descriptor, maximum: DeviceRequest.headerSize + DeviceRequest.dataLimit, name: "device"
            ).bytes
            return packet.isEmpty ? nil : Packet(request: DeviceRequest(packet: packet))
        } catch {
            return error.code == ErrorCode.messageTooLong ? Packet(request: nil, error: error.code) : nil
        }
    }

    private func answer(_ packet: Packet, _ position: inout UInt64) -> DeviceReply {
        guard let request = packet.request else { return DeviceReply(error: packet.error) }
        let needed: Int =
            switch request.operation {
            case .read: OpenDeviceMethod.readFlag
            case .write: OpenDeviceMethod.writeFlag
            case .ioctl, .ioctlValue, .close: 0
            }
        guard Int(flags) & needed == needed else { return DeviceReply(error: ErrorCode.badDescriptor) }
        let reply = service.use(
            number, request, position: position, for: socket.number, by: caller("\(request.operation)"))
        // What an ioctl returns is not a length.
        if needed != 0 { position &+= UInt64(max(reply.result, 0)) }
        return reply
    }
}

extension ModuleService {
    /// The methods for what modules have registered.
    var deviceHandlers: [MethodHandler] {
        [
            MethodHandler(SystemCallMethod.self) { [self] (parameters, context) throws(MethodError) in
                try answering { () throws(Failure) in
                    try requireOwner(context.peer)
                    try refuseFromWithin(context.peer)
                    let space = try runningSpace(parameters.space)
                    let caller = CrashRequest("SystemCall", of: nil, context.peer)
                    return try perform(for: context.socketNumber, by: caller) { (service) throws(Failure) in
                        try service.systemCall(parameters, in: space)
                    }
                }
            },
            MethodHandler(OpenDeviceMethod.self) { [self] (parameters, context) throws(MethodError) in
                try answering { () throws(Failure) in
                    try requireOwner(context.peer)
                    try refuseFromWithin(context.peer)
                    return try open(parameters, &context)
                }
            },
        ]
    }

    private func open(
        _ parameters: OpenDeviceMethod.Parameters, _ context: inout CallContext<OpenDeviceMethod>
    ) throws(Failure) -> OpenDeviceMethod.Reply {
        let ours: SharedDescriptor
        let theirs: Descriptor
        do throws(SystemError) {
            let pair = try LocalSocket.pair(kind: .sequencedPacket)
            theirs = pair.second
            ours = SharedDescriptor(pair.first)
        } catch {
            throw .refused(error.name, parameters.device, "\(error)")
        }
        let peer = context.peer
        let owner = ModuleOwner(process: Int(peer.process), user: Int(peer.user))
        let caller = CrashRequest("OpenDevice", of: parameters.device, peer)
        let number = try perform(for: context.socketNumber, by: caller) { (service) throws(Failure) in
            try service.prepareDevice(parameters, owner: owner)
        }
        let opened = try openDevice(number, for: context.socketNumber, by: caller)
        let server = DeviceServer(
            service: self, number: opened.number, flags: opened.target.flags, peer: peer, socket: ours)
        do throws(SystemError) {
            try Threads.start(name: "device-\(opened.number)") { server.serve() }
        } catch {
            _ = use(number, .close, position: 0, for: context.socketNumber, by: caller)
            throw .refused(error.name, parameters.device, "\(error)")
        }
        return OpenDeviceMethod.Reply(
            descriptor: context.attach(theirs), module: opened.module, major: opened.target.entry.slot,
            output: opened.output)
    }
}
