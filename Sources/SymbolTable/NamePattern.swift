/// A pattern for names, as shells have it (POSIX, "Pattern Matching Notation"): `*` is any characters, `?` one, `[a-z]` one of these,
/// `[!a-z]` one that is none of these, and a character behind `\` is itself.
public struct NamePattern: Sendable {
    private enum Piece: Sendable {
        case any
        case one
        case byte(UInt8)
        case of([ClosedRange<UInt8>], isExcluded: Bool)
    }

    private let pieces: [Piece]

    /// Whether a text is more than a name: has one of the characters that mean something here.
    public static func isPattern(_ text: String) -> Bool {
        text.utf8.contains { "*?[\\".utf8.contains($0) }
    }

    /// Makes the pattern of a text; a `[` that nothing closes is itself.
    public init(_ text: String) {
        let bytes = Array(text.utf8)
        var pieces: [Piece] = []
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "*"): pieces.append(.any)
            case UInt8(ascii: "?"): pieces.append(.one)
            case UInt8(ascii: "\\") where index + 1 < bytes.count:
                index += 1
                pieces.append(.byte(bytes[index]))
            case UInt8(ascii: "["):
                if let (piece, end) = Self.class(bytes, at: index) {
                    pieces.append(piece)
                    index = end
                } else {
                    pieces.append(.byte(bytes[index]))
                }
            default: pieces.append(.byte(bytes[index]))
            }
            index += 1
        }
        self.pieces = pieces
    }

    /// The class that begins at an index, and where it ends.
    private static func `class`(_ bytes: [UInt8], at start: Int) -> (Piece, end: Int)? {
        var index = start + 1
        var isExcluded = false
        if index < bytes.count, bytes[index] == UInt8(ascii: "!") || bytes[index] == UInt8(ascii: "^") {
            isExcluded = true
            index += 1
        }
        var ranges: [ClosedRange<UInt8>] = []
        let first = index
        while index < bytes.count {
            // One that comes first is a member.
            if bytes[index] == UInt8(ascii: "]"), index > first { return (.of(ranges, isExcluded: isExcluded), index) }
            let isRange =
                index + 2 < bytes.count && bytes[index + 1] == UInt8(ascii: "-")
                && bytes[index + 2] != UInt8(ascii: "]")
            if isRange {
                if bytes[index] <= bytes[index + 2] { ranges.append(bytes[index]...bytes[index + 2]) }
                index += 3
            } else {
                ranges.append(bytes[index]...bytes[index])
                index += 1
            }
        }
        return nil
    }

    /// Whether a name is one of those meant, as a whole. It takes time in proportion to both lengths at the most.
    public func matches(_ name: ArraySlice<UInt8>) -> Bool {
        let bytes = Array(name)
        var (piece, index) = (0, 0)
        // Where to go on when what follows the last `*` does not fit: with one more byte for it.
        var retry: (piece: Int, index: Int)?
        while index < bytes.count {
            if piece < pieces.count, case .any = pieces[piece] {
                retry = (piece + 1, index)
                piece += 1
            } else if piece < pieces.count, let count = count(pieces[piece], bytes, index) {
                index += count
                piece += 1
            } else if let last = retry {
                retry = (last.piece, last.index + 1)
                (piece, index) = (last.piece, last.index + 1)
            } else {
                return false
            }
        }
        return pieces[piece...].allSatisfy { if case .any = $0 { true } else { false } }
    }

    /// How many bytes a piece takes of a name; nil where it does not fit.
    private func count(_ piece: Piece, _ bytes: [UInt8], _ index: Int) -> Int? {
        switch piece {
        case .any: return 0
        case .byte(let byte): return bytes[index] == byte ? 1 : nil
        case .one: return Self.characterSize(bytes, index)
        case .of(let ranges, let isExcluded):
            let isIn = ranges.contains { $0.contains(bytes[index]) }
            guard isIn != isExcluded else { return nil }
            return isExcluded ? Self.characterSize(bytes, index) : 1
        }
    }

    /// Characters that are no ASCII have several bytes in UTF-8: the first has the two highest bits, the others the highest alone.
    private static func characterSize(_ bytes: [UInt8], _ index: Int) -> Int {
        var count = 1
        if bytes[index] >= 0xc0 {
            while index + count < bytes.count, bytes[index + count] & 0xc0 == 0x80 { count += 1 }
        }
        return count
    }
}
