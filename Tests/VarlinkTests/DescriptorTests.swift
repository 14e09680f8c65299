import Posix
import Testing

@testable import Varlink

@Suite("descriptors")
struct DescriptorTests {
    /// How many descriptors come with each of this many messages.
    private func counts(_ ends: inout Ends, _ messages: Int) throws -> [Int] {
        var counts: [Int] = []
        for _ in 0..<messages {
            counts.append(try ends.receiveMessage().descriptors.count)
        }
        return counts
    }

    @Test("a descriptor is handed out with its message and is the same open file")
    func arrives() throws {
        var ends = try Ends()
        let pipe = try DescriptorPair.pipe()
        try ends.sendFar("{}\0", descriptors: [pipe.second.number])
        var message = try ends.receiveMessage()
        let taken = message.descriptors.take(0)
        switch consume taken {
        case .some(let descriptor): try File.writeAll(descriptor, Array("gurka".utf8))
        case .none: Issue.record("the message had no descriptor")
        }
        #expect(try File.readSome(pipe.first, maximum: 16) == Array("gurka".utf8))
    }

    @Test("a descriptor can be taken once, and only under an index that came")
    func takenOnce() throws {
        var ends = try Ends()
        try ends.sendFar("{}\0", descriptors: [ends.far.number])
        var message = try ends.receiveMessage()
        var found: [Bool] = []
        for index in [-1, 1, 0, 0] {
            let taken = message.descriptors.take(index)
            switch consume taken {
            case .some: found.append(true)
            case .none: found.append(false)
            }
        }
        #expect(found == [false, false, true, false])
        #expect(message.descriptors.count == 1)
    }

    @Test("descriptors that nobody takes are closed with their message")
    func closed() throws {
        var ends = try Ends()
        let reading = try {
            let pipe = try DescriptorPair.pipe()
            try ends.sendFar("{}\0", descriptors: [pipe.second.number])
            return SharedDescriptor(pipe.first)
        }()
        #expect(try counts(&ends, 1) == [1])
        // The end of the pipe is seen only when nobody can write to it any more.
        #expect(try Poll.waitReadable(reading.number, timeout: 60_000))
        #expect(try readAll(reading.descriptor) == "")
    }

    @Test("descriptors belong to the second of two messages that come in one read, when they were sent with it")
    func withTheSecond() throws {
        var ends = try Ends()
        try ends.sendFar("{\"a\":1}\0")
        try ends.sendFar("{}\0", descriptors: [ends.far.number, ends.far.number])
        try ends.sendFar("{}\0")
        #expect(try counts(&ends, 3) == [0, 2, 0])
    }

    @Test("each of several messages in a row has its own descriptors")
    func withEach() throws {
        var ends = try Ends()
        for count in 1...3 {
            try ends.sendFar("{}\0", descriptors: [Int32](repeating: ends.far.number, count: count))
        }
        #expect(try counts(&ends, 3) == [1, 2, 3])
    }

    @Test("descriptors stay with a message whose end comes later")
    func messageInPieces() throws {
        var ends = try Ends()
        try ends.sendFar("{}\0")
        try ends.sendFar("{\"a\"", descriptors: [ends.far.number])
        #expect(try counts(&ends, 1) == [0])
        try ends.sendFar(":1}\0{}\0")
        #expect(try counts(&ends, 2) == [1, 0])
    }

    @Test("a message that fills many reads keeps its descriptors")
    func longMessage() throws {
        var ends = try Ends()
        let number = try ends.far.duplicate().release()
        try Threads.start(name: "sender") {
            let sender = Connection(Descriptor(owning: number))
            try? sender.send([UInt8](repeating: 32, count: 1 << 20), descriptors: [number])
            try? sender.send([UInt8](repeating: 32, count: 1 << 20))
        }
        #expect(try counts(&ends, 2) == [1, 0])
    }

    @Test("253 descriptors that come in two parts belong to one message")
    func mostDescriptors() throws {
        var ends = try Ends()
        try ends.sendFar("{", descriptors: [Int32](repeating: ends.far.number, count: 200))
        try ends.sendFar("}\0", descriptors: [Int32](repeating: ends.far.number, count: 53))
        #expect(try counts(&ends, 1) == [253])
    }

    @Test("254 descriptors that come in two parts are refused, whether the message has ended or not")
    func tooManyDescriptors() throws {
        for rest in ["}", "}\0"] {
            var ends = try Ends()
            try ends.sendFar("{", descriptors: [Int32](repeating: ends.far.number, count: 200))
            try ends.sendFar(rest, descriptors: [Int32](repeating: ends.far.number, count: 54))
            let refusal = error { () throws(VarlinkError) in _ = try ends.near.receive() }
            #expect(refusal == .tooManyDescriptors(count: 254))
        }
    }

    @Test("253 descriptors are sent, 254 are not")
    func sendLimit() throws {
        let ends = try Ends()
        let number = ends.far.number
        try ends.near.send(Array("{}".utf8), descriptors: [Int32](repeating: number, count: 253))
        #expect(throws: VarlinkError.tooManyDescriptors(count: 254)) {
            try ends.near.send(Array("{}".utf8), descriptors: [Int32](repeating: number, count: 254))
        }
        #expect(try LocalSocket.receive(ends.far, maximum: 16).descriptors.count == 253)
    }

    @Test("a call carries descriptors to the handler, and the reply carries others back")
    func bothDirections() throws {
        var client = try exampleClient()
        let pipe = try DescriptorPair.pipe()
        let spare = try DescriptorPair.pipe()
        var answer = try client.call(
            Example.Write.self, .init(index: 1, text: "gurka"),
            descriptors: [spare.second.number, pipe.second.number])
        #expect(try File.readSome(pipe.first, maximum: 16) == Array("gurka".utf8))
        let index = answer.reply.index
        let returned = answer.descriptors.take(index)
        switch consume returned {
        // Its end shows that the service has closed its own copies.
        case .some(let descriptor): #expect(try readAll(descriptor) == "gurka")
        case .none: Issue.record("the reply had no descriptor")
        }
    }

    @Test("descriptors that a handler does not take are closed in the service")
    func closedByService() throws {
        var client = try exampleClient()
        let reading = try {
            let pipe = try DescriptorPair.pipe()
            _ = try client.call(Example.Echo.self, .init(text: "x"), descriptors: [pipe.second.number])
            return SharedDescriptor(pipe.first)
        }()
        #expect(try Poll.waitReadable(reading.number, timeout: 60_000))
        #expect(try readAll(reading.descriptor) == "")
    }
}
