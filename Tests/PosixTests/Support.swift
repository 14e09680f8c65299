import Glibc
import Posix
import Synchronization

/// The description of what the body throws, or "no error".
func message(_ body: () throws(SystemError) -> Void) -> String {
    do throws(SystemError) {
        try body()
        return "no error"
    } catch {
        return error.description
    }
}

/// The same for a body that does not throw at once: what this process closes, a child of another test still has open
/// from its fork to its exec. After a minute it is the body's result all the same.
func eventualMessage(unlike unwanted: String = "no error", _ body: () throws(SystemError) -> Void) -> String {
    let start = Clock.nanoseconds()
    while true {
        let text = message(body)
        if text != unwanted || Clock.nanoseconds() - start > 60_000_000_000 { return text }
        usleep(1000)
    }
}

/// Whether everyone has closed the other end of a pipe or socket from which there is nothing more to read; those who
/// are about to get ten seconds.
func isEnded(_ reader: borrowing Descriptor) throws(SystemError) -> Bool {
    guard try Poll.waitReadable(reader.number, timeout: 60_000) else { return false }
    return try File.readSome(reader, maximum: 1) == []
}

/// An empty directory for the body, removed afterwards with the files in it. Its path is short enough for sockets.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    var template = Array("/tmp/posix-tests-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
        throw SystemError(call: "mkdtemp", subject: "/tmp", code: errno)
    }
    let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer {
        for name in (try? File.list(directory)) ?? [] {
            unlink("\(directory)/\(name)")
            rmdir("\(directory)/\(name)")
        }
        rmdir(directory)
    }
    return try body(directory)
}

/// Makes a file with that content and returns its path.
func makeFile(_ path: String, _ bytes: [UInt8]) throws(SystemError) -> String {
    let file = try File.open(path, .write, create: .init(permissions: 0o600, truncate: true))
    try File.writeAll(file, bytes, name: path)
    return path
}

/// What a program writes to its standard output until it ends successfully.
func output(of executable: String, _ arguments: [String], environment: [String]? = nil, newSession: Bool = false)
    throws -> String
{
    let pipe = try DescriptorPair.pipe()
    let reader = pipe.first
    let writer = pipe.second
    let child = try ChildProcess.spawn(
        executable: executable, arguments: arguments, environment: environment,
        descriptors: [(writer.number, 1)], newSession: newSession)
    try writer.close()
    let bytes = try File.readAll(reader, limit: 1 << 20)
    let status = try child.wait()
    guard status == .exited(0) else {
        throw SystemError(call: "\(status)", subject: executable, code: 0)
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// Numbers of the descriptors that this process has open, without the one that looks.
func openDescriptors() throws -> [Int32] {
    try File.list("/proc/self/fd").compactMap(Int32.init).filter { fcntl($0, F_GETFD) >= 0 }.sorted()
}

/// Numbers of the descriptors that this process has open for the same file, pipe or socket as that one.
func openDescriptors(sameFileAs descriptor: borrowing Descriptor) throws -> [Int32] {
    var wanted = stat()
    guard fstat(descriptor.number, &wanted) == 0 else {
        throw SystemError(call: "fstat", subject: "descriptor \(descriptor.number)", code: errno)
    }
    return try openDescriptors().filter {
        var status = stat()
        return fstat($0, &status) == 0 && status.st_dev == wanted.st_dev && status.st_ino == wanted.st_ino
    }
}

/// Lets a signal interrupt the calling thread's system calls: its handler asks for no restart.
func letSignalInterrupt(_ number: Int32) {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
        interruptions.bitwiseOr(1 << UInt64(number), ordering: .relaxed)
    }
    sigaction(number, &action, nil)
    // The threads that run tests have signals blocked, and those that they start inherit that.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, number)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
}

/// Whether the handler of ``letSignalInterrupt(_:)`` has run for that signal.
func hasInterrupted(_ number: Int32) -> Bool {
    interruptions.load(ordering: .relaxed) & 1 << UInt64(number) != 0
}

private let interruptions = Atomic<UInt64>(0)
