import Posix

/// Objects that use one symbol each of the one before, made from two that a compiler has made: the numbers in their names are
/// replaced, which takes no time.
public struct ChainObjects: Sendable {
    /// The first of a chain, whose function is `link_00000`.
    public static let firstSource = "int link_00000(void) { return 1; }\n"
    /// Any other: its function is `link_22222`, and uses `link_11111`.
    public static let nextSource = "extern int link_11111(void); int link_22222(void) { return link_11111() + 1; }\n"

    private let first: [UInt8]
    private let next: [UInt8]
    private let used: [Int]
    private let own: [Int]

    /// What the compiler has made of both sources.
    public init(first: [UInt8], next: [UInt8]) throws {
        self.first = first
        self.next = next
        used = Self.places(of: "link_11111", in: next)
        own = Self.places(of: "link_22222", in: next)
        guard used.count == 1, own.count == 1 else {
            throw ToolFailure(description: "the names are not there once: \(used.count) and \(own.count) times")
        }
    }

    /// The object of that number, up to 99,999.
    public func object(_ number: Int) -> [UInt8] {
        guard number > 0 else { return first }
        var bytes = next
        for place in used { bytes.replaceSubrange(place..<place + 10, with: Self.name(number - 1).utf8) }
        for place in own { bytes.replaceSubrange(place..<place + 10, with: Self.name(number).utf8) }
        return bytes
    }

    /// What a module of that number is called, and its function.
    public static func name(_ number: Int) -> String {
        let digits = "\(number)"
        return "link_" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    private static func places(of name: String, in bytes: [UInt8]) -> [Int] {
        let wanted = Array(name.utf8)
        return bytes.indices.dropLast(wanted.count - 1).filter { bytes[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }
}
