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
    /// The texts of all lines, one behind the other: a table may have ten thousand lines.
    private var cells: [String]
    private var widths: [Int]

    /// Makes a table with a line of titles.
    public init(_ columns: [(title: String, alignment: Alignment)]) {
        alignments = columns.map(\.alignment)
        cells = []
        widths = columns.map { _ in 0 }
        add(columns.map(\.title))
    }

    /// Adds a line: a text for each column.
    public mutating func add(_ row: [String]) {
        for column in alignments.indices {
            let text = column < row.count ? row[column] : ""
            widths[column] = max(widths[column], Self.width(text))
            cells.append(text)
        }
    }

    /// The lines, two spaces between columns and none at the end.
    public var text: String {
        var bytes: [UInt8] = []
        // Spaces that come when something stands behind them.
        var spaces = 0
        for (index, cell) in cells.enumerated() {
            let column = index % alignments.count
            let padding = widths[column] - Self.width(cell)
            spaces += (column > 0 ? 2 : 0) + (alignments[column] == .right ? padding : 0)
            if !cell.isEmpty {
                bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: spaces))
                bytes.append(contentsOf: cell.utf8)
                spaces = 0
            }
            if alignments[column] == .left { spaces += padding }
            if column == alignments.count - 1 {
                bytes.append(UInt8(ascii: "\n"))
                spaces = 0
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// How many characters a text has. To find where characters end costs much, and most texts need it not.
    private static func width(_ text: String) -> Int {
        let utf8 = text.utf8
        return utf8.allSatisfy { $0 < 0x80 } ? utf8.count : text.count
    }
}
