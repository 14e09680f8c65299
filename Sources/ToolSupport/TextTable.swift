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
    /// The bytes of all texts, row after row, where each ends, and how many characters it has: a table may have ten thousand rows.
    private var bytes: [UInt8] = []
    private var cells: [(end: Int, width: Int)] = []
    private var widths: [Int]
    /// The columns that are left out, by index; never the last one.
    public var hidden: Set<Int> = []

    /// Makes a table with a line of titles.
    public init(_ columns: [(title: String, alignment: Alignment)]) {
        alignments = columns.map(\.alignment)
        widths = columns.map { _ in 0 }
        add(columns.map(\.title))
    }

    /// Adds a line: a text for each column.
    public mutating func add(_ row: [String]) {
        for column in alignments.indices { add(column < row.count ? row[column] : "") }
    }

    /// Adds the next text of a line.
    public mutating func add(_ text: String) {
        var text = text
        let count = bytes.count
        text.withUTF8 { bytes.append(contentsOf: $0) }
        // To find where characters end costs much, and most texts need it not.
        end(width: bytes[count...].allSatisfy { $0 < 0x80 } ? bytes.count - count : text.count)
    }

    /// Adds a number as the next text of a line.
    public mutating func add(_ number: Int, radix: Int = 10, prefix: StaticString = "") {
        let start = bytes.count
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        prefix.withUTF8Buffer { bytes.append(contentsOf: $0) }
        // The digits from the last.
        let first = bytes.count
        var rest = number.magnitude
        repeat {
            let digit = UInt8(truncatingIfNeeded: rest % UInt(radix))
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
            rest /= UInt(radix)
        } while rest > 0
        bytes[first...].reverse()
        end(width: bytes.count - start)
    }

    private mutating func end(width: Int) {
        let column = cells.count % alignments.count
        if width > widths[column] { widths[column] = width }
        cells.append((bytes.count, width))
    }

    /// The lines, two spaces between columns and none at the end.
    public var text: String { String(decoding: utf8, as: UTF8.self) }

    /// The bytes of the lines.
    public var utf8: [UInt8] {
        var lines: [UInt8] = []
        let shown = alignments.indices.filter { !hidden.contains($0) }
        let longest = shown.reduce(1) { $0 + widths[$1] + 2 }
        lines.reserveCapacity(min(cells.count / alignments.count * longest, bytes.count * 3))
        for row in stride(from: 0, to: cells.count, by: alignments.count) {
            // Spaces that come when something stands behind them.
            var spaces = 0
            for column in shown {
                let cell = row + column
                let padding = widths[column] - cells[cell].width
                let start = cell > 0 ? cells[cell - 1].end : 0
                if column != shown.first { spaces += 2 }
                if alignments[column] == .right { spaces += padding }
                if start < cells[cell].end {
                    for _ in 0..<spaces { lines.append(UInt8(ascii: " ")) }
                    lines.append(contentsOf: bytes[start..<cells[cell].end])
                    spaces = 0
                }
                if alignments[column] == .left { spaces += padding }
            }
            lines.append(UInt8(ascii: "\n"))
        }
        return lines
    }
}
