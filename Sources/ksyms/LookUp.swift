import ModlinkInterface
import ObjectModel
import ToolSupport

/// What was found for names and addresses, as text.
enum LookUp {
    static func print(_ answers: [LookUpAnswer], json: Bool) throws(Failure) {
        if json {
            try ToolOutput.printJSON(answers)
        } else {
            ToolOutput.print(answers.map(text).joined())
        }
        let missing = answers.filter(\.symbols.isEmpty)
        guard missing.isEmpty else { throw Failure(.noSuchModule, missing.map { problem($0.query) }) }
    }

    /// What is said of a query that has no answer.
    static func problem(_ query: String) -> Problem {
        Problem(subject: query, reason: isNumber(query) ? "no symbol is there" : "no such symbol")
    }

    /// A name is answered as in the table, an address with `module:symbol+offset`.
    static func text(_ answer: LookUpAnswer) -> String {
        answer.symbols.map { symbol in
            if let departed = symbol.departed { return "\(answer.query) \(departed)\n" }
            let qualified = symbol.module.isEmpty ? symbol.name : "\(symbol.module):\(symbol.name)"
            if isNumber(answer.query) || !answer.query.hasSuffix(symbol.name) {
                return "\(answer.query) \(qualified)+0x\(String(symbol.offset, radix: 16))\n"
            }
            let type = symbol.kind == "function" ? "T" : ["object", "threadLocal"].contains(symbol.kind) ? "D" : "A"
            return SymbolListing.line(
                address: symbol.unsignedAddress, type: symbol.exported ? type : type.lowercased(), name: symbol.name,
                module: symbol.module)
        }.joined()
    }

    private static func isNumber(_ query: String) -> Bool {
        query.hasPrefix("0x") || query.hasPrefix("0X") || UInt64(query) != nil
    }
}
