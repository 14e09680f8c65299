import ObjectModel
import Testing

@testable import ModuleIndex

/// What is loaded for what, and in which order.
@Suite struct LoadPlanTests {
    /// Plans the load of modules that need these symbols.
    private func plan(
        _ roots: [(name: String, needs: [String])], _ folders: [FolderIndex], space: [String] = [],
        loaded: [String] = [], rootDefines: [String: Int] = [:], required: [String] = [], depends: [String] = []
    ) -> LoadPlan {
        let planRoots = roots.map { root in
            var planned = PlanRoot(name: root.name)
            for need in root.needs {
                let (bytes, range) = name(need)
                planned.needs.append((planned.names.count, range))
                planned.names.append(bytes)
            }
            planned.required = required
            planned.depends = depends
            return planned
        }
        return LoadPlan(
            planRoots, for: .x86_64, folders: folders,
            in: PlanSurroundings(
                isExported: { space.contains(printable($0, $1)) },
                loaded: { key in loaded.first { ModuleFile.key($0) == key } },
                root: { rootDefines[printable($0, $1)] }))
    }

    private func order(_ plan: LoadPlan) -> [String] { plan.steps.map(\.module) }

    @Test("what defines a missing symbol comes first, and says for whom")
    func one() {
        let plan = plan(
            [("sallad", ["slice", "count"])], [folder("/m", [File(name: "gurka.o", defines: ["count", "slice"])])])
        #expect(order(plan) == ["gurka", "sallad"])
        #expect(plan.steps[0].reasons == [LoadPlan.Reason(user: "sallad", symbols: ["slice", "count"])])
        #expect(plan.steps[0].member == .file(folder: 0, file: 0))
        #expect(plan.problems == [])
    }

    @Test("what the space has is not looked for, and what nobody has is left to the linker")
    func present() {
        let files = folder("/m", [File(name: "gurka.o", defines: ["printf"])])
        let plan = plan([("sallad", ["printf", "nobody"])], [files], space: ["printf"])
        #expect(order(plan) == ["sallad"])
        #expect(plan.problems == [])
    }

    @Test("a chain of 20,000 modules is followed to its end")
    func chain() {
        let files = (0..<20_000).map { File(name: "m\($0).o", defines: ["f\($0)"], needs: ["f\($0 + 1)"]) }
        let plan = plan([("top", ["f0"])], [folder("/m", files)])
        #expect(order(plan) == (0..<20_000).reversed().map { "m\($0)" } + ["top"])
    }

    @Test("what two need is loaded once, before both")
    func diamond() {
        let files = folder(
            "/m",
            [
                File(name: "left.o", defines: ["left"], needs: ["base"]),
                File(name: "right.o", defines: ["right"], needs: ["base"]), File(name: "base.o", defines: ["base"]),
            ])
        let plan = plan([("top", ["left", "right"])], [files])
        #expect(order(plan) == ["base", "left", "right", "top"])
        #expect(plan.steps[0].reasons.map(\.user) == ["left", "right"])
    }

    @Test("modules that need each other come together")
    func cycle() {
        let files = folder(
            "/m",
            [
                File(name: "a.o", defines: ["a"], needs: ["b", "a"]), File(name: "b.o", defines: ["b"], needs: ["a"]),
                File(name: "c.o", defines: ["c"], required: ["c"]),
            ])
        #expect(order(plan([("top", ["a", "c"])], [files])) == ["b", "a", "c", "top"])
    }

    @Test("two that define a symbol are an error that names both")
    func twoProviders() {
        let files = folder("/m", [File(name: "a.o", defines: ["slice"]), File(name: "b.o", defines: ["slice"])])
        #expect(
            plan([("sallad", ["slice"])], [files]).problems.map(\.description) == [
                "sallad: symbol 'slice' is defined by /m/a.o, /m/b.o; name the one that is meant on the command line"
            ])
    }

    @Test("of two that define a symbol, the one that is named, loaded, or needed for something else is taken")
    func settled() {
        let files = folder(
            "/m",
            [File(name: "a.o", defines: ["slice"]), File(name: "b.o", defines: ["slice", "only"])])
        let named = plan([("sallad", ["slice"]), ("b", [])], [files], rootDefines: ["slice": 1])
        #expect(order(named) == ["sallad", "b"])
        #expect(named.steps[1].reasons == [LoadPlan.Reason(user: "sallad", symbols: ["slice"])])
        let loaded = plan([("sallad", ["slice"])], [files], space: ["slice"], loaded: ["b"])
        #expect(order(loaded) == ["sallad"])
        let other = plan([("sallad", ["slice", "only"])], [files])
        #expect(order(other) == ["b", "sallad"])
        #expect(other.problems == [])
        #expect(order(plan([("sallad", ["slice"])], [files], required: ["a"])) == ["a", "sallad"])
    }

    @Test("a strong definition goes before weak ones; two weak ones are two providers")
    func weak() {
        let weak = [File(name: "a.o", weak: ["slice"]), File(name: "b.o", weak: ["slice"])]
        #expect(order(plan([("s", ["slice"])], [folder("/m", [weak[0]])])) == ["a", "s"])
        #expect(plan([("s", ["slice"])], [folder("/m", weak)]).problems.count == 1)
        let strong = folder("/m", weak + [File(name: "c.o", defines: ["slice"])])
        #expect(order(plan([("s", ["slice"])], [strong])) == ["c", "s"])
    }

    @Test("the first folder that has a module of a name hides those behind it, also with '-' for '_'")
    func hidden() {
        let first = folder("/1", [File(name: "gurka-x.o", defines: ["slice"])])
        let second = folder("/2", [File(name: "gurka_x.o", defines: ["slice", "more"])])
        let found = plan([("sallad", ["slice"])], [first, second])
        #expect(found.steps[0].member == .file(folder: 0, file: 0))
        #expect(found.problems == [])
        // What only the hidden one has nobody has.
        #expect(order(plan([("sallad", ["more"])], [first, second])) == ["sallad"])
        #expect(plan([("sallad", ["slice"])], [second, first]).steps[0].member == .file(folder: 0, file: 0))
    }

    @Test("files for another machine are passed over, and hide nothing")
    func machine() {
        let other = folder("/1", [File(name: "gurka.o", defines: ["slice"], architecture: .i386)])
        let own = folder("/2", [File(name: "gurka.o", defines: ["slice"])])
        #expect(plan([("sallad", ["slice"])], [other, own]).steps[0].member == .file(folder: 1, file: 0))
        #expect(
            plan([("sallad", [])], [other], required: ["gurka"]).problems.map(\.description) == [
                "sallad: requires module 'gurka', and /1/gurka.o is made for i386, not x86-64"
            ])
    }

    @Test("a module that is asked for by name is brought in, and held; '-' and '_' mean the same")
    func required() {
        let files = folder("/m", [File(name: "gurka-x.o", defines: ["slice"])])
        let found = plan([("sallad", [])], [files], required: ["gurka_x"])
        #expect(order(found) == ["gurka-x", "sallad"])
        #expect(found.steps[0].reasons == [LoadPlan.Reason(user: "sallad", isRequired: true)])
        #expect(found.steps[1].required == ["gurka-x"])
        let loaded = plan([("sallad", [])], [files], loaded: ["gurka-x"], required: ["gurka_x"])
        #expect(order(loaded) == ["sallad"])
        #expect(loaded.steps[0].required == ["gurka-x"])
    }

    @Test("a module that asks for one behind it on the command line starts after it")
    func requiredRoot() {
        let found = plan([("b", []), ("a", [])], [], required: ["a"])
        #expect(order(found) == ["a", "b"])
    }

    @Test("a module that nobody has is an error when it is required, and none when it is only listed")
    func missing() {
        #expect(
            plan([("sallad", [])], [folder("/m", []), folder("/n", [])], required: ["gurka"]).problems.map(
                \.description)
                == ["sallad: requires module 'gurka', which is neither loaded nor in the module path (/m:/n)"])
        #expect(
            plan([("sallad", [])], [], required: ["gurka"]).problems.map(\.description) == [
                "sallad: requires module 'gurka', which is neither loaded nor in the module path"
            ])
        #expect(
            plan([("sallad", [])], [folder("/m", [], broken: ["gurka.o"])], required: ["gurka"]).problems.map(
                \.description)
                == ["sallad: requires module 'gurka', and that is no object: /m/gurka.o: e_shoff: beyond the end"])
        let listed = plan([("sallad", [])], [folder("/m", [File(name: "tomat.o")])], depends: ["gurka", "tomat"])
        #expect(order(listed) == ["tomat", "sallad"])
        #expect(listed.problems == [])
    }

    @Test("a module of the name of one that is loaded or named is no provider")
    func taken() {
        let files = folder("/m", [File(name: "gurka.o", defines: ["slice"])])
        #expect(order(plan([("sallad", ["slice"])], [files], loaded: ["gurka"])) == ["sallad"])
        #expect(order(plan([("sallad", ["slice"]), ("gurka", [])], [files])) == ["sallad", "gurka"])
    }

    @Test("a reference with a version is one to that version, or to the name")
    func versions() {
        let files = folder("/m", [File(name: "a.o", defines: ["slice"]), File(name: "b.o", defines: ["slice@OLD"])])
        #expect(order(plan([("sallad", ["slice@OLD"])], [files])) == ["b", "sallad"])
        #expect(order(plan([("sallad", ["slice@NEW"])], [files])) == ["a", "sallad"])
    }
}
