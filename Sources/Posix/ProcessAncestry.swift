/// Who started whom (proc(5)).
public enum ProcessAncestry {
    /// The process that started this one, or took it over when that had ended; nil when it is not there or must not be looked at.
    public static func parent(of process: Int32) -> Int32? {
        guard let status = try? File.read(path: "/proc/\(process)/stat", limit: 4096) else { return nil }
        // `number (name) state parent`: the name may contain anything, parentheses too.
        guard let end = status.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = status[end...].dropFirst().split(separator: UInt8(ascii: " "))
        return fields.count > 1 ? Int32(String(decoding: fields[1], as: UTF8.self)) : nil
    }

    /// The processes that a process has started, or taken over from one that had ended, and that have not been waited for.
    public static func children(of process: Int32) -> [Int32] {
        let processes = ((try? File.list("/proc")) ?? []).compactMap { Int32($0) }
        return processes.filter { parent(of: $0) == process }
    }

    /// Whether a process is another one, or was started by it, be it by way of others that still run.
    public static func isWithin(_ process: Int32, _ ancestor: Int32) -> Bool {
        var current = process
        // Numbers are used again while this looks: a limit, so that it ends all the same.
        for _ in 0..<1000 {
            if current == ancestor { return true }
            guard current > 1, let parent = parent(of: current) else { return false }
            current = parent
        }
        return false
    }
}
