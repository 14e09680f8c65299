import SymbolTable
import Testing

@Suite struct NamePatternTests {
    @Test(
        "a pattern means names as a shell's does",
        arguments: [
            ("slice", "slice", true), ("slice", "slices", false), ("slice", "slic", false), ("", "", true),
            ("*", "", true), ("*", "abc", true), ("s*e", "slice", true), ("s*e", "slices", false),
            ("**e", "slice", true),
            ("?", "a", true), ("?", "", false), ("?", "ab", false), ("s?ice", "slice", true),
            ("?", "å", true), ("??", "å", false), ("[!a]x", "åx", true),
            ("[a-c]x", "bx", true), ("[a-c]x", "dx", false), ("[!a-c]x", "dx", true), ("[^a-c]x", "ax", false),
            ("[]a]", "]", true), ("[]a]", "a", true), ("[a-]", "-", true), ("[a-]", "b", false), ("[c-a]", "b", false),
            ("[abc", "[abc", true), ("[abc", "a", false), ("\\*", "*", true), ("\\*", "a", false), ("a\\", "a\\", true),
            ("*ab*ab", "abab", true), ("*ab*ab", "ababx", false), ("_Z*E?", "_ZN3fooEv", true),
        ])
    func meanings(_ pattern: String, _ name: String, _ isMeant: Bool) {
        #expect(NamePattern(pattern).matches(Array(name.utf8)[...]) == isMeant)
    }

    @Test("a text without special characters is no pattern")
    func plain() {
        for text in ["*", "a?", "[", "\\"] { #expect(NamePattern.isPattern(text)) }
        for text in ["", "slice", "a.b", "x]y", "gurka:slice"] { #expect(!NamePattern.isPattern(text)) }
    }

    @Test("many stars take time in proportion to the lengths, not to their powers")
    func stars() {
        let pattern = NamePattern(String(repeating: "*a", count: 200) + "b")
        #expect(!pattern.matches(Array(repeating: UInt8(ascii: "a"), count: 4000)[...]))
    }
}
