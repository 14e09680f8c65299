import ModlinkInterface
import ObjectModel
import Posix

/// How far a piece of work is, in one line of a terminal that is taken away again. Where standard error is none, nothing is drawn.
///
/// Only characters that every terminal has are used: a carriage return, and spaces over what stood there.
public struct ProgressLine {
    /// Work that takes less, in nanoseconds, shows nothing.
    private static let patience: UInt64 = 500_000_000
    private static let pause: UInt64 = 100_000_000
    /// Narrower than any terminal.
    private static let width = 72

    /// Whether there is a terminal to draw on.
    public let isShown: Bool
    private var drawn = 0
    private var next: UInt64

    /// Makes a line that is not drawn yet: work begins now.
    public init() {
        isShown = Standard.error.isTerminal
        next = Clock.nanoseconds() + Self.patience
    }

    /// Draws the line, now.
    public mutating func draw(_ progress: Progress) {
        guard isShown else { return }
        let text = printableLines(Self.text(progress))
        try? Standard.error.write("\r" + text.filled(to: drawn))
        drawn = text.count
    }

    /// Draws the line when the work has taken long enough, and not too often.
    public mutating func update(_ progress: Progress) {
        let now = Clock.nanoseconds()
        guard isShown, now >= next else { return }
        next = now + Self.pause
        draw(progress)
    }

    /// Takes the line away.
    public mutating func clear() {
        guard drawn > 0 else { return }
        try? Standard.error.write("\r" + String(repeating: " ", count: drawn) + "\r")
        drawn = 0
    }

    /// `indexing /folder: 1200 of 5000 (24%)`.
    static func text(_ progress: Progress) -> String {
        var count = ""
        if progress.total > 0 {
            let percent = Int(Double(max(progress.done, 0)) * 100 / Double(progress.total))
            count = ": \(progress.done) of \(progress.total) (\(percent)%)"
        }
        let room = width - count.count
        let activity = progress.activity
        return (activity.count > room ? "\(activity.prefix(room - 1))…" : activity) + count
    }
}
