import Posix
import TestSupport
import Testing

@Suite struct ProcessAncestryTests {
    @Test("a process is within itself and within those that started it, and not the other way round")
    func ancestors() throws {
        let own = CurrentProcess.number
        let sleeping = try RunningTool(
            executable: "/bin/sh", ["-c", "sleep 60 & echo $!; wait"], environment: Tool.englishEnvironment())
        let shell = sleeping.process.process
        #expect(try eventually { try sleeping.output().hasSuffix("\n") })
        let sleep = try #require(Int32(try sleeping.output().filter(\.isNumber)))
        defer { try? ChildProcess(process: sleep).signal(9) }
        #expect(ProcessAncestry.parent(of: sleep) == shell)
        #expect(ProcessAncestry.isWithin(own, own))
        #expect(ProcessAncestry.isWithin(sleep, shell))
        #expect(ProcessAncestry.isWithin(sleep, own))
        #expect(!ProcessAncestry.isWithin(own, sleep))
        #expect(!ProcessAncestry.isWithin(shell, sleep))
    }

    @Test("a name with parentheses and spaces in it does not hide the parent")
    func strangeName() throws {
        let directory = try ScratchDirectory()
        let program = directory.path + "/a) Z 1 (b"
        try Tool.output("cp", ["/bin/sleep", program])
        let running = try RunningTool(executable: program, ["60"], environment: [])
        #expect(ProcessAncestry.parent(of: running.process.process) == CurrentProcess.number)
    }

    @Test("a process that is not there has no parent and is within nothing")
    func missing() {
        #expect(ProcessAncestry.parent(of: Int32.max) == nil)
        #expect(!ProcessAncestry.isWithin(Int32.max, 1))
        #expect(!ProcessAncestry.isWithin(0, 4711))
    }
}
