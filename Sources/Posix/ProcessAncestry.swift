import Glibc

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

    /// The processes that a process has started, or taken over from one that had ended; those that have ended and are not waited for yet
    /// are among them.
    public static func children(of process: Int32) -> [Int32] {
        let threads = (try? ProcessFiles.threads(of: process)) ?? []
        return threads.flatMap { thread -> [Int32] in
            let text = try? File.read(path: "/proc/\(process)/task/\(thread)/children", limit: 1 << 24)
            return (text ?? []).split(separator: UInt8(ascii: " ")).compactMap {
                Int32(String(decoding: $0, as: UTF8.self))
            }
        }
    }

    /// The processes that a process has started, be it by way of others that still run.
    public static func descendants(of process: Int32) -> [Int32] {
        var all: [Int32] = []
        var next = [process]
        // Numbers are used again while this looks.
        var known = Set(next)
        while let parent = next.popLast() {
            let children = children(of: parent).filter { known.insert($0).inserted }
            all += children
            next += children
        }
        return all
    }

    /// The session that a process is in (getsid(2)); nil when it is not there.
    public static func session(of process: Int32) -> Int32? {
        let session = getsid(process)
        return session < 0 ? nil : session
    }
}
