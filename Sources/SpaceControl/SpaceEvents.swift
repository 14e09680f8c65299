import Posix
import SpaceProtocol

/// Something that happened in a space outside of calls. A thread that has faulted stands still until it is released.
public enum SpaceEvent: Equatable, Sendable {
    /// A thread of a module raised a signal, or called exit(3). Released, it ends, and the space goes on.
    case threadFaulted(Fault)
    /// A thread of the space itself raised a signal. Released, or after some seconds, the space ends.
    case dying(Fault)
    /// A signal came to the process that no module handles, and that no module is known to have asked for. It had no effect.
    ///
    /// - Parameters:
    ///   - signal: its number, as the space's machine has it.
    ///   - sender: the process that sent it; nil when it was the space itself, or the kernel.
    case signalIgnored(_ signal: Int32, sender: Int32?)

    /// Where the thread was, when one stands still.
    public var fault: Fault? {
        switch self {
        case .threadFaulted(let fault), .dying(let fault): fault
        case .signalIgnored: nil
        }
    }
}

/// What comes over a space's connection for what happens by itself.
public enum SpaceMessage: Equatable, Sendable {
    /// Something has happened.
    case event(SpaceEvent)
    /// So many bytes that are not an event: a module has written them.
    case junk(Int)
}

/// What happens in a space by itself: for one thread to follow, whatever the space is being asked meanwhile.
public final class SpaceEvents: Sendable {
    private let socket: SharedDescriptor

    init(socket: consuming Descriptor) {
        self.socket = SharedDescriptor(socket)
    }

    /// A descriptor that is readable (``Poll``) when something has happened, or the space has ended.
    public var number: Int32 { socket.number }

    /// What comes next, waiting for it; nil when the space has ended, or a module has closed the connection.
    public func nextMessage() -> SpaceMessage? {
        let size = MemoryLayout<space_reply>.size + 1
        let packet: [UInt8]
        do throws(SystemError) {
            packet = try LocalSocket.receive(socket.descriptor, maximum: size, name: "space").bytes
        } catch {
            return error.code == ErrorCode.messageTooLong ? .junk(size) : nil
        }
        guard !packet.isEmpty else { return nil }
        guard let reply = parseReply(packet), let fault = Fault(reply.fault) else { return .junk(packet.count) }
        switch reply.kind {
        case SPACE_THREAD_FAULTED.rawValue: return .event(.threadFaulted(fault))
        case SPACE_DIED.rawValue: return .event(.dying(fault))
        case SPACE_SIGNAL_IGNORED.rawValue:
            return .event(.signalIgnored(fault.signal, sender: reply.process > 0 ? reply.process : nil))
        default: return .junk(packet.count)
        }
    }

    /// Lets the thread of an event end.
    public func release(_ event: SpaceEvent) {
        guard let fault = event.fault else { return }
        let release = space_release(thread: UInt32(bitPattern: fault.thread), reserved: 0)
        // A space that has ended needs none.
        try? LocalSocket.send(socket.descriptor, bytes(release), name: "space")
    }
}
