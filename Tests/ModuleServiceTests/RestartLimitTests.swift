import Testing

@testable import ModuleService

/// How often spaces are started again.
@Suite struct RestartLimitTests {
    @Test("three times in a minute, and once more when the first of them is a minute ago")
    func minute() {
        let minute: UInt64 = 60_000_000_000
        var limit = RestartLimit()
        let times = [
            (100, true), (200, true), (300, true), (300, false), (minute + 99, false), (minute + 100, true),
            // What was refused does not count.
            (minute + 199, false), (minute + 200, true), (9 * minute, true), (9 * minute, true), (9 * minute, true),
            (9 * minute, false),
        ]
        for (time, isAllowed) in times {
            let answer = limit.allows(at: time)
            #expect(answer == isAllowed, "\(time)")
        }
    }
}
