import ModlinkInterface
import Posix
import TestSupport
import Testing

/// The manual pages, held against the programs.
@Suite struct ManualTests {
    static let tools = ["modlinkd", "modload", "modunload", "modstat", "ksyms"]
    static let pages = tools.map { "\($0).8" } + ["modlink.3", "modlink.4", "modlink.7", "modules.2"]

    @Test("there is a page for each tool, for the whole and for authors of modules, and no other")
    func complete() throws {
        #expect(try File.list(Manual.directory).sorted() == Self.pages.sorted())
    }

    @Test("the options that a page explains are those that --help prints", arguments: tools)
    func options(tool: String) throws {
        let help = HelpText(try Session().output(tool, "--help"))
        let page = try Manual("\(tool).8")
        #expect(help.options.contains("--help") && help.options.contains("--version"))
        #expect(page.items("Fl").sorted() == help.options.sorted())
    }

    @Test("mandoc has no warning about a page", arguments: pages)
    func lint(page: String) throws {
        try expect(Tool.run("mandoc", ["-Tlint", "-Wwarning", "\(Manual.directory)/\(page)"]), .done())
    }

    @Test("the methods and errors that modlink(7) explains are those of the interface")
    func interface() throws {
        let page = try Manual("modlink.7")
        let lines = interfaceText.split(separator: "\n").map { $0.split(whereSeparator: { " (".contains($0) }) }
        func names(_ keyword: String) -> [String] { lines.filter { $0.first == keyword[...] }.map { String($0[1]) } }
        #expect(names("method").contains("Load") && names("error").contains("LinkFailed"))
        #expect(page.items("Fn") == names("method"))
        #expect(page.items("Er") == names("error"))
    }

    @Test("the environment variables that a page explains are those that the runtime directory and the space depend on")
    func environment() throws {
        for tool in Self.tools {
            let variables = try Manual("\(tool).8").items("Ev")
            for name in ["MODLINK_RUNTIME_DIR", "XDG_RUNTIME_DIR", "MODLINK_SPACE"] {
                #expect(variables.contains(name), "\(tool).8: \(name)")
            }
        }
    }
}

/// What `--help` prints.
private struct HelpText {
    /// The options, long and short, with their dashes.
    let options: [String]

    init(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).drop { $0 != "OPTIONS:" }
        options = lines.filter { $0.hasPrefix("  -") }.flatMap { line in
            // The option ends where its column does: at two spaces, or with the line.
            let words = line.dropFirst(2).split(separator: " ", omittingEmptySubsequences: false).prefix { !$0.isEmpty }
            return words.filter { $0.hasPrefix("-") }.map { String($0.filter { $0 != "," }) }
        }
    }
}

/// A page in the language of mdoc(7).
private struct Manual {
    static let directory =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        .joined(separator: "/") + "/Man"

    private let lines: [[Substring]]

    init(_ name: String) throws {
        let text = String(decoding: try File.read(path: "\(Self.directory)/\(name)", limit: 1 << 20), as: UTF8.self)
        lines = text.split(separator: "\n").map { $0.split(separator: " ") }
    }

    /// What lists explain, where an item's first macro is that one: an option with its dashes, else the bare name.
    func items(_ macro: String) -> [String] {
        lines.filter { $0.first == ".It" && $0.dropFirst().first == macro[...] }.flatMap { line in
            let isNamed = line.indices.filter { $0 > 0 && line[$0 - 1] == macro[...] }
            // One macro may have several arguments, with commas between them.
            let commas = macro == "Ev" ? line.indices.filter { $0 > 1 && line[$0 - 1] == "," && line[$0] != "Ev" } : []
            return (isNamed + commas).map { (macro == "Fl" ? "-" : "") + line[$0] }
        }
    }
}
