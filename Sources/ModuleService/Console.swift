import ModlinkInterface
import ObjectModel
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
    private let sizeLimit: UInt64
    private let captureLimit: Int
    private let state: Mutex<State>

    /// What a pipe holds at the most (pipe(7)).
    private static let pipeCapacity = 65536

    private struct State {
        var file: SharedDescriptor
        var size: UInt64
        /// What is kept for those who want it, by their numbers.
        var captured: [Int: [UInt8]] = [:]
    }

    /// Opens the console of a runtime directory.
    ///
    /// - Parameters:
    ///   - sizeLimit: bytes; the file begins anew when it is longer than that, and one older file is kept.
    ///   - captureLimit: bytes; more of what modules print does not fit an answer. The console has it all.
    public init(
        _ directory: RuntimeDirectory, sizeLimit: UInt64 = 4 << 20, captureLimit: Int = 1 << 20
    ) throws(SystemError) {
        let pipe = try DescriptorPair.pipe()
        reading = SharedDescriptor(pipe.first)
        writing = SharedDescriptor(pipe.second)
        try reading.descriptor.setNonblocking(true)
        self.sizeLimit = sizeLimit
        self.captureLimit = captureLimit
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
    ///
    /// - Parameter number: of the opening of a device; 0 is the linker's thread.
    func beginCapture(_ number: Int = 0) {
        state.withLock { state in
            drain(&state)
            state.captured[number] = []
        }
    }

    /// What was printed since `beginCapture`.
    func endCapture(_ number: Int = 0) -> String {
        state.withLock { state in
            drain(&state)
            return String(decoding: state.captured.removeValue(forKey: number) ?? [], as: UTF8.self)
        }
    }

    /// Adds a line of the daemon's own.
    public func note(_ line: String) {
        state.withLock { state in
            drain(&state)
            append(Array("modlinkd: \(printableLines(line))\n".utf8), to: &state)
        }
    }

    private func drain(_ state: inout State) {
        // What had been printed before is not more than the pipe holds: who prints without end keeps nobody here. An empty and
        // a broken pipe end it too: EAGAIN, or no bytes.
        var rest = Self.pipeCapacity
        while rest > 0, let bytes = try? File.readSome(reading.descriptor, maximum: rest, name: path), !bytes.isEmpty {
            rest -= bytes.count
            append(bytes, to: &state)
            for (number, captured) in state.captured {
                state.captured[number]?.append(contentsOf: bytes.prefix(max(0, captureLimit - captured.count)))
            }
        }
    }

    private func append(_ bytes: [UInt8], to state: inout State) {
        if state.size > sizeLimit, let file = try? beginAnew() {
            state.file = file
            state.size = 0
        }
        // A full disk loses what is printed, and nothing else.
        try? File.writeAll(state.file.descriptor, bytes, name: path)
        state.size += UInt64(bytes.count)
    }

    /// Keeps the file as the older one. There is a file of the name at every instant: readers come at any time.
    private func beginAnew() throws(SystemError) -> SharedDescriptor {
        let new = path + ".new"
        try? File.remove(new)
        let file = try Self.open(new)
        try? File.remove(path + ".1")
        try File.link(path, to: path + ".1")
        try File.rename(new, to: path)
        return file
    }

    private static func open(_ path: String) throws(SystemError) -> SharedDescriptor {
        SharedDescriptor(try File.open(path, .append, create: File.CreateMode(permissions: 0o600)))
    }
}
