import ObjectModel

/// The headers of an archive, taken out of its bytes with every offset, size and name checked against them.
///
/// ar(5) of System V and GNU: the 8 bytes `!<arch>\n`, or `!<thin>\n` where members are files of their own; then members, each a
/// header of 60 characters (name 16, date 12, user 6, group 6, mode 8, size 10, and "`\n") and its contents, which a newline fills up to an
/// even size. `/` is the symbol index, `/SYM64/` one with numbers of 8 bytes, `//` the table of long names, `/NUMBER` a name
/// in it. BSD's long names, `#1/LENGTH`, stand before the contents.
struct ArchiveLayout {
    let file: String
    let isThin: Bool
    private(set) var members: [Member] = []
    private(set) var symbolIndex: SymbolIndex?
    private var longNames: Range<Int>?

    /// A file in the archive.
    struct Member {
        /// Where its header begins: by that the symbol index refers to it.
        let header: Int
        let name: NameRange
        /// Where its contents lie; empty in a thin archive.
        let contents: Range<Int>
        /// In a thin archive, where the member's header is in the archive that `name` is; nil when `name` is the member.
        let origin: UInt64?
    }

    /// The member that says which others define which names.
    struct SymbolIndex {
        let contents: Range<Int>
        /// The size of its numbers.
        let width: Int
    }

    static let magic = Array("!<arch>\n".utf8)
    static let thinMagic = Array("!<thin>\n".utf8)
    static let headerSize = 60

    /// Reads the headers of an archive.
    init(_ bytes: [UInt8], file: String) throws(Problem) {
        self.file = file
        isThin = bytes.starts(with: Self.thinMagic)
        guard isThin || bytes.starts(with: Self.magic) else { throw Problem(subject: file, reason: "not an archive") }
        guard bytes.count <= Int(UInt32.max) else { throw Problem(subject: file, reason: "larger than 4 GiB") }
        var position = Self.magic.count
        while position < bytes.count { position = try readMember(bytes, at: position) }
    }

    private func fail(_ place: String, _ reason: String) -> Problem {
        Problem(subject: file, place: place, reason: reason)
    }

    /// Reads the header at a position; returns where the next one is.
    private mutating func readMember(_ bytes: [UInt8], at start: Int) throws(Problem) -> Int {
        // Made for messages only: large libraries have thousands of members.
        var place: String { "member at \(hexadecimal(UInt64(start)))" }
        guard bytes.count - start >= Self.headerSize else {
            throw fail(place, "truncated: \(bytes.count - start) bytes, shorter than a member's header")
        }
        guard bytes[start + 58] == UInt8(ascii: "`"), bytes[start + 59] == UInt8(ascii: "\n") else {
            throw fail(place, "ar_fmag: a member's header does not end here: does the size of the one before lie?")
        }
        let field = Self.trimmed(bytes, start..<start + 16)
        var label: String { "member '\(printable(bytes, field))'" }
        let sizeField = Self.trimmed(bytes, start + 48..<start + 58)
        guard let size = Self.number(bytes, sizeField) else {
            throw fail(label, "ar_size: '\(printable(bytes, sizeField))' is no number")
        }
        let first = start + Self.headerSize
        let kind = Self.kind(bytes, field)
        // What a thin archive holds itself are its tables.
        let stored = isThin && kind == .member ? 0 : size
        guard stored <= UInt64(bytes.count - first) else {
            throw fail(
                label, "ar_size: \(size) bytes are beyond the end of the archive (\(bytes.count) bytes): truncated?")
        }
        let contents = first..<first + Int(stored)
        switch kind {
        case .symbolIndex(let width):
            guard symbolIndex == nil, members.isEmpty else { throw fail(label, "a symbol index that is not the first") }
            symbolIndex = SymbolIndex(contents: contents, width: width)
        case .longNames:
            guard longNames == nil else { throw fail(label, "a second table of long names") }
            longNames = contents
        case .member:
            try addMember(bytes, header: start, field, contents)
        }
        return contents.upperBound + contents.count % 2
    }

    private enum Kind: Equatable {
        case symbolIndex(width: Int)
        case longNames
        case member
    }

    private static func kind(_ bytes: [UInt8], _ field: NameRange) -> Kind {
        let name = bytes[field.indices]
        if name.elementsEqual("/".utf8) { return .symbolIndex(width: 4) }
        if name.elementsEqual("/SYM64/".utf8) { return .symbolIndex(width: 8) }
        return name.elementsEqual("//".utf8) ? .longNames : .member
    }

    private mutating func addMember(
        _ bytes: [UInt8], header: Int, _ field: NameRange, _ contents: Range<Int>
    ) throws(Problem) {
        let text = bytes[field.indices]
        var label: String { "member '\(printable(bytes, field))'" }
        if text.starts(with: "#1/".utf8) {
            try addBSDMember(bytes, header: header, field, label, contents)
        } else if text.first == UInt8(ascii: "/"), text.dropFirst().first.map(Self.isDigit) == true {
            let rest = text.dropFirst()
            let colon = rest.firstIndex(of: UInt8(ascii: ":"))
            let offset = NameRange(rest.startIndex..<(colon ?? rest.endIndex))
            let name = try longName(bytes, offset, of: label)
            var origin: UInt64?
            if let colon {
                origin = Self.number(bytes, NameRange(colon + 1..<rest.endIndex))
                guard origin != nil, isThin else { throw fail(label, "ar_name: no place in another archive") }
            }
            members.append(Member(header: header, name: name, contents: contents, origin: origin))
        } else {
            // GNU ends a name by a slash, so that it may end in spaces.
            let end = text.lastIndex(of: UInt8(ascii: "/")) ?? text.endIndex
            members.append(
                Member(header: header, name: NameRange(text.startIndex..<end), contents: contents, origin: nil))
        }
    }

    /// A member whose name stands before its contents, filled up with NULs.
    private mutating func addBSDMember(
        _ bytes: [UInt8], header: Int, _ field: NameRange, _ label: String, _ contents: Range<Int>
    ) throws(Problem) {
        let digits = NameRange(field.indices.lowerBound + 3..<field.indices.upperBound)
        guard let length = Self.number(bytes, digits) else {
            throw fail(label, "ar_name: '\(printable(bytes, digits))' is no number")
        }
        guard length <= UInt64(contents.count) else {
            throw fail(label, "ar_name: a name of \(length) bytes in a member of \(contents.count)")
        }
        let split = contents.lowerBound + Int(length)
        let padded = bytes[contents.lowerBound..<split]
        let name = NameRange(padded.startIndex..<(padded.firstIndex(of: 0) ?? padded.endIndex))
        // BSD's own symbol index says nothing that the members do not.
        guard !bytes[name.indices].starts(with: "__.SYMDEF".utf8) else { return }
        members.append(Member(header: header, name: name, contents: split..<contents.upperBound, origin: nil))
    }

    /// The name that begins at an offset in the table of long names, up to its `/` and newline.
    private func longName(
        _ bytes: [UInt8], _ digits: NameRange, of label: @autoclosure () -> String
    ) throws(Problem) -> NameRange {
        guard let table = longNames else { throw fail(label(), "ar_name: no table of long names stands before it") }
        guard let offset = Self.number(bytes, digits), offset < UInt64(table.count) else {
            throw fail(label(), "ar_name: beyond the table of long names (\(table.count) bytes)")
        }
        let rest = bytes[table.lowerBound + Int(offset)..<table.upperBound]
        guard let newline = rest.firstIndex(of: UInt8(ascii: "\n")) else {
            throw fail(label(), "ar_name: a long name without end")
        }
        let name = rest[..<newline]
        return NameRange(name.startIndex..<(name.last == UInt8(ascii: "/") ? newline - 1 : newline))
    }

    // MARK: Fields

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// A field without the spaces at its end.
    private static func trimmed(_ bytes: [UInt8], _ range: Range<Int>) -> NameRange {
        let last = bytes[range].lastIndex { $0 != UInt8(ascii: " ") }
        return NameRange(range.lowerBound..<(last.map { $0 + 1 } ?? range.lowerBound))
    }

    /// A decimal number of at most 18 digits.
    private static func number(_ bytes: [UInt8], _ name: NameRange) -> UInt64? {
        let digits = bytes[name.indices]
        guard !digits.isEmpty, digits.count <= 18, digits.allSatisfy(isDigit) else { return nil }
        return digits.reduce(0) { $0 * 10 + UInt64($1 - UInt8(ascii: "0")) }
    }
}

extension NameRange {
    /// The range of those array indices, which are below 2^32.
    fileprivate init(_ indices: Range<Int>) {
        self.init(
            offset: UInt32(truncatingIfNeeded: indices.lowerBound), count: UInt32(truncatingIfNeeded: indices.count))
    }
}

extension ArchiveLayout {
    /// The entries of the symbol index: big-endian numbers, how many, then where the header of each name's member is; then
    /// the names, each with a NUL. Nil when there is no index.
    func indexEntries(_ bytes: [UInt8]) throws(Problem) -> [Archive.Entry]? {
        guard let index = symbolIndex else { return nil }
        let raw = unsafe bytes.span.bytes.extracting(index.contents)
        let width = UInt64(index.width)
        guard let count = number(raw, at: 0, index.width) else {
            throw fail("symbol index", "\(raw.byteCount) bytes, shorter than the number of its entries")
        }
        guard count <= (UInt64(raw.byteCount) - width) / width else {
            throw fail("symbol index", "\(count) entries do not fit \(raw.byteCount) bytes")
        }
        var entries: [Archive.Entry] = []
        entries.reserveCapacity(Int(count))
        // Entries of one member mostly stand side by side.
        var last: (header: UInt64, member: Int)?
        let whole = unsafe bytes.span.bytes
        var name = index.contents.lowerBound + Int(width * (count + 1))
        for entry in 0..<count {
            let header = number(raw, at: width * (entry + 1), index.width) ?? 0
            guard let member = last?.header == header ? last?.member : self.member(at: header) else {
                throw fail(
                    "symbol index", "entry \(entry): no member at \(hexadecimal(header)); 'ranlib' makes it anew")
            }
            last = (header, member)
            guard let end = whole.find(0, in: name..<index.contents.upperBound) else {
                throw fail("symbol index", "entry \(entry): its name is beyond the index")
            }
            entries.append(Archive.Entry(name: NameRange(name..<end), member: UInt32(truncatingIfNeeded: member)))
            name = end + 1
        }
        return entries
    }

    /// The member whose header begins there. They are in the order of the file.
    private func member(at header: UInt64) -> Int? {
        var low = 0
        var high = members.count
        while low < high {
            let middle = (low + high) / 2
            if UInt64(members[middle].header) < header { low = middle + 1 } else { high = middle }
        }
        return low < members.count && UInt64(members[low].header) == header ? low : nil
    }

    private func number(_ raw: RawSpan, at offset: UInt64, _ width: Int) -> UInt64? {
        width == 4
            ? raw.integer(at: offset, as: UInt32.self, order: .big).map(UInt64.init)
            : raw.integer(at: offset, as: UInt64.self, order: .big)
    }
}
