import ObjectModel

/// What `struct symbol_table` of modules(2) says: the symbols that a module exports, and the modules that it refers to.
///
/// As programs of 64 bits lay it out (LP64), the lowest byte first: three `int`, the size with all strings, the number of symbols
/// and that of references, and four bytes of padding; for each symbol its address and the offset of its name from the table's start;
/// for each reference the address of a module, and a word that is the kernel's. Then the names, each ended by a NUL.
struct ClientSymbolTable: Equatable {
    /// A symbol.
    struct Symbol: Equatable {
        var address: UInt64
        /// Where its name stands in the table.
        var name: NameRange
    }

    /// The symbols, in the order of the table.
    var symbols: [Symbol] = []
    /// The addresses that stand for modules, in the order of the table.
    var references: [UInt64] = []

    /// Where the names begin.
    private var strings = 0
    /// What messages call the module.
    private let subject: String

    /// The most bytes that a name may have. Names may overlap: without a limit, a table could ask for more than its size many times.
    static let nameLimit = 4095
    /// The most bytes that a table may have. (A kernel had 128 KiB in one piece at the most.)
    static let sizeLimit = 16 << 20

    /// Reads a table.
    ///
    /// - Throws: what is wrong with it, with the field as place: EINVAL.
    init(_ bytes: [UInt8], subject: String) throws(Problem) {
        self.subject = subject
        let raw = bytes.span.bytes
        guard let size: Int32 = raw.integer(at: 0), let symbolCount: Int32 = raw.integer(at: 4),
            let referenceCount: Int32 = raw.integer(at: 8), bytes.count >= Self.headSize
        else {
            throw problem("size", "\(bytes.count) bytes, and its head alone has \(Self.headSize)")
        }
        guard Int(size) == bytes.count else {
            throw problem("size", "says \(size) bytes where \(bytes.count) came: it changed meanwhile")
        }
        guard symbolCount >= 0 else { throw problem("n_symbols", "\(symbolCount), less than none") }
        guard referenceCount >= 0 else { throw problem("n_refs", "\(referenceCount), less than none") }
        // Two numbers of 31 bits, times 16: no sum wraps.
        strings = Self.headSize + (Int(symbolCount) + Int(referenceCount)) * Self.entrySize
        guard strings <= bytes.count else {
            throw problem(
                "n_symbols, n_refs",
                "\(symbolCount) symbols and \(referenceCount) references take \(strings) bytes, and it has \(size)")
        }
        try readSymbols(Int(symbolCount), bytes)
        references.reserveCapacity(Int(referenceCount))
        for index in 0..<Int(referenceCount) {
            let place = UInt64(Self.headSize + (Int(symbolCount) + index) * Self.entrySize)
            guard let module: UInt64 = raw.integer(at: place) else { throw problem("ref[\(index)]", "outside of it") }
            references.append(module)
        }
    }

    private mutating func readSymbols(_ count: Int, _ bytes: [UInt8]) throws(Problem) {
        let raw = bytes.span.bytes
        symbols.reserveCapacity(count)
        for index in 0..<count {
            let place = UInt64(Self.headSize + index * Self.entrySize)
            let (address, offset): (UInt64?, UInt64?) = (raw.integer(at: place), raw.integer(at: place + 8))
            guard let address, let offset else { throw problem("symbol[\(index)]", "outside of it") }
            guard offset >= strings, offset < bytes.count else {
                throw problem(
                    "symbol[\(index)].name", "offset \(offset) is not in the strings, \(strings) to \(bytes.count)")
            }
            guard let end = bytes[Int(offset)...].prefix(Self.nameLimit + 1).firstIndex(of: 0) else {
                let isLong = bytes.count - Int(offset) > Self.nameLimit
                throw problem(
                    "symbol[\(index)].name",
                    isLong ? "longer than the \(Self.nameLimit) bytes that are kept" : "has no end in the table")
            }
            symbols.append(
                Symbol(
                    address: address, name: NameRange(offset: UInt32(offset), count: UInt32(end - Int(offset)))))
        }
    }

    private func problem(_ place: String, _ reason: String) -> Problem {
        Problem(subject: subject, place: "symbol table: \(place)", reason: reason)
    }

    /// The symbols as a module has them that lies there; those without a name are left out.
    ///
    /// - Parameter bytes: of the table.
    func list(_ bytes: [UInt8], in range: Range<UInt64>) -> SymbolList {
        var list = SymbolList(minimumCapacity: symbols.count, nameCapacity: bytes.count - strings)
        // All at once: they may overlap.
        guard let shift = list.intern(bytes, table: strings..<bytes.count) else { return list }
        for symbol in symbols where symbol.name.count > 0 {
            let name = NameRange(offset: UInt32(Int(symbol.name.offset) + shift), count: symbol.name.count)
            // Nobody says what it names; it stands in memory of code.
            let isInside = range.contains(symbol.address)
            list.entries.append(
                SymbolEntry(
                    address: symbol.address, size: 0, name: name, section: isInside ? 0 : nil, binding: .global,
                    type: isInside ? .function : .none))
        }
        return list
    }

    private static let headSize = 16
    private static let entrySize = 16
}
