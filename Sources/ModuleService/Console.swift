import ModlinkInterface
import Posix
import Synchronization

/// Where a space's standard output and error go: a file that one can read back, and the answer to who made a module speak.
///
/// The space writes into a pipe. Whoever finds bytes in it, the thread that waits for descriptors or the one that has just
/// made a call, drains it under the lock, so the order is that of the pipe.
public final class Console: Sendable {
    /// What the space is given as its standard output and error.
    public let writing: SharedDescriptor
    private let reading: SharedDescriptor
    private let path: String
    private let state: Mutex<State>

    /// The file begins anew when it is longer than that; one older file is kept.
    private static let sizeLimit: UInt64 = 4 << 20
    /// More than this of what modules print does not fit an answer; the console has it all.
    private static let captureLimit = 1 << 20

    private static let chunk = 64 << 10
    private static let pipeLimit = 1 << 20

    private struct State {
        var file: SharedDescriptor
        var size: UInt64
        var captured: [UInt8]?
    }

    /// Opens the console of a runtime directory.
    public init(_ directory: RuntimeDirectory) throws(SystemError) {
        let pipe = try DescriptorPair.pipe()
        let reading = try pipe.first.duplicate()
        let writing = try pipe.second.duplicate()
        try reading.setNonblocking(true)
        self.reading = SharedDescriptor(reading)
        self.writing = SharedDescriptor(writing)
        path = directory.console
        let file = try Self.open(path)
        state = Mutex(State(file: file, size: try File.status(file.descriptor, name: path).size))
    }

    /// The descriptor that is readable when something has been printed.
    public var number: Int32 { reading.number }

    /// Takes what has been printed so far to the file.
    public func drain() {
        state.withLock { drain(&$0) }
    }

    /// Keeps what is printed from now on for `endCapture`.
    func beginCapture() {
        state.withLock { state in
            drain(&state)
            state.captured = []
        }
    }

    /// What was printed since `beginCapture`.
    func endCapture() -> String {
        state.withLock { state in
            drain(&state)
            defer { state.captured = nil }
            return String(decoding: state.captured ?? [], as: UTF8.self)
        }
    }

    /// Adds a line of the daemon's own.
    public func note(_ line: String) {
        state.withLock { state in
            drain(&state)
            append(Array("modlinkd: \(line)\n".utf8), to: &state)
        }
    }

    private func drain(_ state: inout State) {
        // An empty or a broken pipe ends it alike: EAGAIN, or no bytes. Whoever prints without end must not keep this thread:
        // what was in the pipe when it began is all that is asked for, and no pipe holds more than that (pipe(7)).
        for _ in 0..<Self.pipeLimit / Self.chunk {
            guard let bytes = try? File.readSome(reading.descriptor, maximum: Self.chunk, name: path), !bytes.isEmpty
            else { return }
            append(bytes, to: &state)
            if let captured = state.captured {
                state.captured?.append(contentsOf: bytes.prefix(max(0, Self.captureLimit - captured.count)))
            }
        }
    }

    private func append(_ bytes: [UInt8], to state: inout State) {
        if state.size > Self.sizeLimit {
            try? File.rename(path, to: path + ".1")
            if let file = try? Self.open(path) {
                state.file = file
                state.size = 0
            }
        }
        // A full disk loses what is printed, and nothing else.
        try? File.writeAll(state.file.descriptor, bytes, name: path)
        state.size += UInt64(bytes.count)
    }

    private static func open(_ path: String) throws(SystemError) -> SharedDescriptor {
        SharedDescriptor(try File.open(path, .append, create: File.CreateMode(permissions: 0o600)))
    }
}
