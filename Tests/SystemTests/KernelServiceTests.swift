import Posix
import TestSupport
import Testing

/// What a kernel of BSD does for its modules in time: callouts, timeouts, locks, conditions, sleepers.
@Suite struct KernelServiceTests {
    @Test("callouts, timeouts, locks, conditions and sleepers work together", arguments: Examples.variants)
    func together(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("module/clockwork.c", variant)
        try expect(
            session.run("modload", "clockwork.o"),
            .done(
                """
                5 ticks, then 11; pending 1
                timeout here
                woken 0, slept 11
                Module loaded as ID 1

                """))
        // One is pending still.
        let goodbye = try session.run("modunload", "clockwork")
        #expect(goodbye.status == .exited(0))
        #expect(goodbye.output.hasPrefix("1 callout of the module at 0x"), "\(goodbye.output)")
        #expect(goodbye.output.hasSuffix(" pending: cancelled\n"), "\(goodbye.output)")
    }

    @Test("a fault in a timeout is its module's alone; what it had pending comes no more, others' does")
    func fault() throws {
        let session = try Session()
        try session.compileModule(
            "faulty.o",
            """
            #include <sys/param.h>
            #include <sys/systm.h>
            #include <sys/lkm.h>
            MOD_MISC("faulty")
            static void boom(void *a) { *(volatile int *)a = 1; }
            static void later(void *a) { printf("later %p\\n", a); }
            static int load(struct lkm_table *t, int c) { timeout(boom, (void *)8, 1); timeout(later, 0, 2); return 0; }
            int xxxinit(struct lkm_table *t, int c, int v) { DISPATCH(t, c, v, load, lkm_nofunc, lkm_nofunc) }
            """)
        try session.output("modload", "faulty.o")
        #expect(try eventually { try session.row("faulty").contains("faulted") })
        try session.compileExample("module/clockwork.c")
        #expect(try session.output("modload", "clockwork.o").contains("woken 0, slept 11\n"))
        #expect(try !session.runtimeText("console").contains("later"))
        #expect(try session.row("clockwork") == "misc - running 0")
    }

    @Test("a sleeper that nobody wakes is ended with its call, and others sleep on") func deadline() throws {
        let session = try Session()
        try session.compileModule(
            "sleepy.o",
            """
            #include <sys/param.h>
            #include <sys/systm.h>
            #include <sys/lkm.h>
            MOD_MISC("sleepy")
            static int channel;
            static int load(struct lkm_table *t, int c) { splhigh(); return tsleep(&channel, PWAIT | PCATCH, "never", 0); }
            int xxxinit(struct lkm_table *t, int c, int v) { DISPATCH(t, c, v, load, lkm_nofunc, lkm_nofunc) }
            """)
        let errors = try session.run("modload", "--timeout", "1", "sleepy.o").errors
        #expect(errors.hasPrefix("modload: sleepy: xxxinit: hung: "), "\(errors)")
        try session.compileExample("module/clockwork.c")
        #expect(try session.output("modload", "clockwork.o").contains("woken 0, slept 11\n"))
    }

    @Test("a level above 0 keeps timeouts out, until the thread that is there sleeps or comes down")
    func levels() throws {
        let session = try Session()
        try session.compileModule(
            "levels.o",
            """
            #include <sys/param.h>
            #include <sys/systm.h>
            #include <sys/lkm.h>
            #include <linux/delay.h>
            MOD_MISC("levels")
            static volatile int come;
            static void tick(void *a) { (void)a; come = 1; wakeup((void *)&come); }
            static int load(struct lkm_table *t, int c)
            {
                int outer = splbio(), inner = splclock(), before;
                (void)t, (void)c;
                timeout(tick, 0, 1);
                mdelay(100);
                splx(inner);
                before = come;
                printf("%d, slept %d, ", before, tsleep((void *)&come, PWAIT, "tick", 0));
                printf("%d\\n", come);
                splx(outer);
                return 0;
            }
            int xxxinit(struct lkm_table *t, int c, int v) { DISPATCH(t, c, v, load, lkm_nofunc, lkm_nofunc) }
            """)
        try expect(session.run("modload", "levels.o"), .done("0, slept 0, 1\nModule loaded as ID 1\n"))
    }

    @Test("a lock that its holder takes again, or another gives back, is a panic of the module's") func lockMistakes()
        throws
    {
        let session = try Session()
        for (name, text) in [
            ("twice", "mutex_enter(&lock); mutex_enter(&lock);"), ("other", "mutex_exit(&lock);"),
            ("held", "mutex_enter(&lock); mutex_destroy(&lock);"),
        ] {
            try session.compileModule(
                "\(name).o",
                """
                #include <sys/param.h>
                #include <sys/module.h>
                #include <sys/mutex.h>
                MODULE(MODULE_CLASS_MISC, \(name), NULL);
                static kmutex_t lock;
                static int \(name)_modcmd(modcmd_t c, void *a __unused)
                {
                    mutex_init(&lock, MUTEX_DEFAULT, IPL_NONE);
                    \(text)
                    return c == MODULE_CMD_INIT ? 0 : ENOTTY;
                }
                """)
            let result = try session.run("modload", "\(name).o")
            #expect(result.output.hasPrefix("panic: mutex_"), "\(result.output)")
            #expect(result.errors.contains("SIGABRT"), "\(result.errors)")
        }
    }
}
