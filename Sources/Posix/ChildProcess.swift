import CPosix
import Glibc
import Synchronization

/// How a process ended (waitpid(2)).
public enum ExitStatus: Equatable, Sendable, CustomStringConvertible {
    /// By itself, with a status of 0 to 255.
    case exited(Int32)
    /// By a signal, whether or not it dumped core.
    case signaled(Int32)

    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .exited((waitStatus >> 8) & 0xff) : .signaled(signal)
    }

    /// `exited with status 1`, `ended by SIGSEGV`.
    public var description: String {
        switch self {
        case .exited(let status): "exited with status \(status)"
        case .signaled(let number): "ended by \(signalName(number))"
        }
    }
}

/// A process that this one started, or knows by its number.
public struct ChildProcess: Equatable, Sendable {
    /// The process number.
    public let process: Int32
    /// Those that this process has started and not waited for.
    static let started = Mutex<Set<Int32>>([])

    /// A process by its number. One that is not this process's child can be signalled, and not waited for.
    public init(process: Int32) {
        self.process = process
    }

    /// Starts a program: fork(2), execve(2).
    ///
    /// It has the default action for every signal and none blocked, and of this process's descriptors 0, 1, 2 and the
    /// targets alone.
    /// - Parameters:
    ///   - executable: a path; PATH is not searched. It is the first argument as well.
    ///   - arguments: those after the first.
    ///   - environment: `NAME=value` each; nil is this process's own.
    ///   - descriptors: which descriptor of this process becomes which number in the child. They may overlap.
    ///   - newSession: the child leads a session of its own, without a terminal (setsid(2)).
    ///   - passesListenProcess: LISTEN_PID in the child's environment is the child's own number, as sd_listen_fds(3) wants.
    /// - Throws: what the child could not do, on the subject of the executable: `execve`, `dup2` or `setsid`.
    public static func spawn(
        executable: String, arguments: [String] = [], environment: [String]? = nil,
        descriptors: [(source: Int32, target: Int32)] = [], newSession: Bool = false, passesListenProcess: Bool = false
    ) throws(SystemError) -> ChildProcess {
        var variables = environment ?? Environment.all()
        if passesListenProcess {
            variables.removeAll { $0.hasPrefix(listenProcess) }
            // The child writes its number there: as many digits as an Int32 has, and a NUL.
            variables.append(listenProcess + String(repeating: "0", count: 10))
        }
        for text in [executable] + arguments + variables { try refuseNUL(in: text, call: "execve") }
        for pair in descriptors where pair.source < 0 || pair.target < 0 {
            let subject = "\(executable): descriptor \(pair.source) as \(pair.target)"
            throw SystemError(call: "dup2", subject: subject, code: EBADF)
        }

        let pipe = try DescriptorPair.pipe()
        let failures = pipe.first
        let child = try fork(
            executable, arguments, variables, descriptors, newSession: newSession,
            passesListenProcess: passesListenProcess, failures: pipe.second)
        let message = try File.readSome(failures, maximum: MemoryLayout<cposix_spawn_failure>.size, name: executable)
        guard message.count == MemoryLayout<cposix_spawn_failure>.size else { return child }
        _ = try child.wait()
        let failure = message.span.bytes.unsafeLoadUnaligned(as: cposix_spawn_failure.self)
        throw SystemError(call: callName(ofStep: failure.step), subject: executable, code: failure.code)
    }

    /// Starts a program with an environment by name; see
    /// ``spawn(executable:arguments:environment:descriptors:newSession:passesListenProcess:)-(_,_,[String]?,_,_,_)``.
    public static func spawn(
        executable: String, arguments: [String] = [], environment: [String: String],
        descriptors: [(source: Int32, target: Int32)] = [], newSession: Bool = false, passesListenProcess: Bool = false
    ) throws(SystemError) -> ChildProcess {
        try spawn(
            executable: executable, arguments: arguments,
            environment: environment.map { "\($0.key)=\($0.value)" }.sorted(),
            descriptors: descriptors, newSession: newSession, passesListenProcess: passesListenProcess)
    }

    private static let listenProcess = "LISTEN_PID="

    private static func callName(ofStep step: Int32) -> String {
        switch UInt32(bitPattern: step) {
        case CPOSIX_STEP_DESCRIPTORS.rawValue: "dup2"
        case CPOSIX_STEP_SESSION.rawValue: "setsid"
        case CPOSIX_STEP_SIGNALS.rawValue: "sigprocmask"
        default: "execve"
        }
    }

    /// Notes the process that a closure starts, before anybody can take it for one that was started elsewhere.
    private static func starting(_ body: () throws(SystemError) -> Int32) throws(SystemError) -> Int32 {
        let result = started.withLock { started -> Result<Int32, SystemError> in
            do throws(SystemError) {
                let process = try body()
                started.insert(process)
                return .success(process)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// The parent's side of the fork. Afterwards the child alone can write to the pipe, so that its exec ends that.
    private static func fork(
        _ executable: String, _ arguments: [String], _ variables: [String],
        _ descriptors: [(source: Int32, target: Int32)], newSession: Bool, passesListenProcess: Bool,
        failures: consuming Descriptor
    ) throws(SystemError) -> ChildProcess {
        let argumentStrings = CStrings([executable] + arguments)
        let variableStrings = CStrings(variables)
        let sources = descriptors.map(\.source)
        let targets = descriptors.map(\.target)
        let failureNumber = failures.number
        let process = try starting { () throws(SystemError) in
            try systemCall("fork", on: executable) {
                sources.withUnsafeBufferPointer { sources in
                    targets.withUnsafeBufferPointer { targets in
                        var request = cposix_spawn_request()
                        request.executable = UnsafePointer(argumentStrings.pointers[0])
                        request.arguments = UnsafePointer(argumentStrings.pointers.baseAddress)
                        request.environment = UnsafePointer(variableStrings.pointers.baseAddress)
                        request.sources = sources.baseAddress
                        request.targets = targets.baseAddress
                        request.descriptor_count = sources.count
                        request.new_session = newSession ? 1 : 0
                        request.failure_descriptor = failureNumber
                        if passesListenProcess, let last = variableStrings.pointers[variables.count - 1] {
                            request.process_number = last + listenProcess.utf8.count
                        }
                        return cposix_spawn(&request)
                    }
                }
            }
        }
        // Here and not sooner: the child must find it open.
        _ = consume failures
        return ChildProcess(process: process)
    }
}

extension ChildProcess {
    /// Waits until the process has ended (waitpid(2)). Whoever waits first gets the status; then it is ECHILD.
    public func wait() throws(SystemError) -> ExitStatus {
        var status: Int32 = 0
        _ = try systemCall("waitpid", on: "process \(process)") { waitpid(process, &status, 0) }
        Self.started.withLock { _ = $0.remove(process) }
        return ExitStatus(waitStatus: status)
    }

    /// How the process ended; nil while it runs.
    public func waitIfEnded() throws(SystemError) -> ExitStatus? {
        var status: Int32 = 0
        let ended = try systemCall("waitpid", on: "process \(process)") { waitpid(process, &status, WNOHANG) }
        if ended == 0 { return nil }
        Self.started.withLock { _ = $0.remove(process) }
        return ExitStatus(waitStatus: status)
    }

    /// Waits until a process that has been sent SIGKILL has ended, so long at the most (milliseconds); nil when it has not.
    ///
    /// - Parameter descriptor: that of ``processDescriptor()``.
    public func waitForEnd(
        _ descriptor: borrowing Descriptor, milliseconds: Int
    ) throws(SystemError) -> ExitStatus? {
        let deadline = Deadline(milliseconds: milliseconds)
        while try !Poll.waitReadable(descriptor.number, timeout: min(milliseconds, 20)) {
            // One that has asked to be traced (PTRACE_TRACEME) is this process's to take note of, before its process can end.
            for thread in (try? ProcessFiles.threads(of: process)) ?? [] where thread != process {
                cposix_bury_thread(thread)
            }
            if deadline.hasPassed { return nil }
        }
        return try wait()
    }

    /// Sends a signal (kill(2)); number 0 only asks whether the process is there. ESRCH when it is not.
    public func signal(_ number: Int32) throws(SystemError) {
        // Other numbers mean groups of processes, and -1 all there are.
        guard process > 0 else {
            throw SystemError(call: "kill", subject: "process \(process)", code: ESRCH)
        }
        _ = try systemCall("kill", on: "process \(process)") { kill(process, number) }
    }

    /// A descriptor of the process, close-on-exec, that ``Poll`` finds readable once it has ended (pidfd_open(2)).
    public func processDescriptor() throws(SystemError) -> Descriptor {
        Descriptor(
            owning: try systemCall("pidfd_open", on: "process \(process)") { cposix_process_descriptor(process) })
    }
}

/// A NULL-terminated array of C strings.
private struct CStrings: ~Copyable {
    let pointers: UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>

    init(_ texts: [String]) {
        let strings: [UnsafeMutablePointer<CChar>?] = texts.map { text in
            let bytes = Array(text.utf8CString)
            let place = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
            place.initialize(from: bytes, count: bytes.count)
            return place
        }
        pointers = .allocate(capacity: strings.count + 1)
        _ = pointers.initialize(from: strings + [nil])
    }

    deinit {
        for pointer in pointers { pointer?.deallocate() }
        pointers.deallocate()
    }
}
