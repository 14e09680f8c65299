import CPosix
import Glibc
import Synchronization

/// A value with a lock, and threads that wait for it to change (pthread_cond_wait(3)).
final class Monitor<State: Sendable>: @unchecked Sendable {
    // On the heap, since a mutex must not move.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State
    /// How often it has changed: for those who watch before they sleep.
    private let changes = Atomic<UInt64>(0)

    init(_ state: State) {
        self.state = state
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        changed.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // Time limits must not follow someone who sets the clock.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Changes the value and wakes those who wait.
    func update<Result>(_ change: (inout State) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        let result = change(&state)
        changes.add(1, ordering: .releasing)
        pthread_cond_broadcast(changed)
        return result
    }

    /// Waits until the closure has a result, which it is asked for after every change; nil when the time passed without.
    ///
    /// - Parameter watching: how long to keep the processor and watch for changes before sleeping, in nanoseconds: for what is expected
    ///   sooner than a sleeper is woken.
    func wait<Result>(
        until deadline: Deadline = Deadline(milliseconds: nil), watching: UInt64 = 0,
        _ attempt: (inout State) -> Result?
    ) -> Result? {
        let end = watching > 0 ? Clock.nanoseconds() + watching : 0
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = attempt(&state) { return result }
            if deadline.hasPassed { return nil }
            let known = changes.load(ordering: .acquiring)
            if watching > 0 {
                pthread_mutex_unlock(mutex)
                let hasChanged = watch(for: known, until: end)
                pthread_mutex_lock(mutex)
                if hasChanged || changes.load(ordering: .acquiring) != known { continue }
            }
            if var time = deadline.time {
                pthread_cond_timedwait(changed, mutex, &time)
            } else {
                pthread_cond_wait(changed, mutex)
            }
        }
    }

    /// Watches for another change than the known ones. Returns whether there is one.
    private func watch(for known: UInt64, until end: UInt64) -> Bool {
        while Clock.nanoseconds() < end {
            for _ in 0..<16 {
                if changes.load(ordering: .acquiring) != known { return true }
                cposix_pause()
            }
        }
        return false
    }
}
