import ArgumentParser
import FoundationEssentials

/// What a shell asks when somebody presses TAB: `TOOL ---complete SHELL INDEX WORD...`, with the tool's name as word 0 and the word to be
/// completed at the index.
///
/// The answer has a line that says which files the shell is to offer, a line with what stands before the part of the word that is
/// completed, and a line a candidate: the part, and after a tab what it is.
struct CompletionRequest {
    /// An option nobody types.
    static let keyword = "---complete"

    /// The words before the one that is completed, without the tool's name.
    let words: [String]
    /// What there is of the word.
    let word: String
    /// How much of the word the shell takes for another one, in characters.
    private let foreign: Int

    /// - Parameter arguments: what stands behind the keyword. Nil where it makes no sense.
    init?(_ arguments: [String]) {
        guard arguments.count >= 3, let index = Int(arguments[1]), index >= 1 else { return nil }
        var typed = Array(arguments[3...].prefix(index))
        if typed.count < index { typed.append("") }
        guard arguments[0] == "bash" else {
            (words, word, foreign) = (Array(typed.dropLast()), typed[typed.count - 1], 0)
            return
        }
        // bash takes each `=` and `:` for a word of its own (COMP_WORDBREAKS).
        let breaks: Set<Character> = ["=", ":"]
        var joined: [String] = []
        var goesOn = false
        for part in typed {
            let isBreak = !part.isEmpty && part.allSatisfy(breaks.contains)
            if let last = joined.indices.last, goesOn || isBreak { joined[last] += part } else { joined.append(part) }
            goesOn = isBreak
        }
        let last = typed[typed.count - 1]
        let isBreak = !last.isEmpty && last.allSatisfy(breaks.contains)
        word = joined[joined.count - 1]
        words = Array(joined.dropLast())
        foreign = word.count - (isBreak ? 0 : last.count)
    }

    /// The answer of a tool.
    func answer<Tool: ToolCommand>(of tool: Tool.Type) -> String {
        text(place(KnownOption.all(of: tool), Tool.completion))
    }

    /// What belongs in the place.
    struct Place {
        /// What stands before the part of the word that is completed.
        var prefix = ""
        var files = CompletionFiles.none
        var candidates: [CompletionCandidate] = []
    }

    func place(_ options: [KnownOption], _ rules: CompletionRules) -> Place {
        var place = Place()
        var sources = rules.arguments
        let ended = words.contains("--")
        if !ended, let last = words.last, let option = KnownOption.waiting(after: last, in: options) {
            sources = option.names.lazy.compactMap { rules.options[$0] }.first ?? []
        } else if !ended, word.hasPrefix("--"), let equals = word.firstIndex(of: "=") {
            place.prefix = String(word[...equals])
            let name = String(word[..<equals])
            guard let option = options.first(where: { $0.names.contains(name) }) else { return place }
            sources = option.names.lazy.compactMap { rules.options[$0] }.first ?? []
        } else if !ended, word.hasPrefix("-") {
            sources = []
            place.candidates = options.flatMap { option in
                option.names.map { CompletionCandidate($0, option.text) }
            }
        }
        for source in sources {
            switch source {
            case .objects: place.files = .ending(CompletionSource.objectEndings)
            case .files: place.files = .any
            default: place.candidates += source.candidates(after: words)
            }
        }
        let part = word.dropFirst(place.prefix.count)
        place.candidates.removeAll { !$0.word.hasPrefix(part) }
        return place
    }

    private func text(_ place: Place) -> String {
        var text = "\(place.files.text)\n\(place.prefix.dropFirst(foreign))\n"
        for candidate in place.candidates {
            // What bash takes for another word is there already.
            let word = candidate.word.dropFirst(Swift.max(0, foreign - place.prefix.count))
            text += candidate.text.isEmpty ? "\(word)\n" : "\(word)\t\(candidate.text)\n"
        }
        return text
    }
}

/// An option of a tool, as its help has it.
struct KnownOption {
    /// Its names with their dashes.
    let names: [String]
    let takesValue: Bool
    /// What it does.
    let text: String

    /// The option that waits for its value behind a word.
    static func waiting(after word: String, in options: [KnownOption]) -> KnownOption? {
        guard word.hasPrefix("-"), word.count > 1, !word.contains("=") else { return nil }
        // Of several short ones together the last may have a value.
        let name = word.hasPrefix("--") || word.count == 2 ? word : "-\(word.suffix(1))"
        return options.first { $0.takesValue && $0.names.contains(name) }
    }

    /// All that the help of a tool shows. ArgumentParser says so in a form for programs (`--experimental-dump-help`).
    static func all<Tool: ParsableCommand>(of tool: Tool.Type) -> [KnownOption] {
        do {
            _ = try Tool.parseAsRoot(["--experimental-dump-help"])
            return []
        } catch {
            let text = Tool.message(for: error)
            guard let help = try? JSONDecoder().decode(HelpDump.self, from: Data(text.utf8)) else { return [] }
            return (help.command.arguments ?? []).filter { $0.shouldDisplay && $0.kind != "positional" }.map { option in
                KnownOption(
                    names: (option.names ?? []).map { ($0.kind == "long" ? "--" : "-") + $0.name },
                    takesValue: option.kind == "option", text: option.abstract ?? "")
            }
        }
    }
}

/// The part of ArgumentParser's description of a tool that is needed here (`ToolInfoV0`).
private struct HelpDump: Decodable {
    struct Command: Decodable {
        let arguments: [Argument]?
    }
    struct Argument: Decodable {
        let kind: String
        let shouldDisplay: Bool
        let names: [Name]?
        let abstract: String?
    }
    struct Name: Decodable {
        let kind: String
        let name: String
    }

    let command: Command
}
