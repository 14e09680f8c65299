import Posix

/// What can be asked of a space, as errors name it.
public enum SpaceRequest: String, Equatable, Sendable {
    case start
    case map
    case mapFlat = "map flat"
    case fill
    case unmap
    case call
    case callArray = "call array"
    case resolve
    case read
    case write
    case register = "register with debugger"
    case registerFrames = "register frames"
    case unregisterFrames = "unregister frames"
    case fillThreads = "fill threads"
    case pendingDestructors = "pending destructors"
    case finishThread = "finish thread"
    case introduce
    case findEntry = "find entry"
    case systemCall = "system call"
    case device
    case connect
    case listThreads = "list threads"
    case endThread = "end thread"
    case descriptors
    case release
    case exit
}

/// How a space ended.
public struct Death: Equatable, Sendable, CustomStringConvertible {
    /// What waitpid(2) says.
    public let status: ExitStatus
    /// Where a thread that was in no call faulted, if that was the cause and the space could still say so.
    public let fault: Fault?
    /// Why the daemon has ended it; nil when it ended by itself.
    public var cause: Cause?

    /// What was wrong with a space that the daemon has ended.
    public enum Cause: Equatable, Sendable, CustomStringConvertible {
        /// Another program runs in its process.
        case replaced(String)
        /// Something else than the space wrote to its connection, or closed it.
        case damaged(String)
        /// A signal stopped it, and it did not go on.
        case stopped
        /// It did not answer.
        case silent

        /// `was replaced by the program /bin/sleep (execve)`.
        public var description: String {
            switch self {
            case .replaced(let program): "was replaced by the program \(program) (execve)"
            case .damaged(let how): "was killed: its control connection was damaged (\(how))"
            case .stopped: "was killed: stopped (SIGSTOP), it did not go on"
            case .silent: "was killed: it did not answer"
            }
        }
    }

    /// `ended by SIGSEGV (SIGSEGV at 0x10000040, address 0x0)`, `exited with status 7`.
    public var description: String {
        if let cause { return cause.description }
        let cause = fault.map { " (\($0))" } ?? ""
        return "\(status)\(cause)"
    }
}

/// Why a space did not do what it was asked.
public enum SpaceError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A system call of this process failed.
    case system(SystemError)
    /// The space answered with a number of errno(3), and has changed nothing.
    case refused(SpaceRequest, Int32)
    /// A function raised a signal, or called exit(3). The space goes on.
    case faulted(SpaceRequest, Fault)
    /// A function was not back in time. It has been stopped where the fault says; nil: it stays in a system call that no signal ends, and
    /// goes on.
    case timedOut(SpaceRequest, Fault?)
    /// A function ended its thread (pthread_exit(3)) instead of returning.
    case threadEnded(SpaceRequest)
    /// A module has written over what the space notes of the thread of its call, which is left to itself.
    case damaged(SpaceRequest)
    /// The space's process has ended: now, or some time before this request.
    case died(SpaceRequest, Death)
    /// What came is not what SpaceProtocol.h describes. The process has been killed.
    case protocolViolation(SpaceRequest, String)

    /// The description without the subject `space`, for messages that have it already.
    public var reason: String {
        let text = description
        return text.hasPrefix("space: ") ? String(text.dropFirst("space: ".count)) : text
    }

    /// `space: map: file exists (EEXIST)`.
    public var description: String {
        switch self {
        case .system(let error):
            "\(error)"
        case .refused(let request, let code):
            "\(SystemError(call: request.rawValue, subject: "space", code: code))"
        case .faulted(let request, let fault):
            "space: \(request.rawValue): \(fault)"
        case .timedOut(let request, let fault?):
            "space: \(request.rawValue): not back in time; stopped at \(hexadecimal(fault.instructionPointer))"
                + (fault.index.map { ", element \($0)" } ?? "")
        case .timedOut(let request, nil):
            "space: \(request.rawValue): not back in time; cannot be stopped, since no signal ends what it waits for"
        case .threadEnded(let request):
            "space: \(request.rawValue): ended its thread instead of returning"
        case .damaged(let request):
            "space: \(request.rawValue): data of the space's own has been overwritten"
        case .died(let request, let death):
            "space: \(request.rawValue): process \(death)"
        case .protocolViolation(let request, let reason):
            "space: \(request.rawValue): \(reason)"
        }
    }
}

extension SpaceError {
    /// The same error of a request that was one of several, with the index of the whole.
    func shifted(by offset: Int) -> SpaceError {
        switch self {
        case .faulted(let request, let fault): .faulted(request, fault.shifted(by: offset))
        case .timedOut(let request, let fault): .timedOut(request, fault?.shifted(by: offset))
        default: self
        }
    }
}
