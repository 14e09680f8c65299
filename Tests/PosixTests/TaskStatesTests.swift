import Testing

@testable import Posix

@Suite struct TaskStatesTests {
    private func status(_ state: String, tracer: Int) -> String {
        "Name:\tmodspace\nUmask:\t0022\nState:\t\(state)\nTgid:\t7\nTracerPid:\t\(tracer)\nUid:\t0\t0\t0\t0\n"
    }

    @Test("a process runs traced when a debugger has all of its threads, and none stands still")
    func traced() {
        let running = status("R (running)", tracer: 9)
        let sleeping = status("S (sleeping)", tracer: 9)
        #expect(TaskStates([running, sleeping]).isRunningTraced)
        #expect(!TaskStates([running, status("S (sleeping)", tracer: 0)]).isRunningTraced)
        #expect(!TaskStates([running, status("t (tracing stop)", tracer: 9)]).isRunningTraced)
        #expect(!TaskStates([]).isRunningTraced)
    }

    @Test("one thread that stands still, for a debugger or after SIGSTOP, is enough")
    func stopped() {
        #expect(!TaskStates([status("S (sleeping)", tracer: 9)]).isStopped)
        #expect(TaskStates([status("S (sleeping)", tracer: 9), status("t (tracing stop)", tracer: 9)]).isStopped)
        #expect(TaskStates([status("T (stopped)", tracer: 0)]).isStopped)
    }

    @Test("this process is not traced, and one that is not there is an error")
    func own() throws {
        let states = try TaskStates(ofProcess: CurrentProcess.number)
        #expect(states.count > 0 && states.stoppedCount == 0)
        #expect(throws: SystemError.self) { try TaskStates(ofProcess: Int32.max) }
    }
}
