import Posix

/// What the tools print, and how they end.
public enum ToolOutput {
    /// Prints to standard output. A reader that has gone ends the program quietly, as it ends `ls | head`.
    public static func print(_ text: String) {
        do throws(SystemError) {
            try Standard.output.write(text)
        } catch {
            if error.code == ErrorCode.brokenPipe { CurrentProcess.exit(141) }
            try? Standard.error.write("\(error)\n")
            CurrentProcess.exit(ExitStatusCode.failed)
        }
    }

    /// Prints each problem as a line `tool: subject: reason` to standard error.
    public static func complain(_ tool: String, _ problems: [Problem]) {
        try? Standard.error.write(problems.map { "\(tool): \($0)\n" }.joined())
    }

    /// Prints what modules said and why it failed.
    public static func report(_ tool: String, _ failure: Failure) {
        if !failure.output.isEmpty { print(failure.output) }
        complain(tool, failure.problems)
    }

    /// Runs a tool's work; ends the program with the failure's status when it fails.
    public static func run(_ tool: String, _ work: () throws(Failure) -> Void) {
        do throws(Failure) {
            try work()
        } catch {
            report(tool, error)
            CurrentProcess.exit(error.kind.exitStatus)
        }
    }
}

/// Text in columns, as wide as they need to be.
public struct TextTable {
    /// How a column's texts are placed.
    public enum Alignment: Sendable {
        /// At its left side.
        case left
        /// At its right side.
        case right
    }

    private let alignments: [Alignment]
    private var rows: [[String]]

    /// Makes a table with a line of titles.
    public init(_ columns: [(title: String, alignment: Alignment)]) {
        alignments = columns.map(\.alignment)
        rows = [columns.map(\.title)]
    }

    /// Adds a line: a text for each column.
    public mutating func add(_ row: [String]) {
        rows.append(row)
    }

    /// The lines, two spaces between columns and none at the end.
    public var text: String {
        let widths = alignments.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, text) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - text.count)
                line += (column > 0 ? "  " : "") + (alignments[column] == .left ? text + padding : padding + text)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}
