import ModuleTable
import Testing

@Suite struct UnloadOrderTests {
    private func entry(
        _ name: String, peers: [Int]
    ) -> (name: String, range: Range<UInt64>, isAutoclean: Bool, uses: [Int: [String]], peers: [Int: [String]]) {
        (name, 0x1000..<0x2000, false, [:], Dictionary(uniqueKeysWithValues: peers.map { ($0, []) }))
    }

    /// A table of modules of one list that all run.
    private func table(_ peers: [[Int]]) throws -> (ModuleTable, [Int]) {
        var table = ModuleTable()
        let ids = try table.begin(peers.enumerated().map { entry("m\($0)", peers: $1) })
        for id in ids { table.setRunning(id) }
        return (table, ids)
    }

    @Test("modules that do not use each other go the youngest first") func independent() throws {
        var (table, ids) = try table([[], [], []])
        #expect(try table.unload(ids) == ["m2", "m1", "m0"])
    }

    @Test("a chain goes from its end, in whatever order it is named") func chain() throws {
        for shuffle in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            // 0 uses 1 uses 2.
            var (table, ids) = try table([[1], [2], []])
            #expect(try table.unload(shuffle.map { ids[$0] }) == ["m0", "m1", "m2"])
        }
    }

    @Test("in a diamond the base goes last and the top first") func diamond() throws {
        // 3 uses 1 and 2, which use 0.
        var (table, ids) = try table([[], [0], [0], [1, 2]])
        #expect(try table.unload(ids) == ["m3", "m2", "m1", "m0"])
    }

    @Test("of two that use each other the younger goes first") func pair() throws {
        var (table, ids) = try table([[1], [0]])
        #expect(try table.unload(ids) == ["m1", "m0"])
    }

    @Test("a ring goes the youngest first, whichever way round it is") func ring() throws {
        for peers in [[[1], [2], [0]], [[2], [0], [1]]] {
            var (table, ids) = try table(peers)
            #expect(try table.unload(ids) == ["m2", "m1", "m0"])
        }
    }

    @Test("users of a ring go before it, and what it uses goes after it") func ringInside() throws {
        // 4 uses 1; 1 and 2 use each other; 2 uses 3 (the young one), and 0 is used by 1.
        var (table, ids) = try table([[], [0, 2], [1, 3], [], [1]])
        #expect(try table.unload(ids) == ["m4", "m2", "m1", "m3", "m0"])
    }

    @Test("the dependents of a module are all that use it, be it by way of others, in the order in which they can go")
    func dependents() throws {
        // 3 uses 1 and 2, which use 0; 4 uses 5; 5 and 6 use each other.
        let (table, ids) = try table([[], [0], [0], [1, 2], [5], [6], [5]])
        #expect(table.withDependents([ids[0]]).map(\.name) == ["m3", "m2", "m1", "m0"])
        #expect(table.withDependents([ids[1]]).map(\.name) == ["m3", "m1"])
        #expect(table.withDependents([ids[3]]).map(\.name) == ["m3"])
        #expect(table.withDependents([ids[6], ids[2]]).map(\.name) == ["m4", "m6", "m5", "m3", "m2"])
        #expect(table.withDependents([]).isEmpty)
    }

    @Test("the order can be had without unloading anything") func planned() throws {
        let (table, ids) = try table([[1], [2], []])
        #expect(table.unloadOrder([ids[2], ids[0]]).map(\.name) == ["m2", "m0"])
        #expect(table.all.allSatisfy { $0.state == .running })
    }

    @Test("a module that uses itself goes") func itself() throws {
        var (table, ids) = try table([[0]])
        #expect(try table.unload(ids) == ["m0"])
    }

    @Test("a module that is named twice goes once") func namedTwice() throws {
        var (table, ids) = try table([[]])
        #expect(try table.unload(ids + ids) == ["m0"])
    }

    @Test("a chain of 20,000 modules goes in order") func longChain() throws {
        var table = ModuleTable()
        var ids: [Int] = []
        for number in 0..<20_000 { ids.append(try table.load("m\(number)", using: ids.last.map { [$0] } ?? [])) }
        let order = try table.beginUnload(ids)
        #expect(order.map(\.id) == ids.reversed())
    }
}
