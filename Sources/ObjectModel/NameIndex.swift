/// Finds numbers by the hash of a name: open addressing with linear probing.
///
/// A slot is an entry of eight bytes: 12 bits of the hash, and a payload of 52 bits that tells the owner where the name stands; the
/// owner compares names. A table of up to 1,048,576 slots has a mark of one byte for each, too: 0 where the slot is empty, else 7
/// more bits of the hash. Most names that are looked for in such a table are not there, and to find that out the marks alone are
/// read: 64 slots a cache line, where entries are 8, so that a table of some thousand names is not fetched anew by each load, and one
/// of some hundred thousand is not waited for while it is filled. The marks of a larger one are in no cache either, and would be one
/// line more.
///
/// Payloads of one hash are met in the order in which they came. Removal shifts later entries back, so there are no tombstones,
/// and the table stays as fast after a million loads and unloads as it was at first. At most 5 of 8 slots are in use: a name that
/// is not there is found missing after four slots on average; with 7 of 8 it would be thirty. A table that is mostly empty gets
/// smaller: what ten thousand modules needed is given back when they have gone.
public struct NameIndex: Sendable {
    /// 0: empty; else `mark(of:)` the name's hash. None in a large table.
    private var marks: [UInt8]
    /// Tag in the upper 12 bits, payload in the lower 52; `emptyEntry` where there is nothing.
    private var entries: [UInt64]
    /// How many slots are in use.
    public private(set) var count = 0

    /// How many slots there are, used or not: a power of two.
    var slotCount: Int { entries.count }

    /// How many slots a table with marks has at most.
    private let mostMarks: Int

    private static let leastSlots = 16
    private static let payloadBits: UInt64 = 52
    private static let payloadMask: UInt64 = (1 << payloadBits) - 1
    /// The one payload that nothing can have.
    private static let emptyEntry = UInt64.max

    /// Makes an index with room for that many names before it grows.
    public init(minimumCapacity: Int = 0) {
        self.init(minimumCapacity: minimumCapacity, mostMarks: 1 << 20)
    }

    init(minimumCapacity: Int = 0, mostMarks: Int) {
        var size = Self.leastSlots
        while size / 8 * 5 < minimumCapacity { size *= 2 }
        self.mostMarks = mostMarks
        (marks, entries) = Self.slots(size, mostMarks)
    }

    private static func slots(_ count: Int, _ mostMarks: Int) -> (marks: [UInt8], entries: [UInt64]) {
        ([UInt8](repeating: 0, count: count > mostMarks ? 0 : count), [UInt64](repeating: emptyEntry, count: count))
    }

    /// A walk over the payloads whose names may be the one looked for.
    public struct Probe {
        fileprivate var position: Int
        fileprivate let hash: UInt64
    }

    /// Begins a walk for names of that hash.
    public func probe(_ hash: UInt64) -> Probe {
        Probe(position: Int(truncatingIfNeeded: hash) & (entries.count &- 1), hash: hash)
    }

    /// The next payload of a walk, or nil at its end.
    public func next(_ probe: inout Probe) -> UInt64? {
        marks.isEmpty ? nextEntry(&probe) : nextMark(&probe)
    }

    private func nextEntry(_ probe: inout Probe) -> UInt64? {
        let entries = entries.span
        while true {
            let entry = entries[probe.position]
            if entry == Self.emptyEntry { return nil }
            probe.position = (probe.position &+ 1) & (entries.count &- 1)
            if entry >> Self.payloadBits == probe.hash >> Self.payloadBits { return entry & Self.payloadMask }
        }
    }

    private func nextMark(_ probe: inout Probe) -> UInt64? {
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

    /// Adds a payload (below 2^52 - 1) under a hash. `hashOf` tells the hash of a payload that is already there: it is
    /// asked when the table changes its size.
    public mutating func insert(_ hash: UInt64, _ payload: UInt64, hashOf: (UInt64) -> UInt64) {
        if count >= entries.count / 8 * 5 { resize(entries.count * 2, hashOf) }
        place(hash, payload)
        count += 1
    }

    /// Adds a payload where there is room: no more than have been reserved.
    public mutating func insertReserved(_ hash: UInt64, _ payload: UInt64) {
        precondition(count < entries.count / 8 * 5)
        place(hash, payload)
        count += 1
    }

    /// Takes a payload out again; nothing happens when it is not there.
    public mutating func remove(_ hash: UInt64, _ payload: UInt64, hashOf: (UInt64) -> UInt64) {
        let mask = entries.count - 1
        let wanted = Self.entry(hash, payload)
        var hole = Int(truncatingIfNeeded: hash) & mask
        while entries[hole] != wanted {
            if entries[hole] == Self.emptyEntry { return }
            hole = (hole + 1) & mask
        }
        // An entry may move back into the hole unless that would put it before its home slot.
        var candidate = (hole + 1) & mask
        while entries[candidate] != Self.emptyEntry {
            let home = Int(truncatingIfNeeded: hashOf(entries[candidate] & Self.payloadMask)) & mask
            if (candidate - home) & mask >= (candidate - hole) & mask {
                set(hole, entries[candidate], mark: marks.isEmpty ? 0 : marks[candidate])
                hole = candidate
            }
            candidate = (candidate + 1) & mask
        }
        set(hole, Self.emptyEntry, mark: 0)
        count -= 1
        // A quarter is in use then, so it is long until it grows again.
        if entries.count > Self.leastSlots, count < entries.count / 8 { resize(entries.count / 2, hashOf) }
    }

    /// Never 0. The lowest bits choose the slot, the highest are the tag: these lie between.
    private static func mark(of hash: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: hash >> 44) | 0x80
    }

    private static func entry(_ hash: UInt64, _ payload: UInt64) -> UInt64 {
        (hash >> payloadBits) << payloadBits | payload
    }

    private mutating func place(_ hash: UInt64, _ payload: UInt64) {
        let mask = entries.count - 1
        var position = Int(truncatingIfNeeded: hash) & mask
        if marks.isEmpty {
            while entries[position] != Self.emptyEntry { position = (position + 1) & mask }
        } else {
            while marks[position] != 0 { position = (position + 1) & mask }
        }
        set(position, Self.entry(hash, payload), mark: Self.mark(of: hash))
    }

    private mutating func set(_ position: Int, _ entry: UInt64, mark: UInt8) {
        entries[position] = entry
        if !marks.isEmpty { marks[position] = mark }
    }

    private mutating func resize(_ size: Int, _ hashOf: (UInt64) -> UInt64) {
        let old = entries
        (marks, entries) = Self.slots(size, mostMarks)
        // From an empty slot on, so that a run that goes round the end is taken in its order.
        let start = old.firstIndex(of: Self.emptyEntry) ?? 0
        for offset in old.indices {
            let entry = old[(start + offset) & (old.count - 1)]
            guard entry != Self.emptyEntry else { continue }
            let payload = entry & Self.payloadMask
            place(hashOf(payload), payload)
        }
    }
}
