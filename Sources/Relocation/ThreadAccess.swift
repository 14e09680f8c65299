import ObjectModel

/// How an instruction sequence reaches a thread-local variable, once it is linked.
public enum ThreadAccess: Equatable, Sendable {
    /// By the variable's distance from the thread pointer.
    case distance
    /// By an entry of the global offset table that holds that distance.
    case tableEntry
    /// The bytes are not those that the relocation is for.
    case unknown
}

extension RawSpan {
    /// Whether those bytes stand at an offset; false when there are not so many.
    func starts<let count: Int>(at offset: UInt64, with bytes: [count of UInt8]) -> Bool {
        for index in bytes.indices where integer(at: offset + UInt64(index), as: UInt8.self) != bytes[index] {
            return false
        }
        return true
    }
}

extension MutableRawSpan {
    /// Stores bytes; traps outside, as a subscript does.
    mutating func write<let count: Int>(_ bytes: [count of UInt8], at offset: Int) {
        for index in bytes.indices { store(bytes[index], at: offset + index) }
    }
}
