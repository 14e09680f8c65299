import Posix
import TestSupport
import Testing

/// What of a module is called, with what, and what becomes of what it returns.
@Suite struct EntryTests {
    /// A classic entry function that says with what it is called, and refuses this command.
    private func classic(_ name: String, refusing: Int = 0) -> String {
        """
        #include <stdio.h>
        int \(name)(void *table, int command, int version)
        {
            printf("\(name): %s %d %d\\n", table ? "table" : "none", command, version);
            return command == \(refusing) ? 16 : 0;
        }
        """
    }

    @Test(
        "a failing init is told with value and errno name, and leaves nothing",
        arguments: [
            ("-12", "-12 (ENOMEM)"), ("22", "22 (EINVAL)"), ("-1", "-1 (EPERM)"), ("7777", "7777"), ("-4096", "-4096"),
        ])
    func failure(value: String, told: String) throws {
        let session = try Session()
        try session.compile(
            "failing.o", Sources.initialize("puts(\"trying\"); return \(value);") + "int exported(void) { return 1; }")
        try expect(
            session.run("modload", "failing.o"),
            .failed(1, "modload: failing: init_module returned \(told); everything is undone\n", output: "trying\n"))
        #expect(try session.names() == [])
        #expect(try session.images() == [])
        try expect(session.run("ksyms", "exported"), .failed(1, "ksyms: exported: no such symbol\n"))
        let maps = try File.read(path: "/proc/\(try session.space())/maps", limit: 1 << 20)
        #expect(!String(decoding: maps, as: UTF8.self).contains("images/failing"))
        // Its number is not used again, nor its address while there are others.
        try session.compile("gurka.o", Sources.gurka)
        try session.output("modload", "gurka.o")
        let console = try session.runtimeText("console")
        #expect(console.contains("gurka loaded as 2 at 0x1000"))
        #expect(!console.contains("gurka loaded as 2 at 0x10000000\n"))
    }

    @Test("constructors of a module whose init fails are followed by its destructors")
    func failureDestructors() throws {
        let session = try Session()
        try session.compile(
            "failing.o",
            """
            #include <stdio.h>
            __attribute__((constructor)) static void begin(void) { puts("begin"); }
            __attribute__((destructor)) static void end(void) { puts("end"); }
            int init_module(void) { puts("init"); return 5; }
            void cleanup_module(void) { puts("cleanup"); }
            """)
        try expect(
            session.run("modload", "failing.o"),
            .failed(
                1, "modload: failing: init_module returned 5 (EIO); everything is undone\n",
                output: "begin\ninit\nend\n"))
    }

    @Test("xxxinit is called with the load command, and the unload command")
    func xxxinit() throws {
        let session = try Session()
        try session.compile("classic.o", classic("xxxinit"))
        try expect(session.run("modload", "classic.o"), .done("xxxinit: table 1 1\nModule loaded as ID 1\n"))
        try expect(session.run("modunload", "classic"), .done("xxxinit: table 2 1\n"))
    }

    @Test("NAME_lkmentry is called, where NAME is the file's")
    func lkmentry() throws {
        let session = try Session()
        try session.compile("classic.o", classic("classic_lkmentry"))
        try expect(session.run("modload", "classic.o"), .done("classic_lkmentry: table 1 1\nModule loaded as ID 1\n"))
        try expect(session.run("modunload", "classic"), .done("classic_lkmentry: table 2 1\n"))
        try expect(
            session.run("modload", "--name", "other", "classic.o"),
            .done("classic_lkmentry: table 1 1\nModule loaded as ID 2\n"))
    }

    @Test("xxxinit comes before NAME_lkmentry, and -e before both")
    func order() throws {
        let session = try Session()
        try session.compile(
            "classic.o",
            classic("classic_lkmentry") + "\n" + classic("xxxinit") + "\n" + classic("mine"))
        try expect(session.run("modload", "classic.o"), .done("xxxinit: table 1 1\nModule loaded as ID 1\n"))
        try session.output("modunload", "classic")
        try expect(session.run("modload", "-e", "mine", "classic.o"), .done("mine: table 1 1\nModule loaded as ID 2\n"))
        try expect(session.run("modunload", "classic"), .done("mine: table 2 1\n"))
    }

    @Test("an entry of -e that is not in the module is refused")
    func missingEntry() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try expect(
            session.run("modload", "-e", "nope", "gurka.o"),
            .failed(1, "modload: gurka: entry 'nope': no function of that name in the module\n"))
        try expect(
            session.run("modload", "-e", "gurka_count", "gurka.o"),
            .failed(1, "modload: gurka: entry 'gurka_count': no function of that name in the module\n"))
        #expect(try session.names() == [])
    }

    @Test("an entry that refuses to load undoes everything")
    func refusesLoad() throws {
        let session = try Session()
        try session.compile("classic.o", classic("xxxinit", refusing: 1))
        try expect(
            session.run("modload", "classic.o"),
            .failed(
                1, "modload: classic: xxxinit returned 16 (EBUSY); everything is undone\n",
                output: "xxxinit: table 1 1\n"))
        #expect(try session.names() == [])
    }

    @Test("an entry that refuses to unload keeps its module running")
    func refusesUnload() throws {
        let session = try Session()
        try session.compile("classic.o", classic("xxxinit", refusing: 2))
        try session.output("modload", "classic.o")
        try expect(
            session.run("modunload", "classic"),
            .failed(
                1, "modunload: classic: refuses to be unloaded: xxxinit returned 16 (EBUSY)\n",
                output: "xxxinit: table 2 1\n"))
        #expect(try session.output("modstat").contains(" classic  running "))
    }

    @Test("two classic modules do not meet in their entries' names")
    func privateEntries() throws {
        let session = try Session()
        try session.compile("one.o", classic("xxxinit"))
        try session.compile("two.o", classic("xxxinit"))
        try session.output("modload", "one.o")
        try session.output("modload", "two.o")
        #expect(try session.names() == ["one", "two"])
    }

    @Test("a module without an entry has its constructors and destructors called, in the order of their priorities")
    func constructors() throws {
        let session = try Session()
        try session.compile(
            "plain.o",
            """
            #include <stdio.h>
            #define MAKE(name, attributes) __attribute__(attributes) static void name(void) { puts(#name); }
            MAKE(last, (constructor)) MAKE(second, (constructor(300))) MAKE(first, (constructor(200)))
            MAKE(end1, (destructor)) MAKE(end2, (destructor(300))) MAKE(end3, (destructor(200)))
            """)
        try expect(session.run("modload", "plain.o"), .done("first\nsecond\nlast\nModule loaded as ID 1\n"))
        try expect(session.run("modunload", "plain"), .done("end1\nend2\nend3\n"))
    }

    @Test("what a module gives to atexit is called when it goes, the last first, before its destructors")
    func atexit() throws {
        let session = try Session()
        try session.compile(
            "late.o",
            """
            #include <stdio.h>
            extern int __cxa_atexit(void (*)(void *), void *, void *); extern void *__dso_handle;
            static void say(void *text) { puts(text); }
            static void plain(void) { puts("atexit"); }
            int atexit(void (*function)(void));
            __attribute__((destructor)) static void end(void) { puts("destructor"); }
            int init_module(void)
            {
                atexit(plain);
                return __cxa_atexit(say, "later", &__dso_handle);
            }
            void cleanup_module(void) { puts("cleanup"); }
            """)
        try session.output("modload", "late.o")
        try expect(session.run("modunload", "late"), .done("cleanup\nlater\natexit\ndestructor\n"))
        // Nothing of it is called when the space ends.
        try expect(session.run("modlinkd", "--stop"), .done())
    }

    @Test("NAME=VALUE sets variables of the module before it: numbers, arrays, text")
    func parameters() throws {
        let session = try Session()
        try session.compile(
            "many.o",
            """
            #include <stdio.h>
            int number = 1; static volatile short small = 2; unsigned long long large; int row[3]; char word[16] = "old"; char *text = "old";
            int init_module(void)
            {
                printf("%d %d %llx %d,%d,%d %s %s\\n", number, small, large, row[0], row[1], row[2], word, text);
                return 0;
            }
            """)
        try expect(session.run("modload", "many.o"), .done("1 2 0 0,0,0 old old\nModule loaded as ID 1\n"))
        try session.output("modunload", "many")
        try expect(
            session.run(
                "modload", "many.o", "number=-5", "small=0x10", "large=0xffffffffffffffff", "row=1,2,3", "word=sju",
                "text=a longer text = fine"),
            .done("-5 16 ffffffffffffffff 1,2,3 sju a longer text = fine\nModule loaded as ID 2\n"))
    }

    @Test("a parameter that does not fit, or has no variable, is refused before anything runs; all of them are told")
    func badParameters() throws {
        let session = try Session()
        try session.compile(
            "many.o",
            "#include <stdio.h>\nint number; short small; const int fixed = 1; int init_module(void) { puts(\"ran\"); return number + small + fixed; }"
        )
        try expect(
            session.run("modload", "many.o", "nope=1", "number=x", "small=65536", "fixed=2"),
            .failed(
                1,
                """
                modload: many: parameter 'nope': the module has no variable of that name
                modload: many: parameter 'number': the value 'x' does not fit a variable of 4 bytes
                modload: many: parameter 'small': the value '65536' does not fit a variable of 2 bytes
                modload: many: parameter 'fixed': the variable is constant

                """))
        #expect(try session.names() == [])
    }
}
