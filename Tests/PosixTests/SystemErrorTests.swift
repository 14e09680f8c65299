import Glibc
import Posix
import Testing

@Suite struct SystemErrorTests {
    @Test("an error names subject, call, reason and code")
    func description() {
        let error = SystemError(call: "open", subject: "/x/y", code: ENOENT)
        #expect(error.description == "/x/y: open: no such file or directory (ENOENT)")
    }

    @Test("a code that errno(3) does not know is shown as its number")
    func unknownCode() {
        let error = SystemError(call: "open", subject: "/x", code: 9999)
        #expect(error.description == "/x: open: unknown error 9999 (E9999)")
    }

    @Test("a reason that begins with an abbreviation keeps its capitals")
    func capitals() {
        let error = SystemError(call: "read", subject: "/x", code: EADV)
        #expect(error.description == "/x: read: advertise error (EADV)")
        let specific = SystemError(call: "read", subject: "/x", code: EDOTDOT)
        #expect(specific.description == "/x: read: RFS specific error (EDOTDOT)")
    }

    @Test("no error has no name")
    func zero() {
        #expect(errorName(0) == "E0")
    }

    @Test("errors of the same call, subject and code are equal, and others are not")
    func equality() {
        let error = SystemError(call: "open", subject: "/x", code: ENOENT)
        #expect(error == SystemError(call: "open", subject: "/x", code: ErrorCode.noSuchFile))
        #expect(error != SystemError(call: "open", subject: "/x", code: ErrorCode.permissionDenied))
    }

    @Test("signals have the names of signal(7)")
    func signals() {
        #expect(signalName(SIGSEGV) == "SIGSEGV")
        #expect(signalName(34) == "SIGRTMIN")
        #expect(signalName(36) == "SIGRTMIN+2")
    }

    @Test("the last real-time signal has a name and the number after it does not")
    func signalLimits() {
        #expect(signalName(64) == "SIGRTMIN+30")
        #expect(signalName(65) == "SIG65")
        #expect(signalName(0) == "SIG0")
    }
}
