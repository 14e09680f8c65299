import ObjectModel

/// What an address was that belongs to nobody any more, for people.
public struct DepartedAddress: Sendable, Equatable {
    /// The module that it belonged to.
    public let owner: String
    /// The symbol, or the section where no symbol was near; empty where it is not known, or there was none.
    public let name: String
    /// Where the symbol, the section or, without a name, the module began.
    public let start: UInt64
    /// The size of the symbol or the section, 0 when it is not known.
    public let size: UInt64
    /// What the name is that of: a section, or what the symbol said.
    public let type: SymbolType
    /// When the module went, by the clock of who noted it.
    public let time: UInt64
}

/// The owners that have left the symbol table last, so that stale pointers can be explained.
///
/// At most ``limit`` of them, and of their symbols at most so many bytes; beyond that the oldest are forgotten, their symbols first.
/// To remember one costs the same however many there are, and copies nothing. To look up an address looks at all of them: people do.
public struct DepartedOwners: Sendable {
    /// How many owners are remembered.
    public static let limit = 1_000
    /// How many bytes their symbols take together, at most.
    public static let symbolByteLimit = 32 << 20

    private struct Departed {
        let owner: String
        let range: Range<UInt64>
        let time: UInt64
        /// Nil once it takes too much room.
        var set: SymbolSet?
    }

    private let limit: Int
    private let symbolByteLimit: Int
    /// The newest is just before `next`, where the oldest is once the ring is full.
    private var ring: [Departed] = []
    private var next = 0
    /// How many of the newest still have their symbols.
    private var setCount = 0
    /// How many bytes the symbols take that are remembered.
    public private(set) var symbolByteCount = 0

    /// Nobody has left yet. The limits are for tests.
    public init(limit: Int = limit, symbolByteLimit: Int = symbolByteLimit) {
        self.limit = max(limit, 1)
        self.symbolByteLimit = symbolByteLimit
    }

    /// How many owners are remembered.
    public var count: Int { ring.count }

    /// The owner that left last.
    public var last: String? { ring.isEmpty ? nil : ring[index(back: 0)].owner }

    /// Remembers an owner that has left at a time.
    public mutating func remember(_ set: SymbolSet, at time: UInt64) {
        if ring.count == limit, setCount == limit { forgetOldestSet() }
        let departed = Departed(owner: set.owner, range: set.range, time: time, set: set)
        if ring.count < limit { ring.append(departed) } else { ring[next] = departed }
        next = (next + 1) % limit
        setCount += 1
        symbolByteCount += set.byteCount
        while symbolByteCount > symbolByteLimit, setCount > 0 { forgetOldestSet() }
    }

    private mutating func forgetOldestSet() {
        let oldest = index(back: setCount - 1)
        symbolByteCount -= ring[oldest].set?.byteCount ?? 0
        ring[oldest].set = nil
        setCount -= 1
    }

    /// Where in the ring one is: 0 is the newest.
    private func index(back steps: Int) -> Int {
        (next + limit - 1 - steps) % limit
    }

    /// What an address was when it last belonged to one of them; nil when it belonged to none.
    public func describe(_ address: UInt64) -> DepartedAddress? {
        for steps in 0..<ring.count {
            let departed = ring[index(back: steps)]
            guard departed.range.contains(address) else { continue }
            guard let place = departed.set?.place(of: address) else {
                return DepartedAddress(
                    owner: departed.owner, name: "", start: departed.range.lowerBound, size: 0, type: .none,
                    time: departed.time)
            }
            return DepartedAddress(
                owner: departed.owner, name: place.name, start: place.start, size: place.size, type: place.type,
                time: departed.time)
        }
        return nil
    }
}

extension SymbolSet {
    /// The symbol that an address belongs to, or else the section.
    fileprivate func place(of address: UInt64) -> (name: String, start: UInt64, size: UInt64, type: SymbolType)? {
        if let index = symbol(at: address) {
            let entry = symbols.entries[index]
            return (name(index), entry.address, entry.size, entry.type)
        }
        return sections.first { $0.contains(address) }.map { ($0.name, $0.address, $0.size, .section) }
    }

    /// How much memory it takes, about.
    fileprivate var byteCount: Int {
        symbols.entries.count * MemoryLayout<SymbolEntry>.stride + symbols.names.count
            + sections.count * MemoryLayout<ImageSection>.stride + MemoryLayout<SymbolSet>.stride
    }
}
