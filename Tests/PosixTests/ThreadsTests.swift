import Glibc
import Posix
import Testing

@Suite struct ThreadsTests {
    @Test("a thread runs under its name, of which the kernel keeps 15 bytes")
    func name() throws {
        let name = Promise<String>()
        try Threads.start(name: "exactly-fifteen-and-more") {
            let bytes = (try? File.read(path: "/proc/thread-self/comm", limit: 100)) ?? []
            name.fulfil(String(decoding: bytes, as: UTF8.self))
        }
        #expect(name.wait() == "exactly-fifteen\n")
    }

    @Test("a name with a NUL is refused")
    func nul() {
        let text = message { () throws(SystemError) in try Threads.start(name: "a\0b") {} }
        #expect(text == "a\\0b: has a NUL in it: pthread_create: invalid argument (EINVAL)")
    }

    @Test("a thread has the stack that was asked for, and never less than the least", arguments: [0, 1 << 20, 8 << 20])
    func stack(size: Int) throws {
        let deep = Promise<Bool>()
        let wanted = max(size, Threads.minimumStackSize) - (64 << 10)
        try Threads.start(name: "deep", stackSize: size) {
            deep.fulfil(descend(bytes: wanted))
        }
        #expect(deep.wait())
    }

    @Test("a stack that does not fit into memory is refused")
    func tooLargeStack() {
        let text = message { () throws(SystemError) in try Threads.start(name: "large", stackSize: .max) {} }
        #expect(text.hasPrefix("thread large: pthread_create: "))
    }

    @Test("what a thread's body holds is let go when it ends")
    func release() throws {
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        do {
            let writer = SharedDescriptor(pipe.second)
            try Threads.start(name: "holder") { _ = writer.number }
        }
        #expect(try isEnded(reader) == true)
    }
}

/// Uses so much stack, frame by frame, and comes back.
private func descend(bytes: Int) -> Bool {
    var here: UInt8 = 0
    return withUnsafePointer(to: &here) { descend(from: UInt(bitPattern: $0), bytes: bytes) }
}

@inline(never)
private func descend(from start: UInt, bytes: Int) -> Bool {
    var here: UInt8 = 0
    let place = withUnsafePointer(to: &here) { UInt(bitPattern: $0) }
    if start >= place, start - place >= UInt(bytes) { return true }
    // Not a tail call, which would use no stack.
    return descend(from: start, bytes: bytes) && here == 0
}

@Suite struct BlockingQueueTests {
    @Test("elements come out in the order in which they went in")
    func order() {
        let queue = BlockingQueue<Int>()
        queue.push(1)
        queue.push(2)
        #expect(queue.pop() == 1)
        queue.push(3)
        #expect(queue.pop() == 2)
        #expect(queue.pop() == 3)
    }

    @Test("a closed queue gives what it has, then nil, and takes nothing")
    func close() {
        let queue = BlockingQueue<Int>()
        #expect(queue.push(1))
        queue.close()
        #expect(!queue.push(2))
        #expect(queue.pop() == 1)
        #expect(queue.pop() == nil)
        #expect(queue.pop() == nil)
    }

    @Test("who waits too long does something once, and waits on")
    func rest() throws {
        let queue = BlockingQueue<Int>()
        queue.push(1)
        var rests = 0
        #expect(queue.pop(afterMilliseconds: 0) { rests += 1 } == 1)
        #expect(rests == 0)
        try Threads.start(name: "pusher") {
            usleep(50_000)
            queue.push(2)
        }
        #expect(queue.pop(afterMilliseconds: 1) { rests += 1 } == 2)
        #expect(rests == 1)
        queue.close()
        #expect(queue.pop(afterMilliseconds: 60_000) { rests += 1 } == nil)
        #expect(rests == 1)
    }

    @Test("nil can be an element and is not the end")
    func optional() {
        let queue = BlockingQueue<Int?>()
        queue.push(nil)
        queue.close()
        #expect(queue.pop() == .some(.none))
        #expect(queue.pop() == .none)
    }

    @Test("one who waits is woken by an element, and by the end")
    func wakes() throws {
        let queue = BlockingQueue<Int>()
        let results = BlockingQueue<Int?>()
        for _ in 0..<3 {
            try Threads.start(name: "taker") { results.push(queue.pop()) }
        }
        usleep(20_000)
        queue.push(5)
        #expect(results.pop() == .some(5))
        queue.close()
        #expect(results.pop() == .some(nil))
        #expect(results.pop() == .some(nil))
    }

    @Test("what many threads push, many threads take, each element once")
    func many() throws {
        let queue = BlockingQueue<Int>()
        let sums = BlockingQueue<Int>()
        let done = BlockingQueue<Bool>()
        for _ in 0..<4 {
            try Threads.start(name: "taker") {
                var sum = 0
                while let element = queue.pop() { sum += element }
                sums.push(sum)
            }
            try Threads.start(name: "giver") {
                for element in 1...1000 { queue.push(element) }
                done.push(true)
            }
        }
        for _ in 0..<4 { #expect(done.pop() == true) }
        queue.close()
        var sum = 0
        for _ in 0..<4 { sum += sums.pop() ?? 0 }
        #expect(sum == 4 * 500_500)
    }
}

@Suite struct PromiseTests {
    @Test("a value that was given before is there, for all who ask")
    func before() {
        let promise = Promise<Int>()
        #expect(promise.fulfil(3))
        #expect(promise.wait() == 3)
        #expect(promise.wait(timeout: 0) == 3)
    }

    @Test("the first value stays")
    func first() {
        let promise = Promise<Int>()
        #expect(promise.fulfil(3))
        #expect(!promise.fulfil(4))
        #expect(promise.wait() == 3)
    }

    @Test("all who wait get the value")
    func wakes() throws {
        let promise = Promise<Int>()
        let results = BlockingQueue<Int>()
        for _ in 0..<3 {
            try Threads.start(name: "waiter") { results.push(promise.wait()) }
        }
        usleep(20_000)
        promise.fulfil(8)
        for _ in 0..<3 { #expect(results.pop() == 8) }
    }

    @Test("a wait ends without a value when its time has passed, and no sooner")
    func timeout() {
        let promise = Promise<Int>()
        let start = Clock.nanoseconds()
        #expect(promise.wait(timeout: 50) == nil)
        #expect(Clock.nanoseconds() - start >= 50_000_000)
        #expect(promise.wait(timeout: -1) == nil)
    }

    @Test("a value may be nil")
    func optional() {
        let promise = Promise<Int?>()
        promise.fulfil(nil)
        #expect(promise.wait() == nil)
    }
}
