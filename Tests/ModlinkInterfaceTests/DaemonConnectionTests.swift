import Glibc
import Posix
import TestSupport
import Testing
import Varlink

@testable import ModlinkInterface

@Suite struct DaemonConnectionTests {
    private let scratch: ScratchDirectory
    private var directory: RuntimeDirectory { RuntimeDirectory(path: scratch.path) }

    init() throws {
        scratch = try ScratchDirectory()
    }

    private func refusal() -> Failure? {
        do throws(Failure) {
            _ = try DaemonConnection.open(directory, starts: false)
            return nil
        } catch {
            return error
        }
    }

    @Test("without a daemon, and without starting one, it says how to start one")
    func absent() throws {
        let failure = Failure(
            .unavailable, subject: directory.socket, reason: "no daemon listens there; start one with 'modlinkd'")
        #expect(refusal() == failure)
        // The same when one has been there.
        try LocalSocket.listen(directory.socket, backlog: 1).close()
        #expect(refusal() == failure)
        try #expect(File.list(scratch.path) == ["socket"])
    }

    @Test("who listens is connected to")
    func present() throws {
        let listening = try LocalSocket.listen(directory.socket, backlog: 1)
        #expect(refusal() == nil)
        #expect(try Poll.waitReadable(listening.number, timeout: 0))
    }

    @Test("a file in the socket's place is no daemon")
    func file() throws {
        try scratch.write("socket", [])
        #expect(refusal()?.kind == .unavailable)
    }

    @Test("a program that is not beside this one is told with the path where it was looked for")
    func programs() throws {
        let own = try CurrentProcess.executable()
        let folder = own.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        let name = String(own.split(separator: "/").last ?? "")
        try #expect(Programs.path(of: name) == own)
        #expect(throws: SystemError(call: "find", subject: folder + "/nope", code: ErrorCode.noSuchFile)) {
            try Programs.path(of: "nope")
        }
        // A folder of that name is no program.
        #expect(throws: SystemError.self) { try Programs.path(of: ".") }
    }

    @Test("a clock of phases measures from the end of one to the end of the next, after those it was given")
    func phases() {
        var clock = PhaseClock([Phase(name: "read", nanoseconds: 7)], at: 1000)
        clock.end("link", at: 1500)
        clock.end("map", at: 1501)
        #expect(clock.phases.map(\.name) == ["read", "link", "map"])
        #expect(clock.phases.map(\.nanoseconds) == [7, 500, 1])
    }

    @Test("a clock of phases takes the time from the monotonic clock")
    func realPhase() {
        let before = Clock.nanoseconds()
        var clock = PhaseClock()
        let began = Clock.nanoseconds()
        usleep(2000)
        let ending = Clock.nanoseconds()
        clock.end("link")
        let all = Int(Clock.nanoseconds() - before)
        #expect((Int(ending - began)...all).contains(clock.phases[0].nanoseconds))
    }
}
