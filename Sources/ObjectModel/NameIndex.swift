/// Finds numbers by the hash of a name: open addressing with linear probing.
///
/// A slot is a mark of one byte and an entry of eight, in two arrays. The mark is 0 in an empty slot, else 7 bits of the hash;
/// the entry holds 12 more and a payload of 52 bits that tells the owner where the name stands; the owner compares names.
/// Most names that are looked for are not there, and to find that out the marks alone are read: 64 slots a cache line, where
/// entries would be 8, so that a table of some thousand names is not fetched anew by each load.
///
/// Payloads of one hash are met in the order in which they came. Removal shifts later entries back, so there are no tombstones,
/// and the table stays as fast after a million loads and unloads as it was at first. 9 bytes a slot, at most 5 of 8 slots in
/// use: a name that is not there is found missing after four slots on average; with 7 of 8 it would be thirty. A table that is
/// mostly empty gets smaller: what ten thousand modules needed is given back when they have gone.
public struct NameIndex: Sendable {
    /// 0: empty; else `mark(of:)` the name's hash.
    private var marks: [UInt8]
    /// Tag in the upper 12 bits, payload in the lower 52; of no meaning where the mark is 0.
    private var entries: [UInt64]
    /// How many slots are in use.
    public private(set) var count = 0

    /// How many slots there are, used or not: a power of two.
    var slotCount: Int { marks.count }

    private static let leastSlots = 16
    private static let payloadBits: UInt64 = 52
    private static let payloadMask: UInt64 = (1 << payloadBits) - 1

    /// Makes an index with room for that many names before it grows.
    public init(minimumCapacity: Int = 0) {
        var size = Self.leastSlots
        while size / 8 * 5 < minimumCapacity { size *= 2 }
        marks = Array(repeating: 0, count: size)
        entries = Array(repeating: 0, count: size)
    }

    /// A walk over the payloads whose names may be the one looked for.
    public struct Probe {
        fileprivate var position: Int
        fileprivate let hash: UInt64
    }

    /// Begins a walk for names of that hash.
    public func probe(_ hash: UInt64) -> Probe {
        Probe(position: Int(truncatingIfNeeded: hash) & (marks.count &- 1), hash: hash)
    }

    /// The next payload of a walk, or nil at its end.
    public func next(_ probe: inout Probe) -> UInt64? {
        let marks = marks.span
        let wanted = Self.mark(of: probe.hash)
        while true {
            let position = probe.position
            let mark = marks[position]
            if mark == 0 { return nil }
            probe.position = (position &+ 1) & (marks.count &- 1)
            guard mark == wanted else { continue }
            let entry = entries[position]
            if entry >> Self.payloadBits == probe.hash >> Self.payloadBits { return entry & Self.payloadMask }
        }
    }

    /// Adds a payload (below 2^52) under a hash. `hashOf` tells the hash of a payload that is already there: it is
    /// asked when the table changes its size.
    public mutating func insert(_ hash: UInt64, _ payload: UInt64, hashOf: (UInt64) -> UInt64) {
        if count >= marks.count / 8 * 5 { resize(marks.count * 2, hashOf) }
        place(hash, payload)
        count += 1
    }

    /// Adds a payload where there is room: no more than have been reserved.
    public mutating func insertReserved(_ hash: UInt64, _ payload: UInt64) {
        precondition(count < marks.count / 8 * 5)
        place(hash, payload)
        count += 1
    }

    /// Takes a payload out again; nothing happens when it is not there.
    public mutating func remove(_ hash: UInt64, _ payload: UInt64, hashOf: (UInt64) -> UInt64) {
        let mask = marks.count - 1
        let wanted = Self.entry(hash, payload)
        var hole = Int(truncatingIfNeeded: hash) & mask
        while marks[hole] == 0 || entries[hole] != wanted {
            if marks[hole] == 0 { return }
            hole = (hole + 1) & mask
        }
        // An entry may move back into the hole unless that would put it before its home slot.
        var candidate = (hole + 1) & mask
        while marks[candidate] != 0 {
            let home = Int(truncatingIfNeeded: hashOf(entries[candidate] & Self.payloadMask)) & mask
            if (candidate - home) & mask >= (candidate - hole) & mask {
                marks[hole] = marks[candidate]
                entries[hole] = entries[candidate]
                hole = candidate
            }
            candidate = (candidate + 1) & mask
        }
        marks[hole] = 0
        count -= 1
        // A quarter is in use then, so it is long until it grows again.
        if marks.count > Self.leastSlots, count < marks.count / 8 { resize(marks.count / 2, hashOf) }
    }

    /// Never 0. The lowest bits choose the slot, the highest are the tag: these lie between.
    private static func mark(of hash: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: hash >> 44) | 0x80
    }

    private static func entry(_ hash: UInt64, _ payload: UInt64) -> UInt64 {
        (hash >> payloadBits) << payloadBits | payload
    }

    private mutating func place(_ hash: UInt64, _ payload: UInt64) {
        let mask = marks.count - 1
        var position = Int(truncatingIfNeeded: hash) & mask
        while marks[position] != 0 { position = (position + 1) & mask }
        marks[position] = Self.mark(of: hash)
        entries[position] = Self.entry(hash, payload)
    }

    private mutating func resize(_ size: Int, _ hashOf: (UInt64) -> UInt64) {
        let (oldMarks, oldEntries) = (marks, entries)
        marks = Array(repeating: 0, count: size)
        entries = Array(repeating: 0, count: size)
        // From an empty slot on, so that a run that goes round the end is taken in its order.
        let start = oldMarks.firstIndex(of: 0) ?? 0
        for offset in oldMarks.indices {
            let position = (start + offset) & (oldMarks.count - 1)
            guard oldMarks[position] != 0 else { continue }
            let payload = oldEntries[position] & Self.payloadMask
            place(hashOf(payload), payload)
        }
    }
}
