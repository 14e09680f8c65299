/// The counter of modules(2): the number of users and two flags in one word, at the start of a module's memory there, in
/// `mod_use_count_` here. 4 or 8 bytes, as the machine's `long`; the flags are in the lower 4.
public struct UseCounter: Sendable, Equatable {
    /// MOD_AUTOCLEAN.
    public static let autocleanFlag: UInt64 = 0x4000_0000
    /// MOD_VISITED.
    public static let visitedFlag: UInt64 = 0x2000_0000

    /// The word as it stands in memory.
    public var word: UInt64

    /// The counter with that word.
    public init(word: UInt64) {
        self.word = word
    }

    /// How many users are counted: the word without its flags.
    public var count: Int { Int(truncatingIfNeeded: word & ~(Self.autocleanFlag | Self.visitedFlag)) }

    /// Whether a pass of autoclean may take the module.
    public var isAutoclean: Bool { word & Self.autocleanFlag != 0 }

    /// Whether it has been used since the last pass.
    public var isVisited: Bool { word & Self.visitedFlag != 0 }
}

/// What a pass of autoclean does with a module.
public enum CleaningVerdict: Sendable, Equatable {
    /// It is no candidate.
    case stays
    /// It has been used since the last pass, which is forgotten now: the next pass may take it.
    case spared
    /// Nobody uses it: it is to be unloaded.
    case goes
}

extension ModuleTable {
    /// What delete_module(NULL) does with one module (linux-2.0.40, kernel/module.c): a candidate is running, nobody refers to it,
    /// and its count is equal to MOD_AUTOCLEAN with MOD_VISITED masked. One that was visited is spared once.
    ///
    /// - Parameter counter: the module's own, which says itself that it was visited, and from which the caller takes that flag when
    ///   the module is spared. Without one, mark and flag are those of the table.
    public mutating func clean(_ id: Int, counter: UseCounter?) -> CleaningVerdict {
        guard let module = self[id], isCandidate(module) else { return .stays }
        guard module.isAutoclean || counter?.isAutoclean == true, (counter?.count ?? 0) == 0 else { return .stays }
        if counter?.isVisited ?? module.isVisited {
            setVisited(id, false)
            return .spared
        }
        return .goes
    }

    /// The modules that a pass looks at, the newest first: so a module is looked at after all that came later and used it, and a
    /// stack that nobody uses can go in one pass. The table may change meanwhile.
    public var cleaningOrder: [Int] {
        all.reversed().lazy.filter { $0.state == .running }.map(\.id)
    }

    /// What can be told of it without its counter.
    public func isCandidate(_ module: Module) -> Bool {
        module.state == .running && holders(of: module.id).isEmpty
    }
}
