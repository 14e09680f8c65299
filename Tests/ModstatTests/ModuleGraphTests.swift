import ModlinkInterface
import TestSupport
import Testing

@testable import modstat

/// Who uses whom, drawn.
@Suite struct ModuleGraphTests {
    /// Modules that use each other: for each its name, and whom it uses.
    private func graph(_ uses: [(name: String, uses: [String])], symbols: [String] = []) -> ModuleGraph {
        ModuleGraph(
            uses.enumerated().map { number, module in
                ModuleInformation(
                    id: number, name: module.name, space: "x86-64", state: "running", address: 0, size: 0,
                    useCount: nil, uses: module.uses.map { ModuleUse(module: $0, symbols: symbols) },
                    usedBy: uses.filter { $0.uses.contains(module.name) }.map(\.name), autoclean: false,
                    dependency: module.name == "base")
            })
    }

    private static let diamond: [(name: String, uses: [String])] = [
        ("base", []), ("left", ["base"]), ("right", ["base"]), ("top", ["left", "right"]), ("alone", []),
    ]

    @Test("without modules nothing is drawn, and the graph is empty")
    func empty() {
        #expect(graph([]).tree(.unicode, showsSymbols: false) == "")
        #expect(graph([]).dot(showsSymbols: false) == "digraph modules {\n    node [shape=box];\n}\n")
    }

    @Test("users stand above those that they use, and what is shared is marked where it comes again")
    func tree() {
        #expect(
            graph(Self.diamond).tree(.unicode, showsSymbols: false) == """
                top
                ├── left
                │   └── base
                └── right
                    └── base (shared)
                alone

                """)
        #expect(
            graph(Self.diamond).tree(.ascii, showsSymbols: false) == """
                top
                |-- left
                |   `-- base
                `-- right
                    `-- base (shared)
                alone

                """)
    }

    @Test("modules that use each other are drawn once")
    func cycle() {
        #expect(
            graph([("a", ["b"]), ("b", ["a", "b"]), ("c", ["a"])]).tree(.ascii, showsSymbols: false) == """
                c
                `-- a
                    `-- b
                        |-- a (shared, see above)
                        `-- b (shared, see above)

                """)
        #expect(
            graph([("a", ["b"]), ("b", ["a"])]).tree(.ascii, showsSymbols: false) == """
                a
                `-- b
                    `-- a (shared, see above)

                """)
    }

    @Test("symbols stand behind the module that has them: four, and how many more")
    func symbols() {
        #expect(
            graph([("a", []), ("b", ["a"])], symbols: ["p", "q", "r", "s"]).tree(.ascii, showsSymbols: true)
                == "b\n`-- a: p, q, r, s\n")
        #expect(
            graph([("a", []), ("b", ["a"])], symbols: ["p", "q", "r", "s", "t", "u"]).tree(.ascii, showsSymbols: true)
                == "b\n`-- a: p, q, r, s and 2 more\n")
    }

    @Test("a chain of 10,000 modules is drawn")
    func chain() {
        let modules = (0..<10_000).map { (name: "m\($0)", uses: $0 > 0 ? ["m\($0 - 1)"] : []) }
        // Who uses whom is worked out here: the helper above would take its time.
        let graph = ModuleGraph(
            modules.enumerated().map { number, module in
                ModuleInformation(
                    id: number, name: module.name, space: "x86-64", state: "running", address: 0, size: 0,
                    useCount: nil, uses: module.uses.map { ModuleUse(module: $0, symbols: []) },
                    usedBy: number < 9_999 ? ["m\(number + 1)"] : [], autoclean: false)
            })
        let lines = graph.tree(.ascii, showsSymbols: false).split(separator: "\n")
        // Each 24 steps it goes on at the left, with the line that ends the one before.
        #expect(lines.count == 10_000 + 9_999 / 24)
        #expect(lines[24].hasSuffix("`-- m9975 (continued below)"))
        #expect(lines[25] == "m9975")
        #expect(lines.last?.hasSuffix("`-- m0") == true)
    }

    @Test("of one module, what it uses is shown and not who uses it")
    func below() {
        #expect(
            graph(Self.diamond).below(["left"]).tree(.ascii, showsSymbols: false) == "left\n`-- base\n")
    }

    @Test("the graph has a box for each module, dependencies dashed, and an arrow for each use")
    func dot() {
        #expect(
            graph([("base", []), ("b-1", ["base"])], symbols: ["p", "q"]).dot(showsSymbols: true) == """
                digraph modules {
                    node [shape=box];
                    "base" [style=dashed];
                    "b-1";
                    "b-1" -> "base" [label="p, q"];
                }

                """)
    }

    @Test("names with quotation marks, backslashes and line breaks stay names")
    func quoted() {
        #expect(ModuleGraph.quoted(#"a"b\c"# + "\n\u{7f}d") == #""a\"b\\c??d""#)
    }

    @Test("Graphviz takes the graph", .enabled(if: Tool.find("dot") != nil, "graphviz is not installed"))
    func graphviz() throws {
        let directory = try ScratchDirectory()
        let path = try directory.write(
            "graph.dot", Array(graph(Self.diamond, symbols: [#"odd"\name"#]).dot(showsSymbols: true).utf8))
        let plain = try Tool.output("dot", ["-Tplain", path])
        #expect(plain.split(separator: "\n").count { $0.hasPrefix("node ") } == 5)
        #expect(plain.split(separator: "\n").count { $0.hasPrefix("edge ") } == 4)
    }
}
