import TestSupport
import Testing

/// modunload -r: modules with all that refer to them.
@Suite struct DependentTests {
    /// A stack: sallad uses gurka, and plate uses sallad's function; sill stands beside it.
    private func stack(platePrelude: String = "") throws -> Session {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad + "\nint serve(void) { return slice(2); }")
        try session.compile("plate.o", platePrelude + "extern int serve(void); int plate(void) { return serve(); }")
        try session.compile("sill.o", Sources.quiet("sill_count"))
        for name in ["gurka", "sallad", "plate", "sill"] { try session.output("modload", "\(name).o") }
        return session
    }

    @Test(
        "-r shows the order and takes all that refer to the module, and nothing else", arguments: ["-r", "--recursive"])
    func all(option: String) throws {
        let session = try stack()
        try expect(
            session.run("modunload", option, "gurka"),
            .done("unloading: plate, sallad, gurka\nsallad: bye\ngurka: bye\n"))
        #expect(try session.names() == ["sill"])
    }

    @Test("with --dry-run nothing goes")
    func dryRun() throws {
        let session = try stack()
        try expect(
            session.run("modunload", "-r", "--dry-run", "sallad"), .done("would unload: plate, sallad\n"))
        try expect(session.run("modunload", "--dry-run", "sill", "plate"), .done("would unload: sill, plate\n"))
        try expect(
            session.run("modunload", "--dry-run", "sallad"),
            .failed(1, "modunload: sallad: in use by plate, which refers to serve (EBUSY)\n"))
        #expect(try session.names() == ["gurka", "sallad", "plate", "sill"])
    }

    @Test("one of them that refuses stops it there: those before it have gone, the rest stays, and that is said")
    func refusal() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile(
            "sallad.o",
            """
            extern int slice(int);
            int serve(void) { return slice(2); }
            int xxxinit(void *table, int command, int version) { return command == 2 ? 16 : 0; }
            """)
        try session.compile("plate.o", "extern int serve(void); int plate(void) { return serve(); }")
        for name in ["gurka", "sallad", "plate"] { try session.output("modload", "\(name).o") }
        try expect(
            session.run("modunload", "-r", "gurka"),
            .failed(
                1,
                "modunload: sallad: refuses to be unloaded: xxxinit returned 16 (EBUSY); gone before it: plate; not asked, and staying: gurka\n",
                output: "unloading: plate, sallad, gurka\n"))
        #expect(try session.names() == ["gurka", "sallad"])
    }

    @Test("one of them that counts users keeps all of them")
    func counted() throws {
        let session = try stack(platePrelude: "long mod_use_count_ = 3; int init_module(void) { return 0; } ")
        try expect(
            session.run("modunload", "-r", "gurka"),
            .failed(1, "modunload: plate: in use: its use count is 3 (EBUSY)\n"))
        #expect(try session.names() == ["gurka", "sallad", "plate", "sill"])
    }

    @Test("several that are held are told of together, each with all that keeps it")
    func severalHeld() throws {
        let session = try stack()
        try expect(
            session.run("modunload", "gurka", "sallad"),
            .failed(1, "modunload: sallad: in use by plate, which refers to serve (EBUSY)\n"))
        try session.compile(
            "counting.o",
            "extern int slice(int); long mod_use_count_ = 1; int init_module(void) { return slice(1) != 9; }")
        try session.output("modload", "counting.o")
        try expect(
            session.run("modunload", "gurka", "sallad", "counting"),
            .failed(
                1,
                """
                modunload: sallad: in use by plate, which refers to serve (EBUSY)
                modunload: counting: in use: its use count is 1 (EBUSY)

                """))
    }

    @Test("a module that is not there is told of, with -r too")
    func missing() throws {
        try expect(
            Session().run("modunload", "-r", "nope"), .failed(1, "modunload: nope: no such module (ENOENT)\n"))
    }
}
