import Glibc

/// A range of a process's memory, as /proc/PID/maps has it (proc(5)).
public struct MemoryMapping: Sendable, Equatable {
    /// Its addresses: whole pages.
    public let range: Range<UInt64>
    /// Whether it can be read, written and executed.
    public let isReadable: Bool
    /// See `isReadable`.
    public let isWritable: Bool
    /// See `isReadable`.
    public let isExecutable: Bool
    /// Where its first byte lies in the file, if there is a file.
    public let fileOffset: UInt64
    /// The file's inode; 0 when there is no file behind it.
    public let inode: UInt64
    /// The file's path, or a name in brackets such as `[stack]`; empty when it has none.
    public let name: String

    /// A line of the file; nil when it is none.
    init?(line: Substring) {
        // address perms offset dev inode pathname
        let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
        guard fields.count >= 5 else { return nil }
        let bounds = fields[0].split(separator: "-")
        guard bounds.count == 2, let start = UInt64(bounds[0], radix: 16), let end = UInt64(bounds[1], radix: 16),
            start <= end, let offset = UInt64(fields[2], radix: 16), let inode = UInt64(fields[4])
        else { return nil }
        range = start..<end
        isReadable = fields[1].contains("r")
        isWritable = fields[1].contains("w")
        isExecutable = fields[1].contains("x")
        fileOffset = offset
        self.inode = inode
        name = fields.count > 5 ? String(fields[5].drop { $0 == " " }) : ""
    }
}

/// What the kernel says of a process in files (proc(5)).
public enum ProcessFiles {
    /// The numbers of its threads, in ascending order.
    public static func threads(of process: Int32) throws(SystemError) -> [Int32] {
        try File.list("/proc/\(process)/task").compactMap { Int32($0) }.sorted()
    }

    /// Its memory, in ascending order.
    public static func mappings(of process: Int32) throws(SystemError) -> [MemoryMapping] {
        let text = String(decoding: try File.read(path: "/proc/\(process)/maps", limit: 1 << 28), as: UTF8.self)
        return text.split(separator: "\n").compactMap(MemoryMapping.init)
    }

    /// Its auxiliary vector: words of its machine, as the kernel has put them on its stack (getauxval(3)).
    public static func auxiliaryVector(of process: Int32) throws(SystemError) -> [UInt8] {
        try File.read(path: "/proc/\(process)/auxv", limit: 1 << 16)
    }

    /// Whether it is there and has not ended: one that nobody has waited for yet has.
    public static func isRunning(_ process: Int32) -> Bool {
        guard let status = try? File.read(path: "/proc/\(process)/stat", limit: 4096),
            // `number (name) state`: the name may contain anything, parentheses too.
            let end = status.lastIndex(of: UInt8(ascii: ")"))
        else { return false }
        let state = status[end...].dropFirst(2).first
        return state != nil && state != UInt8(ascii: "Z") && state != UInt8(ascii: "X")
    }

    /// Whether some process runs a program that is named so, or so and a version, as `perf_6.1`.
    public static func isRunning(programNamed name: String) -> Bool {
        let processes = (try? File.list("/proc")) ?? []
        return processes.contains { process in
            guard process.utf8.first.map({ (0x31...0x39).contains($0) }) == true,
                let found = try? File.read(path: "/proc/\(process)/comm", limit: 64)
            else { return false }
            let text = String(decoding: found, as: UTF8.self)
            return text == name + "\n" || text.hasPrefix(name + "_")
        }
    }

    /// The name of the program that it runs, at most 15 bytes; nil when it has gone.
    public static func programName(of process: Int32) -> String? {
        guard let name = try? File.read(path: "/proc/\(process)/comm", limit: 4096) else { return nil }
        return String(decoding: name.prefix { $0 != 10 }, as: UTF8.self)
    }

    /// The path of the program that it runs; ` (deleted)` follows it when the file has gone.
    public static func executable(of process: Int32) throws(SystemError) -> String {
        try File.readLink("/proc/\(process)/exe")
    }
}
