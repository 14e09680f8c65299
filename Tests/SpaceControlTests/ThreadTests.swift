import Posix
import SpaceControl
import Testing

/// The room in each thread for thread-local variables of modules: what is put into it, and when which thread sees it.
@Suite struct ThreadTests {
    /// What a module does that knows where its variable is: its distance from the thread pointer.
    fileprivate static let image = Result {
        try Image(
            """
            #define _GNU_SOURCE
            #include <pthread.h>
            #include <threads.h>
            #include <limits.h>
            #include <errno.h>
            #include <unistd.h>
            const long values[] = { 11, 22 };
            long data = 1;
            static long get(long distance) { return *(long *)((char *)pthread_self() + distance); }
            long here(long distance) { return get(distance); }
            void set(long distance, long value) { *(long *)((char *)pthread_self() + distance) = value; }
            static void *reads(void *distance) { return (void *)get((long)distance); }
            long in_new_thread(long distance)
            {
                pthread_t it; void *result;
                if (pthread_create(&it, 0, reads, (void *)distance) != 0) return -1;
                pthread_join(it, &result); return (long)result;
            }
            static int reads_int(void *distance) { return get((long)distance); }
            long in_c11_thread(long distance)
            {
                thrd_t it; int result;
                if (thrd_create(&it, reads_int, (void *)distance) != thrd_success) return -1;
                thrd_join(it, &result); return result;
            }
            long with_stack(long distance, long size)
            {
                pthread_attr_t attributes; pthread_t it; void *result; size_t wanted;
                pthread_attr_init(&attributes);
                if (pthread_attr_setstacksize(&attributes, size) != 0) return -2;
                int error = pthread_create(&it, &attributes, reads, (void *)distance);
                pthread_attr_getstacksize(&attributes, &wanted);
                if (error != 0) return -error;
                pthread_join(it, &result); return wanted == (size_t)size ? (long)result : -3;
            }
            static char own[2][1 << 18] __attribute__((aligned(64)));
            long with_own_stack(long distance, long size)
            {
                pthread_attr_t attributes; pthread_t it; void *result;
                pthread_attr_init(&attributes);
                pthread_attr_setstack(&attributes, own[0], size);
                int error = pthread_create(&it, &attributes, reads, (void *)distance);
                if (error != 0) return -error;
                pthread_join(it, &result); return (long)result;
            }
            static volatile int answer, asked; static volatile long where, what;
            static void *waits(void *unused)
            {
                for (int seen = 0;; ) { if (asked != seen) { seen = asked; what = get(where); answer = seen; } usleep(100); }
                return unused;
            }
            static void *waits_on_own(void *unused) { return waits(unused); }
            long start_waiting(long kind)
            {
                pthread_attr_t attributes; pthread_t it;
                pthread_attr_init(&attributes);
                if (kind) pthread_attr_setstack(&attributes, own[1], sizeof own[1]);
                return pthread_create(&it, &attributes, waits_on_own, 0);
            }
            long ask_waiting(long distance) { where = distance; int number = ++asked; while (answer != number) usleep(100); return what; }
            static volatile long stops, distance_of_all; static volatile long wrong, threads, phase;
            void next_phase(void) { phase++; }
            static void *checks(void *unused)
            {
                /* One that started while the value was put in looks at it when that is over. */
                long before;
                do { before = phase; if (!(before & 1)) usleep(20); } while (!(before & 1) && !stops);
                long value = get(distance_of_all);
                if (before == phase && (before & 1) && value != 11) __atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
                return unused;
            }
            static void *makes(void *unused)
            {
                while (!stops) {
                    pthread_t it[8]; int made = 0;
                    while (made < 8 && pthread_create(&it[made], 0, checks, 0) == 0) made++;
                    for (int i = 0; i < made; i++) pthread_join(it[i], 0);
                    threads += made;
                }
                return unused;
            }
            static pthread_t maker;
            long start_making(long distance) { distance_of_all = distance; return pthread_create(&maker, 0, makes, 0); }
            long stop_making(void) { stops = 1; pthread_join(maker, 0); return threads; }
            long count_wrong(void) { return wrong; }
            int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
            static volatile long destroyed, going;
            static void destroy(void *object) { destroyed = destroyed * 10 + (long)object; }
            static void destroy_and_add(void *object) { destroy(object); __cxa_thread_atexit_impl(destroy, (void *)9, 0); }
            static void destroy_badly(void *object) { *(volatile int *)0x123456789000 = 1; }
            static void *keeps(void *number)
            {
                __cxa_thread_atexit_impl(destroy, number, 0); going = 1;
                while (going == 1) usleep(100);
                return number;
            }
            static pthread_t keeper;
            long start_keeping(long number) { going = 0; int error = pthread_create(&keeper, 0, keeps, (void *)number); while (!going) usleep(100); return error; }
            void stop_keeping(void) { going = 2; pthread_join(keeper, 0); }
            long keep(long number) { return __cxa_thread_atexit_impl(number == 5 ? destroy_and_add : destroy, (void *)number, 0); }
            long keep_badly(void) { return __cxa_thread_atexit_impl(destroy_badly, 0, 0); }
            void leave(void) { pthread_exit(0); }
            long what_was_destroyed(void) { return destroyed; }
            """)
    }

    @Test("the reserve is aligned, and below the thread pointer") func reserve() throws {
        let bench = try Bench()
        let reserve = bench.test.space.information.reserve
        #expect(reserve.size == 65536 && reserve.alignment == 256)
        #expect(reserve.offset % 256 == 0 && reserve.offset <= -65536)
    }

    @Test(
        "values and the zeroes after them are in threads that were there and in threads of every kind that come later")
    func fill() throws {
        let bench = try Bench()
        #expect(try bench.call("start_waiting", 0) == 0)
        #expect(try bench.call("here") == 0)
        try bench.fill()
        #expect(try bench.call("ask_waiting") == 11)
        #expect(try bench.call("here") == 11)
        #expect(try bench.call("in_new_thread") == 11)
        #expect(try bench.call("in_c11_thread") == 11)
        // The one after the next is beyond the values.
        bench.distance += 8
        #expect(try bench.call("here") == 22)
        bench.distance += 8
        #expect(try bench.call("here") == 0 && bench.call("in_new_thread") == 0)
    }

    @Test("a thread on memory that the module brought has them too, there before or made later") func ownStack() throws
    {
        let bench = try Bench()
        #expect(try bench.call("start_waiting", 1) == 0)
        try bench.fill()
        #expect(try bench.call("ask_waiting") == 11)
        #expect(try bench.call("with_own_stack", bench.distanceWord, 1 << 18) == 11)
    }

    @Test("what was stored stays in its thread, and is zero for the next module") func clear() throws {
        let bench = try Bench()
        try bench.fill()
        #expect(try bench.call("start_waiting", 0) == 0)
        _ = try bench.call("set", bench.distanceWord, 77)
        #expect(try bench.call("here") == 77)
        #expect(try bench.call("ask_waiting") == 11 && bench.call("in_new_thread") == 11)
        try bench.test.space.fillThreads(values: 0..<0, offset: Bench.offset, size: 64)
        #expect(try bench.call("here") == 0)
        #expect(try bench.call("ask_waiting") == 0 && bench.call("in_new_thread") == 0)
    }

    @Test("no thread that starts while values come and go has others") func race() throws {
        let bench = try Bench()
        #expect(try bench.call("start_making") == 0)
        for _ in 0..<2000 {
            try bench.fill()
            _ = try bench.call("next_phase")
            // Whoever starts from now on has the value: no zero may be left.
            #expect(try bench.call("in_new_thread") == 11)
            _ = try bench.call("next_phase")
            try bench.test.space.fillThreads(values: 0..<0, offset: Bench.offset, size: 64)
        }
        #expect(try bench.call("stop_making") > 200)
        #expect(try bench.call("count_wrong") == 0)
    }

    @Test("a range that is not in the reserve, too small, or without readable values is refused") func refusals() throws
    {
        let bench = try Bench()
        let values = bench.symbols["values"]
        for (count, offset, size, code) in [
            (16, 65520, 16, ""), (16, 65521, 16, "invalid argument (EINVAL)"),
            (16, 65536, 0, "invalid argument (EINVAL)"),
            (17, 0, 16, "invalid argument (EINVAL)"), (0, 0, 65536, ""), (0, 0, 65537, "invalid argument (EINVAL)"),
            (0, UInt64.max, 2, "invalid argument (EINVAL)"),
        ] as [(UInt64, UInt64, UInt64, String)] {
            let said = message { () throws(SpaceError) in
                try bench.test.space.fillThreads(values: values..<values + count, offset: offset, size: size)
            }
            #expect(said == (code.isEmpty ? "no error" : "space: fill threads: \(code)"), "\(count) \(offset) \(size)")
        }
        #expect(
            message { () throws(SpaceError) in
                try bench.test.space.fillThreads(values: 0x6fff_0000..<0x6fff_0008, offset: 0, size: 8)
            } == "space: fill threads: bad address (EFAULT)")
    }

    @Test("the reserve does not count against a stack's size, unless the caller brings the memory") func stackSizes()
        throws
    {
        let bench = try Bench()
        try bench.fill()
        #expect(try bench.call("with_stack", bench.distanceWord, 16384) == 11)
        // PTHREAD_STACK_MIN.
        #expect(try bench.call("with_stack", bench.distanceWord, 16383) == -2)
        #expect(try bench.call("with_own_stack", bench.distanceWord, 65536) == -22)
        #expect(try bench.call("with_own_stack", bench.distanceWord, 81920) == 11)
    }

    @Test("destructors of a thread that ends are run, newest first, and counted until then") func destructors() throws {
        let bench = try Bench()
        let size = try Self.image.get().size
        #expect(try bench.call("start_keeping", 3) == 0)
        #expect(try bench.test.space.pendingDestructors(image: Bench.base) == 1)
        #expect(
            message { () throws(SpaceError) in try bench.test.space.unmap(address: Bench.base, size: size) }
                == "space: unmap: device or resource busy (EBUSY)")
        _ = try bench.call("stop_keeping")
        #expect(try bench.test.space.pendingDestructors(image: Bench.base) == 0)
        #expect(try bench.call("what_was_destroyed") == 3)
    }

    @Test("those of the thread of calls are run on request, also one that another registers") func finish() throws {
        let bench = try Bench()
        let size = try Self.image.get().size
        for number in [2, 5, 7] { #expect(try bench.call("keep", UInt64(number)) == 0) }
        #expect(try bench.test.space.pendingDestructors(image: Bench.base) == 0, "nobody else has any")
        #expect(
            message { () throws(SpaceError) in try bench.test.space.unmap(address: Bench.base, size: size) }
                == "space: unmap: device or resource busy (EBUSY)")
        try bench.test.space.finishThread(image: Bench.base)
        #expect(try bench.call("what_was_destroyed") == 7592)
        try bench.test.space.finishThread(image: Bench.base)
        #expect(try bench.call("what_was_destroyed") == 7592)
        try bench.test.space.unmap(address: Bench.base, size: try Self.image.get().size)
        #expect(
            message { () throws(SpaceError) in _ = try bench.test.space.pendingDestructors(image: Bench.base) }
                == "space: pending destructors: invalid argument (EINVAL)")
        #expect(
            message { () throws(SpaceError) in try bench.test.space.finishThread(image: Bench.base) }
                == "space: finish thread: invalid argument (EINVAL)")
    }

    @Test("a thread of calls that faults in a destructor, or ends, keeps nothing") func faults() throws {
        let bench = try Bench()
        _ = try bench.call("keep", 1)
        _ = try bench.call("keep_badly")
        #expect(
            message { () throws(SpaceError) in try bench.test.space.finishThread(image: Bench.base) }
                .hasPrefix("space: finish thread: SIGSEGV at 0x1000"))
        #expect(try bench.test.space.pendingDestructors(image: Bench.base) == 0)
        #expect(try bench.call("keep", 4) == 0)
        #expect(
            message { () throws(SpaceError) in _ = try bench.test.space.call(bench.symbols["leave"]) }
                == "space: call: ended its thread instead of returning")
        #expect(try bench.call("what_was_destroyed") == 4)
        try bench.test.space.unmap(address: Bench.base, size: try Self.image.get().size)
    }
}

/// A space with the image, and the distance of a range of its reserve from the thread pointer.
private final class Bench {
    static let offset: UInt64 = 512
    static let base: UInt64 = 0x1000_0000
    var test: TestSpace
    let symbols: Symbols
    var distance: Int64

    init() throws {
        var test = try TestSpace()
        symbols = try test.load(try ThreadTests.image.get())
        distance = test.space.information.reserve.offset + Int64(Self.offset)
        self.test = test
    }

    var distanceWord: UInt64 { UInt64(bitPattern: distance) }

    /// Calls a function with those words, else with the distance.
    func call(_ name: String, _ arguments: UInt64...) throws -> Int64 {
        try test.space.call(symbols[name], arguments.isEmpty ? [distanceWord] : arguments)
    }

    /// Puts 11, 22 and zeroes into all threads.
    func fill() throws {
        let values = symbols["values"]
        try test.space.fillThreads(values: values..<values + 16, offset: Self.offset, size: 64)
    }
}
