extension SystemError {
    /// What strerror(3) says, with the code's name: `no such file or directory (ENOENT)`.
    public var reason: String { "\(errorDescription(code)) (\(name))" }
}
