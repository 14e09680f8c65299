import Posix
import TestSupport
import Testing

@testable import ModlinkInterface

@Suite struct RuntimeDirectoryTests {
    private static let own = User.effective

    @Test(
        "MODLINK_RUNTIME_DIR comes first, then /run/modlink for root, then XDG_RUNTIME_DIR, then /tmp",
        arguments: [
            (["MODLINK_RUNTIME_DIR": "/m", "XDG_RUNTIME_DIR": "/x"], 0, "/m"),
            (["MODLINK_RUNTIME_DIR": "/m", "XDG_RUNTIME_DIR": "/x"], 7, "/m"),
            (["MODLINK_RUNTIME_DIR": "", "XDG_RUNTIME_DIR": "/x"], 0, "/run/modlink"),
            (["XDG_RUNTIME_DIR": "/x"], 7, "/x/modlink"),
            (["MODLINK_RUNTIME_DIR": "", "XDG_RUNTIME_DIR": ""], 7, "/tmp/modlink-7"),
            (["XDG_RUNTIME_DIR": "x"], 7, "/tmp/modlink-7"),
            ([:], 4_294_967_294, "/tmp/modlink-4294967294"),
        ] as [([String: String], UInt32, String)])
    func standard(_ variables: [String: String], _ user: UInt32, _ path: String) {
        #expect(RuntimeDirectory.standard(user: user) { variables[$0] }.path == path)
    }

    @Test("what is in it lies below it")
    func parts() {
        let directory = RuntimeDirectory(path: "/r")
        #expect(
            [
                directory.socket, directory.lock, directory.process, directory.images, directory.symbols,
                directory.console, directory.log,
            ] == ["/r/socket", "/r/lock", "/r/pid", "/r/images", "/r/ksyms", "/r/console", "/r/log"])
    }

    /// What `prepare` says of a path; nil when it is content.
    private func complaint(_ path: String) -> Failure? {
        do throws(Failure) {
            try RuntimeDirectory(path: path).prepare()
            return nil
        } catch {
            return error
        }
    }

    @Test("it is made for its owner alone, and prepared again as often as one likes")
    func made() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/run"
        #expect(complaint(path) == nil)
        #expect(complaint(path) == nil)
        let status = try File.status(path: path)
        #expect(status.isDirectory)
        #expect(status.mode == 0o700)
        #expect(status.owner == Self.own)
    }

    @Test("one that others may look into is taken", arguments: [0o700, 0o755] as [UInt32])
    func readable(_ mode: UInt32) throws {
        let scratch = try ScratchDirectory()
        try File.changeMode(scratch.path, mode)
        #expect(complaint(scratch.path) == nil)
    }

    @Test("one that others may write to is refused", arguments: [0o720, 0o702, 0o777] as [UInt32])
    func writable(_ mode: UInt32) throws {
        let scratch = try ScratchDirectory()
        try File.changeMode(scratch.path, mode)
        #expect(
            complaint(scratch.path)
                == Failure(.permissionDenied, subject: scratch.path, reason: "others may write there; 'chmod 700' it"))
    }

    @Test("a file, and a link to a directory, are refused")
    func notADirectory() throws {
        let scratch = try ScratchDirectory()
        let file = try scratch.write("file", [])
        try Tool.output("ln", ["-s", scratch.path, scratch.path + "/link"])
        for path in [file, scratch.path + "/link"] {
            #expect(
                complaint(path)
                    == Failure(
                        .permissionDenied, subject: path,
                        reason: "not a directory; choose another with MODLINK_RUNTIME_DIR"))
        }
    }

    @Test("one of another user is refused, for root too")
    func otherUser() throws {
        let scratch = try ScratchDirectory()
        // Root has to give one away; for everybody else root's will do.
        let path = Self.own == 0 ? scratch.path : "/usr"
        let owner: UInt32 = Self.own == 0 ? 65534 : 0
        if Self.own == 0 { try Tool.output("chown", ["65534", path]) }
        #expect(
            complaint(path)
                == Failure(
                    .permissionDenied, subject: path,
                    reason:
                        "belongs to user \(owner), not to you (\(Self.own)); choose another with MODLINK_RUNTIME_DIR"))
    }

    @Test("one that cannot be made says why")
    func impossible() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/none/run"
        let reason = "cannot be made: no such file or directory (ENOENT)"
        #expect(complaint(path) == Failure(.unavailable, subject: path, reason: reason))
    }

    @Test("a socket's path of 107 bytes is used, one of 108 is refused")
    func pathLength() throws {
        let scratch = try ScratchDirectory()
        let room = LocalSocket.maximumPathLength - scratch.path.utf8.count - "//socket".utf8.count
        let longest = scratch.path + "/" + String(repeating: "r", count: room)
        #expect(complaint(longest) == nil)
        let socket = longest + "r/socket"
        let failure = Failure(
            .unavailable, subject: socket,
            reason: "108 bytes, and a socket's path may have 107; choose another directory with MODLINK_RUNTIME_DIR")
        #expect(complaint(longest + "r") == failure)
        #expect(throws: failure) { _ = try DaemonConnection.connect(RuntimeDirectory(path: longest + "r")) }
    }
}
