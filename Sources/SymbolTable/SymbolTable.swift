import ObjectModel

/// A symbol of the table.
public struct SymbolReference: Sendable, Equatable {
    /// The owner's place in the table; it stays the same until the owner is removed.
    public let owner: Int
    /// The symbol's index in the owner's set.
    public let entry: Int

    /// Makes the reference to a symbol of the owner in a slot of the table.
    public init(owner: Int, entry: Int) {
        self.owner = owner
        self.entry = entry
    }
}

/// What an address is, for people.
public struct AddressDescription: Sendable, Equatable {
    /// The module that it belongs to; empty for the space itself.
    public let owner: String
    /// The symbol, or the section where no symbol is near.
    public let name: String
    /// How many bytes after the symbol's start it is.
    public let offset: UInt64
    /// The symbol's size, 0 when it is not known.
    public let size: UInt64
}

/// Every symbol of a space, by name and by address.
///
/// One set an owner, kept in a slot; an index of the exported names over all of them; and the owners in the order
/// of address. What a load or an unload costs depends on the symbols of the module alone.
public struct SymbolTable: Sendable {
    /// The sets; nil where an owner was removed. The slot is used again.
    private var sets: [SymbolSet?] = []
    /// The slots of removed owners.
    private var freeSlots: [Int] = []
    /// Exported names. Payload: slot in the upper 20 bits, entry in the lower 32.
    private var names = NameIndex()
    /// The slots in the order of address.
    private var byAddress: [Int] = []
    /// Grows with every change: two equal numbers mean the same table.
    public private(set) var generation: UInt64 = 0
    /// How many symbols there are, exported or not.
    public private(set) var symbolCount = 0
    /// How many bytes the names of all symbols take.
    public private(set) var nameByteCount = 0
    /// How many sections the owners have.
    public private(set) var sectionCount = 0
    /// How many bytes it takes to write each owner, and each section's owner.
    public private(set) var ownerByteCount = 0
    /// How many owners there are.
    public var ownerCount: Int { byAddress.count }

    /// Makes an empty table.
    public init() {}

    /// Adds an owner. Its symbols that are not local can be found by name from now on. Returns its slot.
    public mutating func insert(_ set: SymbolSet) -> Int {
        let slot = freeSlots.popLast() ?? sets.count
        if slot == sets.count { sets.append(set) } else { sets[slot] = set }
        let sets = self.sets
        for (index, entry) in set.symbols.entries.enumerated() where entry.isExported {
            let payload = UInt64(slot) << 32 | UInt64(index)
            names.insert(nameHash(set.symbols.names, entry.name), payload) { Self.hash(of: $0, in: sets) }
        }
        byAddress.insert(slot, at: position(of: set.range.lowerBound))
        count(set, 1)
        generation += 1
        return slot
    }

    /// Removes the owner in that slot; nothing happens when there is none.
    public mutating func remove(_ slot: Int) {
        guard let set = owner(slot) else { return }
        forget(set, slot)
        if let place = byAddress[position(of: set.range.lowerBound)...].firstIndex(of: slot) {
            byAddress.remove(at: place)
        }
        sets[slot] = nil
        freeSlots.append(slot)
        count(set, -1)
        generation += 1
    }

    private mutating func count(_ set: SymbolSet, _ sign: Int) {
        symbolCount += sign * set.symbols.entries.count
        nameByteCount += sign * set.symbols.names.count
        sectionCount += sign * set.sections.count
        ownerByteCount += sign * (set.sections.count + 1) * set.owner.utf8.count
    }

    /// Removes all owners.
    public mutating func removeAll() {
        let next = generation + 1
        self = SymbolTable()
        generation = next
    }

    private mutating func forget(_ set: SymbolSet, _ slot: Int) {
        let sets = self.sets
        for (index, entry) in set.symbols.entries.enumerated() where entry.isExported {
            let payload = UInt64(slot) << 32 | UInt64(index)
            names.remove(nameHash(set.symbols.names, entry.name), payload) { Self.hash(of: $0, in: sets) }
        }
    }

    /// The set in a slot.
    public func owner(_ slot: Int) -> SymbolSet? {
        sets.indices.contains(slot) ? sets[slot] : nil
    }

    /// A symbol's facts.
    public func symbol(_ reference: SymbolReference) -> SymbolEntry? {
        guard let entries = owner(reference.owner)?.symbols.entries, entries.indices.contains(reference.entry) else {
            return nil
        }
        return entries[reference.entry]
    }

    /// The exported symbol of a name that stands in `bytes`: a strong one before a weak one, else the first that came.
    public func exported(_ bytes: [UInt8], _ name: NameRange) -> SymbolReference? {
        exported(bytes, name, hash: nameHash(bytes, name))
    }

    /// The same, for who knows the name's hash already.
    public func exported(_ bytes: [UInt8], _ name: NameRange, hash: UInt64) -> SymbolReference? {
        find(bytes, name, hash: hash) { _ in true }
    }

    /// The symbol of a name that the space itself offers.
    public func resident(_ bytes: [UInt8], _ name: NameRange, hash: UInt64) -> SymbolReference? {
        find(bytes, name, hash: hash) { $0.owner.isEmpty }
    }

    @inline(__always)
    private func find(
        _ bytes: [UInt8], _ name: NameRange, hash: UInt64, _ isWanted: (SymbolSet) -> Bool
    ) -> SymbolReference? {
        var probe = names.probe(hash)
        var best: SymbolReference?
        while let payload = names.next(&probe) {
            let slot = Int(payload >> 32)
            let index = Int(payload & 0xffff_ffff)
            guard let set = sets[slot] else { continue }
            let entry = set.symbols.entries[index]
            guard sameName(set.symbols.names, entry.name, bytes, name), isWanted(set) else { continue }
            if entry.binding != .weak { return SymbolReference(owner: slot, entry: index) }
            if best == nil { best = SymbolReference(owner: slot, entry: index) }
        }
        return best
    }

    /// The exported symbol of a name.
    public func exported(_ name: String) -> SymbolReference? {
        let bytes = Array(name.utf8)
        return exported(bytes, NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count)))
    }

    /// All symbols of a name, local ones too, in the order of address. Looks at every symbol: for people, not for the linker.
    public func all(named name: String) -> [SymbolReference] {
        let bytes = Array(name.utf8)
        let range = NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count))
        var found: [SymbolReference] = []
        for slot in byAddress {
            guard let set = sets[slot] else { continue }
            for (index, entry) in set.symbols.entries.enumerated()
            where sameName(set.symbols.names, entry.name, bytes, range) {
                found.append(SymbolReference(owner: slot, entry: index))
            }
        }
        return found
    }

    /// The slot of the owner that an address belongs to.
    private func slot(at address: UInt64) -> Int? {
        // The owner that starts at or before the address is the only one that can contain it.
        let place = position(of: address)
        for candidate in [place, place &- 1] where candidate >= 0 && candidate < byAddress.count {
            if sets[byAddress[candidate]]?.range.contains(address) == true { return byAddress[candidate] }
        }
        return nil
    }

    /// The symbol that an address belongs to: the nearest one at or before it, in the same section; nil when there is none.
    public func symbol(at address: UInt64) -> SymbolReference? {
        guard let slot = slot(at: address), let index = sets[slot]?.symbol(at: address) else { return nil }
        return SymbolReference(owner: slot, entry: index)
    }

    /// What an address is, or nil when it belongs to nobody.
    public func describe(_ address: UInt64) -> AddressDescription? {
        guard let set = slot(at: address).flatMap({ sets[$0] }) else { return nil }
        if let index = set.symbol(at: address) {
            let entry = set.symbols.entries[index]
            return AddressDescription(
                owner: set.owner, name: set.name(index), offset: address - entry.address, size: entry.size)
        }
        guard let section = set.sections.first(where: { $0.contains(address) }) else { return nil }
        return AddressDescription(
            owner: set.owner, name: section.name, offset: address - section.address, size: section.size)
    }

    /// The sets in the order of address, as they are now: what a reader can take its time with.
    public var snapshot: [SymbolSet] {
        byAddress.compactMap { sets[$0] }
    }

    /// Where in `byAddress` an owner that starts at `address` belongs.
    private func position(of address: UInt64) -> Int {
        var low = 0
        var high = byAddress.count
        while low < high {
            let middle = (low + high) / 2
            let start = sets[byAddress[middle]]?.range.lowerBound ?? 0
            if start < address { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func hash(of payload: UInt64, in sets: [SymbolSet?]) -> UInt64 {
        guard let set = sets[Int(payload >> 32)] else { return 0 }
        return nameHash(set.symbols.names, set.symbols.entries[Int(payload & 0xffff_ffff)].name)
    }
}

extension SymbolEntry {
    /// Whether other modules may refer to it.
    public var isExported: Bool { binding != .local }
}
