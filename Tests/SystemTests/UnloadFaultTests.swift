import ModlinkInterface
import Posix
import TestSupport
import Testing

/// What goes wrong while modules go, and what they leave.
@Suite struct UnloadFaultTests {
    @Test(
        "a destructor or a function of atexit that crashes is told, with its crash, and the module is gone all the same",
        arguments: [
            "__attribute__((destructor)) static void f(void) { *(volatile int *)8 = 1; } int init_module(void) { return 0; }",
            "static void f(void) { *(volatile int *)8 = 1; } int atexit(void (*)(void)); int init_module(void) { return atexit(f); }",
        ])
    func destructor(source: String) throws {
        let session = try Session()
        try session.compile("bad.o", source, ["-O1"])
        try session.output("modload", "bad.o")
        try expect(
            session.run("modunload", "bad"),
            .failed(
                1,
                "modunload: bad: destructor: SIGSEGV at 0x8 in bad:f+0x0 ('modstat --crash 1' tells more); it is gone all the same\n"
            ))
        #expect(try session.names() == [])
    }

    @Test("a destructor that hangs is told, and does not keep others from going")
    func hanging() throws {
        let session = try Session()
        try session.compile("hangs.o", "__attribute__((destructor)) static void f(void) { for (;;) ; }", ["-O1"])
        try session.compile("other.o", Sources.gurka)
        try session.output("modload", "--timeout", "1", "hangs.o")
        try session.output("modload", "other.o")
        let result = try session.run("modunload", "hangs", "other")
        #expect(result.status == .exited(1) && result.output == "gurka: bye\n", "\(result)")
        #expect(result.errors.hasPrefix("modunload: hangs: destructor: hung: not back in time, in hangs:f+0x"))
        #expect(result.errors.hasSuffix("it is gone all the same\n"), "\(result.errors)")
        #expect(try session.names() == [])
    }

    @Test("a destructor that crashes while a failed load is undone is told too")
    func undone() throws {
        let session = try Session()
        try session.compile(
            "bad.o",
            "__attribute__((destructor)) static void f(void) { *(volatile int *)8 = 1; } int init_module(void) { return 5; }",
            ["-O1"])
        try expect(
            session.run("modload", "bad.o"),
            .failed(
                1,
                """
                modload: bad: init_module returned 5 (EIO); everything is undone
                modload: bad: destructor: SIGSEGV at 0x8 in bad:f+0x0 ('modstat --crash 1' tells more)

                """))
    }

    @Test("a pass of autoclean tells it as well") func autoclean() throws {
        let session = try Session()
        try session.compile(
            "bad.o", "__attribute__((destructor)) static void f(void) { *(volatile int *)8 = 1; }", ["-O1"])
        try session.output("modload", "-k", "bad.o")
        let result = try session.run("modunload", "-a")
        #expect(
            result.errors
                == "modunload: warning: bad: destructor: SIGSEGV at 0x8 in bad:f+0x0 ('modstat --crash 1' tells more); it is gone all the same\n"
        )
        #expect(try session.names() == [])
    }

    @Test("-f discards a module that always refuses, and says so; without it, the module stays")
    func refusing() throws {
        let session = try Session()
        try session.compile(
            "never.o",
            "int xxxinit(void *table, int command, int version) { return command == 2 ? 16 : 0; }")
        try session.output("modload", "never.o")
        let refusal = "never: refuses to be unloaded: xxxinit returned 16 (EBUSY)"
        try expect(session.run("modunload", "never"), .failed(1, "modunload: \(refusal)\n"))
        try expect(
            session.run("modunload", "-f", "never"),
            ToolResult(
                status: .exited(0), output: "", errors: "modunload: warning: \(refusal); discarded all the same\n"))
        #expect(try session.names() == [])
    }

    /// Opens whatever there is, and says how many descriptors its process has.
    private static let opening = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <pthread.h>
        #include <stdio.h>
        #include <sys/epoll.h>
        #include <sys/eventfd.h>
        #include <sys/mman.h>
        #include <sys/socket.h>
        #include <sys/timerfd.h>
        #include <unistd.h>
        static void *opens(void *unused) { open("/dev/null", O_RDONLY); return unused; }
        int init_module(void)
        {
            int ends[2]; pthread_t it;
            socket(AF_UNIX, SOCK_STREAM, 0); socketpair(AF_UNIX, SOCK_STREAM, 0, ends); pipe(ends); dup(ends[0]); fcntl(ends[0], F_DUPFD, 40);
            epoll_create1(0); eventfd(0, 0); timerfd_create(CLOCK_MONOTONIC, 0); memfd_create("gurka", 0);
            fprintf(fopen("/dev/null", "w"), "not flushed");
            close(open("/dev/null", O_RDONLY)); fclose(fopen("/dev/null", "r"));
            pthread_create(&it, 0, opens, 0); pthread_join(it, 0);
            return 0;
        }
        int fails(void) { return *(volatile int *)8; }
        """
    private static let openCount = 13

    private func descriptors(_ session: Session) throws -> Int {
        try File.list("/proc/\(try session.space())/fd").count
    }

    @Test(
        "what a discarded module has opened is closed, with -v told, whatever it is and on whichever thread",
        arguments: [[] as [String], ["-m32"]])
    func discarded(options: [String]) throws {
        let session = try Session()
        try session.compile("opens.o", Self.opening, ["-O1", "-w"] + options)
        try session.compile("first.o", Sources.quiet("first"), options)
        try session.output("modload", "first.o")
        let space = try File.list("/proc").compactMap(Int32.init).filter { number in
            ProcessFiles.programName(of: number)?.hasPrefix("modspace") == true
                && ProcessAncestry.isWithin(number, session.daemon ?? 0)
                && (ProcessFiles.programName(of: number) == "modspace-i386") == !options.isEmpty
        }.first
        let process = try #require(space)
        let count = { try File.list("/proc/\(process)/fd").count }
        let before = try count()
        try session.output("modload", "opens.o")
        #expect(try count() == before + Self.openCount)
        #expect(throws: (any Error).self) { try session.callFunction("fails", options.isEmpty ? nil : "i386") }
        let result = try session.run("modunload", "-f", "-v", "opens")
        #expect(result.status == .exited(0) && result.errors == "", "\(result)")
        let lines = result.output.split(separator: "\n")
        #expect(lines.count == Self.openCount, "\(result.output)")
        #expect(lines.allSatisfy { $0.hasPrefix("opens: descriptor ") && $0.hasSuffix(") is closed") })
        #expect(try count() == before)
    }

    @Test("what a module that goes by itself leaves open stays, and the console says so")
    func left() throws {
        let session = try Session()
        try session.compile("opens.o", Self.opening, ["-O1", "-w"])
        try session.output("modload", "opens.o")
        let before = try descriptors(session)
        try expect(session.run("modunload", "opens"), .done())
        #expect(try descriptors(session) == before)
        let lines = try session.output("modstat", "--console").split(separator: "\n")
        #expect(
            lines.filter { $0.contains("opens: leaves descriptor ") && $0.hasSuffix(" open") }.count == Self.openCount)
    }

    @Test("a server whose thread crashed can be loaded again on its port, for the port is free")
    func server() throws {
        let session = try Session()
        try session.compile(
            "server.o",
            """
            #include <netinet/in.h>
            #include <sys/socket.h>
            static int port = 0;
            int init_module(void)
            {
                struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7f000001) };
                socklen_t size = sizeof address;
                int it = socket(AF_INET, SOCK_STREAM, 0);
                if (bind(it, (void *)&address, size) || listen(it, 9)) return 98;
                getsockname(it, (void *)&address, &size); port = ntohs(address.sin_port);
                return 0;
            }
            int which(void) { return port; }
            int fails(void) { return *(volatile int *)8; }
            """, ["-O1"])
        try session.output("modload", "server.o")
        let port = try session.callFunction("which")
        #expect(try session.run("modload", "--name", "second", "server.o", "port=\(port)").status == .exited(1))
        #expect(throws: (any Error).self) { try session.callFunction("fails") }
        try expect(session.run("modunload", "-f", "server"), .done())
        #expect(try session.run("modload", "server.o", "port=\(port)").status == .exited(0))
    }
}

extension Session {
    /// Calls a function of a space and returns what it returns.
    @discardableResult func callFunction(_ name: String, _ space: String? = nil) throws -> Int {
        var client = try DaemonConnection.open(RuntimeDirectory(path: runtime), starts: false)
        return try client.call(CallMethod.self, CallMethod.Parameters(function: name, arguments: [], space: space))
            .reply
            .result
    }
}
