import Posix
import SpaceProtocol
import Synchronization

/// Ends what a space is being asked, from another thread than the one that waits for the answer.
public final class Interrupter: Sendable {
    private let socket: SharedDescriptor
    /// The number of the request that is under way, 0 between requests.
    private let current = Mutex<UInt32>(0)

    init(socket: SharedDescriptor) {
        self.socket = socket
    }

    func begin(_ sequence: UInt32) {
        current.withLock { $0 = sequence }
    }

    func end() {
        current.withLock { $0 = 0 }
    }

    /// Ends the functions that are being called: whoever asked gets ``SpaceError/timedOut(_:_:)`` within a quarter of a second.
    ///
    /// - Returns: false, and nothing happens, when nothing is being asked just now.
    public func interrupt() throws(SystemError) -> Bool {
        let sequence = current.withLock { $0 }
        guard sequence != 0 else { return false }
        var request = packet(SPACE_INTERRUPT)
        request.address = UInt64(sequence)
        try LocalSocket.send(socket.descriptor, bytes(request), name: "space")
        return true
    }
}
