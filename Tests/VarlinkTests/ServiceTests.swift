import Posix
import Testing

@testable import Varlink

@Suite("service")
struct ServiceTests {
    /// What the example service answers to these messages, until it lets go of the connection.
    private func answers(to messages: String...) throws -> (answers: [String], end: VarlinkError?) {
        let served = try Served(Example.service())
        let end = served.end
        var near = served.connection
        // In one piece: a service that closes before it has read everything would reset the connection.
        let socket = near.socket.descriptor
        try LocalSocket.send(socket.descriptor, Array(messages.map { $0 + "\0" }.joined().utf8))
        try LocalSocket.shutdown(socket.descriptor, .send)
        var answers: [String] = []
        while let message = try near.receive() {
            answers.append(String(decoding: message.bytes, as: UTF8.self))
        }
        return (answers, end.wait())
    }

    @Test("GetInfo says what the service is and lists its interfaces, its own among them")
    func info() throws {
        var client = try exampleClient()
        let info = try client.call(ServiceInterface.GetInfo.self, Empty()).reply
        #expect(
            info
                == .init(
                    vendor: "Example", product: "Test", version: "7", url: "https://example.org/",
                    interfaces: ["org.varlink.service", "org.example.test"]))
    }

    @Test("GetInterfaceDescription gives the text as it was written")
    func interfaceDescription() throws {
        var client = try exampleClient()
        let reply = try client.call(
            ServiceInterface.GetInterfaceDescription.self, .init(interface: "org.example.test")
        ).reply
        #expect(reply.description == Example.text)
    }

    @Test("org.varlink.service describes itself, with the methods and errors that it has")
    func describesItself() throws {
        var client = try exampleClient()
        let reply = try client.call(
            ServiceInterface.GetInterfaceDescription.self, .init(interface: "org.varlink.service")
        ).reply
        let description = try InterfaceDescription.parse(reply.description)
        #expect(description.methods.map(\.name) == ["GetInfo", "GetInterfaceDescription"])
        #expect(
            description.errors.map { "org.varlink.service.\($0.name)" } == [
                ServiceInterface.InterfaceNotFound.name, ServiceInterface.MethodNotFound.name,
                ServiceInterface.MethodNotImplemented.name, ServiceInterface.InvalidParameter.name,
            ])
    }

    @Test(
        "what the service does not have is answered with the error that says so",
        arguments: [
            ("org.example.absent.Echo", "InterfaceNotFound", #"{"interface":"org.example.absent"}"#),
            ("Echo", "InterfaceNotFound", #"{"interface":"Echo"}"#),
            ("", "InterfaceNotFound", #"{"interface":""}"#),
            ("org.example.test.Absent", "MethodNotFound", #"{"method":"org.example.test.Absent"}"#),
            ("org.example.test.", "MethodNotFound", #"{"method":"org.example.test."}"#),
            ("org.example.test.Item", "MethodNotFound", #"{"method":"org.example.test.Item"}"#),
            ("org.example.test.Forgotten", "MethodNotImplemented", #"{"method":"org.example.test.Forgotten"}"#),
        ])
    func notThere(method: String, error: String, parameters: String) throws {
        let (answers, end) = try answers(to: "{\"method\":\"\(method)\"}")
        #expect(answers == ["{\"error\":\"org.varlink.service.\(error)\",\"parameters\":\(parameters)}"])
        #expect(end == nil)
    }

    @Test("the description of an absent interface is answered InterfaceNotFound")
    func absentDescription() throws {
        let (answers, _) = try answers(
            to: #"{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"a.b"}}"#)
        #expect(
            answers == [#"{"error":"org.varlink.service.InterfaceNotFound","parameters":{"interface":"a.b"}}"#])
    }

    @Test(
        "a method without parameters takes them absent, null, empty or unknown",
        arguments: ["", #","parameters":null"#, #","parameters":{}"#, #","parameters":{"new":[1]}"#])
    func noParameters(parameters: String) throws {
        let (answers, _) = try answers(to: "{\"method\":\"org.varlink.service.GetInfo\"\(parameters)}")
        #expect(answers.count == 1)
        #expect(answers.first?.hasPrefix("{\"parameters\":{") == true)
    }

    @Test(
        "parameters that do not fit are answered InvalidParameter with the first field that does not",
        arguments: [
            ("Echo", "", "text"),
            ("Echo", #","parameters":null"#, "text"),
            ("Echo", #","parameters":{"text":null}"#, "text"),
            ("Echo", #","parameters":{"text":7}"#, "text"),
            ("Sum", #","parameters":{"items":{}}"#, "items"),
            (
                "Sum", #","parameters":{"items":[{"name":"a","counts":[1]},{"name":"a","counts":[1,"2"]}]}"#,
                "items[1].counts[1]"
            ),
            ("Sum", #","parameters":{"items":[{"counts":[]}]}"#, "items[0].name"),
            ("Count", #","parameters":{"upto":2}"#, "more"),
            ("Echo", #","parameters":{"text":"a"},"upgrade":true"#, "upgrade"),
        ])
    func invalidParameter(method: String, rest: String, field: String) throws {
        let (answers, end) = try answers(to: "{\"method\":\"org.example.test.\(method)\"\(rest)}")
        #expect(
            answers == [
                "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"\(field)\"}}"
            ])
        #expect(end == nil)
    }

    @Test(
        "a number that its field cannot hold is answered InvalidParameter for all parameters",
        arguments: ["1.5", "9223372036854775808", "-9223372036854775809", "1e99"])
    func wrongNumber(number: String) throws {
        let (answers, end) = try answers(
            to: "{\"method\":\"org.example.test.Count\",\"parameters\":{\"upto\":\(number)}}")
        #expect(
            answers == [#"{"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"parameters"}}"#])
        #expect(end == nil)
    }

    @Test("the largest and the smallest integer go through unchanged")
    func integerLimits() throws {
        var client = try exampleClient()
        for limit in [Int.max, Int.min] {
            let answer = try client.call(Example.Sum.self, .init(items: [.init(name: "x", counts: [limit])]))
            #expect(answer.reply.sum == limit)
        }
    }

    @Test("of a parameter that comes twice the first counts")
    func duplicateParameter() throws {
        let (answers, _) = try answers(
            to: #"{"method":"org.example.test.Echo","parameters":{"text":"a","text":"b"}}"#)
        #expect(answers == [#"{"parameters":{"text":"a"}}"#])
    }

    @Test("an optional parameter may be absent or null, and is then absent from the reply")
    func optional() throws {
        for rest in ["", #","note":null"#] {
            let (answers, _) = try answers(
                to: "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"a\"\(rest)}}")
            #expect(answers == [#"{"parameters":{"text":"a"}}"#])
        }
    }

    @Test("all replies but the last of a call that asked for more say that others follow")
    func continues() throws {
        let (answers, _) = try answers(
            to: #"{"method":"org.example.test.Count","parameters":{"upto":3},"more":true}"#)
        #expect(
            answers == [
                #"{"continues":true,"parameters":{"number":1}}"#, #"{"continues":true,"parameters":{"number":2}}"#,
                #"{"parameters":{"number":3}}"#,
            ])
    }

    @Test("a call that is oneway gets no answer, whatever is wrong with it")
    func oneway() throws {
        let (answers, end) = try answers(
            to: #"{"method":"org.example.test.Echo","parameters":{"text":"a"},"oneway":true}"#,
            #"{"method":"org.example.test.Echo","oneway":true}"#,
            #"{"method":"org.example.test.Absent","oneway":true}"#,
            #"{"method":"org.example.test.Count","parameters":{"upto":3},"more":true,"oneway":true}"#,
            #"{"method":"org.example.test.Fail","parameters":{"why":"a"},"oneway":true}"#)
        #expect(answers == [])
        #expect(end == nil)
    }

    @Test("calls that come without waiting for answers are answered in order")
    func pipelined() throws {
        let calls = ["a", "b", "c"].map { "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"\($0)\"}}" }
        let (answers, _) = try answers(to: calls[0], calls[1], calls[2])
        #expect(answers == ["a", "b", "c"].map { "{\"parameters\":{\"text\":\"\($0)\"}}" })
    }

    @Test(
        "a message that is no call closes the connection, after the calls before it were answered",
        arguments: [
            ("tomat", 0, "an object"),
            ("{}", 0, "a call, which has a field 'method'"),
            (#"{"parameters":{}}"#, 0, "a call, which has a field 'method'"),
            (#"{"method":"org.example.test.Keep","parameters":{"text":"b"}"#, 59, "',' or '}'"),
        ])
    func malformed(message: String, offset: Int, expected: String) throws {
        let (answers, end) = try answers(
            to: #"{"method":"org.example.test.Keep","parameters":{"text":"a"}}"#, message,
            #"{"method":"org.example.test.Kept"}"#)
        #expect(answers == [#"{"parameters":{}}"#])
        #expect(end == .malformed(offset: offset, expected: expected))
    }

    @Test("a service answers on after another of its connections was closed for a fault")
    func independent() throws {
        let service = try Example.service()
        let bad = try Served(service)
        let good = try Served(service)
        try bad.connection.send(Array("tomat".utf8))
        #expect(bad.end.wait() == .malformed(offset: 0, expected: "an object"))
        var client = Client(good.connection)
        #expect(try client.call(Example.Echo.self, .init(text: "on")).reply.text == "on")
    }

    @Test("a peer that goes without waiting for its answer is no error")
    func peerGone() throws {
        let end = try {
            let served = try Served(Example.service())
            let call = #"{"method":"org.example.test.Count","parameters":{"upto":100000},"more":true}"#
            try served.connection.send(Array(call.utf8))
            return served.end
        }()
        #expect(end.wait(timeout: 60_000) == .some(nil))
    }

    @Test("a connection that ends inside a message is given up with that error")
    func endInside() throws {
        let served = try Served(Example.service())
        let socket = served.connection.socket.descriptor
        try LocalSocket.send(socket.descriptor, Array("{\"meth".utf8))
        try LocalSocket.shutdown(socket.descriptor, .send)
        #expect(served.end.wait() == .closedInsideMessage(byteCount: 6))
    }

    @Test("a handler knows who calls")
    func peer() throws {
        var client = try exampleClient()
        #expect(try client.call(Example.Kept.self, Empty()).reply.process == CurrentProcess.number)
    }

    @Test("parameters nested as deep as a message may be do not harm a thread of the least stack")
    func deep() throws {
        let nested = String(repeating: "[", count: 254) + String(repeating: "]", count: 254)
        let (answers, _) = try answers(
            to: "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"a\",\"x\":\(nested)}}")
        #expect(answers == [#"{"parameters":{"text":"a"}}"#])
    }

    @Test("a handler for a method that the interface does not describe is refused")
    func undescribed() {
        let handler = MethodHandler(Example.Echo.self) { parameters, _ in parameters }
        #expect(throws: Interface.Fault.undescribedMethod("org.example.test.Echo", interface: "org.example.other")) {
            try Interface("interface org.example.other", methods: [handler])
        }
    }

    @Test("two handlers for one method are refused")
    func duplicateHandler() {
        let handler = MethodHandler(Example.Echo.self) { parameters, _ in parameters }
        #expect(throws: Interface.Fault.duplicateHandler("org.example.test.Echo")) {
            try Interface(Example.text, methods: [handler, handler])
        }
    }

    @Test("two interfaces of one name are refused, also one of the name that every service has")
    func duplicateInterface() throws {
        for text in [Example.text, ServiceInterface.text] {
            let interface = try Interface(text, methods: [])
            let name = interface.description.name
            #expect(throws: Interface.Fault.duplicateInterface(name)) {
                try Service(
                    vendor: "", product: "", version: "", url: "",
                    interfaces: name == ServiceInterface.name ? [interface] : [interface, interface])
            }
        }
    }

    @Test("an interface whose text is no description is refused with the text's fault")
    func badText() {
        let fault = #expect(throws: Interface.Fault.self) { try Interface("interface x", methods: []) }
        #expect(
            fault?.description
                == "interface description: line 1: expected an interface name such as org.example.ping, found 'x'")
    }
}
