import ModlinkInterface
import Posix
import ToolSupport
import Varlink

/// `modlinkd --stop`: ends the daemon of a runtime directory in whatever state it is, within a bounded time.
struct Stopping {
    private let directory: RuntimeDirectory

    /// How many seconds the daemon may take to answer: it may only just be starting.
    private static let answerSeconds = 10.0
    /// How many milliseconds the daemon may take to end once it has answered.
    private static let endMilliseconds = 10_000
    /// The same for a process that has been killed.
    private static let killMilliseconds = 5_000
    /// How often it is looked whether somebody who starts a daemon, or ends one, is done; and how long between, in milliseconds.
    private static let looks = 200
    private static let pause = 50

    /// Ends the daemon, and waits until it has ended.
    static func run(_ directory: RuntimeDirectory) throws(Failure) {
        try Stopping(directory: directory).run()
    }

    private func run() throws(Failure) {
        guard var client = try connect() else {
            ToolOutput.print("modlinkd: the daemon was ending already, and has ended\n")
            return
        }
        // While this is open the number is no other process's.
        let daemon = knownProcess.flatMap(open)
        do throws(VarlinkError) {
            try client.callMany(StopMethod.self, Empty()) { answer in
                answer.reply.events?.forEach { ToolOutput.print("modlinkd: \($0)\n") }
                return true
            }
        } catch {
            switch error {
            case .remote(let remote):
                // A daemon of another version does not know the call; each knows the signal.
                guard remote.name.hasPrefix("org.varlink.service."), let daemon else {
                    throw DaemonConnection.failure(error, directory)
                }
                try? daemon.process.signal(15)
            // It has ended before it could answer.
            case .closed: break
            default:
                guard let daemon else { throw Failure(error) }
                return try kill(daemon, "has not answered for \(Int(Self.answerSeconds)) seconds")
            }
        }
        guard let daemon else { return }
        if !hasEnded(daemon, within: Self.endMilliseconds) {
            try kill(daemon, "has not ended after \(Self.endMilliseconds / 1000) seconds")
        }
    }

    /// A client of the daemon; nil when the daemon ended by itself meanwhile.
    private func connect() throws(Failure) -> Client? {
        var isChanging = false
        var problem: Failure
        var looks = Self.looks
        repeat {
            do throws(Failure) {
                return try DaemonConnection.open(directory, starts: false, answersWithin: Self.answerSeconds)
            } catch {
                problem = error
            }
            // Somebody starts a daemon, or one is ending: both hold the lock.
            guard problem.kind == .unavailable, let lock = try? File.open(directory.lock, .readWrite),
                (try? File.lock(lock, exclusive: true, wait: false)) == false
            else { break }
            isChanging = true
            looks -= 1
            var nothing: [PollEntry] = []
            _ = try? Poll.wait(&nothing, timeout: Self.pause)
        } while looks > 0
        guard isChanging, looks > 0, problem.kind == .unavailable else { throw problem }
        return nil
    }

    /// The process that the daemon has noted in the runtime directory.
    private var knownProcess: ChildProcess? {
        guard let text = try? File.read(path: directory.process, limit: 64),
            let number = Int32(String(decoding: text.filter { $0 != UInt8(ascii: "\n") }, as: UTF8.self)),
            ProcessFiles.programName(of: number) == "modlinkd"
        else { return nil }
        return ChildProcess(process: number)
    }

    private struct Daemon {
        let process: ChildProcess
        let ended: SharedDescriptor
    }

    private func open(_ process: ChildProcess) -> Daemon? {
        guard let ended = try? SharedDescriptor(process.processDescriptor()) else { return nil }
        return Daemon(process: process, ended: ended)
    }

    private func hasEnded(_ daemon: Daemon, within milliseconds: Int) -> Bool {
        (try? Poll.waitReadable(daemon.ended.number, timeout: milliseconds)) == true
    }

    /// Ends a daemon that does not listen, with its spaces, and takes away what it leaves.
    private func kill(_ daemon: Daemon, _ reason: String) throws(Failure) {
        let number = daemon.process.process
        let children = ProcessAncestry.children(of: number)
        try? daemon.process.signal(9)
        guard hasEnded(daemon, within: Self.killMilliseconds) else {
            throw Failure(
                .systemFailure, subject: "modlinkd",
                reason: "process \(number) \(reason), and cannot be killed: look at /proc/\(number)/stack")
        }
        for child in children where ProcessFiles.programName(of: child)?.hasPrefix("modspace") == true {
            try? ChildProcess(process: child).signal(9)
        }
        if let lock = try? File.open(directory.lock, .readWrite),
            (try? File.lock(lock, exclusive: true, wait: false)) == true, KilledDaemon(directory)?.process == number
        {
            OwnFiles(left: directory)?.remove()
        }
        ToolOutput.print("modlinkd: process \(number) \(reason): it was killed, and its spaces with it\n")
    }
}
