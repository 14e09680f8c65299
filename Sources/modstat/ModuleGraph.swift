import ModlinkInterface
import ToolSupport

/// Who uses whom, as text.
struct ModuleGraph {
    /// The characters that lines are drawn with.
    struct Style {
        let branch: String
        let last: String
        let line: String

        /// The box-drawing characters of Unicode.
        static let unicode = Style(branch: "├── ", last: "└── ", line: "│   ")
        /// What every terminal has.
        static let ascii = Style(branch: "|-- ", last: "`-- ", line: "|   ")
    }

    /// More symbols of one edge than that are counted.
    private static let symbolLimit = 4

    private let modules: [ModuleInformation]
    private let byName: [String: Int]

    init(_ modules: [ModuleInformation]) {
        self.modules = modules
        byName = Dictionary(modules.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Those of the modules, and what they use, be it by way of others.
    func below(_ names: [String]) -> ModuleGraph {
        var wanted = Set<Int>()
        var pending = names.compactMap { byName[$0] }
        while let index = pending.popLast() {
            guard wanted.insert(index).inserted else { continue }
            pending += modules[index].uses.compactMap { byName[$0.module] }
        }
        return ModuleGraph(wanted.sorted().map { modules[$0] })
    }

    // MARK: As a tree

    /// Each module that nobody uses, and below it those that it uses; then those that only use each other. What stands below a module
    /// is drawn once: where it comes again it is marked. What would stand too far to the right goes on as a tree of its own.
    ///
    /// - Parameter showsSymbols: whether the symbols that a module takes stand behind it.
    func tree(_ style: Style, showsSymbols: Bool) -> String {
        var drawing = TreeDrawing(style: style, showsSymbols: showsSymbols)
        for (index, module) in modules.enumerated() where !module.usedBy.contains(where: { byName[$0] != nil }) {
            drawAll(index, &drawing)
        }
        for index in modules.indices where !drawing.drawn.contains(index) { drawAll(index, &drawing) }
        return drawing.text
    }

    /// What has been drawn.
    private struct TreeDrawing {
        let style: Style
        let showsSymbols: Bool
        var text = ""
        var drawn = Set<Int>()
        /// Modules that stand too far to the right for what is below them.
        var continued: [Int] = []
    }

    /// More steps to the right nobody can read; and lines of a chain of thousands would be as long as it is.
    private static let depthLimit = 24

    /// A line that is still to be drawn: a module, the lines before it, and what leads to it.
    private struct Pending {
        let index: Int
        let prefix: String
        let isLast: Bool
        let depth: Int
        let symbols: [String]
    }

    private func drawAll(_ root: Int, _ drawing: inout TreeDrawing) {
        draw(root, &drawing)
        while !drawing.continued.isEmpty {
            let next = drawing.continued.removeFirst()
            if !drawing.drawn.contains(next) { draw(next, &drawing) }
        }
    }

    private func draw(_ root: Int, _ drawing: inout TreeDrawing) {
        // A stack instead of recursion: a chain may be as long as there are modules.
        var stack = [Pending(index: root, prefix: "", isLast: true, depth: 0, symbols: [])]
        while let next = stack.popLast() {
            let module = modules[next.index]
            let used = module.uses.compactMap { use in byName[use.module].map { ($0, use.symbols) } }
            let isTooFar = next.depth == Self.depthLimit && !used.isEmpty && !drawing.drawn.contains(next.index)
            let isNew = !isTooFar && drawing.drawn.insert(next.index).inserted
            drawing.text += next.prefix
            if next.depth > 0 { drawing.text += next.isLast ? drawing.style.last : drawing.style.branch }
            drawing.text += module.name
            if drawing.showsSymbols, !next.symbols.isEmpty { drawing.text += ": \(Self.shortened(next.symbols))" }
            // What is below it stands elsewhere.
            if isTooFar {
                drawing.text += " (continued below)"
                drawing.continued.append(next.index)
            } else if !isNew {
                drawing.text += used.isEmpty ? " (shared)" : " (shared, see above)"
            }
            drawing.text += "\n"
            guard isNew else { continue }
            var prefix = next.prefix
            if next.depth > 0 {
                prefix += next.isLast ? String(repeating: " ", count: drawing.style.line.count) : drawing.style.line
            }
            for (place, (index, symbols)) in used.enumerated().reversed() {
                stack.append(
                    Pending(
                        index: index, prefix: prefix, isLast: place == used.count - 1, depth: next.depth + 1,
                        symbols: symbols))
            }
        }
    }

    private static func shortened(_ symbols: [String]) -> String {
        let shown = symbols.prefix(symbolLimit).joined(separator: ", ")
        let more = symbols.count - symbolLimit
        return more > 0 ? "\(shown) and \(more) more" : shown
    }

    // MARK: For Graphviz

    /// A graph in the language of dot(1): an arrow from each module to each that it uses.
    func dot(showsSymbols: Bool) -> String {
        var text = "digraph modules {\n    node [shape=box];\n"
        for module in modules {
            let style = module.dependency ? " [style=dashed]" : ""
            text += "    \(Self.quoted(module.name))\(style);\n"
        }
        for module in modules {
            for use in module.uses where byName[use.module] != nil {
                text += "    \(Self.quoted(module.name)) -> \(Self.quoted(use.module))"
                if showsSymbols, !use.symbols.isEmpty { text += " [label=\(Self.quoted(Self.shortened(use.symbols)))]" }
                text += ";\n"
            }
        }
        return text + "}\n"
    }

    /// A text between quotation marks. In labels a backslash begins an escape.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for character in text.unicodeScalars {
            switch character {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where character.value < 32 || character.value == 127: quoted += "?"
            default: quoted.unicodeScalars.append(character)
            }
        }
        return quoted + "\""
    }
}
