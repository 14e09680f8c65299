import Posix
import Synchronization

/// The connections that are open: so that those who wait for an answer get it before the daemon goes.
final class Connections: Sendable {
    private let open = Mutex<[Int: SharedDescriptor]>([:])
    private let nextNumber = Atomic<Int>(0)
    /// Raised whenever a connection has ended.
    private let ending: EventDescriptor

    /// How long the last answers may take: a client need not read them.
    private static let patience: UInt64 = 1_000_000_000

    init() throws(SystemError) {
        ending = try EventDescriptor()
    }

    /// Enters a connection; returns its number here.
    func add(_ connection: borrowing Descriptor) throws(SystemError) -> Int {
        let number = nextNumber.add(1, ordering: .relaxed).newValue
        let copy = SharedDescriptor(try connection.duplicate())
        open.withLock { $0[number] = copy }
        return number
    }

    /// A connection has ended.
    func remove(_ number: Int) {
        open.withLock { $0[number] = nil }
        ending.signal()
    }

    /// Takes no more calls, and waits until those that came have been answered.
    func end() {
        for descriptor in open.withLock({ Array($0.values) }) {
            try? LocalSocket.shutdown(descriptor.descriptor, .receive)
        }
        let start = Clock.nanoseconds()
        while !open.withLock(\.isEmpty), Clock.nanoseconds() - start < Self.patience {
            _ = try? Poll.waitReadable(ending.number, timeout: 100)
            ending.clear()
        }
    }
}
