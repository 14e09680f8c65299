import Posix
import SpaceProtocol
import Synchronization

/// Ends what a space is being asked, from another thread than the one that waits for the answer.
public final class Interrupter: Sendable {
    private let socket: SharedDescriptor
    private let current = Mutex<Current>(Current())

    private struct Current {
        /// The number of the request that is under way, 0 between requests.
        var sequence: UInt32 = 0
        /// Whether it has been interrupted.
        var isInterrupted = false
    }

    init(socket: SharedDescriptor) {
        self.socket = socket
    }

    func begin(_ sequence: UInt32) {
        current.withLock { $0 = Current(sequence: sequence) }
    }

    func end() {
        current.withLock { $0 = Current() }
    }

    /// Whether the request that is under way has been interrupted.
    var isInterrupted: Bool { current.withLock { $0.isInterrupted } }

    /// Ends the functions that are being called: whoever asked gets ``SpaceError/timedOut(_:_:)`` within a quarter of a second.
    ///
    /// - Returns: false, and nothing happens, when nothing is being asked just now.
    public func interrupt() throws(SystemError) -> Bool {
        let sequence = current.withLock { current in
            current.isInterrupted = true
            return current.sequence
        }
        guard sequence != 0 else { return false }
        var request = packet(SPACE_INTERRUPT)
        request.address = UInt64(sequence)
        try LocalSocket.send(socket.descriptor, bytes(request), name: "space")
        return true
    }
}
