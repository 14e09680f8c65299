/// Numbers that look random and come again with the same seed (Vigna's SplitMix64).
public struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    /// Numbers of that seed.
    public init(seed: UInt64) {
        state = seed
    }

    /// The next one.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

/// What tests of damaged files put in place of a byte.
public enum ByteChange: Hashable, Sendable {
    /// This value.
    case value(UInt8)
    /// One more than what was there.
    case increment
    /// One less.
    case decrement

    /// The bytes with that one changed.
    public func applied(to bytes: [UInt8], at offset: Int) -> [UInt8] {
        var bytes = bytes
        switch self {
        case .value(let value): bytes[offset] = value
        case .increment: bytes[offset] &+= 1
        case .decrement: bytes[offset] &-= 1
        }
        return bytes
    }
}
