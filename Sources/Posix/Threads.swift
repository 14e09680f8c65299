import CPosix
import Glibc

/// Threads that run on their own and are not waited for; a ``Promise`` tells when one is done.
public enum Threads {
    /// The least stack a thread gets, in bytes.
    public static let minimumStackSize = 512 << 10

    /// Does nothing for a while, on the calling thread.
    public static func pause(milliseconds: Int) {
        usleep(UInt32(clamping: milliseconds * 1000))
    }

    /// Starts a thread (pthread_create(3), detached).
    ///
    /// - Parameters:
    ///   - name: what ps and gdb show; the kernel keeps 15 bytes.
    ///   - stackSize: bytes; at least ``minimumStackSize`` are given.
    ///   - body: what it does; the thread ends with it.
    public static func start(
        name: String, stackSize: Int = 1 << 20, _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        try refuseNUL(in: name, call: "pthread_create")
        var attributes = pthread_attr_t()
        try check(pthread_attr_init(&attributes), name)
        defer { pthread_attr_destroy(&attributes) }
        try check(pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED)), name)
        let page = 4096
        let wanted = min(max(stackSize, minimumStackSize), Int.max - page)
        try check(pthread_attr_setstacksize(&attributes, (wanted + page - 1) / page * page), name)

        let start = Unmanaged.passRetained(ThreadStart(name: name, body: body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
                _ = start.name.withCString { cposix_set_thread_name($0) }
                start.body()
                return nil
            }, start.toOpaque())
        if code != 0 { start.release() }
        try check(code, name)
    }

    private static func check(_ code: Int32, _ name: String) throws(SystemError) {
        guard code != 0 else { return }
        throw SystemError(call: "pthread_create", subject: "thread \(name)", code: code)
    }
}

private final class ThreadStart: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}
