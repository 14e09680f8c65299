import Posix

/// Waits until something has happened, a minute at most.
///
/// - Returns: whether it has.
public func eventually(_ condition: () throws -> Bool) throws -> Bool {
    let start = Clock.nanoseconds()
    while Clock.nanoseconds() - start < 60_000_000_000 {
        if try condition() { return true }
        var nothing: [PollEntry] = []
        _ = try Poll.wait(&nothing, timeout: 2)
    }
    return try condition()
}
