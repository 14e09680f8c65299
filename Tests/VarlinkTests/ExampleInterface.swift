import Posix
import Synchronization

@testable import Varlink

/// The interface that the tests call.
enum Example {
    static let name = "org.example.test"

    static let text = """
        # Methods that each show one thing.
        interface org.example.test

        type Item (name: string, counts: []int)

        # Gives back what it is given.
        method Echo(text: string, note: ?string) -> (text: string, note: ?string)

        # The sum of all counts.
        method Sum(items: []Item) -> (sum: int)

        # Counts up to a number, one reply each.
        method Count(upto: int) -> (number: int)

        # Writes a text into the descriptor of an index, and gives a pipe to read the same text from.
        method Write(index: int, text: string) -> (index: int)

        # Takes a text and keeps it.
        method Keep(text: string) -> ()

        # What was kept, and who asks.
        method Kept() -> (texts: []string, process: int)

        method Fail(why: string) -> ()

        method Forgotten() -> ()

        error Refused (why: string)
        error Bare ()

        """

    struct Item: Codable, Sendable {
        var name: String
        var counts: [Int]
    }

    enum Echo: Method {
        static let name = "org.example.test.Echo"
        struct Parameters: Codable, Sendable, Equatable {
            var text: String
            var note: String?
        }
        typealias Reply = Parameters
    }

    enum Sum: Method {
        static let name = "org.example.test.Sum"
        struct Parameters: Codable, Sendable { var items: [Item] }
        struct Reply: Codable, Sendable { var sum: Int }
    }

    enum Count: Method {
        static let name = "org.example.test.Count"
        struct Parameters: Codable, Sendable { var upto: Int }
        struct Reply: Codable, Sendable { var number: Int }
    }

    enum Write: Method {
        static let name = "org.example.test.Write"
        struct Parameters: Codable, Sendable {
            var index: Int
            var text: String
        }
        struct Reply: Codable, Sendable { var index: Int }
    }

    enum Keep: Method {
        static let name = "org.example.test.Keep"
        struct Parameters: Codable, Sendable { var text: String }
        typealias Reply = Empty
    }

    enum Kept: Method {
        static let name = "org.example.test.Kept"
        typealias Parameters = Empty
        struct Reply: Codable, Sendable {
            var texts: [String]
            var process: Int32
        }
    }

    enum Fail: Method {
        static let name = "org.example.test.Fail"
        struct Parameters: Codable, Sendable { var why: String }
        typealias Reply = Empty
    }

    enum Forgotten: Method {
        static let name = "org.example.test.Forgotten"
        typealias Parameters = Empty
        typealias Reply = Empty
    }

    struct Refused: Codable, Sendable, Equatable {
        static let name = "org.example.test.Refused"
        var why: String
    }

    static func service() throws -> Service {
        try Service(
            vendor: "Example", product: "Test", version: "7", url: "https://example.org/",
            interfaces: [Interface(text, methods: handlers())])
    }

    static func handlers() -> [MethodHandler] {
        let kept = Keeper()
        return [
            MethodHandler(Echo.self) { parameters, _ in parameters },
            MethodHandler(Sum.self) { parameters, _ in
                Sum.Reply(sum: parameters.items.flatMap(\.counts).reduce(0, +))
            },
            MethodHandler(Count.self) { parameters, context throws(MethodError) in
                for number in 1..<max(parameters.upto, 1) { try context.reply(Count.Reply(number: number)) }
                return Count.Reply(number: parameters.upto)
            },
            MethodHandler(Write.self, write),
            MethodHandler(Keep.self) { parameters, _ in
                kept.texts.withLock { $0.append(parameters.text) }
                return Empty()
            },
            MethodHandler(Kept.self) { _, context in
                Kept.Reply(texts: kept.texts.withLock { $0 }, process: context.peer.process)
            },
            MethodHandler(Fail.self) { parameters, _ throws(MethodError) in
                if parameters.why.isEmpty { throw MethodError("org.example.test.Bare") }
                throw MethodError(Refused.name, parameters: Refused(why: parameters.why))
            },
        ]
    }

    private static func write(
        _ parameters: Write.Parameters, _ context: inout CallContext<Write>
    ) throws(MethodError) -> Write.Reply {
        guard let descriptor = context.descriptors.take(parameters.index) else {
            throw .invalidParameter("index")
        }
        do {
            try File.writeAll(descriptor, Array(parameters.text.utf8))
            let pipe = try DescriptorPair.pipe()
            try File.writeAll(pipe.second, Array(parameters.text.utf8))
            return Write.Reply(index: context.attach(pipe.first))
        } catch {
            throw MethodError(Refused.name, parameters: Refused(why: "\(error)"))
        }
    }
}

/// What `Keep` keeps.
final class Keeper: Sendable {
    let texts = Mutex<[String]>([])
}
