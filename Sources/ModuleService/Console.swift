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
        var captured: [Int: Capture] = [:]
        /// How many captures there have been.
        var captures = 0
        /// The modules whose functions are under way, the one that was called last at the end.
        var speakers: [(number: Int, module: String)] = []
        var lastSpeaker = 0
        /// Whose line is not ended yet; nil at the beginning of a line.
        var openLine: String?

        /// Who is taken to have printed what comes. Of several functions at once the one that was called last: those before it wait,
        /// as a device does for input.
        var speaker: String { speakers.last?.module ?? ConsoleLine.unknown }
    }

    /// What was printed since somebody wanted it, or has taken it.
    private struct Capture {
        /// The number of this capture: those of the linker's thread follow one another.
        let generation: Int
        var bytes: [UInt8] = []
        /// How many bytes there was no room for.
        var lost = 0

        /// Takes what is there; without the beginning of a character whose end has not come, unless nothing comes any more.
        mutating func take(isLast: Bool) -> String {
            let count = isLast ? bytes.count : bytes.count - unfinishedCharacter(bytes)
            var text = String(decoding: bytes[..<count], as: UTF8.self)
            if lost > 0 { text += "\n[\(lost) more bytes are in the console only]\n" }
            bytes.removeFirst(count)
            lost = 0
            return text
        }
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
    /// - Returns: what ``takeCaptured(_:)`` knows the capture by.
    @discardableResult func beginCapture(_ number: Int = 0) -> Int {
        state.withLock { state in
            drain(&state)
            state.captures += 1
            state.captured[number] = Capture(generation: state.captures)
            return state.captures
        }
    }

    /// What was printed since `beginCapture` of the linker's thread, or since the last of these calls; empty when that capture is over.
    func takeCaptured(_ generation: Int) -> String {
        state.withLock { state in
            guard state.captured[0]?.generation == generation else { return "" }
            drain(&state)
            return state.captured[0]?.take(isLast: false) ?? ""
        }
    }

    /// A function of a module is called: what is printed from now on is taken for the module's.
    ///
    /// - Returns: the number for ``endSpeech(_:)``.
    func beginSpeech(_ module: String) -> Int {
        state.withLock { state in
            drain(&state)
            state.lastSpeaker += 1
            state.speakers.append((state.lastSpeaker, module))
            return state.lastSpeaker
        }
    }

    /// The function has returned.
    func endSpeech(_ number: Int) {
        state.withLock { state in
            drain(&state)
            state.speakers.removeAll { $0.number == number }
        }
    }

    /// What was printed since `beginCapture`, and has not been taken.
    func endCapture(_ number: Int = 0) -> String {
        state.withLock { state in
            drain(&state)
            var capture = state.captured.removeValue(forKey: number)
            return capture?.take(isLast: true) ?? ""
        }
    }

    /// Adds a line of the daemon's own, or several.
    public func note(_ line: String) {
        state.withLock { state in
            drain(&state)
            append(Array("\(printableLines(line))\n".utf8), by: ConsoleLine.daemon, to: &state)
        }
    }

    private func drain(_ state: inout State) {
        // What had been printed before is not more than the pipe holds: who prints without end keeps nobody here. An empty and
        // a broken pipe end it too: EAGAIN, or no bytes.
        var rest = Self.pipeCapacity
        while rest > 0, let bytes = try? File.readSome(reading.descriptor, maximum: rest, name: path), !bytes.isEmpty {
            rest -= bytes.count
            append(bytes, by: state.speaker, to: &state)
            for (number, captured) in state.captured {
                let kept = bytes.prefix(max(0, captureLimit - captured.bytes.count))
                state.captured[number]?.bytes.append(contentsOf: kept)
                state.captured[number]?.lost += bytes.count - kept.count
            }
        }
    }

    /// Adds what somebody has printed: each line with the time and the name.
    private func append(_ bytes: [UInt8], by speaker: String, to state: inout State) {
        if state.openLine != nil, state.openLine != speaker || state.size > sizeLimit {
            write([Self.newline], to: &state)
            state.openLine = nil
        }
        if state.size > sizeLimit, let file = try? beginAnew() {
            state.file = file
            state.size = 0
        }
        let head = ConsoleLine.head(milliseconds: WallClock.nanoseconds() / 1_000_000, speaker: speaker)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count + 4 * head.count)
        var rest = bytes[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: Self.newline).map { $0 + 1 } ?? rest.endIndex
            if state.openLine == nil { text += head }
            text += rest[..<end]
            state.openLine = rest[end - 1] == Self.newline ? nil : speaker
            rest = rest[end...]
        }
        write(text, to: &state)
    }

    private static let newline = UInt8(ascii: "\n")

    private func write(_ text: [UInt8], to state: inout State) {
        // A full disk loses what is printed, and nothing else.
        try? File.writeAll(state.file.descriptor, text, name: path)
        state.size += UInt64(text.count)
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

/// How many bytes at the end of a text in UTF-8 are the beginning of a character whose end is missing: 0 to 3.
private func unfinishedCharacter(_ bytes: [UInt8]) -> Int {
    for (distance, byte) in bytes.suffix(3).reversed().enumerated() where byte & 0xc0 != 0x80 {
        let length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
        return length > distance + 1 ? distance + 1 : 0
    }
    return 0
}
