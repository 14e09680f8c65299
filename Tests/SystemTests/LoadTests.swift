import Posix
import TestSupport
import Testing

/// Load, list, look up, unload.
@Suite struct LoadTests {
    @Test("a module's init and cleanup print on the terminal of the tool that asked, and on the console")
    func mainJob() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try expect(session.run("modload", "gurka.o"), .done("gurka: hello\nModule loaded as ID 1\n"))
        let listing = try session.output("modstat")
        let lines = listing.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(lines.first == ["ID", "NAME", "STATE", "REFS", "SIZE", "ADDRESS", "USED", "BY"])
        #expect(lines.last == ["1", "gurka", "running", "0", "12288", "0x10000000", "-"], "\(listing)")
        #expect(try session.output("ksyms", "slice").hasSuffix(" T slice\t[gurka]\n"))
        try expect(session.run("modunload", "gurka"), .done("gurka: bye\n"))
        try expect(session.run("modstat"), .done("ID  NAME  STATE  REFS  SIZE  ADDRESS  USED BY\n"))
        try expect(session.run("ksyms", "slice"), .failed(1, "ksyms: slice: no such symbol; did you mean 'splice'?\n"))
        #expect(
            Session.bare(try session.output("modstat", "--console").utf8)
                == """
                gurka: hello
                modlinkd: gurka loaded as 1 at 0x10000000
                gurka: bye
                modlinkd: gurka unloaded

                """)
        #expect(try session.images() == [])
    }

    @Test(
        "what a module prints without an end of line, which does not stick to what modload says, to standard error, and in init is all in the answer"
    )
    func output() throws {
        let session = try Session()
        try session.compile(
            "loud.o", Sources.initialize(#"fprintf(stderr, "one "); puts("two"); write(1, "three", 5); return 0;"#))
        let result = try session.run("modload", "loud.o")
        #expect(result == .done("one two\nthree\nModule loaded as ID 1\n"))
    }

    @Test("--follow goes on printing what comes to the console, until its reader goes")
    func follow() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.output("modstat")
        let follower = try session.start("modstat", ["--console", "--follow"])
        try session.output("modload", "gurka.o")
        let first = "gurka: hello\nmodlinkd: gurka loaded as 1 at 0x10000000\n"
        #expect(try eventually { try Session.bare(follower.output().utf8) == first })
        try session.output("modunload", "gurka")
        #expect(
            try eventually {
                try Session.bare(follower.output().utf8) == first + "gurka: bye\nmodlinkd: gurka unloaded\n"
            })
        try follower.process.signal(15)
        #expect(try follower.wait().status == .signaled(15))
    }

    @Test("numbers are not used again, and a module can be loaded again after it has gone")
    func again() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        for id in 1...3 {
            try expect(session.run("modload", "gurka.o"), .done("gurka: hello\nModule loaded as ID \(id)\n"))
            try expect(session.run("modunload", "-i", "\(id)"), .done("gurka: bye\n"))
        }
    }

    @Test("modunload takes names and numbers together, and refuses all when one is unknown")
    func unloadSeveral() throws {
        let session = try Session()
        for name in ["one", "two", "three"] { try session.compile("\(name).o", Sources.quiet(name)) }
        try session.output("modload", "one.o", "two.o", "three.o")
        try expect(
            session.run("modunload", "one", "-i", "9", "nope"),
            .failed(
                1, "modunload: nope: no such module (ENOENT)\nmodunload: module 9: no such module (ENOENT)\n"))
        #expect(try session.names() == ["one", "two", "three"])
        try expect(session.run("modunload", "-i", "1", "-n", "two", "three"), .done())
        #expect(try session.names() == [])
    }

    @Test("what another module uses is not unloaded, and the users are named")
    func busy() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad)
        try session.compile("sill.o", "extern int slice(int); int sill(void) { return slice(1); }")
        try session.output("modload", "gurka.o")
        try expect(session.run("modload", "sallad.o"), .done("sallad: 27 3\nModule loaded as ID 2\n"))
        try session.output("modload", "sill.o")
        try expect(
            session.run("modunload", "gurka"),
            .failed(
                1,
                "modunload: gurka: in use by sallad, which refers to gurka_count and slice; by sill, which refers to slice (EBUSY)\n"
            ))
        #expect(try session.names() == ["gurka", "sallad", "sill"])
        try expect(session.run("modunload", "sallad"), .done("sallad: bye\n"))
        try expect(
            session.run("modunload", "gurka"),
            .failed(1, "modunload: gurka: in use by sill, which refers to slice (EBUSY)\n"))
        try expect(session.run("modunload", "gurka", "sill"), .done("gurka: bye\n"))
    }

    @Test("a module that counts its users itself is not unloaded while it counts any")
    func useCount() throws {
        let session = try Session()
        let source = """
            extern long mod_use_count_;
            void hold(void) { mod_use_count_++; }
            void release(void) { mod_use_count_--; }
            int init_module(void) { hold(); hold(); return 0; }
            void cleanup_module(void) { }
            """
        try session.compile("held.o", source)
        try session.compile("let_go.o", "extern void release(void); int init_module(void) { release(); return 0; }")
        try session.output("modload", "held.o")
        try expect(
            session.run("modunload", "held"), .failed(1, "modunload: held: in use: its use count is 2 (EBUSY)\n"))
        for _ in 1...2 {
            try session.output("modload", "let_go.o")
            try session.output("modunload", "let_go")
        }
        try expect(session.run("modunload", "held"), .done())
    }

    @Test("a second module of the same name is refused, and the first one stays")
    func sameName() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("other.o", Sources.quiet("other"))
        try session.output("modload", "gurka.o")
        let refusal =
            "modload: gurka: a module of that name is already loaded (EEXIST); 'modunload gurka' takes it out, --name gives this one another\n"
        try expect(session.run("modload", "gurka.o"), .failed(1, refusal))
        try expect(session.run("modload", "--name", "gurka", "other.o"), .failed(1, refusal))
        #expect(try session.names() == ["gurka"])
    }

    @Test("a strong symbol that another module exports is refused with both owners, and private with -f")
    func duplicate() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile(
            "melon.o",
            "#include <stdio.h>\nint slice(int n) { return n; } int init_module(void) { printf(\"%d\\n\", slice(5)); return 0; }"
        )
        try session.output("modload", "gurka.o")
        try expect(
            session.run("modload", "melon.o"),
            .failed(
                1,
                "modload: melon.o: symbol 'slice' of module 'melon' is already exported by module 'gurka'; unload that one, make this one static, or keep it private with -f\n"
            ))
        #expect(try session.names() == ["gurka"])
        try expect(session.run("modload", "-f", "melon.o"), .done("5\nModule loaded as ID 2\n"))
        let found = try session.output("ksyms", "slice").split(separator: "\n")
        #expect(found.count == 2)
        #expect(found.first?.hasSuffix(" T slice\t[gurka]") == true)
        #expect(found.last?.hasSuffix(" t slice\t[melon]") == true)
    }

    @Test("a weak symbol yields to that of another module")
    func weak() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile(
            "melon.o",
            """
            #include <stdio.h>
            __attribute__((weak)) int slice(int n) { return 0; }
            int init_module(void) { printf("%d\\n", slice(5)); return 0; }
            """)
        try session.output("modload", "gurka.o")
        try expect(session.run("modload", "melon.o"), .done("17\nModule loaded as ID 2\n"))
        try expect(
            session.run("modunload", "gurka"),
            .failed(1, "modunload: gurka: in use by melon, which refers to slice (EBUSY)\n"))
    }

    @Test("an undefined weak symbol is zero, and an absolute one is its value")
    func special() throws {
        let session = try Session()
        try session.compile("fixed.o", ".globl fixed\nfixed = 0x1234\n", [], language: .assembly)
        try session.compile(
            "special.o",
            """
            #include <stdio.h>
            extern int nowhere(void) __attribute__((weak)); extern char fixed[];
            int tentative[100];
            int init_module(void) { printf("%d %p %d\\n", nowhere != 0, fixed, tentative[99]); return 0; }
            """, ["-O1", "-fcommon"])
        try expect(
            session.run("modload", "--name", "special", "special.o", "fixed.o"),
            .done("0 0x1234 0\nModule loaded as ID 1\n"))
    }
}

extension Session {
    /// The names of the modules that are there.
    func names() throws -> [String] {
        try output("modstat").split(separator: "\n").dropFirst().map { line in
            String(line.split(separator: " ")[1])
        }
    }
}
