import ModuleTable
import Testing

extension ModuleTable {
    /// Enters one module that runs.
    @discardableResult mutating func load(
        _ name: String, using used: [Int] = []
    ) throws(ModuleTableError) -> Int {
        let ids = try begin([
            (
                name: name, range: 0x1000..<0x2000, isAutoclean: false,
                uses: Dictionary(uniqueKeysWithValues: used.map { ($0, ["symbol"]) }), peers: [:]
            )
        ])
        for id in ids { setRunning(id) }
        return ids[0]
    }

    /// Unloads at once; the names in the order in which they went.
    mutating func unload(_ ids: [Int]) throws(ModuleTableError) -> [String] {
        let order = try beginUnload(ids)
        for module in order { remove(module.id) }
        return order.map(\.name)
    }
}

private func entry(
    _ name: String, uses: [Int: [String]] = [:], peers: [Int: [String]] = [:]
) -> (name: String, range: Range<UInt64>, isAutoclean: Bool, uses: [Int: [String]], peers: [Int: [String]]) {
    (name, 0x1000..<0x2000, false, uses, peers)
}

/// What ``ModuleTable/load(_:using:)`` makes a user of.
private func holder(_ name: String) -> ModuleHolder { ModuleHolder(name: name, symbols: ["symbol"]) }

@Suite struct ModuleTableTests {
    @Test("the first module has the number 1, and numbers are never used again") func numbers() throws {
        var table = ModuleTable()
        #expect(try table.load("a") == 1)
        #expect(try table.load("b") == 2)
        _ = try table.unload([2])
        #expect(try table.load("b") == 3)
        _ = try table.unload([1, 3])
        #expect(try table.load("a") == 4)
    }

    @Test("a module keeps what it was entered with") func facts() throws {
        var table = ModuleTable()
        let a = try table.load("a")
        let ids = try table.begin([
            (name: "b", range: 0x5000..<0x8000, isAutoclean: true, uses: [a: ["x", "y"]], peers: [:])
        ])
        let module = try #require(table[ids[0]])
        #expect(module.name == "b")
        #expect(module.range == 0x5000..<0x8000)
        #expect(module.isAutoclean)
        #expect(module.uses == [a: ["x", "y"]])
        #expect(table.module(named: "b")?.id == ids[0])
        #expect(table.all.map(\.name) == ["a", "b"])
    }

    @Test("one that is created is not initialized, has its name, and goes without ever running") func created() throws {
        var table = ModuleTable()
        let id = try table.create(name: "a", range: 0x1000..<0x2000)
        #expect(table[id]?.state == .uninitialized)
        #expect(throws: ModuleTableError.exists(name: "a")) { try table.create(name: "a", range: 0x2000..<0x3000) }
        #expect(try table.beginUnload([id]).map(\.name) == ["a"])
        table.cancelUnload(id)
        #expect(table[id]?.state == .uninitialized)
        table.setAutoclean(id, true)
        table.setRunning(id)
        #expect(table[id]?.state == .running && table[id]?.isAutoclean == true)
        #expect(try table.unload([id]) == ["a"])
    }

    @Test("one that refers to others later holds them, and never itself") func refers() throws {
        var table = ModuleTable()
        let a = try table.load("a")
        let b = try table.create(name: "b", range: 0x1000..<0x2000)
        table.refer(b, to: [a, b, 77])
        table.refer(b, to: [a])
        #expect(table[b]?.uses == [a: []])
        #expect(table.holders(of: a).map(\.name) == ["b"])
        #expect(table.holders(of: b).isEmpty)
        let held = ModuleTableError.held(name: "a", by: [ModuleHolder(name: "b", symbols: [])])
        #expect(throws: held) { try table.beginUnload([a]) }
        #expect(try table.unload([a, b]) == ["b", "a"])
    }

    @Test("a module is loading, then running, then unloading, then gone") func states() throws {
        var table = ModuleTable()
        let id = try table.begin([entry("a")])[0]
        #expect(table[id]?.state == .loading)
        table.setRunning(id)
        #expect(table[id]?.state == .running)
        #expect(try table.beginUnload([id]).map(\.id) == [id])
        #expect(table[id]?.state == .unloading)
        table.remove(id)
        #expect(table[id] == nil)
        #expect(table.module(named: "a") == nil)
        #expect(table.all.isEmpty)
    }

    @Test("a name that is taken is refused, and nothing of the list is entered") func allOrNone() throws {
        var table = ModuleTable()
        try table.load("a")
        #expect(throws: ModuleTableError.exists(name: "a")) { try table.begin([entry("b"), entry("a")]) }
        #expect(table.all.map(\.name) == ["a"])
        #expect(try table.load("b") == 2)
    }

    @Test("a name twice in one list is refused") func twice() {
        var table = ModuleTable()
        #expect(throws: ModuleTableError.exists(name: "b")) { try table.begin([entry("b"), entry("b")]) }
        #expect(table.all.isEmpty)
    }

    @Test("a name is free again once its module is gone, not sooner") func nameIsFree() throws {
        var table = ModuleTable()
        let a = try table.load("a")
        _ = try table.beginUnload([a])
        #expect(throws: ModuleTableError.exists(name: "a")) { try table.check(names: ["a"]) }
        table.remove(a)
        try table.check(names: ["a"])
    }

    @Test("a module may not use one that is not there, or is going") func usesOfTheGone() throws {
        var table = ModuleTable()
        let a = try table.load("a")
        #expect(throws: ModuleTableError.unknown("7")) { try table.begin([entry("b", uses: [7: ["x"]])]) }
        _ = try table.beginUnload([a])
        #expect(throws: ModuleTableError.changing(name: "a", .unloading)) {
            try table.begin([entry("b", uses: [a: ["x"]])])
        }
        #expect(table.module(named: "b") == nil)
    }

    @Test("holders are those that use a module, in the order in which they came") func holders() throws {
        var table = ModuleTable()
        let a = try table.load("a")
        let c = try table.load("c", using: [a])
        let b = try table.load("b", using: [a])
        try table.load("d", using: [b])
        #expect(table.holders(of: a).map(\.id) == [c, b])
        #expect(table.holders(of: c).isEmpty)
        _ = try table.unload([c])
        #expect(table.holders(of: a).map(\.id) == [b])
    }

    @Test("peers of one list hold each other") func peers() throws {
        var table = ModuleTable()
        let ids = try table.begin([entry("a", peers: [1: ["x"]]), entry("b", peers: [0: ["y", "z"]])])
        #expect(table.holders(of: ids[0]).map(\.name) == ["b"])
        #expect(table.holders(of: ids[1]).map(\.name) == ["a"])
        #expect(table[ids[0]]?.uses == [ids[1]: ["x"]])
        #expect(table[ids[1]]?.uses == [ids[0]: ["y", "z"]])
    }

    @Test("a used module is not unloaded, and keeps running") func held() throws {
        var table = ModuleTable()
        let a = try table.load("a")
        try table.load("b", using: [a])
        try table.load("c", using: [a])
        #expect(throws: ModuleTableError.held(name: "a", by: [holder("b"), holder("c")])) {
            try table.beginUnload([a])
        }
        #expect(table[a]?.state == .running)
    }

    @Test("users that go too do not hold, others do") func heldFromOutside() throws {
        var table = ModuleTable()
        let a = try table.load("a")
        let b = try table.load("b", using: [a])
        let c = try table.load("c", using: [a])
        #expect(throws: ModuleTableError.held(name: "a", by: [holder("c")])) { try table.beginUnload([a, b]) }
        #expect(table.all.allSatisfy { $0.state == .running })
        #expect(try table.unload([a, b, c]) == ["c", "b", "a"])
    }

    @Test("a module that is loading holds what it uses") func loadingHolds() throws {
        var table = ModuleTable()
        let a = try table.load("a")
        _ = try table.begin([entry("b", uses: [a: ["x"]])])
        #expect(throws: ModuleTableError.held(name: "a", by: [ModuleHolder(name: "b", symbols: ["x"])])) {
            try table.beginUnload([a])
        }
    }

    @Test("an unknown number is refused") func unknown() {
        var table = ModuleTable()
        #expect(throws: ModuleTableError.unknown("5")) { try table.beginUnload([5]) }
    }

    @Test("a module that is loading or unloading is not unloaded") func changing() throws {
        var table = ModuleTable()
        let id = try table.begin([entry("a")])[0]
        #expect(throws: ModuleTableError.changing(name: "a", .loading)) { try table.beginUnload([id]) }
        table.setRunning(id)
        _ = try table.beginUnload([id])
        #expect(throws: ModuleTableError.changing(name: "a", .unloading)) { try table.beginUnload([id]) }
    }

    @Test("a module that refused to go runs on, and may be asked again") func cancelled() throws {
        var table = ModuleTable()
        let a = try table.load("a")
        _ = try table.beginUnload([a])
        table.cancelUnload(a)
        #expect(table[a]?.state == .running)
        #expect(try table.beginUnload([a]).count == 1)
        table.cancelUnload(a, hasFaulted: true)
        #expect(table[a]?.state == .faulted)
    }

    @Test("a module that has faulted is discarded, and nothing else: it neither goes by itself nor is used")
    func faulted() throws {
        var table = ModuleTable()
        let a = try table.load("a")
        table.setFaulted(a)
        #expect(table[a]?.state == .faulted)
        #expect(throws: ModuleTableError.faulted(name: "a")) { try table.beginUnload([a]) }
        #expect(throws: ModuleTableError.faulted(name: "a")) { try table.begin([entry("b", uses: [a: ["x"]])]) }
        #expect(try table.beginUnload([a], discards: true).map(\.state) == [.faulted])
        table.cancelUnload(a)
        #expect(table[a]?.state == .faulted)
        table.remove(a)
        #expect(table.all.isEmpty)
    }

    @Test("what is being loaded or unloaded does not become a faulted one by the way") func notFaulted() throws {
        var table = ModuleTable()
        let a = try table.begin([entry("a")])[0]
        table.setFaulted(a)
        #expect(table[a]?.state == .loading)
        table.setRunning(a)
        _ = try table.beginUnload([a], discards: true)
        table.setFaulted(a)
        #expect(table[a]?.state == .unloading)
    }

    @Test("taking out what is not there changes nothing") func removeUnknown() throws {
        var table = ModuleTable()
        try table.load("a")
        table.remove(9)
        table.setRunning(9)
        table.cancelUnload(9)
        #expect(table.all.map(\.name) == ["a"])
    }

    @Test("reasons and error names") func messages() {
        let errors: [(ModuleTableError, String, String, String)] = [
            (.exists(name: "a"), "a", "a module of that name is already loaded", "EEXIST"),
            (.unknown("7"), "7", "no such module", "ENOENT"),
            (.held(name: "a", by: [holder("b"), holder("c")]), "a", "in use by b, c", "EBUSY"),
            (.changing(name: "a", .loading), "a", "still loading", "EBUSY"),
            (.changing(name: "a", .unloading), "a", "already unloading", "EBUSY"),
            (
                .faulted(name: "a"), "a", "has faulted and is not used any more; 'modunload -f' discards it", "EIO"
            ),
        ]
        for (error, subject, reason, name) in errors {
            #expect(error.subject == subject)
            #expect(error.reason == reason)
            #expect(error.errorName == name)
        }
    }

    @Test("'-' and '_' mean the same in a module's name") func dashes() throws {
        var table = ModuleTable()
        let id = try table.create(name: "my-mod", range: 0x1000..<0x2000)
        #expect(table.module(named: "my_mod")?.id == id && table.module(named: "my-mod")?.name == "my-mod")
        #expect(throws: ModuleTableError.exists(name: "my_mod")) { try table.check(names: ["my_mod"]) }
        table.remove(id)
        #expect(table.module(named: "my_mod") == nil)
    }
}
