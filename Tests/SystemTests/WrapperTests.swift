import TestSupport
import Testing

/// A space that another program starts, because that is to watch it.
@Suite struct WrapperTests {
    @Test("MODLINK_SPACE_WRAPPER is run with the space as its last argument, and is gone from the space's environment")
    func words() throws {
        let session = try Session(["MODLINK_SPACE_WRAPPER": "env  GURKA=5 TOMAT=6"])
        try session.compile(
            "gurka.o",
            """
            #include <stdio.h>
            #include <stdlib.h>
            int init_module(void)
            {
                return printf("%s %s %d\\n", getenv("GURKA"), getenv("TOMAT"), getenv("MODLINK_SPACE_WRAPPER") == NULL) < 0;
            }
            """)
        expect(try session.run("modload", "gurka.o"), .done("5 6 1\nModule loaded as ID 1\n"))
    }

    @Test("a wrapper that cannot be run is told") func missing() throws {
        let session = try Session(["MODLINK_SPACE_WRAPPER": "/nowhere/gurka"])
        try session.compile("gurka.o", Sources.gurka)
        let result = try session.run("modload", "gurka.o")
        #expect(result.status == .exited(69) && result.firstError.contains("exited with status 71"), "\(result)")
    }

    @Test(
        "a space under valgrind loads and unloads, and survives a fault",
        .enabled(if: Tool.find("valgrind") != nil, "valgrind is not installed; a space under it is not tried"))
    func valgrind() throws {
        let session = try Session(["MODLINK_SPACE_WRAPPER": "valgrind --tool=none --log-file=valgrind.log"])
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("crash.o", "int init_module(void) { *(volatile int *)8 = 1; return 0; }")
        expect(try session.run("modload", "gurka.o"), .done("gurka: hello\nModule loaded as ID 1\n"))
        #expect(
            try session.run("modload", "crash.o").firstError.hasPrefix(
                "modload: crash: init_module: SIGSEGV at 0x8 in crash:init_module+"))
        expect(try session.run("modunload", "gurka"), .done("gurka: bye\n"))
    }
}
