/// Finds numbers by the hash of a name: open addressing with linear probing.
///
/// A slot holds 12 bits of the hash and a payload of 52 bits that tells the owner where the name stands; the
/// owner compares names. Payloads of one hash are met in the order in which they came. Removal shifts later entries back, so there are no tombstones, and the table stays as fast after
/// a million loads and unloads as it was at first. 8 bytes a slot, at most 5 of 8 slots in use: a name that is not there, as most are not,
/// is then found missing after four slots on average; with 7 of 8 it would be thirty.
public struct NameIndex: Sendable {
    /// 0: empty; else tag in the upper 12 bits, payload + 1 in the lower 52.
    private var slots: [UInt64]
    /// How many slots are in use.
    public private(set) var count = 0

    private static let payloadBits: UInt64 = 52
    private static let payloadMask: UInt64 = (1 << payloadBits) - 1

    /// Makes an index with room for that many names before it grows.
    public init(minimumCapacity: Int = 0) {
        var size = 16
        while size / 8 * 5 < minimumCapacity { size *= 2 }
        slots = Array(repeating: 0, count: size)
    }

    /// A walk over the payloads whose names may be the one looked for.
    public struct Probe {
        fileprivate var position: Int
        fileprivate let tag: UInt64
    }

    /// Begins a walk for names of that hash.
    public func probe(_ hash: UInt64) -> Probe {
        Probe(position: Int(truncatingIfNeeded: hash) & (slots.count &- 1), tag: hash >> Self.payloadBits)
    }

    /// The next payload of a walk, or nil at its end.
    public func next(_ probe: inout Probe) -> UInt64? {
        let slots = slots.span
        while true {
            let slot = slots[probe.position]
            if slot == 0 { return nil }
            probe.position = (probe.position &+ 1) & (slots.count &- 1)
            if slot >> Self.payloadBits == probe.tag { return (slot & Self.payloadMask) &- 1 }
        }
    }

    /// Adds a payload (below 2^52 - 1) under a hash. `hashOf` tells the hash of a payload that is already there: it is
    /// asked when the table grows.
    public mutating func insert(_ hash: UInt64, _ payload: UInt64, hashOf: (UInt64) -> UInt64) {
        if count >= slots.count / 8 * 5 { grow(hashOf) }
        place(hash, payload)
        count += 1
    }

    /// Takes a payload out again; nothing happens when it is not there.
    public mutating func remove(_ hash: UInt64, _ payload: UInt64, hashOf: (UInt64) -> UInt64) {
        let mask = slots.count - 1
        let wanted = (hash >> Self.payloadBits) << Self.payloadBits | (payload + 1)
        var hole = Int(truncatingIfNeeded: hash) & mask
        while slots[hole] != wanted {
            if slots[hole] == 0 { return }
            hole = (hole + 1) & mask
        }
        // An entry may move back into the hole unless that would put it before its home slot.
        var candidate = (hole + 1) & mask
        while slots[candidate] != 0 {
            let home = Int(truncatingIfNeeded: hashOf((slots[candidate] & Self.payloadMask) - 1)) & mask
            if (candidate - home) & mask >= (candidate - hole) & mask {
                slots[hole] = slots[candidate]
                hole = candidate
            }
            candidate = (candidate + 1) & mask
        }
        slots[hole] = 0
        count -= 1
    }

    private mutating func place(_ hash: UInt64, _ payload: UInt64) {
        let mask = slots.count - 1
        var position = Int(truncatingIfNeeded: hash) & mask
        while slots[position] != 0 { position = (position + 1) & mask }
        slots[position] = (hash >> Self.payloadBits) << Self.payloadBits | (payload + 1)
    }

    private mutating func grow(_ hashOf: (UInt64) -> UInt64) {
        let old = slots
        slots = Array(repeating: 0, count: old.count * 2)
        // From an empty slot on, so that a run that goes round the end is taken in its order.
        let start = old.firstIndex(of: 0) ?? 0
        for slot in old[start...] + old[..<start] where slot != 0 {
            let payload = (slot & Self.payloadMask) - 1
            place(hashOf(payload), payload)
        }
    }
}
