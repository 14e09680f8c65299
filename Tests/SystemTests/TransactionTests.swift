import Posix
import TestSupport
import Testing

/// Several modules at once.
@Suite struct TransactionTests {
    private let left = """
        #include <stdio.h>
        extern int right_hand(void); int left_hand(void) { return 1; }
        int init_module(void) { printf("left: %d\\n", right_hand()); return 0; }
        void cleanup_module(void) { puts("left: bye"); }
        """
    private let right = """
        #include <stdio.h>
        extern int left_hand(void); int right_hand(void) { return 2; }
        int init_module(void) { printf("right: %d\\n", left_hand()); return 0; }
        void cleanup_module(void) { puts("right: bye"); }
        """

    @Test("modules that are loaded together may refer to one another, and go together only")
    func mutual() throws {
        let session = try Session()
        try session.compile("left.o", left)
        try session.compile("right.o", right)
        try expect(
            session.run("modload", "left.o", "right.o"),
            .done("left: 2\nright: 1\nModule loaded as ID 1\nModule loaded as ID 2\n"))
        try expect(
            session.run("modunload", "left"),
            .failed(1, "modunload: left: in use by right, which refers to left_hand (EBUSY)\n"))
        try expect(session.run("modunload", "left", "right"), .done("right: bye\nleft: bye\n"))
        #expect(try session.names() == [])
    }

    @Test("when one of several fails in init, none stays, and those that were started are cleaned up")
    func oneFails() throws {
        let session = try Session()
        try session.compile("left.o", left)
        try session.compile("right.o", right.replacing("return 0;", with: "return -12;"))
        try expect(
            session.run("modload", "left.o", "right.o"),
            .failed(
                1, "modload: right: init_module returned -12 (ENOMEM); everything is undone\n",
                output: "left: 2\nright: 1\nleft: bye\n"))
        #expect(try session.names() == [])
        #expect(try session.images() == [])
        try expect(session.run("ksyms", "left_hand"), .failed(1, "ksyms: left_hand: no such symbol\n"))
    }

    @Test("when one of several does not link, nothing runs")
    func oneDoesNotLink() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("bad.o", "extern int qqzzxx(void); int init_module(void) { return qqzzxx(); }", ["-O1"])
        try expect(
            session.run("modload", "gurka.o", "bad.o"),
            .failed(1, "modload: bad.o: .text+0x5 in init_module: undefined symbol 'qqzzxx'\n"))
        #expect(try session.names() == [])
    }

    @Test("two modules of one transaction that export the same symbol are refused with both owners")
    func duplicate() throws {
        let session = try Session()
        try session.compile("one.o", Sources.quiet("same"))
        try session.compile("two.o", Sources.quiet("same"))
        try expect(
            session.run("modload", "one.o", "two.o"),
            .failed(
                1,
                "modload: two.o: symbol 'same' of module 'two' is already exported by module 'one'; unload that one, make this one static, or keep it private with -f\n"
            ))
        try expect(
            session.run("modload", "-f", "one.o", "two.o"), .done("Module loaded as ID 1\nModule loaded as ID 2\n"))
    }

    @Test("the same name twice in one transaction is refused")
    func sameName() throws {
        let session = try Session()
        try session.compile("one.o", Sources.quiet("one"))
        try expect(
            session.run("modload", "one.o", "./one.o"),
            .failed(
                1,
                "modload: one: a module of that name is already loaded (EEXIST); two of the files here would have it; load one with --name\n"
            ))
    }

    @Test("with --name several objects are one module")
    func named() throws {
        let session = try Session()
        try session.compile(
            "left.o", left.replacing("init_module", with: "unused1").replacing("cleanup_module", with: "unused2"))
        try session.compile("right.o", right)
        try expect(
            session.run("modload", "--name", "both", "left.o", "right.o"), .done("right: 1\nModule loaded as ID 1\n"))
        #expect(try session.names() == ["both"])
        #expect(try session.output("ksyms", "left_hand").hasSuffix(" T left_hand\t[both]\n"))
        try expect(session.run("modunload", "both"), .done("right: bye\n"))
    }

    @Test("two objects of one module that define the same symbol are refused")
    func definedTwice() throws {
        let session = try Session()
        try session.compile("one.o", Sources.quiet("same"))
        try session.compile("two.o", Sources.quiet("same"))
        try expect(
            session.run("modload", "--name", "both", "one.o", "two.o"),
            .failed(1, "modload: two.o: symbol 'same' is already defined in one.o\n"))
    }
}
