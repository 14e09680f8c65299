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
                line += column > 0 ? "  " : ""
                line +=
                    alignments[column] == .left ? text.filled(to: widths[column]) : text.indented(to: widths[column])
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}
