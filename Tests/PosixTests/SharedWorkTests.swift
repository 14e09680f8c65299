import Glibc
import Posix
import Synchronization
import Testing

@Suite struct SharedWorkTests {
    @Test("each part is done once, by whatever number of threads", arguments: [0, 1, 2, 3, 50])
    func once(count: Int) {
        let done = Mutex([Int](repeating: 0, count: 1000))
        Threads.share(1000, among: count) { part in done.withLock { $0[part] += 1 } }
        #expect(done.withLock { $0 } == [Int](repeating: 1, count: 1000))
    }

    @Test("as many parts are done at the same time as there are threads")
    func together() {
        let waiting = Atomic(0)
        // Each waits for all others: on one thread the first would wait for ever.
        Threads.share(3, among: 3) { _ in
            waiting.add(1, ordering: .sequentiallyConsistent)
            while waiting.load(ordering: .sequentiallyConsistent) < 3 { sched_yield() }
        }
        #expect(waiting.load(ordering: .relaxed) == 3)
    }

    @Test("nothing is done of no parts")
    func nothing() {
        Threads.share(0, among: 2) { part in Issue.record("part \(part)") }
    }

    @Test("there is a processor at least, and no more than the machine has")
    func processors() {
        #expect((1...sysconf(Int32(_SC_NPROCESSORS_CONF))).contains(Threads.processorCount))
    }
}
