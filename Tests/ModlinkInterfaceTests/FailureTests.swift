import ObjectModel
import Posix
import Testing

@testable import ModlinkInterface
@testable import Varlink

private let problems = [
    Problem(subject: "gurka.o", place: ".text+0x1b", reason: "undefined symbol 'tomat'"),
    Problem(subject: "sallad.o", reason: "not an object file"),
]

@Suite struct FailureTests {
    /// What a client makes of a failure that a service answers with, over a socket.
    private func overConnection(_ failure: Failure) throws -> Failure {
        let interface = try Interface(
            interfaceText,
            methods: [MethodHandler(StopMethod.self) { _, _ throws(MethodError) in throw failure.methodError }])
        let service = try Service(vendor: "", product: "", version: "", url: "", interfaces: [interface])
        let pair = try LocalSocket.pair()
        try LocalSocket.setReceiveTimeout(pair.first, seconds: 60)
        let number = pair.second.release()
        try Threads.start(name: "service", stackSize: Threads.minimumStackSize) {
            try? service.serve(Connection(Descriptor(owning: number)))
        }
        var client = Client(Connection(pair.first))
        do throws(VarlinkError) {
            _ = try client.call(StopMethod.self, Empty())
        } catch {
            return Failure(error)
        }
        throw VarlinkError.closed
    }

    @Test("each kind is an error of the interface, but for those that a tool finds out by itself")
    func declared() throws {
        let errors = try InterfaceDescription.parse(interfaceText).errors.map(\.name)
        #expect(Failure.Kind.allCases.filter(\.isOfInterface).map(\.rawValue).sorted() == errors.sorted())
        #expect(Failure.Kind.allCases.filter { !$0.isOfInterface } == [.usage])
    }

    @Test(
        "all problems come over a connection, in their order", arguments: Failure.Kind.allCases.filter(\.isOfInterface))
    func allProblems(_ kind: Failure.Kind) throws {
        let failure = Failure(kind, problems)
        try #expect(overConnection(failure) == failure)
    }

    @Test(
        "what belongs to a kind comes over a connection",
        arguments: [
            Failure(.moduleBusy, problems, output: "no\n", holders: ["sallad", "soppa"]),
            Failure(.moduleBusy, problems, holds: [Hold(module: "gurka", kind: .count, count: 3)]),
            Failure(.initFailed, problems, output: "trying\n", result: -12),
            Failure(.moduleFaulted, problems, output: "trying\n", signal: "SIGSEGV"),
            Failure(.systemFailure, problems, output: "the last words\n"),
        ])
    func details(_ failure: Failure) throws {
        try #expect(overConnection(failure) == failure)
    }

    @Test("fields that an error does not have are not sent")
    func undeclared() throws {
        let failure = Failure(
            .linkFailed, problems, output: "x", holders: ["x"], holds: [Hold(module: "x", kind: .count, count: 1)],
            result: 1, signal: "SIGSEGV")
        try #expect(overConnection(failure) == Failure(.linkFailed, problems))
    }

    @Test("a kind that the interface does not have is sent as a failure of the system")
    func notOfInterface() throws {
        try #expect(overConnection(Failure(.usage, problems)) == Failure(.systemFailure, problems))
    }

    @Test(
        "an error that is none of the interface's is a failure of the system, with all that it says",
        arguments: ["org.modlink.Nope", "org.modlink.Usage", "org.varlink.service.MethodNotFound", "LinkFailed"])
    func foreign(_ name: String) {
        let error = VarlinkError.remote(RemoteError(name: name, parameters: Array(#"{"a":1}"#.utf8)))
        let failure = Failure(error)
        #expect(failure.kind == .systemFailure)
        #expect(failure.problems.map(\.description) == [#"modlinkd: \#(name): {"a":1}"#])
    }

    @Test("an error without its fields is a failure of the system")
    func withoutFields() {
        let failure = Failure(
            VarlinkError.remote(RemoteError(name: "org.modlink.LinkFailed", parameters: Array("{}".utf8))))
        #expect(failure.kind == .systemFailure)
        #expect(failure.problems.map(\.description) == ["modlinkd: org.modlink.LinkFailed: {}"])
    }

    @Test("a refusal of modules(2) goes with its error number and what was printed, when something was")
    func refused() throws {
        let problem = Problem(subject: "gurka", place: "code", reason: "cannot be read")
        for output in ["", "hello\n"] {
            let failure = Failure(.refused, [problem], output: output, code: "EFAULT")
            try #expect(overConnection(failure) == failure)
        }
    }

    @Test("a connection that ends says that the daemon is not there")
    func closed() {
        #expect(Failure(.closed).kind == .unavailable)
        #expect(Failure(.closed).problems.map(\.subject) == ["modlinkd"])
    }

    @Test(
        "the exit statuses are those of sysexits.h",
        arguments: zip(Failure.Kind.allCases, [65, 1, 1, 1, 1, 1, 1, 1, 1, 1, 77, 1, 69, 65, 64] as [Int32]))
    func exitStatus(_ kind: Failure.Kind, _ status: Int32) {
        #expect(kind.exitStatus == status)
    }

    @Test("an error of a system call that names its subject does not name it twice")
    func naming() {
        let error = SystemError(call: "open", subject: "/x", code: ErrorCode.noSuchFile)
        func failure(_ subject: String) -> Failure? {
            do throws(Failure) {
                try Failure.naming(subject, .notAnObject) { () throws(SystemError) in throw error }
                return nil
            } catch {
                return error
            }
        }
        #expect(
            failure("/x") == Failure(.notAnObject, subject: "/x", reason: "open: no such file or directory (ENOENT)"))
        #expect(
            failure("gurka")
                == Failure(
                    .notAnObject, subject: "gurka", reason: "/x: open: no such file or directory (ENOENT)"))
    }
}
