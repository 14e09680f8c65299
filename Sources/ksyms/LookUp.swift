import ModlinkInterface
import ObjectModel
import SymbolTable
import ToolSupport

/// What was found for names, patterns and addresses.
struct LookUp {
    private let answers: [LookUpAnswer]
    private let json: Bool
    private let showsSizes: Bool
    private let module: String?
    private let style: NameStyle

    /// - Parameter tool: says how they are printed.
    init(_ tool: KernelSymbols, _ answers: [LookUpAnswer]) {
        self.init(
            answers, json: tool.json, bySize: tool.bySize, byAddress: tool.byAddress, module: tool.module,
            style: tool.style)
    }

    init(
        _ answers: [LookUpAnswer], json: Bool = false, bySize: Bool = false, byAddress: Bool = false,
        module: String? = nil, style: NameStyle = NameStyle()
    ) {
        self.json = json
        self.style = style
        self.module = module
        showsSizes = bySize
        self.answers = answers.map { answer in
            var answer = answer
            if bySize {
                answer.symbols.sort { ($0.size, $0.unsignedAddress) < ($1.size, $1.unsignedAddress) }
            } else if byAddress {
                answer.symbols.sort { $0.unsignedAddress < $1.unsignedAddress }
            }
            return answer
        }
    }

    /// Prints them.
    ///
    /// - Parameter source: the table, for names that are like those that are not there.
    /// - Throws: what was not found.
    func print(_ source: () throws(Failure) -> SymbolSource) throws(Failure) {
        if json {
            try ToolOutput.printJSON(answers)
        } else {
            ToolOutput.print(text)
        }
        let missing = answers.filter(\.symbols.isEmpty).map(\.query)
        guard !missing.isEmpty else { return }
        // What the answers came from may have changed since; only likeness is asked for here.
        let table = missing.contains(where: Self.isName) ? try? source().table : nil
        throw Failure(.noSuchModule, missing.map { Self.problem($0, of: module, in: table) })
    }

    /// What is said of a query that has no answer.
    static func problem(_ query: String, of module: String? = nil, in table: SymbolTable? = nil) -> Problem {
        if NamePattern.isPattern(query) { return Problem(subject: query, reason: "no symbol has such a name") }
        guard isName(query) else { return Problem(subject: query, reason: "no symbol is there") }
        var name = query
        var owner = module
        if module == nil, let colon = query.firstIndex(of: ":") {
            owner = String(query[..<colon])
            name = String(query[query.index(after: colon)...])
        }
        let known = Set(table?.snapshot.map { moduleKey($0.owner) } ?? [])
        if let owner, let table, !known.contains(moduleKey(owner)) {
            let similar = nearestName(to: owner, among: table.snapshot.map(\.owner).filter { !$0.isEmpty })
            return Problem(
                subject: query, reason: "no such module\(suggestion(similar.map { [$0] } ?? [])) (ENOENT)")
        }
        let similar = table?.similarNames(to: name, of: owner) ?? []
        return Problem(subject: query, reason: "no such symbol\(suggestion(similar))")
    }

    /// A name is answered as in the table, an address with `module:symbol+offset`.
    var text: [UInt8] {
        var lines = SymbolLines(showsSizes: showsSizes, style: style)
        for answer in answers {
            let isName = Self.isName(answer.query)
            for symbol in answer.symbols {
                var past = symbol
                past.name = style.text(symbol.name)
                if let departed = past.departed {
                    lines.add("\(answer.query) \(departed)\n")
                    continue
                }
                // What may be a name was taken for an address when there was none.
                if isName, NamePattern.isPattern(answer.query) || answer.query.hasSuffix(symbol.name) {
                    lines.add(symbol)
                } else {
                    let name = style.text(symbol.name)
                    let qualified = symbol.module.isEmpty ? name : "\(symbol.module):\(name)"
                    lines.add("\(answer.query) \(qualified)+0x\(String(symbol.offset, radix: 16))\n")
                }
            }
        }
        return lines.bytes
    }

    private static func isName(_ query: String) -> Bool {
        !(query.hasPrefix("0x") || query.hasPrefix("0X") || UInt64(query) != nil)
    }
}
