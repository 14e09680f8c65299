import ModlinkInterface
import Posix
import ToolSupport

/// Prints the console of a space: what modules have printed, and what the daemon says about them.
enum ConsoleReader {
    /// - Parameters:
    ///   - follows: whether to go on as more comes.
    ///   - filter: which lines; with one, those of the older file come first.
    static func print(_ directory: RuntimeDirectory, follows: Bool, _ filter: ConsoleFilter) throws(Failure) {
        let path = directory.console
        var filter = filter
        if filter.isNeeded, let older = try? open(path + ".1") {
            try copy(older.descriptor, path + ".1", &filter)
        }
        var file = try open(path)
        while true {
            try copy(file.descriptor, path, &filter)
            guard follows else { return }
            // Watched before the last look, so nothing that comes in between is missed.
            let watch = try Failure.naming(path) { () throws(SystemError) in try FileWatch(path: path) }
            try copy(file.descriptor, path, &filter)
            _ = try Failure.naming(path) { () throws(SystemError) in try watch.wait() }
            // A console that has grown too long begins anew: the rest of the old one first.
            try copy(file.descriptor, path, &filter)
            if try isReplaced(file.descriptor, path) { file = try open(path) }
        }
    }

    private static func open(_ path: String) throws(Failure) -> SharedDescriptor {
        try Failure.naming(path, .unavailable) { () throws(SystemError) in SharedDescriptor(try File.open(path, .read))
        }
    }

    private static func copy(
        _ file: borrowing Descriptor, _ path: String, _ filter: inout ConsoleFilter
    ) throws(Failure) {
        while true {
            let bytes = try Failure.naming(path) { () throws(SystemError) in
                try File.readSome(file, maximum: 65536, name: path)
            }
            if bytes.isEmpty { return }
            ToolOutput.print(filter.take(bytes))
        }
    }

    private static func isReplaced(_ file: borrowing Descriptor, _ path: String) throws(Failure) -> Bool {
        let own = try Failure.naming(path) { () throws(SystemError) in try File.status(file, name: path) }
        guard let named = try? File.status(path: path) else { return false }
        return named.inode != own.inode || named.device != own.device
    }
}

/// Which lines of the console are wanted.
struct ConsoleFilter {
    /// What this module printed, and what the daemon says of it; nil: what all do.
    var module: String?
    /// What was printed then or later, a time as lines have it; nil: at any time.
    var since: String?
    /// The beginning of a line whose end has not come.
    private var rest: [UInt8] = []

    init(module: String?, since: String?) {
        self.module = module
        self.since = since
    }

    var isNeeded: Bool { module != nil || since != nil }

    /// Adds bytes, and returns the whole lines that are wanted.
    mutating func take(_ bytes: [UInt8]) -> [UInt8] {
        guard isNeeded else { return bytes }
        rest += bytes
        var wanted: [UInt8] = []
        var start = 0
        while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = rest[start...end]
            if let parts = ConsoleLine(line), module.map(parts.concerns) ?? true, since.map(parts.isSince) ?? true {
                wanted += line
            }
            start = end + 1
        }
        rest.removeFirst(start)
        return wanted
    }
}
