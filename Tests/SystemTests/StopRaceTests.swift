import Posix
import TestSupport
import Testing

/// One daemon ends while tools ask for the next.
@Suite struct StopRaceTests {
    @Test("a tool that comes while a daemon ends is refused or gets the next daemon, whose files are left alone")
    func restart() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        for round in 0..<20 {
            #expect(try session.run("modstat").status == .exited(0))
            // What the round before has loaded in its new daemon.
            try session.run("modunload", "gurka")
            let stop = try session.start("modlinkd", ["--stop"])
            let load = try session.start("modload", ["gurka.o"])
            #expect(try stop.wait().status == .exited(0), "round \(round)")
            let result = try load.wait()
            // 69 where the request was with the old daemon already.
            #expect([.exited(0), .exited(69)].contains(result.status), "round \(round): \(result)")
        }
        try session.run("modunload", "gurka")
        #expect(try session.run("modload", "gurka.o").status == .exited(0))
        for name in ["pid", "ksyms", "socket", "images/gurka"] {
            #expect((try? File.status(path: "\(session.runtime)/\(name)")) != nil, "\(name)")
        }
    }
}
