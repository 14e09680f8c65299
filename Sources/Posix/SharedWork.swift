import CPosix
import Glibc
import Synchronization

extension Threads {
    /// How many processors this process may use (sched_getaffinity(2)); 1 where that cannot be known.
    public static var processorCount: Int { max(1, Int(cposix_processor_count())) }

    /// Calls a function once for each number below `parts`, on this thread and on up to `count` - 1 others, which end with the work.
    /// Returns when all calls have. Where no thread is to be had, there are fewer.
    public static func share(_ parts: Int, among count: Int, _ body: @Sendable (Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            let work = SharedWork(parts: parts, body: body)
            let others = (1..<max(1, min(count, parts))).compactMap { _ in work.start() }
            work.run()
            for thread in others { pthread_join(thread, nil) }
        }
    }
}

/// Parts of a piece of work, taken one by one by whoever is free.
private final class SharedWork: Sendable {
    private let parts: Int
    private let body: @Sendable (Int) -> Void
    private let next = Atomic<Int>(0)

    init(parts: Int, body: @escaping @Sendable (Int) -> Void) {
        self.parts = parts
        self.body = body
    }

    func run() {
        while true {
            let part = next.add(1, ordering: .relaxed).oldValue
            guard part < parts else { return }
            body(part)
        }
    }

    /// A thread that works on it, to be joined.
    func start() -> pthread_t? {
        let argument = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                _ = "worker".withCString { cposix_set_thread_name($0) }
                Unmanaged<SharedWork>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument.toOpaque())
        guard code == 0 else {
            argument.release()
            return nil
        }
        return thread
    }
}
