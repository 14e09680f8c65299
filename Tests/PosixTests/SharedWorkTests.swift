import Glibc
import Posix
import Synchronization
import Testing

@Suite struct SharedWorkTests {
    @Test("each part is done once, by whatever number of threads", arguments: [0, 1, 2, 3, 50])
    func once(count: Int) {
        let done = Mutex([Int](repeating: 0, count: 1000))
        WorkerThreads(count: count).share(1000) { part in done.withLock { $0[part] += 1 } }
        #expect(done.withLock { $0 } == [Int](repeating: 1, count: 1000))
    }

    @Test("as many parts are done at the same time as there are threads")
    func together() {
        let waiting = Atomic(0)
        // Each waits for all others: on one thread the first would wait for ever.
        WorkerThreads(count: 3).share(3) { _ in
            waiting.add(1, ordering: .sequentiallyConsistent)
            while waiting.load(ordering: .sequentiallyConsistent) < 3 { sched_yield() }
        }
        #expect(waiting.load(ordering: .relaxed) == 3)
    }

    @Test("nothing is done of no parts")
    func nothing() {
        WorkerThreads(count: 2).share(0) { part in Issue.record("part \(part)") }
    }

    @Test("they stay for the next piece of work, and who asks while they work does it alone")
    func stay() {
        let workers = WorkerThreads(count: 2)
        let threads = Mutex(Set<pthread_t>())
        for _ in 0..<50 {
            let waiting = Atomic(0)
            workers.share(2) { _ in
                threads.withLock { _ = $0.insert(pthread_self()) }
                let own = pthread_self()
                workers.share(3) { _ in #expect(pthread_self() == own) }
                waiting.add(1, ordering: .sequentiallyConsistent)
                while waiting.load(ordering: .sequentiallyConsistent) < 2 { sched_yield() }
            }
        }
        #expect(threads.withLock { $0.count } == 2)
    }

    @Test("once dismissed they are gone, and come again when there is work")
    func dismiss() throws {
        let workers = WorkerThreads(count: 3)
        for _ in 0..<2 {
            let threads = Mutex(Set<pthread_t>())
            let waiting = Atomic(0)
            workers.share(3) { _ in
                threads.withLock { _ = $0.insert(pthread_self()) }
                waiting.add(1, ordering: .sequentiallyConsistent)
                while waiting.load(ordering: .sequentiallyConsistent) < 3 { sched_yield() }
            }
            #expect(threads.withLock { $0.count } == 3)
            workers.dismiss()
        }
    }

    @Test("there is a processor at least, and no more than the machine has")
    func processors() {
        #expect((1...sysconf(Int32(_SC_NPROCESSORS_CONF))).contains(Threads.processorCount))
    }
}
