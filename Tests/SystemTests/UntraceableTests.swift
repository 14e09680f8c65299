import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

/// Faults in a space that the daemon may not look at: there is no core file, and everything else goes on.
@Suite struct UntraceableTests {
    private static let crashing = """
        #include <string.h>
        #include <sys/prctl.h>
        static int kept = 5;
        int keep(void) { return kept++; }
        __attribute__((noinline)) int slice(volatile int *p) { return *p + 1; }
        int crash(void) { return slice((int *)16) + 2; }
        int crash_within(void) { return strlen((const char *)(long)(kept / 8)) + 2; }
        int hide(void) { return prctl(PR_SET_DUMPABLE, 0); }
        """

    /// Runs a program whose system calls of these numbers fail, and those of what it starts.
    private static let refusing = """
        #include <linux/filter.h>
        #include <linux/seccomp.h>
        #include <stddef.h>
        #include <stdlib.h>
        #include <sys/prctl.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        int main(int count, char **words)
        {
            unsigned error = atoi(words[1]), other = words[2][0] == '+' ? SYS_process_vm_readv : SYS_ptrace;
            struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 1, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, other, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
            };
            struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
            if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
                return 99;
            execv(words[3], words + 3);
            return 98;
        }
        """

    private func call(_ runtime: String, _ function: String) throws -> Int {
        var client = try DaemonConnection.open(RuntimeDirectory(path: runtime), starts: false)
        return try client.call(CallMethod.self, CallMethod.Parameters(function: function, arguments: [])).reply.result
    }

    private func refusal(_ runtime: String, _ function: String) throws -> Failure {
        do {
            let result = try call(runtime, function)
            throw ToolFailure(description: "\(function) returned \(result)")
        } catch let error as VarlinkError {
            return Failure(error)
        }
    }

    /// A session whose daemon is refused to look at processes.
    private func session(_ error: Int32, and others: String) throws -> Session {
        let session = try Session()
        let source = try session.write("refuse.c", Array(Self.refusing.utf8))
        try Tool.output("gcc", ["-o", session.path + "/refuse", source])
        let result = try RunningTool(
            executable: session.path + "/refuse", ["\(error)", others, "\(Session.programs)/modlinkd"],
            environment: session.environment()
        ).wait()
        try #require(result.status == .exited(0), "\(result)")
        try session.compile("crash.o", "#line 1 \"crash.c\"\n" + Self.crashing, ["-O1", "-g"])
        try session.compile("keep.o", "static int held = 7; int hold(void) { return held++; }")
        try session.output("modload", "crash.o", "keep.o")
        #expect(try call(session.runtime, "hold") == 7)
        return session
    }

    private static let cure =
        "modlinkd has to be allowed to trace its spaces: kernel.yama.ptrace_scope, the rules of the container, "
        + "or a module that has called prctl(PR_SET_DUMPABLE)"

    /// What is told of a fault in `crash`, and what goes on.
    private func check(_ session: Session, _ reason: String) throws {
        let space = try session.space()
        let failure = try refusal(session.runtime, "crash")
        let line = failure.problems.first?.description ?? ""
        #expect(failure.kind == .moduleFaulted && failure.signal == "SIGSEGV")
        #expect(line.hasPrefix("crash: crash: SIGSEGV at 0x10 in crash:slice+0x"), "\(line)")
        let report = failure.report.split(separator: "\n")
        #expect(report.first?.hasPrefix("Oops: SIGSEGV at 0x10 (not mapped) in crash:slice+0x") == true, "\(report)")
        #expect(report.contains { $0.hasPrefix("RIP: crash:slice+0x") }, "\(report)")
        #expect(
            report.contains { $0.hasPrefix("RSP: 0000") } && report.contains { $0.hasPrefix("Code: ") }, "\(report)")
        #expect(
            report.contains("RDX: ")
                || report.contains { $0.hasPrefix("RDX: ") && $0.contains("RDI: 0000000000000010") })
        #expect(report.contains(" ... nothing is known of what called this"))
        #expect(
            report.last?.hasPrefix("Note: core: ") == true && report.last?.hasSuffix("\(reason); \(Self.cure)") == true,
            "\(report)")
        let console = try session.output("modstat", "--console")
        #expect(
            console.contains("modlinkd: no core file: ") && console.contains("\(reason); \(Self.cure)\n"), "\(console)")
        #expect(
            try File.list(session.runtime + "/crash/1").sorted() == [
                "fault.json", "images", "modules.json", "objects", "report",
            ])
        #expect(try session.output("modstat", "--crash", "1") == failure.report + "\n")
        #expect(try session.output("modstat", "--crashes").contains(" SIGSEGV at 0x10 (not mapped) "))
        // The others go on, with their state, and the next load works.
        #expect(try session.space() == space)
        #expect(try call(session.runtime, "hold") == 8)
        #expect(try session.output("modstat").contains(" crash  faulted "))
        try expect(session.run("modunload", "-f", "crash"), .done())
        try session.compile("next.o", Sources.initialize("puts(\"next\"); return 0;"))
        #expect(try session.run("modload", "next.o").output.hasPrefix("next\n"))
        try session.output("modload", "crash.o")
        // Where the space's own code has faulted for it, the module that was called is at fault.
        let within = try refusal(session.runtime, "crash_within")
        #expect(
            within.problems.first?.description.hasPrefix("crash: crash_within: SIGSEGV at 0x0 in ") == true, "\(within)"
        )
        #expect(try session.output("modstat").contains(" crash  faulted "))
    }

    @Test(
        "where ptrace is refused a fault is told all the same, with what was refused and what helps, and the others go on",
        arguments: [(Int32(1), "operation not permitted (EPERM)"), (38, "function not implemented (ENOSYS)")])
    func ptrace(error: Int32, text: String) throws {
        try check(session(error, and: "-"), "ptrace: \(text)")
    }

    @Test("and also where no memory of other processes may be read")
    func memory() throws {
        try check(session(1, and: "+"), "ptrace: operation not permitted (EPERM)")
    }

    @Test("a space that a module has hidden from others of its user gives no core file, and goes on")
    func hidden() throws {
        let user = try OtherUser()
        let folder = user.session.path + "/own"
        try File.createDirectory(folder, permissions: 0o700)
        for name in ["modreport", "modunload"] {
            try Tool.output("cp", ["\(Session.programs)/\(name)", "\(user.session.path)/\(name)"])
        }
        try user.session.compile("crash.o", Self.crashing, ["-O1", "-g"])
        try File.changeMode(user.session.path + "/crash.o", 0o644)
        try Tool.output("chown", ["\(OtherUser.number)", folder])
        let own = ["MODLINK_RUNTIME_DIR": folder + "/run"]
        defer { _ = try? user.run("modlinkd", ["--stop"], own) }
        #expect(try user.run("modload", ["crash.o"], own).status == .exited(0))
        #expect(try call(folder + "/run", "hide") == 0)
        let failure = try refusal(folder + "/run", "crash")
        #expect(
            failure.problems.first?.description.hasPrefix("crash: crash: SIGSEGV at 0x10 in crash:slice+0x") == true)
        #expect(
            failure.report.hasSuffix("(EPERM); \(Self.cure)") || failure.report.hasSuffix("(EACCES); \(Self.cure)"),
            "\(failure.report)")
        #expect(try user.run("modunload", ["-f", "crash"], own) == .done())
        #expect(try user.run("modload", ["crash.o"], own).status == .exited(0))
        #expect(try call(folder + "/run", "keep") == 5)
    }
}
