import Posix
import Testing

@testable import Varlink

@Suite("error messages")
struct ErrorMessageTests {
    @Test(
        "every error has its message",
        arguments: [
            (
                VarlinkError.transport(SystemError(call: "recvmsg", subject: "socket", code: ErrorCode.tryAgain)),
                "varlink connection: socket: recvmsg: resource temporarily unavailable (EAGAIN)"
            ),
            (.closed, "varlink connection: the peer closed it"),
            (.unusable, "varlink connection: an earlier call on it failed or was given up: connect again"),
            (
                .closedInsideMessage(byteCount: 3),
                "varlink connection: the peer closed it inside a message, after 3 bytes of it"
            ),
            (.messageTooLong(byteCount: 16_777_217), "varlink message: 16777217 bytes: a message has at most 16777216"),
            (.tooManyDescriptors(count: 254), "varlink message: 254 descriptors: a message carries at most 253"),
            (.malformed(offset: 7, expected: "':'"), "varlink message: byte 7: expected ':'"),
            (
                .notEncodable(method: "a.B", reason: JSONFault(field: "x[1]", reason: "no number")),
                "a.B: parameters: field 'x[1]': no number"
            ),
            (
                .notDecodable(method: "a.B", reason: JSONFault(field: "", reason: "no number")),
                "a.B: reply: no number"
            ),
            (
                .unexpectedContinuation(method: "a.B"),
                "a.B: reply: the peer announced more replies than were asked for"
            ),
            (.remote(RemoteError(name: "a.C", parameters: Array("{}".utf8))), "a.C: {}"),
        ])
    func messages(error: VarlinkError, message: String) {
        #expect(error.description == message)
    }

    @Test(
        "every fault of an interface has its message",
        arguments: [
            (
                Interface.Fault.description(InterfaceDescriptionError(line: 3, fault: .duplicateMember("A"))),
                "interface description: line 3: 'A' is declared twice"
            ),
            (
                .undescribedMethod("a.b.C", interface: "a.b"),
                "a.b.C: a handler for a method that the description of a.b does not have"
            ),
            (.duplicateHandler("a.b.C"), "a.b.C: two handlers for one method"),
            (.duplicateInterface("a.b"), "a.b: two interfaces of one name"),
        ])
    func interfaceFaults(fault: Interface.Fault, message: String) {
        #expect(fault.description == message)
    }
}
