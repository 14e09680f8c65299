import Posix
import Testing

@testable import Varlink

@Suite("calls")
struct CallTests {
    @Test("a call is answered with a reply of the method's type")
    func call() throws {
        var client = try exampleClient()
        let answer = try client.call(Example.Echo.self, .init(text: "gurka/\"å\"\u{1}", note: "x"))
        #expect(answer.reply == .init(text: "gurka/\"å\"\u{1}", note: "x"))
    }

    @Test("calls over one connection are answered one after the other")
    func several() throws {
        var client = try exampleClient()
        for count in 0..<5 {
            let items = [Example.Item](repeating: .init(name: "x", counts: [1, 2]), count: count)
            #expect(try client.call(Example.Sum.self, .init(items: items)).reply.sum == 3 * count)
        }
    }

    @Test("an error reply throws its name and its parameters, and the client can go on")
    func errorReply() throws {
        var client = try exampleClient()
        let failure = error { () throws(VarlinkError) in
            _ = try client.call(Example.Fail.self, .init(why: "too green"))
        }
        guard case .remote(let remote) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(remote.name == "org.example.test.Refused")
        #expect(try remote.decode(Example.Refused.self) == Example.Refused(why: "too green"))
        #expect(remote.description == #"org.example.test.Refused: {"why":"too green"}"#)
        #expect(try client.call(Example.Echo.self, .init(text: "on")).reply.text == "on")
    }

    @Test("an error without parameters reads as one with an empty object")
    func bareError() throws {
        for text in [#"{"error":"a.B"}"#, #"{"error":"a.B","parameters":null}"#, #"{"error":"a.B","parameters":{}}"#] {
            var peer = try Scripted(text)
            let failure = error { () throws(VarlinkError) in _ = try peer.client.call(Example.Kept.self, Empty()) }
            #expect(failure == .remote(RemoteError(name: "a.B", parameters: Array("{}".utf8))))
        }
    }

    @Test("a declared error without fields reaches the caller")
    func declaredBareError() throws {
        var client = try exampleClient()
        let failure = error { () throws(VarlinkError) in _ = try client.call(Example.Fail.self, .init(why: "")) }
        #expect(failure == .remote(RemoteError(name: "org.example.test.Bare", parameters: Array("{}".utf8))))
    }

    @Test("an error's parameters of another type are an error that names field and error")
    func wrongErrorParameters() {
        let remote = RemoteError(name: "a.B", parameters: Array("{}".utf8))
        let failure = error { () throws(VarlinkError) in _ = try remote.decode(Example.Refused.self) }
        #expect(failure?.description == "a.B: reply: field 'why': the field is missing")
    }

    @Test("an error's characters that a terminal would act on are shown as their numbers")
    func terminal() {
        let remote = RemoteError(name: "a.\u{1b}[2J", parameters: Array("{\"a\":\"\u{9b}å\u{202e}\"}".utf8))
        #expect(remote.description == #"a.\u{1b}[2J: {"a":"\u{9b}å\u{202e}"}"#)
    }

    @Test("a reply without parameters, with null and with an empty object are the same")
    func emptyReply() throws {
        for text in ["{}", #"{"parameters":null}"#, #"{"parameters":{}}"#, #"{"parameters":{"new":1}}"#] {
            var peer = try Scripted(text)
            #expect(try peer.client.call(Example.Forgotten.self, Empty()).reply == Empty(), "\(text)")
        }
    }

    @Test("a reply of another type is an error that names method and field, and the client can go on")
    func wrongReply() throws {
        var peer = try Scripted(#"{"parameters":{"text":["a"]}}"#, #"{"parameters":{"text":"b"}}"#)
        let failure = error { () throws(VarlinkError) in _ = try peer.client.call(Example.Echo.self, .init(text: "x")) }
        #expect(failure?.description == "org.example.test.Echo: reply: field 'text': no value of type String")
        #expect(try peer.client.call(Example.Echo.self, .init(text: "x")).reply.text == "b")
    }

    @Test("a reply that announces more than was asked for is an error, and the client is of no use after it")
    func unexpectedContinuation() throws {
        var peer = try Scripted(#"{"parameters":{"number":1},"continues":true}"#)
        let failure = error { () throws(VarlinkError) in _ = try peer.client.call(Example.Count.self, .init(upto: 2)) }
        #expect(failure == .unexpectedContinuation(method: "org.example.test.Count"))
        let next = error { () throws(VarlinkError) in _ = try peer.client.call(Example.Count.self, .init(upto: 2)) }
        #expect(next == .unusable)
    }

    @Test("a reply that is no JSON is an error, and the client is of no use after it")
    func malformedReply() throws {
        var peer = try Scripted("tomat", "{}")
        let failure = error { () throws(VarlinkError) in _ = try peer.client.call(Example.Forgotten.self, Empty()) }
        #expect(failure == .malformed(offset: 0, expected: "an object"))
        let next = error { () throws(VarlinkError) in try peer.client.oneway(Example.Forgotten.self, Empty()) }
        #expect(next == .unusable)
    }

    @Test("a peer that goes instead of answering is the error closed")
    func peerGone() throws {
        var peer = try Scripted(ends: true)
        let failure = error { () throws(VarlinkError) in _ = try peer.client.call(Example.Forgotten.self, Empty()) }
        #expect(failure == .closed)
    }

    @Test("a call that asks for more gets every reply in order, and the client can go on")
    func more() throws {
        var client = try exampleClient()
        var numbers: [Int] = []
        try client.callMany(Example.Count.self, .init(upto: 4)) { answer in
            numbers.append(answer.reply.number)
            return true
        }
        #expect(numbers == [1, 2, 3, 4])
        #expect(try client.call(Example.Echo.self, .init(text: "on")).reply.text == "on")
    }

    @Test("an error ends a call that asks for more")
    func moreThenError() throws {
        var peer = try Scripted(#"{"parameters":{"number":1},"continues":true}"#, #"{"error":"a.B"}"#, "{}")
        var numbers: [Int] = []
        let failure = error { () throws(VarlinkError) in
            try peer.client.callMany(Example.Count.self, .init(upto: 4)) { answer in
                numbers.append(answer.reply.number)
                return true
            }
        }
        #expect(numbers == [1])
        #expect(failure == .remote(RemoteError(name: "a.B", parameters: Array("{}".utf8))))
        #expect(try peer.client.call(Example.Forgotten.self, Empty()).reply == Empty())
    }

    @Test("who wants no further reply gets none, and the client is of no use after it")
    func stops() throws {
        var client = try exampleClient()
        var numbers: [Int] = []
        try client.callMany(Example.Count.self, .init(upto: 4)) { answer in
            numbers.append(answer.reply.number)
            return answer.reply.number < 2
        }
        #expect(numbers == [1, 2])
        let next = error { () throws(VarlinkError) in _ = try client.call(Example.Echo.self, .init(text: "on")) }
        #expect(next == .unusable)
    }

    @Test("who wants no further reply after the last can go on")
    func stopsAtTheLast() throws {
        var client = try exampleClient()
        try client.callMany(Example.Count.self, .init(upto: 2)) { $0.reply.number < 2 }
        #expect(try client.call(Example.Echo.self, .init(text: "on")).reply.text == "on")
    }

    @Test("a oneway call acts and is not answered, not even with an error")
    func oneway() throws {
        var client = try exampleClient()
        try client.oneway(Example.Keep.self, .init(text: "gurka"))
        try client.oneway(Example.Fail.self, .init(why: "x"))
        try client.oneway(Example.Forgotten.self, Empty())
        // An answer to one of the three would be taken for that to this one.
        #expect(try client.call(Example.Kept.self, Empty()).reply.texts == ["gurka"])
    }

    @Test("parameters that cannot be encoded are not sent, and the client can go on")
    func notEncodable() throws {
        enum Wrong: Method {
            static let name = "org.example.test.Echo"
            typealias Parameters = [Int]
            typealias Reply = Empty
        }
        var client = try exampleClient()
        #expect(error { () throws(VarlinkError) in _ = try client.call(Wrong.self, [1]) } != nil)
        #expect(try client.call(Example.Echo.self, .init(text: "on")).reply.text == "on")
    }
}
