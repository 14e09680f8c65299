import Glibc

/// Makes a system call until no signal interrupts it: the one place that knows of EINTR.
///
/// - Parameter body: the call; -1 with errno set on failure.
func systemCall<Value: SignedInteger>(
    _ call: String, on subject: @autoclosure () -> String, _ body: () -> Value
) throws(SystemError) -> Value {
    while true {
        let value = body()
        if value != -1 { return value }
        let code = errno
        if code != EINTR { throw SystemError(call: call, subject: subject(), code: code) }
    }
}

/// The same for a call on a path. The C library would quietly take what stands before a NUL for the path: that is EINVAL.
func systemCall<Value: SignedInteger>(
    _ call: String, path: String, _ body: (UnsafePointer<CChar>) -> Value
) throws(SystemError) -> Value {
    try refuseNUL(in: path, call: call)
    return try systemCall(call, on: path) { path.withCString(body) }
}

/// Throws EINVAL when the text has a NUL, which C takes for its end.
func refuseNUL(in text: String, call: String) throws(SystemError) {
    guard text.utf8.contains(0) else { return }
    let shown = text.split(separator: "\0", omittingEmptySubsequences: false).joined(separator: "\\0")
    throw SystemError(call: call, subject: "\(shown): has a NUL in it", code: EINVAL)
}

/// The name of a descriptor in an error: the caller's, or else its number.
func nameOf(_ descriptor: borrowing Descriptor, _ name: String?) -> String {
    name ?? "descriptor \(descriptor.number)"
}
