import ELFFormat
import Linking
import ObjectModel
import TestSupport

/// The instructions of a module's code as objdump reads them: one a line, without addresses, single spaces, with targets as numbers.
func disassembly(_ linked: Linked, _ index: Int = 0) throws -> [String] {
    let directory = try ScratchDirectory()
    return try disassembly(of: directory.write("image", linked.file(index)))
}

func disassembly(of path: String) throws -> [String] {
    try Tool.output("objdump", ["-d", "--no-show-raw-insn", path]).split(separator: "\n")
        .compactMap { $0.contains(":\t") ? $0.split(separator: "\t", maxSplits: 1).last : nil }
        .map { line in
            // `call 401000 <name+0x5>` becomes `call 0x401000`.
            var words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
            words.removeAll { $0.hasPrefix("<") && $0.hasSuffix(">") }
            return words.enumerated().map { number, word in
                let isTarget = number > 0 && (words[number - 1] == "#" || isBranch(words[number - 1]))
                return isTarget && !word.hasPrefix("0x") && !word.hasPrefix("*") ? "0x" + word : word
            }.joined(separator: " ")
        }
}

private func isBranch(_ word: String) -> Bool {
    word == "call" || word.hasPrefix("j")
}
