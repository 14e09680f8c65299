import Glibc
import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

/// What a space begins with, whoever starts the daemon; and daemons of another version.
@Suite struct SpacePlaceTests {
    private static let look = """
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/resource.h>
        #include <sys/stat.h>
        #include <unistd.h>
        extern char **environ;
        int init_module(void)
        {
            char place[100];
            struct rlimit files, cores;
            getrlimit(RLIMIT_NOFILE, &files);
            getrlimit(RLIMIT_CORE, &cores);
            printf("%s %o %ld %ld\\n", getcwd(place, sizeof place), umask(022), (long)files.rlim_cur, (long)cores.rlim_cur);
            for (char **variable = environ; *variable; variable++) puts(*variable);
            return 0;
        }
        """

    private func look(_ session: Session) throws -> [Substring] {
        try session.compile("look.o", Self.look)
        return try session.output("modload", "look.o").split(separator: "\n").dropLast()
    }

    @Test("directory, umask, limits and environment of a space are not those of who starts the daemon")
    func alike() throws {
        let session = try Session()
        let started = try Tool.output(
            "env",
            [
                "-C", session.path, "MODLINK_RUNTIME_DIR=run", "SECRET=42", "TZ=Mars/Olympus", "LC_ALL=sv_SE", "sh",
                "-c",
                "umask 077; ulimit -n 500; exec \(Session.programs)/modlinkd",
            ])
        #expect(started == "")
        #expect(
            try look(session) == [
                "/ 22 500 0", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
                "LANG=C.UTF-8", "MODLINK_RUNTIME_DIR=\(session.runtime)",
            ])
        let daemon = try #require(session.daemon)
        #expect(try Tool.output("readlink", ["/proc/\(daemon)/cwd"]) == "/\n")
    }

    @Test("--env adds to the environment, and the last of a name counts")
    func variables() throws {
        let session = try Session()
        try session.output(
            "modlinkd", "--env", "HOME=/root", "--env", "MENY=gurka = tomat", "--env", "MENY=", "--env", "TZ=UTC")
        let variables = try look(session).dropFirst()
        #expect(variables.contains("HOME=/root") && variables.contains("MENY=") && variables.contains("TZ=UTC"))
        #expect(variables.count == 6, "\(variables)")
    }

    @Test("what is not NAME=VALUE is refused, and --stop takes none", arguments: ["MENY", "=gurka", ""])
    func noVariable(_ text: String) throws {
        let session = try Session()
        let result = try session.run("modlinkd", "--env", text)
        #expect(result.status == .exited(64) && result.errors.contains("'\(text)' is not NAME=VALUE"), "\(result)")
        let stop = try session.run("modlinkd", "--stop", "--env", "A=b")
        #expect(stop.status == .exited(64) && stop.errors.contains("--stop and --env exclude each other"))
    }

    // MARK: Versions

    /// A daemon of another version, which knows none of our methods.
    private func startOther(_ session: Session) throws {
        let directory = RuntimeDirectory(path: session.runtime)
        try directory.prepare()
        let listening = SharedDescriptor(try LocalSocket.listen(directory.socket, backlog: 8))
        let service = try Service(vendor: "modlink", product: "modlink", version: "0.0.9", url: "", interfaces: [])
        try Threads.start(name: "other") {
            while true {
                guard let connection = try? LocalSocket.accept(listening.descriptor) else { return }
                let number = connection.release()
                try? Threads.start(name: "peer") { try? service.serve(Connection(Descriptor(owning: number))) }
            }
        }
    }

    @Test("a tool and a daemon of different versions are told apart, with what to do")
    func versions() throws {
        let session = try Session()
        try startOther(session)
        let reason =
            "the daemon is of version 0.0.9, and this tool of \(Product.version): end it with 'modlinkd --stop', and the next tool starts one of its own version\n"
        try session.compile("gurka.o", Sources.gurka)
        for (tool, arguments) in [
            ("modstat", []), ("modload", ["gurka.o"]), ("modunload", ["gurka"]), ("ksyms", ["printf"]),
            ("modlinkd", ["--stop"]),
        ] {
            try expect(session.run(tool, arguments), .failed(69, "\(tool): modlinkd: \(reason)"))
        }
        try expect(
            session.run("modlinkd"),
            .failed(
                1,
                "modlinkd: \(session.runtime)/socket: a daemon of version 0.0.9 (this is version \(Product.version)) is running already; end it with 'modlinkd --stop'\n"
            ))
    }
}
