import Posix
import TestSupport
import Testing

/// Where daemon and tools meet.
@Suite struct RuntimeDirectoryTests {
    @Test("a runtime directory on a file system without execution serves as any other")
    func noexec() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        // Of it a part of the image is written when it is mapped.
        try session.compile(
            "chosen.o",
            """
            #include <stdio.h>
            static int two(void) { return 2; }
            static void *choose(void) { return two; }
            int pick(void) __attribute__((ifunc("choose")));
            int init_module(void) { return printf("%d\\n", pick()) - 2; }
            """)
        let programs = Session.programs
        let script = """
            cd \(session.path) && mkdir -m 700 run && mount -t tmpfs -o noexec,mode=700 none run || exit 99
            \(programs)/modload gurka.o chosen.o && \(programs)/modunload gurka; status=$?
            \(programs)/modlinkd --stop; exit $status
            """
        let result = try RunningTool(
            executable: "/usr/bin/env", ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
            environment: session.environment()
        ).wait()
        expect(result, .done("gurka: hello\n2\nModule loaded as ID 1\nModule loaded as ID 2\ngurka: bye\n"))
    }

    @Test("a user's is in XDG_RUNTIME_DIR", .enabled(if: User.effective == 0, "only root can be another user"))
    func xdg() throws {
        let user = try OtherUser()
        let folder = user.session.path + "/xdg"
        try File.createDirectory(folder, permissions: 0o700)
        try Tool.output("chown", ["\(OtherUser.number)", folder])
        let variables = ["XDG_RUNTIME_DIR": folder, "MODLINK_RUNTIME_DIR": ""]
        try expect(user.run("modstat", [], variables), .done("ID  NAME  STATE  REFS  SIZE  ADDRESS  USED BY\n"))
        let status = try File.status(path: folder + "/modlink")
        #expect(status.owner == OtherUser.number && status.mode & 0o777 == 0o700)
        try expect(user.run("modlinkd", ["--stop"], variables), .done())
    }

    @Test(
        "without XDG_RUNTIME_DIR it is in /tmp, and whoever starts the daemon is warned",
        .enabled(if: User.effective == 0, "only root can be another user"))
    func fallback() throws {
        let user = try OtherUser()
        let variables = ["XDG_RUNTIME_DIR": "", "MODLINK_RUNTIME_DIR": ""]
        let folder = "/tmp/modlink-\(OtherUser.number)"
        defer { _ = try? Tool.output("rm", ["-rf", folder]) }
        let listing = "ID  NAME  STATE  REFS  SIZE  ADDRESS  USED BY\n"
        try expect(
            user.run("modstat", [], variables),
            ToolResult(
                status: .exited(0), output: listing,
                errors: "modstat: warning: XDG_RUNTIME_DIR is not set: the runtime directory is \(folder)\n"))
        try expect(user.run("modstat", [], variables), .done(listing))
        #expect(try File.status(path: folder).mode & 0o777 == 0o700)
        try expect(user.run("modlinkd", ["--stop"], variables), .done())
    }

    @Test("two runtime directories have a daemon and a space each")
    func two() throws {
        let one = try Session()
        let two = try Session()
        try one.compile("gurka.o", Sources.gurka)
        try one.output("modload", "gurka.o")
        try two.output("modstat")
        #expect(try two.names() == [] && one.names() == ["gurka"])
        #expect(try one.space() != two.space() && one.daemon != two.daemon)
    }

    @Test("the idle daemon has less than 25 MB resident of its own")
    func memory() throws {
        let session = try Session()
        try session.output("modstat")
        let text = try File.read(path: "/proc/\(try #require(session.daemon))/status", limit: 1 << 16)
        let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
        let kilobytes = try #require(line?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        #expect(kilobytes < 25_000)
    }
}
