import ObjectModel

/// Turns the entries of an a.out object's symbol table (`struct nlist`: n_strx 4 bytes, n_type 1, n_other 1, n_desc 2, n_value 4)
/// into symbols: one each, so that indices stay what they are.
struct AOutSymbolReader {
    let header: AOutHeader
    let file: String
    let bytes: [UInt8]

    private struct Entry {
        let name: NameRange
        let type: UInt8
        let other: UInt8
        let value: UInt64
    }

    /// What a name's size is, from the pseudo-symbols that say it.
    private struct NamedSize {
        let name: NameRange
        let isExternal: Bool
        let size: UInt64
    }

    /// In the place of an entry that is no symbol: for debuggers only, or a size. What refers to it is refused.
    static let passedOver = Symbol(
        name: .empty, place: .absolute, value: 0, size: 0, binding: .local, type: .file, isHidden: false)

    func read() throws(Problem) -> [Symbol] {
        let raw = unsafe bytes.span.bytes
        let count = header.symbols.count / Int(AOutHeader.symbolSize)
        var symbols: [Symbol] = []
        symbols.reserveCapacity(count)
        var sizes: [NamedSize] = []
        // Global names that have no underscore to take off.
        var plain: [Int] = []
        for index in 0..<count {
            let entry = try entry(index, raw)
            // N_STAB, and the names of files (N_FN).
            if entry.type & 0xe0 != 0 || entry.type == 0x1f {
                symbols.append(Self.passedOver)
            } else if header.flavor == .netBSD, entry.type & 0x1e == 0x0c {
                sizes.append(NamedSize(name: entry.name, isExternal: entry.type & 1 != 0, size: entry.value))
                symbols.append(Self.passedOver)
            } else {
                let symbol = try symbol(index, entry)
                if symbol.binding != .local, symbol.name.count > 0, symbol.name == entry.name { plain.append(index) }
                symbols.append(symbol)
            }
        }
        if !sizes.isEmpty { apply(sizes, to: &symbols) }
        if !plain.isEmpty { try checkPlain(plain, symbols) }
        return symbols
    }

    // MARK: Fields

    private func entry(_ index: Int, _ raw: RawSpan) throws(Problem) -> Entry {
        let start = header.symbols.lowerBound + UInt64(index) * AOutHeader.symbolSize
        // The header has been found to tell the truth: all of it is inside.
        let offset = Int(raw.integer(at: start, as: UInt32.self) ?? 0)
        return Entry(
            name: offset == 0 ? .empty : try name(at: offset, index, raw),
            type: raw.integer(at: start + 4) ?? 0, other: raw.integer(at: start + 5) ?? 0,
            value: UInt64(raw.integer(at: start + 8, as: UInt32.self) ?? 0))
    }

    private func name(at offset: Int, _ index: Int, _ raw: RawSpan) throws(Problem) -> NameRange {
        let table = header.strings
        guard offset >= 4, offset < table.count else {
            throw fail(
                "symbol \(index)",
                "n_strx \(offset): outside of the names in the string table (\(table.count) bytes, 4 of them its length)"
            )
        }
        let start = table.lowerBound + offset
        let span = bytes.span
        var end = start
        while end < table.upperBound, span[end] != 0 { end += 1 }
        guard end < table.upperBound else {
            throw fail("symbol \(index)", "n_strx \(offset): a name without end in the string table")
        }
        return NameRange(offset: UInt32(truncatingIfNeeded: start), count: UInt32(truncatingIfNeeded: end - start))
    }

    private func fail(_ place: String, _ reason: String) -> Problem {
        Problem(subject: file, place: place, reason: reason)
    }

    private func label(_ index: Int, _ name: NameRange) -> String { "symbol \(index) '\(printable(bytes, name))'" }

    // MARK: Kinds of symbols

    private func symbol(_ index: Int, _ entry: Entry) throws(Problem) -> Symbol {
        var symbol = Symbol(
            name: ownName(entry.name), place: .undefined, value: 0, size: 0,
            binding: entry.type & 1 != 0 ? .global : .local, type: type(entry), isHidden: false)
        var type = entry.type & 0x1e
        if header.flavor == .netBSD {
            // N_BIND: the upper half of n_other (NetBSD nlist(3)).
            if symbol.binding == .global, entry.other >> 4 == 2 { symbol.binding = .weak }
        } else if (0x0d...0x11).contains(entry.type) {
            // GNU's weak symbols: undefined, absolute, text, data, bss.
            symbol.binding = .weak
            type = (entry.type - 0x0d) * 2
        }
        switch type {
        case 0:
            // Undefined; with a value, a common symbol of that size.
            if symbol.binding != .local, entry.value != 0 {
                symbol.place = .common
                symbol.size = entry.value
                symbol.value = Self.commonAlignment(entry.value)
            }
        case 2:
            symbol.place = .absolute
            symbol.value = entry.value
        default:
            guard let segment = AOutSegment(rawValue: type) else {
                throw fail(label(index, entry.name), "n_type \(hexadecimal(UInt64(entry.type))): \(Self.refusal(type))")
            }
            symbol.place = .section(UInt32(segment.section))
            symbol.value = try offset(index, entry, in: segment)
        }
        return symbol
    }

    /// The name that ELF has for it: without the underscore of C.
    private func ownName(_ name: NameRange) -> NameRange {
        guard name.count > 1, bytes[Int(name.offset)] == UInt8(ascii: "_") else { return name }
        // The linker's own name, as ELF writes it.
        if bytes[name.indices].elementsEqual("_GLOBAL_OFFSET_TABLE_".utf8) { return name }
        return NameRange(offset: name.offset + 1, count: name.count - 1)
    }

    private func type(_ entry: Entry) -> SymbolType {
        // N_AUX: the lower half of n_other (NetBSD nlist(3)).
        guard header.flavor == .netBSD else { return .none }
        return switch entry.other & 0x0f {
        case 1: .object
        case 2: .function
        default: .none
        }
    }

    private func offset(_ index: Int, _ entry: Entry, in segment: AOutSegment) throws(Problem) -> UInt64 {
        let (base, size) = (header.base(segment), header.size(segment))
        // One at the end is a label after the last byte.
        guard entry.value >= base, entry.value - base <= size else {
            throw fail(
                label(index, entry.name),
                "n_value \(hexadecimal(entry.value)): outside of \(segment.name) (\(size) bytes at \(hexadecimal(base)))"
            )
        }
        return entry.value - base
    }

    /// The power of two that a common symbol's size asks for, 16 at most.
    private static func commonAlignment(_ size: UInt64) -> UInt64 {
        size >= 16 ? 16 : 1 << UInt64(63 - size.leadingZeroBitCount)
    }

    private static func refusal(_ type: UInt8) -> String {
        switch type {
        case 0x0a: "an indirect symbol (N_INDR), another name for the next one; define it by itself"
        case 0x12: "a linker's own common symbol (N_COMM); take the object that the compiler made"
        case 0x14, 0x16, 0x18, 0x1a: "an element of a set (N_SETA to N_SETB); put the addresses into an array"
        case 0x1c: "a set that a linker made (N_SETV); take the object that the compiler made"
        case 0x1e: "a warning for who uses the next symbol (N_WARNING); leave it out"
        default: "none that an object for i386 has"
        }
    }

    // MARK: What one entry says of another

    private func apply(_ sizes: [NamedSize], to symbols: inout [Symbol]) {
        var external = FirstOfName(bytes)
        var local = FirstOfName(bytes)
        for (position, named) in sizes.enumerated() {
            let name = ownName(named.name)
            if named.isExternal { external.add(name, position) } else { local.add(name, position) }
        }
        for number in symbols.indices where symbols[number].type != .file {
            guard case .section = symbols[number].place else { continue }
            let known = symbols[number].binding == .local ? local : external
            if let position = known.find(symbols[number].name) { symbols[number].size = sizes[position].size }
        }
    }

    /// A name without an underscore, and the same with one, would be one name.
    private func checkPlain(_ plain: [Int], _ symbols: [Symbol]) throws(Problem) {
        var known = FirstOfName(bytes)
        for number in plain { known.add(symbols[number].name, number) }
        var next = 0
        for (number, symbol) in symbols.enumerated() where symbol.binding != .local && symbol.name.count > 0 {
            if next < plain.count, plain[next] == number {
                next += 1
                continue
            }
            guard let other = known.find(symbol.name) else { continue }
            let name = printable(bytes, symbol.name)
            throw fail(
                "symbol \(number) '_\(name)'",
                "is '\(name)' without the underscore of C, as symbol \(other) is called too; rename that one")
        }
    }
}

/// Numbers by name; the first of a name counts.
private struct FirstOfName {
    private let bytes: [UInt8]
    private var index = NameIndex()
    private var entries: [(name: NameRange, number: Int)] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func find(_ name: NameRange) -> Int? {
        var probe = index.probe(nameHash(bytes, name))
        while let position = index.next(&probe) {
            let entry = entries[Int(position)]
            if sameName(bytes, entry.name, bytes, name) { return entry.number }
        }
        return nil
    }

    mutating func add(_ name: NameRange, _ number: Int) {
        guard find(name) == nil else { return }
        entries.append((name, number))
        let (bytes, entries) = (bytes, entries)
        index.insert(nameHash(bytes, name), UInt64(entries.count - 1)) { nameHash(bytes, entries[Int($0)].name) }
    }
}
