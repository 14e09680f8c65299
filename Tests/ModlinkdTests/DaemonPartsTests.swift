import Logging
import ModlinkInterface
import Posix
import TestSupport
import Testing

@testable import modlinkd

@Suite struct LogTests {
    /// 2026-11-21 08:47:05 UTC.
    private static let time: Int64 = 1_795_250_825

    private func line(_ message: String, _ level: Logger.Level, _ style: Log.Style) -> String {
        Log.line(message, level, style, seconds: Self.time)
    }

    @Test("on a terminal a line has the program's name and the level")
    func plain() {
        #expect(line("ending", .info, .plain) == "modlinkd: info: ending\n")
    }

    @Test("in a file a line has the time in UTC and the level")
    func dated() {
        #expect(line("gurka: no", .warning, .dated) == "2026-11-21T08:47:05Z warning: gurka: no\n")
    }

    @Test(
        "for journald a line has the number of syslog(3)",
        arguments: zip(Logger.Level.allCases, [7, 7, 6, 5, 4, 3, 2]))
    func journal(_ level: Logger.Level, _ number: Int) {
        #expect(line("ending", level, .journal) == "<\(number)>ending\n")
    }

    @Test("a message of several lines is one line", arguments: ["a\nb", "a\r\nb", "\na\n\nb\n", "a\u{2028}b"])
    func severalLines(_ message: String) {
        #expect(line(message, .info, .journal) == "<6>a b\n")
    }

    @Test("a level below that of the logger is left out, and what is logged is appended to the file")
    func file() throws {
        let scratch = try ScratchDirectory()
        let path = try scratch.write("log", Array("before\n".utf8))
        let logger = Log.start(level: .notice, file: try Log.open(path))
        logger.info("less")
        logger.notice("enough")
        let lines = String(decoding: try scratch.read("log"), as: UTF8.self).split(separator: "\n")
        try #require(lines.count == 2)
        #expect(lines[0] == "before")
        #expect(lines[1].hasSuffix("Z notice: enough"))
    }
}

@Suite struct ListeningSocketTests {
    private let scratch: ScratchDirectory
    private var directory: RuntimeDirectory { RuntimeDirectory(path: scratch.path) }

    init() throws {
        scratch = try ScratchDirectory()
    }

    /// Whether nobody holds the lock that keeps others from starting a daemon.
    private func isUnlocked() throws -> Bool {
        let file = try File.open(directory.lock, .readWrite)
        return try File.lock(file, exclusive: true, wait: false)
    }

    @Test("a socket is made under the lock, which goes when the daemon is ready")
    func lock() throws {
        let socket = try ListeningSocket.open(directory, isPassedByTool: false)
        try #expect(!isUnlocked())
        socket.letOthersStart()
        try #expect(isUnlocked())
        let client = try LocalSocket.connect(directory.socket)
        #expect(client.number >= 0)
        _ = try socket.accept()
    }

    @Test("a socket that nobody listens on any more is replaced")
    func stale() throws {
        try LocalSocket.listen(directory.socket, backlog: 1).close()
        let socket = try ListeningSocket.open(directory, isPassedByTool: false)
        _ = try LocalSocket.connect(directory.socket)
        _ = try socket.accept()
    }

    @Test("a second daemon is refused, and the first one's socket stays")
    func second() throws {
        let socket = try ListeningSocket.open(directory, isPassedByTool: false)
        socket.letOthersStart()
        #expect(
            throws: Failure(
                .systemFailure, subject: directory.socket,
                reason: "a daemon is running already; end it with 'modlinkd --stop'")
        ) { _ = try ListeningSocket.open(directory, isPassedByTool: false) }
        _ = try LocalSocket.connect(directory.socket)
    }

    @Test("own files are removed, and the lock is held until the daemon lets go of it")
    func remove() throws {
        let socket = try ListeningSocket.open(directory, isPassedByTool: false)
        try File.writeAtomically(directory.process, [], permissions: 0o600)
        let files = try OwnFiles(directory, ownsSocket: socket.isOwn)
        socket.letOthersStart()
        #expect(files.loss == nil && files.isInPlace)
        var lock = files.lock()
        #expect(lock != nil)
        files.remove()
        try #expect(File.list(scratch.path) == ["lock"])
        try #expect(!isUnlocked())
        lock = nil
        try #expect(isUnlocked())
    }

    @Test("a socket that somebody else listens on afterwards is not removed, nor is its end a loss")
    func passedSocket() throws {
        let socket = try ListeningSocket.open(directory, isPassedByTool: false)
        try File.writeAtomically(directory.process, [], permissions: 0o600)
        let files = try OwnFiles(directory, ownsSocket: false)
        files.remove()
        try #expect(File.list(scratch.path) == ["lock", "socket"])
        try File.remove(directory.socket)
        #expect(files.loss == nil)
        #expect(socket.number >= 0)
    }

    @Test("a lock that another holds is not waited for without end")
    func lockIsHeld() throws {
        let socket = try ListeningSocket.open(directory, isPassedByTool: false)
        try File.writeAtomically(directory.process, [], permissions: 0o600)
        let files = try OwnFiles(directory, ownsSocket: socket.isOwn)
        #expect(files.lock() == nil)
    }

    @Test("a passed descriptor that is no listening socket is refused", arguments: [false, true])
    func passed(isSocket: Bool) throws {
        let own = try CurrentProcess.executable()
        let folder = own.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        let pair = try LocalSocket.pair()
        let null = try File.open("/dev/null", .readWrite)
        let result = try RunningTool(
            executable: folder + "/modlinkd", ["--foreground"],
            environment: Tool.englishEnvironment(["MODLINK_RUNTIME_DIR": scratch.path, "LISTEN_FDS": "1"]),
            descriptors: [(isSocket ? pair.first.number : null.number, 3)], passesListenProcess: true
        ).wait(seconds: 20)
        #expect(
            result == .failed(1, "modlinkd: LISTEN_FDS: descriptor 3 is no socket that somebody listens on\n"))
        #expect(pair.second.number >= 0)
    }
}
