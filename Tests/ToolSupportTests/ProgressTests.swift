import ModlinkInterface
import Testing

@testable import ToolSupport

/// The line that shows how far work is, and what a terminal can show.
@Suite struct ProgressTests {
    @Test("the line says what is done, how much of how much, and the part of the whole")
    func text() {
        #expect(
            ProgressLine.text(Progress(activity: "indexing /m", done: 1200, total: 5000))
                == "indexing /m: 1200 of 5000 (24%)")
        #expect(ProgressLine.text(Progress(activity: "linking", done: 0, total: 0)) == "linking")
        #expect(ProgressLine.text(Progress(activity: "x", done: -1, total: 1)) == "x: -1 of 1 (0%)")
        #expect(ProgressLine.text(Progress(activity: "x", done: .max, total: .max)).hasSuffix("(100%)"))
    }

    @Test("the line is no longer than 72 characters")
    func width() {
        let line = ProgressLine.text(Progress(activity: String(repeating: "a", count: 200), done: 1, total: 5000))
        #expect(line.count == 72)
        #expect(line.hasSuffix("a…: 1 of 5000 (0%)"))
    }

    @Test("a terminal shows Unicode when the locale's code set is UTF-8; the first variable that is set counts")
    func unicode() {
        func shows(_ variables: [String: String]) -> Bool { Terminal.showsUnicode { variables[$0] } }
        #expect(shows(["LANG": "sv_SE.UTF-8"]))
        #expect(shows(["LC_CTYPE": "C.utf8", "LANG": "C"]))
        #expect(shows(["LC_ALL": "", "LANG": "de_DE.utf-8@euro"]))
        #expect(!shows(["LC_ALL": "C", "LANG": "sv_SE.UTF-8"]))
        #expect(!shows(["LANG": "sv_SE.ISO-8859-1"]))
        #expect(!shows([:]))
    }
}
