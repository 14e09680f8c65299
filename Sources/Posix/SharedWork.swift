import CPosix
import Glibc
import Synchronization

extension Threads {
    /// How many processors this process may use (sched_getaffinity(2)); 1 where that cannot be known.
    public static var processorCount: Int { max(1, Int(cposix_processor_count())) }
}

/// Threads that share one piece of work after another with whoever asks.
///
/// They are started when they are needed, and stay: to start one takes as long as to wake several, and a thread that stays has the part
/// of the heap that nobody else uses (malloc(3), "arenas"). They can be dismissed at any time, and come again.
public final class WorkerThreads: Sendable {
    /// How many threads work at the same time, the one that asks included.
    public let count: Int
    private let isBusy = Atomic<Bool>(false)
    /// Those that have been started.
    private let others = Mutex<[WorkerThread]>([])

    /// - Parameter count: how many are to work at the same time, the one that asks included; less than 1 is 1.
    public init(count: Int) {
        self.count = max(1, count)
    }

    deinit {
        dismiss()
    }

    /// Calls a function once for each number below `parts`, on this thread and on the others. Returns when all calls have.
    ///
    /// While they work for someone else, and where no thread is to be had, this one does all; so `body` may ask, too.
    public func share(_ parts: Int, _ body: @Sendable (Int) -> Void) {
        guard parts > 1, count > 1, claim() else {
            for part in 0..<parts { body(part) }
            return
        }
        defer { isBusy.store(false, ordering: .releasing) }
        let helpers = others.withLock { others in
            while others.count < min(count, parts) - 1, let thread = WorkerThread() { others.append(thread) }
            return others.prefix(parts - 1)
        }
        withoutActuallyEscaping(body) { body in
            let work = SharedWork(parts: parts, body: body)
            for helper in helpers { helper.begin(work) }
            work.run()
            for helper in helpers { helper.finish() }
        }
    }

    /// Ends the threads, unless they are at work. They give back what they have of the heap.
    public func dismiss() {
        guard claim() else { return }
        defer { isBusy.store(false, ordering: .releasing) }
        let dismissed = others.withLock { others in
            defer { others = [] }
            return others
        }
        for thread in dismissed { thread.end() }
    }

    private func claim() -> Bool {
        isBusy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
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
}

/// How long the next piece of work, and the end of the last part of one, are watched for before a thread sleeps, in nanoseconds. A
/// large link has half a dozen pieces, one soon after the other, and to wake a sleeper can take longer than the time between them.
private let watched: UInt64 = 200_000

/// A thread that does what it is given, and waits for more.
private final class WorkerThread: Sendable {
    /// Owned by who gives it, who waits until it is not used any more: a reference that the thread would count might be the last.
    private typealias Work = Unmanaged<SharedWork>

    private enum Stage {
        case waiting
        case given(Work)
        case working
        case ending
    }

    private final class Place: Sendable {
        let stage = Monitor<Stage>(.waiting)

        /// Until the thread is to end.
        func run() {
            while let work = next() {
                work._withUnsafeGuaranteedRef { $0.run() }
                stage.update { $0 = .waiting }
            }
        }

        private func next() -> Work? {
            let order: Work?? = stage.wait(watching: watched) { stage in
                switch stage {
                case .given(let work):
                    stage = .working
                    return .some(work)
                case .ending: return .some(nil)
                case .waiting, .working: return nil
                }
            }
            return order ?? nil
        }
    }

    private let place = Place()
    private let thread: pthread_t

    /// Nil where no thread is to be had.
    init?() {
        let argument = Unmanaged.passRetained(place)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                _ = "worker".withCString { cposix_set_thread_name($0) }
                Unmanaged<Place>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument.toOpaque())
        self.thread = thread
        guard code == 0 else {
            argument.release()
            return nil
        }
    }

    /// Gives it work, which has to stay until it has finished.
    ///
    /// The kernel is told to have it elsewhere: by itself it wakes a thread where the one runs that wakes it, though another processor is
    /// idle, and the two would take turns until it moves one of them.
    func begin(_ work: SharedWork) {
        let work = Unmanaged.passUnretained(work)
        cposix_keep_apart(thread)
        place.stage.update { $0 = .given(work) }
    }

    /// Waits until it does not work any more. What it has not begun is over by now, and need not be.
    func finish() {
        place.stage.wait(watching: watched) { stage in
            switch stage {
            case .given:
                stage = .waiting
                return ()
            case .waiting: return ()
            case .working, .ending: return nil
            }
        }
    }

    /// Ends it, and waits for that.
    func end() {
        place.stage.update { $0 = .ending }
        pthread_join(thread, nil)
    }
}
