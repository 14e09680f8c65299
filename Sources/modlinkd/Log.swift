import FoundationEssentials
import Logging
import Posix

/// Where the daemon's log goes: to standard error; in the background that is a file. journald gets the level in front of each line in its
/// own way (sd-daemon(3)), and knows the time by itself.
struct Log: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info
    private let style: Style
    /// Where the lines go; nil is standard error.
    private let file: SharedDescriptor?

    enum Style {
        /// For people who look on.
        case plain
        /// For a file that is read later.
        case dated
        /// `<6>`: the numbers of syslog(3).
        case journal
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// The logger of the daemon: to a file when there is one, else to standard error.
    static func start(level: Logger.Level, file: SharedDescriptor?) -> Logger {
        let style: Style = file != nil ? .dated : isJournal ? .journal : File.isTerminal(2) ? .plain : .dated
        var logger = Logger(label: "modlinkd", factory: { _ in Log(style: style, file: file) })
        logger.logLevel = level
        return logger
    }

    private init(style: Style, file: SharedDescriptor?) {
        self.style = style
        self.file = file
    }

    /// The file of a daemon in the background.
    static func open(_ path: String) throws(SystemError) -> SharedDescriptor {
        SharedDescriptor(try File.open(path, .append, create: File.CreateMode(permissions: 0o600)))
    }

    /// Whether standard error is journald's socket: its device and inode are those that JOURNAL_STREAM names.
    private static var isJournal: Bool {
        guard let stream = Environment.value("JOURNAL_STREAM"), let own = try? Standard.error.status()
        else { return false }
        return stream == "\(own.device):\(own.inode)"
    }

    func log(event: LogEvent) {
        let line = Self.line("\(event.message)", event.level, style, seconds: WallClock.seconds())
        if let file {
            try? File.writeAll(file.descriptor, Array(line.utf8))
        } else {
            try? Standard.error.write(line)
        }
    }

    /// A message as a line. What would break the line is a space: the rest of it would pass for another message.
    ///
    /// - Parameter seconds: when it was said, since 1970, UTC.
    static func line(_ message: String, _ level: Logger.Level, _ style: Style, seconds: Int64) -> String {
        let text = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        switch style {
        case .plain: return "modlinkd: \(level.rawValue): \(text)\n"
        case .dated:
            let time = Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
            return "\(time) \(level.rawValue): \(text)\n"
        case .journal: return "<\(priority(level))>\(text)\n"
        }
    }

    /// The numbers of syslog(3).
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
