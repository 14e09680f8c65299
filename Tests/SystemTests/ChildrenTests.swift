import Posix
import TestSupport
import Testing

/// Processes that modules start.
@Suite struct ChildrenTests {
    /// Starts a child, one that takes no SIGTERM, one that stands still, a program, and one that makes a daemon of itself; each writes its
    /// number into a file.
    private static let source = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>
        char *folder = "/nowhere";
        static void tell(const char *name)
        {
            char path[4096], text[32]; snprintf(path, sizeof path, "%s/%s", folder, name);
            int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600); snprintf(text, sizeof text, "%d", getpid());
            if (write(file, text, strlen(text)) < 0) abort();
            close(file);
        }
        int init_module(void)
        {
            if (fork() == 0) { tell("plain"); for (;;) pause(); }
            if (fork() == 0) { signal(SIGTERM, SIG_IGN); tell("stubborn"); for (;;) pause(); }
            if (fork() == 0) { tell("stopped"); raise(SIGSTOP); for (;;) pause(); }
            if (fork() == 0) { tell("program"); execl("/bin/sleep", "sleep", "600", (char *)0); abort(); }
            if (fork() == 0) { setsid(); if (fork() == 0) { tell("daemon"); for (;;) pause(); } _exit(0); }
            return 0;
        }
        """
    private static let names = ["plain", "stubborn", "stopped", "program", "daemon"]

    /// A session in which these run, and their numbers.
    private func start() throws -> (Session, [Int32]) {
        let session = try Session()
        try session.compile("forks.o", Self.source, ["-O1", "-w"])
        try session.output("modload", "forks.o", "folder=\(session.path)")
        let numbers = try Self.names.map { name in
            var number: Int32?
            #expect(
                try eventually {
                    number = (try? session.read(name)).flatMap { Int32(String(decoding: $0, as: UTF8.self)) }
                    return number != nil
                })
            return try #require(number)
        }
        #expect(numbers.allSatisfy(Session.isAlive))
        return (session, numbers)
    }

    @Test("they end when the daemon ends, whatever they have made of themselves") func stop() throws {
        let (session, numbers) = try start()
        try session.output("modlinkd", "--stop")
        #expect(numbers.filter(Session.isAlive) == [])
    }

    @Test("they end when their space does") func death() throws {
        let (session, numbers) = try start()
        try ChildProcess(process: try session.space()).signal(9)
        #expect(try eventually { numbers.allSatisfy { !Session.isAlive($0) } })
        // The daemon goes on.
        #expect(try session.names() == [])
    }
}
