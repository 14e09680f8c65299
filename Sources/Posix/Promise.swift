/// A value that one thread gives once and others wait for.
public final class Promise<Value: Sendable>: Sendable {
    private let monitor = Monitor<Value?>(nil)

    /// A promise that is not fulfilled.
    public init() {}

    /// Gives the value. False, and nothing changes, where there is one already.
    @discardableResult
    public func fulfil(_ value: Value) -> Bool {
        monitor.update { state in
            guard state == nil else { return false }
            state = value
            return true
        }
    }

    /// The value, waiting for it.
    public func wait() -> Value {
        while true {
            // Without a time limit the wait ends with the value alone.
            if let value = wait(timeout: nil) { return value }
        }
    }

    /// The value, waiting for it that many milliseconds; nil when there was none by then. No timeout waits for ever.
    public func wait(timeout: Int?) -> Value? {
        monitor.wait(until: Deadline(milliseconds: timeout)) { $0 }
    }
}
