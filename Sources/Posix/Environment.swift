import CPosix
import Glibc

/// The variables of this process (environ(7)).
public enum Environment {
    /// The value of a variable; nil when there is none of that name. Bytes that are not UTF-8 become U+FFFD.
    public static func value(_ name: String) -> String? {
        guard !name.utf8.contains(0), let text = getenv(name) else { return nil }
        return String(cString: text)
    }

    /// All variables, `NAME=value` each, in the order in which the process has them.
    public static func all() -> [String] {
        var variables: [String] = []
        guard var place = cposix_environment() else { return [] }
        while let text = place.pointee {
            variables.append(String(cString: text))
            place += 1
        }
        return variables
    }

    /// Sets a variable, or removes it where the value is nil. Only while the process has one thread: others may be reading.
    ///
    /// EINVAL for a name that is empty or has `=` in it.
    public static func set(_ name: String, _ value: String?) throws(SystemError) {
        try refuseNUL(in: name, call: "setenv")
        if let value {
            try refuseNUL(in: value, call: "setenv")
            _ = try systemCall("setenv", on: name) { setenv(name, value, 1) }
        } else {
            _ = try systemCall("unsetenv", on: name) { unsetenv(name) }
        }
    }
}

/// The user on whose behalf this process acts.
public enum User {
    /// The effective user (geteuid(2)); 0 is root.
    public static var effective: UInt32 { geteuid() }
}

/// This process.
public enum CurrentProcess {
    /// The process number (getpid(2)).
    public static var number: Int32 { getpid() }

    /// The path of the program that runs here (/proc/self/exe of proc(5)); ` (deleted)` follows it when the file has gone.
    public static func executable() throws(SystemError) -> String {
        try File.readLink("/proc/self/exe")
    }

    /// The path of a file that is open here, as /proc/self/fd says it: that of no file begins without a slash, and ` (deleted)` follows
    /// that of one that has gone.
    public static func path(ofDescriptor number: Int32) throws(SystemError) -> String {
        try File.readLink("/proc/self/fd/\(number)")
    }

    /// The path of the directory that relative paths start from (getcwd(3)).
    public static func directory() throws(SystemError) -> String {
        let bytes = try filled(capacity: Int(PATH_MAX)) { (buffer) throws(SystemError) in
            try buffer.withMemoryRebound(to: CChar.self) { (place) throws(SystemError) in
                guard let start = place.baseAddress, getcwd(start, place.count) != nil else {
                    throw SystemError(call: "getcwd", subject: ".", code: errno)
                }
                return strlen(start)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Makes a directory the one that relative paths start from (chdir(2)), for all threads.
    public static func changeDirectory(_ path: String) throws(SystemError) {
        _ = try systemCall("chdir", path: path) { chdir($0) }
    }
}

/// A clock that nobody sets and that runs from an unnamed start, for durations (CLOCK_MONOTONIC).
public enum Clock {
    /// Nanoseconds since that start.
    public static func nanoseconds() -> UInt64 {
        var time = timespec()
        // It cannot fail: the clock is known and the place is valid.
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// The time of day (CLOCK_REALTIME), which may be set and so jump.
public enum WallClock {
    /// Nanoseconds since 1970, UTC.
    public static func nanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// Seconds since 1970, UTC.
    public static func seconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec)
    }
}
