import Testing

@testable import ModlinkInterface

@Suite struct ConsoleLineTests {
    /// 2026-11-21 17:57:19.007 UTC.
    private static let now: Int64 = 1_795_283_839_007

    @Test("a line has the time, the name and the text, whatever colons that has")
    func parts() throws {
        let bytes = ConsoleLine.head(milliseconds: Self.now, speaker: "gurka") + Array("hello: there".utf8)
        #expect(String(decoding: bytes, as: UTF8.self) == "2026-11-21 17:57:19.007 gurka: hello: there")
        let line = try #require(ConsoleLine(bytes[...]))
        #expect(line.speaker.elementsEqual("gurka".utf8) && line.text.elementsEqual("hello: there".utf8))
        #expect(line.time.elementsEqual("2026-11-21 17:57:19.007".utf8))
    }

    @Test(
        "what is not a line of the console is none",
        arguments: [
            "", "gurka: hello", "2026-11-21 17:57:19.007 gurka", "2026-11-21 17:57:19.007 gurka:hello",
            "2026-11-21 17:57:19,007 gurka: hello", "x026-11-21 17:57:19.007 gurka: hello",
        ])
    func others(_ text: String) {
        #expect(ConsoleLine(Array(text.utf8)[...]) == nil)
    }

    @Test(
        "a line concerns the module that printed it, and the one that the daemon speaks of",
        arguments: [
            ("gurka: hello", true), ("modlinkd: gurka loaded as 1", true), ("modlinkd: gurka: crash", true),
            ("modlinkd: gurkan loaded as 1", false), ("sallad: gurka hello", false), ("-: gurka hello", false),
        ])
    func concerns(_ text: String, _ isOfGurka: Bool) throws {
        let line = try #require(ConsoleLine(Array("2026-11-21 17:57:19.007 \(text)".utf8)[...]))
        #expect(line.concerns("gurka") == isOfGurka)
    }

    @Test(
        "times are what people write",
        arguments: [
            ("17:57", "2026-11-21 17:57:00.000"), ("07:05:09", "2026-11-21 07:05:09.000"),
            ("2026-11-20", "2026-11-20 00:00:00.000"), ("2026-11-20 23:59", "2026-11-20 23:59:00.000"),
            ("2026-11-20T23:59:58.5", "2026-11-20 23:59:58.500"), ("30s", "2026-11-21 17:56:49.007"),
            ("5m", "2026-11-21 17:52:19.007"), ("2h", "2026-11-21 15:57:19.007"), ("1d", "2026-11-20 17:57:19.007"),
        ])
    func since(_ text: String, _ time: String) {
        #expect(ConsoleLine.time(since: text, now: Self.now) == time)
    }

    @Test(
        "other texts are no times",
        arguments: [
            "", "now", "5", "5x", "-5m", "+5m", "m", "7:57", "17:5", "2026-11", "2026-11-20 1", "1 2 3", "9999999m",
        ])
    func noTimes(_ text: String) {
        #expect(ConsoleLine.time(since: text, now: Self.now) == nil)
    }

    @Test("a line is since its own time, and not since a later one")
    func order() throws {
        let line = try #require(ConsoleLine(Array("2026-11-21 17:57:19.007 gurka: hello".utf8)[...]))
        #expect(line.isSince("2026-11-21 17:57:19.007") && !line.isSince("2026-11-21 17:57:19.008"))
    }
}
