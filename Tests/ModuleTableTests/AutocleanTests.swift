import ModuleTable
import Testing

/// What a pass of delete_module(NULL) does with a module; facts of linux-2.0.40, kernel/module.c.
@Suite struct AutocleanTests {
    private var table = ModuleTable()

    /// Enters a module that runs.
    @discardableResult private mutating func load(_ name: String, marked: Bool = true, using used: [Int] = []) throws
        -> Int
    {
        let uses = Dictionary(uniqueKeysWithValues: used.map { ($0, ["symbol"]) })
        let id = try table.begin([(name: name, range: 0..<0x1000, isAutoclean: marked, uses: uses, peers: [:])])[0]
        table.setRunning(id)
        return id
    }

    /// One pass over modules without counters; who went.
    private mutating func pass() -> [String] {
        table.cleaningOrder.compactMap { id in
            guard let name = table[id]?.name, table.clean(id, counter: nil) == .goes else { return nil }
            table.remove(id)
            return name
        }
    }

    @Test("a marked module that nobody uses goes, an unmarked one stays") mutating func marked() throws {
        try load("marked")
        try load("unmarked", marked: false)
        #expect(pass() == ["marked"])
        #expect(table.all.map(\.name) == ["unmarked"])
    }

    @Test("a module that was visited is spared once") mutating func visited() throws {
        let id = try load("a")
        table.visit(id)
        #expect(table.clean(id, counter: nil) == .spared)
        #expect(table[id]?.isVisited == false)
        #expect(table.clean(id, counter: nil) == .goes)
    }

    @Test("an unused stack goes in one pass, the newest first") mutating func stack() throws {
        let a = try load("a")
        let b = try load("b", using: [a])
        try load("c", using: [a, b])
        #expect(pass() == ["c", "b", "a"])
    }

    @Test("below one that stays a stack stays") mutating func heldStack() throws {
        let a = try load("a")
        let b = try load("b", using: [a])
        try load("c", marked: false, using: [b])
        #expect(pass() == [])
    }

    @Test("a visited module keeps what it uses for that pass") mutating func visitedUser() throws {
        let a = try load("a")
        table.visit(try load("b", using: [a]))
        #expect(pass() == [])
        #expect(pass() == ["b", "a"])
    }

    @Test("with a counter of its own a module goes when that is the mark alone, and not with one user more")
    mutating func counter() throws {
        let id = try load("a")
        #expect(table.clean(id, counter: UseCounter(word: 0x4000_0001)) == .stays)
        #expect(table.clean(id, counter: UseCounter(word: 0x4000_0000)) == .goes)
    }

    @Test("the counter says whether the module was visited, and not the table") mutating func counterVisited() throws {
        let id = try load("a")
        #expect(table.clean(id, counter: UseCounter(word: 0x6000_0000)) == .spared)
        #expect(table.clean(id, counter: UseCounter(word: 0x6000_0001)) == .stays)
        table.visit(id)
        #expect(table.clean(id, counter: UseCounter(word: 0x4000_0000)) == .goes)
    }

    @Test("the mark may stand in the counter alone") mutating func markedByCounter() throws {
        let id = try load("a", marked: false)
        #expect(table.clean(id, counter: UseCounter(word: 0)) == .stays)
        #expect(table.clean(id, counter: UseCounter(word: 0x4000_0000)) == .goes)
    }

    @Test("a counter's flags do not count") func flags() {
        let counter = UseCounter(word: 0x6000_0003)
        #expect(counter.count == 3)
        #expect(counter.isAutoclean)
        #expect(counter.isVisited)
        #expect(!UseCounter(word: 0x1fff_ffff).isVisited)
        #expect(UseCounter(word: 0xffff_ffff_ffff_ffff).count == -0x6000_0001)
    }

    @Test("what does not run, and what has faulted, is no candidate") mutating func noCandidates() throws {
        let loading = try table.begin([(name: "l", range: 0..<1, isAutoclean: true, uses: [:], peers: [:])])[0]
        let broken = try load("b")
        table.setFaulted(broken)
        let unloading = try load("u")
        _ = try table.beginUnload([unloading])
        for id in [loading, broken, unloading, 99] { #expect(table.clean(id, counter: nil) == .stays) }
        #expect(table.cleaningOrder.isEmpty)
    }
}
