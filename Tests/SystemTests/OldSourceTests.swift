import Posix
import TestSupport
import Testing

/// Sources as modules of old kernels have them, unchanged: what they take from their headers is there, and does what it says.
@Suite struct OldSourceTests {
    /// Bodies of modules of Linux; init_module returns 0 when all is right.
    private static let linux: [(name: String, text: String)] = [
        (
            "user memory before 2.1",
            """
            #include <asm/segment.h>
            static char place[8]; static unsigned long word;
            int init_module(void)
            {
                int error = verify_area(VERIFY_WRITE, place, 4);
                if (error) return error;
                memcpy_tofs(place, "abc", 4);
                put_fs_byte('x', place);
                put_user(7UL, &word);
                if (get_fs_byte(place) != 'x' || get_user(&word) != 7 || get_fs_long(&word) != 7) return 1;
                memcpy_fromfs(place + 4, place, 4);
                return place[5] != 'b' || verify_area(VERIFY_READ, 0, 1) != -EFAULT || verify_area(VERIFY_READ, 0, 0);
            }
            void cleanup_module(void) { }
            """
        ),
        (
            "user memory of 2.2",
            """
            #include <asm/uaccess.h>
            static int number, other; static char text[4];
            int init_module(void)
            {
                mm_segment_t before = get_fs();
                set_fs(KERNEL_DS);
                if (!access_ok(VERIFY_READ, &number, 4) || put_user(5, &number) || get_user(other, &number)) return 1;
                copy_to_user_ret(&number, &other, sizeof(int), -EFAULT);
                set_fs(before);
                return other != 5 || strncpy_from_user(text, "abcdef", 3) != 3 || strlen_user("ab") != 3
                    || clear_user(&number, 4) || number;
            }
            void cleanup_module(void) { }
            """
        ),
        (
            "asmlinkage, jiffies, HZ and a delay",
            """
            #include <linux/sched.h>
            #include <linux/delay.h>
            extern unsigned long volatile jiffies;
            asmlinkage int call(int n) { return n; }
            int init_module(void)
            {
                unsigned long start = jiffies, end = start + HZ / 20;
                while (jiffies < end) ;
                start = jiffies;
                mdelay(30);
                return call(time_before(jiffies, start + 2) || !time_after(jiffies, end - 1));
            }
            void cleanup_module(void) { }
            """
        ),
        (
            "no semicolon behind module_init and module_exit",
            """
            static int in(void) { return 0; }
            static void out(void) { }
            module_init(in)
            module_exit(out)
            MODULE_LICENSE("GPL");
            """
        ),
        (
            "a name space",
            """
            int shown(void) { return 0; }
            int other(void) { return 0; }
            EXPORT_SYMBOL_NS(shown, GURKA);
            EXPORT_SYMBOL_NS_GPL(other, GURKA);
            MODULE_IMPORT_NS(GURKA);
            int init_module(void) { return shown(); }
            void cleanup_module(void) { }
            """
        ),
    ]

    @Test("a module of Linux compiles and loads, in C of its time and of ours", arguments: linux.map(\.name))
    func linuxModule(name: String) throws {
        let session = try Session()
        guard let text = Self.linux.first(where: { $0.name == name })?.text else { return }
        for options in [["-std=gnu89", "-O2"], ["-std=gnu17", "-O0"], ["-std=gnu89", "-m32", "-O2"]]
        where !options.contains("-m32") || Compiler.makesI386Programs {
            try session.compile(
                "old.o", "#include <linux/module.h>\n#include <linux/kernel.h>\n" + text,
                options + ["-w", "-D__KERNEL__", "-DMODULE", "-I", Examples.headers])
            try session.output("modload", "old.o")
            try session.output("modunload", "old")
        }
    }

    @Test("register_symtab's table is the list of exports: what is in it is exported, and nothing else")
    func symbolTable() throws {
        let session = try Session()
        let options = ["-std=gnu89", "-O2", "-w", "-D__KERNEL__", "-DMODULE", "-I", Examples.headers]
        try session.compile(
            "giver.o",
            """
            #include <linux/module.h>
            int shown(void) { return 3; }
            int hidden(void) { return 4; }
            int variable = 5;
            static struct symbol_table mine = {
            #include <linux/symtab_begin.h>
                X(shown),
                X(variable),
            #include <linux/symtab_end.h>
            };
            int init_module(void) { return register_symtab(&mine); }
            void cleanup_module(void) { }
            """, options)
        try session.output("modload", "giver.o")
        try session.compile(
            "taker.o",
            """
            #include <linux/module.h>
            extern int shown(void), variable;
            int init_module(void) { return shown() + variable != 8; }
            void cleanup_module(void) { }
            """, options)
        try session.output("modload", "taker.o")
        try session.compile(
            "thief.o", "extern int hidden(void); int init_module(void) { return hidden(); }", ["-O2"])
        #expect(try session.run("modload", "thief.o").errors.contains("undefined symbol 'hidden'"))
    }

    @Test(
        "an initcall of any level is the module's init",
        arguments: [
            "__initcall", "early_initcall", "pure_initcall", "core_initcall", "postcore_initcall", "arch_initcall",
            "subsys_initcall", "fs_initcall", "rootfs_initcall", "device_initcall", "device_initcall_sync",
            "late_initcall", "late_initcall_sync",
        ])
    func initcall(macro: String) throws {
        let session = try Session()
        try session.compileModule(
            "late.o",
            """
            #include <linux/module.h>
            #include <linux/kernel.h>
            static int in(void) { printk("here\\n"); return 0; }
            \(macro)(in);
            """)
        try expect(session.run("modload", "late.o"), .done("here\nModule loaded as ID 1\n"))
    }

    @Test("an object has the version that insmod of its time compares, unless it has __NO_VERSION__")
    func kernelVersion() throws {
        let session = try Session()
        for (name, first, isThere) in [("with", "", true), ("without", "#define __NO_VERSION__\n", false)] {
            try session.compileModule("\(name).o", first + "#include <linux/module.h>\nint own;\n")
            let sections = try Tool.output("readelf", ["-p", ".modinfo", "\(session.path)/\(name).o"])
            #expect(sections.contains("kernel_version=2.4.37-modlink") == isThere, "\(sections)")
        }
    }

    /// What modules of BSD take from headers beside the interface.
    private static let bsd: [(name: String, text: String)] = [
        (
            "cdevsw of before NetBSD 2",
            """
            #include <sys/conf.h>
            #include <sys/lkm.h>
            cdev_decl(gurka);
            bdev_decl(tomat);
            int gurkaopen(dev_t d, int f, int m, struct proc *p) { return 0; }
            int gurkaclose(dev_t d, int f, int m, struct proc *p) { return 0; }
            int gurkaread(dev_t d, struct uio *u, int f) { return 0; }
            int gurkawrite(dev_t d, struct uio *u, int f) { return 0; }
            int gurkaioctl(dev_t d, u_long c, caddr_t a, int f, struct proc *p) { return 0; }
            static struct cdevsw device = cdev__ocrwi_init(1, gurka);
            MOD_DEV("gurka", LM_DT_CHAR, -1, &device)
            int xxxinit(struct lkm_table *t, int c, int v) { DISPATCH(t, c, v, lkm_nofunc, lkm_nofunc, lkm_nofunc) }
            """
        ),
        (
            "attributes, conditions and numbers of sys/cdefs.h",
            """
            #include <sys/cdefs.h>
            __KERNEL_RCSID(0, "$NetBSD$");
            #include <sys/module.h>
            MODULE(MODULE_CLASS_MISC, gurka, NULL);
            struct packed { char one; int other; } __packed;
            static int numbers[3] __unused;
            static void say(const char *f, ...) __printflike(1, 2);
            static void say(const char *f, ...) { }
            static int gurka_modcmd(modcmd_t cmd, void *arg __unused)
            {
                say("%d", __arraycount(numbers));
                if (__predict_false(sizeof(struct packed) != 5)) return EINVAL;
                if (__BIT(3) != 8 || __BITS(2, 4) != 0x1c || __SHIFTOUT(0x14, __BITS(2, 4)) != 5) return EINVAL;
                return cmd == MODULE_CMD_INIT || cmd == MODULE_CMD_FINI ? 0 : ENOTTY;
            }
            """
        ),
        (
            "properties by sys/module.h, numbers of ioctls, names of sysctl",
            """
            #include <sys/module.h>
            #include <sys/ioccom.h>
            #include <sys/sysctl.h>
            MODULE(MODULE_CLASS_MISC, gurka, NULL);
            static struct sysctllog *log;
            static int gurka_modcmd(modcmd_t cmd, void *arg)
            {
                prop_dictionary_t d = arg;
                if (cmd == MODULE_CMD_INIT)
                    return d != NULL || IOCPARM_LEN(_IOWR('k', 3, int)) != 4 || IOCGROUP(_IO('k', 3)) != 'k'
                        || sysctl_createv(&log, 0, NULL, NULL, 0, CTLTYPE_INT, "x", NULL, NULL, 0, NULL, 0, CTL_KERN, CTL_EOL);
                return cmd == MODULE_CMD_FINI ? 0 : ENOTTY;
            }
            """
        ),
    ]

    @Test("a module of NetBSD compiles and loads", arguments: bsd.map(\.name))
    func bsdModule(name: String) throws {
        let session = try Session()
        guard let text = Self.bsd.first(where: { $0.name == name })?.text else { return }
        for options in [["-O2"], ["-O0", "-std=gnu89"], ["-m32", "-O2"]]
        where !options.contains("-m32") || Compiler.makesI386Programs {
            try session.compile(
                "gurka.o", "#include <sys/param.h>\n#include <sys/systm.h>\n" + text,
                options + ["-w", "-D_KERNEL", "-D_LKM", "-I", Examples.headers])
            try session.output("modload", "gurka.o")
            try session.output("modunload", "gurka")
        }
    }
}
