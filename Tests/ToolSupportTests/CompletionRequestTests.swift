import Testing

@testable import ToolSupport

/// What a TAB is answered with, by the words before it.
@Suite struct CompletionRequestTests {
    private static let options = [
        KnownOption(names: ["--space"], takesValue: true, text: "the space"),
        KnownOption(names: ["-o", "--output"], takesValue: true, text: "the file"),
        KnownOption(names: ["-f", "--force"], takesValue: false, text: "all the same"),
        KnownOption(names: ["--name"], takesValue: true, text: "the name"),
    ]
    private static let rules = CompletionRules(
        arguments: [.objects, .words(["gurka", "sallad"])],
        options: ["--space": [.words(["i386", "x86-64"])], "--output": [.files]])

    private func place(_ shell: String, _ words: String...) throws -> CompletionRequest.Place {
        let request = try #require(CompletionRequest([shell, "\(words.count)", "tool"] + words))
        return request.place(Self.options, Self.rules)
    }

    private func words(_ place: CompletionRequest.Place) -> [String] { place.candidates.map(\.word) }

    @Test("an argument is completed by what arguments may be") func argument() throws {
        let all = try place("zsh", "")
        #expect(words(all) == ["gurka", "sallad"] && all.files == .ending(CompletionSource.objectEndings))
        #expect(try words(place("zsh", "gurka", "s")) == ["sallad"])
        #expect(try words(place("zsh", "-f", "g")) == ["gurka"])
    }

    @Test("a word that begins with a dash is completed by options, but not behind --") func option() throws {
        #expect(
            try place("fish", "--f").candidates == [CompletionCandidate("--force", "all the same")])
        #expect(try words(place("fish", "-")) == ["--space", "-o", "--output", "-f", "--force", "--name"])
        #expect(try words(place("fish", "--", "-")) == [])
    }

    @Test("the value of an option is completed behind it, behind the last of several, and behind =") func value() throws
    {
        #expect(try words(place("zsh", "--space", "")) == ["i386", "x86-64"])
        #expect(try place("zsh", "-fo", "").files == .any)
        #expect(try place("zsh", "-o", "").files == .any)
        let joined = try place("zsh", "--space=i")
        #expect(words(joined) == ["i386"] && joined.prefix == "--space=")
        let unknown = try place("zsh", "--name", "")
        #expect(words(unknown) == [] && unknown.files == .none)
    }

    @Test("bash's words are put together again at = and :") func bashWords() throws {
        #expect(try words(place("bash", "--space", "=", "i")) == ["i386"])
        #expect(try words(place("bash", "--space", "=")) == ["i386", "x86-64"])
        #expect(try words(place("bash", "x", "=", "1", "s")) == ["sallad"])
    }

    @Test(
        "what makes no sense is answered with nothing",
        arguments: [[], ["bash"], ["bash", "x", "tool"], ["zsh", "0", "tool"]])
    func nonsense(arguments: [String]) {
        #expect(CompletionRequest(arguments) == nil)
    }

    @Test("a script for a shell names the tool alone", arguments: ["bash", "zsh", "fish"]) func script(shell: String)
        throws
    {
        let text = try #require(CompletionScript.text("modload", shell))
        #expect(text.contains(" ---complete \(shell) ") && !text.contains("TOOL"))
        #expect(CompletionScript.text("modload", "csh") == nil)
    }

    @Test("the shell is asked for as a word of its own or behind =") func asked() {
        #expect(CompletionScript.shell(askedForBy: ["--generate-completion-script", "zsh"]) == "zsh")
        #expect(CompletionScript.shell(askedForBy: ["--generate-completion-script=fish"]) == "fish")
        #expect(CompletionScript.shell(askedForBy: ["x.o"]) == nil)
    }
}
