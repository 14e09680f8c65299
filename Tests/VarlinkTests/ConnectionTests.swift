import Posix
import Testing

@testable import Varlink

@Suite("connection")
struct ConnectionTests {
    @Test("two messages that come in one read are two messages")
    func twoMessagesInOneRead() throws {
        var ends = try Ends()
        try ends.sendFar("{\"a\":1}\0{}\0")
        #expect(try ends.receiveText() == "{\"a\":1}")
        #expect(try ends.receiveText() == "{}")
    }

    @Test("a message that comes byte by byte is one message")
    func oneMessageInManyReads() throws {
        var ends = try Ends()
        let number = ends.far.number
        try Threads.start(name: "sender") {
            let far = Descriptor(owning: number)
            for byte in Array("{\"text\":\"gurka\"}\0".utf8) {
                try? LocalSocket.send(far, [byte])
            }
            _ = far.release()
        }
        #expect(try ends.receiveText() == "{\"text\":\"gurka\"}")
    }

    @Test("the rest of a read is the start of the next message")
    func messageAcrossReads() throws {
        var ends = try Ends()
        try ends.sendFar("{}\0{\"a\"")
        #expect(try ends.receiveText() == "{}")
        try ends.sendFar(":1}\0")
        #expect(try ends.receiveText() == "{\"a\":1}")
    }

    @Test("long messages, with another behind them or not, come whole and in their order")
    func longMessages() throws {
        var ends = try Ends()
        let long = "{\"text\":\"" + String(repeating: "gurka", count: 40_000) + "\"}"
        let number = ends.far.number
        try Threads.start(name: "sender") {
            let far = Descriptor(owning: number)
            for text in [long, long + "\0{}", long] { try? LocalSocket.send(far, Array((text + "\0").utf8)) }
            _ = far.release()
        }
        for wanted in [long, long, "{}", long] { #expect(try ends.receiveText() == wanted) }
    }

    @Test("descriptors of long messages stay with their own")
    func longMessagesWithDescriptors() throws {
        var ends = try Ends()
        let long = String(repeating: " ", count: 100_000) + "{}\0"
        let pipe = try DescriptorPair.pipe()
        let (number, end) = (ends.far.number, pipe.first.number)
        try Threads.start(name: "sender") {
            let far = Descriptor(owning: number)
            for count in [1, 0, 2] {
                try? LocalSocket.send(far, Array(long.utf8), descriptors: Array(repeating: end, count: count))
            }
            _ = far.release()
        }
        for count in [1, 0, 2] {
            let message = try ends.receiveMessage()
            #expect(message.bytes.count == 100_002)
            #expect(message.descriptors.count == count)
        }
    }

    @Test("a NUL inside a message is refused wherever it is, and named", arguments: 0..<20)
    func nulInside(_ place: Int) throws {
        let ends = try Ends()
        var bytes = Array(repeating: UInt8(1), count: 20)
        bytes[place] = 0
        let fault = error { () throws(VarlinkError) in try ends.near.send(bytes) }
        #expect(fault == .malformed(offset: place, expected: "no NUL inside the message"))
    }

    @Test("what one end sends the other receives, ended by one NUL")
    func sends() throws {
        let ends = try Ends()
        try ends.near.send(Array("{}".utf8))
        #expect(try LocalSocket.receive(ends.far, maximum: 16).bytes == Array("{}\0".utf8))
    }

    @Test("a peer's close between messages ends receive with nil, again and again")
    func orderlyEnd() throws {
        var ends = try Ends()
        try ends.sendFar("{}\0")
        try LocalSocket.shutdown(ends.far, .send)
        #expect(try ends.receiveText() == "{}")
        #expect(try ends.receiveText() == nil)
        #expect(try ends.receiveText() == nil)
    }

    @Test("a peer's close inside a message is an error that says how much of it came")
    func endInsideMessage() throws {
        var ends = try Ends()
        try ends.sendFar("{}\0{\"a\"")
        try LocalSocket.shutdown(ends.far, .send)
        #expect(try ends.receiveText() == "{}")
        #expect(error { () throws(VarlinkError) in _ = try ends.near.receive() } == .closedInsideMessage(byteCount: 4))
    }

    @Test("a message of 16 MiB arrives whole")
    func longestMessage() throws {
        var pair = try Ends()
        let number = try pair.far.duplicate().release()
        try Threads.start(name: "sender") {
            let sender = Connection(Descriptor(owning: number))
            try? sender.send([UInt8](repeating: UInt8(ascii: " "), count: 16_777_216))
        }
        #expect(try pair.near.receive()?.bytes.count == 16_777_216)
    }

    @Test("a message of 16 MiB and one byte is refused at the receiving end, whether its end has come or not")
    func tooLongMessage() throws {
        for ending in ["", "\0"] {
            var ends = try Ends()
            let number = try ends.far.duplicate().release()
            try Threads.start(name: "sender") {
                let far = Descriptor(owning: number)
                let bytes = [UInt8](repeating: UInt8(ascii: " "), count: 16_777_217)
                try? LocalSocket.send(far, bytes + Array(ending.utf8))
            }
            let refusal = error { () throws(VarlinkError) in _ = try ends.near.receive() }
            #expect(refusal == .messageTooLong(byteCount: 16_777_217))
            #expect(error { () throws(VarlinkError) in _ = try ends.near.receive() } == .unusable)
        }
    }

    @Test("a message of 16 MiB and one byte is refused at the sending end, and nothing of it is sent")
    func tooLongToSend() throws {
        let ends = try Ends()
        let bytes = [UInt8](repeating: UInt8(ascii: " "), count: 16_777_217)
        #expect(throws: VarlinkError.messageTooLong(byteCount: 16_777_217)) { try ends.near.send(bytes) }
        #expect(try Poll.waitReadable(ends.far.number, timeout: 0) == false)
    }

    @Test("a message with a NUL in it is not sent")
    func nulInside() throws {
        let ends = try Ends()
        #expect(throws: VarlinkError.malformed(offset: 1, expected: "no NUL inside the message")) {
            try ends.near.send([123, 0, 125])
        }
        #expect(try Poll.waitReadable(ends.far.number, timeout: 0) == false)
    }

    @Test("sending to a peer that has gone is the error closed")
    func peerGone() throws {
        let pair = try LocalSocket.pair()
        let near = Connection(try pair.first.duplicate())
        try LocalSocket.shutdown(pair.second)
        #expect(throws: VarlinkError.closed) { try near.send(Array("{}".utf8)) }
    }

    @Test("after a receive timeout inside a message the rest of it can be received")
    func timeout() throws {
        var ends = try Ends()
        try LocalSocket.setReceiveTimeout(ends.near.socket.descriptor.descriptor, seconds: 0.01)
        try ends.sendFar("{\"a\"")
        guard case .transport(let reason) = error(of: { () throws(VarlinkError) in _ = try ends.near.receive() }) else {
            Issue.record("there is nothing to receive")
            return
        }
        #expect(reason.code == ErrorCode.tryAgain)
        try ends.sendFar(":1}\0")
        #expect(try ends.receiveText() == "{\"a\":1}")
    }

    @Test("after a send that stopped inside a message nothing more is sent")
    func halfSent() throws {
        let ends = try Ends()
        try LocalSocket.setSendTimeout(ends.near.socket.descriptor.descriptor, seconds: 0.01)
        let bytes = [UInt8](repeating: UInt8(ascii: " "), count: 4 << 20)
        let failure = error { () throws(VarlinkError) in try ends.near.send(bytes) }
        guard case .transport(let reason) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(reason.code == ErrorCode.tryAgain)
        #expect(throws: VarlinkError.unusable) { try ends.near.send(Array("{}".utf8)) }
    }

    @Test("connecting where nobody listens says where and why")
    func nobodyListens() {
        let failure = error { () throws(VarlinkError) in _ = try Connection.connect(to: "/nowhere/socket") }
        #expect(
            failure?.description
                == "varlink connection: /nowhere/socket: connect: no such file or directory (ENOENT)")
    }
}
