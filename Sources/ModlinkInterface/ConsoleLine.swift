import CrashReport
import ObjectModel

/// A line of the console: when it was printed, by whom, and what it says.
///
///     2026-11-21 17:57:19.123 gurka: sliced into 6
///
/// The time is UTC. All times have the same length, so that they are in the order of their bytes.
public struct ConsoleLine: Equatable, Sendable {
    /// Such as `2026-11-21 17:57:19.123`.
    public let time: ArraySlice<UInt8>
    /// A module, ``daemon`` or ``unknown``.
    public let speaker: ArraySlice<UInt8>
    /// The rest.
    public let text: ArraySlice<UInt8>

    /// The daemon itself.
    public static let daemon = "modlinkd"
    /// It is not known who printed the line: no function of a module was under way, but a thread of one can print at any time.
    public static let unknown = "-"

    private static let timeCount = 23
    private static let separator = Array(": ".utf8)

    /// What stands before the text of a line.
    ///
    /// - Parameter milliseconds: since 1970, UTC.
    public static func head(milliseconds: Int64, speaker: String) -> [UInt8] {
        Array("\(time(milliseconds: milliseconds)) \(speaker): ".utf8)
    }

    /// A time as a line has it.
    static func time(milliseconds: Int64) -> String {
        let rest = milliseconds % 1000
        let digits = String(1000 + (rest < 0 ? rest + 1000 : rest)).dropFirst()
        let seconds = milliseconds / 1000 - (rest < 0 ? 1 : 0)
        // Without ` UTC`.
        return "\(CrashReport.text(time: seconds).dropLast(4)).\(digits)"
    }

    /// The parts of a line; nil when it is not one of the console's, but the rest of a longer one.
    public init?(_ line: ArraySlice<UInt8>) {
        let rest = line.dropFirst(Self.timeCount + 1)
        let time = line.prefix(Self.timeCount)
        guard time.count == Self.timeCount, Self.isTime(time), line.dropFirst(Self.timeCount).first == 0x20,
            let end = rest.firstIndex(of: Self.separator[0]), rest[end...].starts(with: Self.separator)
        else { return nil }
        self.time = time
        speaker = rest[..<end]
        text = rest[(end + Self.separator.count)...]
    }

    private static func isTime(_ bytes: ArraySlice<UInt8>) -> Bool {
        zip(bytes, "0000-00-00 00:00:00.000".utf8).allSatisfy { byte, form in
            form == UInt8(ascii: "0") ? (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) : byte == form
        }
    }

    /// Whether a module printed it, or it is what the daemon says of the module.
    public func concerns(_ module: String) -> Bool {
        if speaker.elementsEqual(module.utf8) { return true }
        guard speaker.elementsEqual(Self.daemon.utf8), text.starts(with: module.utf8) else { return false }
        return [0x20, UInt8(ascii: ":"), UInt8(ascii: ","), 0x0a].contains(
            text.dropFirst(module.utf8.count).first ?? 0x0a)
    }

    /// Whether it was printed at a time that ``time(since:now:)`` has made, or later.
    public func isSince(_ time: String) -> Bool { !self.time.lexicographicallyPrecedes(time.utf8) }

    /// The time that somebody means, as lines have it: `17:57` or `17:57:19`, today; `2026-11-21`; both; or `30s`, `5m`, `2h`, `1d`: so
    /// long ago. Nil when it is none of these.
    ///
    /// - Parameter now: milliseconds since 1970, UTC.
    public static func time(since text: String, now: Int64) -> String? {
        let units: [Character: Int64] = ["s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        if let unit = text.last.flatMap({ units[$0] }) {
            guard let count = Int64(text.dropLast()), (0...1_000_000).contains(count), !text.hasPrefix("+") else {
                return nil
            }
            return time(milliseconds: max(now - count * unit, 0))
        }
        let today = time(milliseconds: now).prefix(10)
        var parts = text.split(whereSeparator: { $0 == " " || $0 == "T" }).map(String.init)
        guard (1...2).contains(parts.count), text.count <= timeCount else { return nil }
        if parts.count == 1 { parts = parts[0].contains("-") ? [parts[0], "00:00"] : [String(today), parts[0]] }
        let whole = parts.joined(separator: " ")
        let complete = whole + "2000-01-01 00:00:00.000".dropFirst(whole.count)
        let counts = [16, 19, 21, 22, 23]
        return counts.contains(whole.count) && isTime(Array(complete.utf8)[...]) ? complete : nil
    }
}
