import Testing

@testable import Posix

@Suite struct ProcessConditionTests {
    private func status(_ state: String, tracer: Int) -> String {
        "Name:\tmodspace\nState:\t\(state)\nTgid:\t7\nTracerPid:\t\(tracer)\nUid:\t0\t0\t0\t0\n"
    }

    @Test("a process runs, is stopped, is traced or has ended, as its status says")
    func conditions() {
        #expect(ProcessCondition(status: status("R (running)", tracer: 0)) == .running)
        #expect(ProcessCondition(status: status("D (disk sleep)", tracer: 0)) == .running)
        #expect(ProcessCondition(status: status("T (stopped)", tracer: 0)) == .stopped)
        #expect(ProcessCondition(status: status("t (tracing stop)", tracer: 9)) == .traced(9))
        #expect(ProcessCondition(status: status("S (sleeping)", tracer: 9)) == .traced(9))
        #expect(ProcessCondition(status: status("Z (zombie)", tracer: 0)) == .ended)
        #expect(ProcessCondition(status: "") == .ended)
    }

    @Test("this process runs, and one that is not there has ended")
    func own() {
        #expect(ProcessCondition(ofProcess: CurrentProcess.number) == .running)
        #expect(ProcessCondition(ofProcess: Int32.max) == .ended)
    }

    @Test("a child is stopped after SIGSTOP, and has ended after SIGKILL")
    func child() throws {
        let child = try ChildProcess.spawn(executable: "/bin/sleep", arguments: ["1000"])
        try child.signal(19)
        while ProcessCondition(ofProcess: child.process) != .stopped {}
        try child.signal(9)
        _ = try child.wait()
        #expect(ProcessCondition(ofProcess: child.process) == .ended)
    }
}
