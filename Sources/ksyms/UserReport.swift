import ModlinkInterface
import ObjectModel
import ToolSupport

/// Who refers to symbols.
enum UserReport {
    /// Prints a line for each place: `0000000010004012 sallad:init_module+0x12 .text gurka:slice`.
    static func print(_ answers: [UsersAnswer], _ tool: KernelSymbols) throws(Failure) {
        if tool.json {
            try ToolOutput.printJSON(answers)
        } else {
            ToolOutput.print(answers.flatMap(\.uses).map { line($0, tool.style) }.joined())
        }
        let missing = answers.filter(\.symbols.isEmpty).map(\.query)
        let unused = answers.filter { !$0.symbols.isEmpty && $0.uses.isEmpty }.map(\.query)
        guard !missing.isEmpty || !unused.isEmpty else { return }
        let table = missing.isEmpty ? nil : try? tool.source().table
        throw Failure(
            .noSuchModule,
            missing.map { LookUp.problem($0, in: table) }
                + unused.map { Problem(subject: $0, reason: "no module refers to it") })
    }

    static func line(_ use: SymbolUse, _ style: NameStyle = NameStyle()) -> String {
        let place = use.function.isEmpty ? use.module : "\(use.module):\(style.text(use.function))"
        let offset = use.function.isEmpty ? "" : "+0x\(String(use.offset, radix: 16))"
        return
            "\(String(hexadecimal: use.unsignedAddress, digits: 16)) \(place)\(offset) \(use.section) \(style.qualified(use.symbol))\n"
    }
}
