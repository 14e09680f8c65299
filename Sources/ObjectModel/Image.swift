// A linked file: what the linker makes and a format's writer puts down. Also the shape of a symbol table
// as a file, which has sections that take no room and no segments.

/// A symbol with an address. 24 bytes: a space may have a million of them, and whoever looks for an address among them reads few
/// cache lines.
public struct SymbolEntry: Sendable {
    /// Its address, or its value when it belongs to no section; of a thread-local variable, the distance from the thread
    /// pointer, as a signed number.
    public var address: UInt64
    /// Its name, in the list's names.
    public var name: NameRange
    /// From the lowest bit: 40 bits of size, 16 of section (all ones: none), 4 of type, 4 of binding.
    private var rest: UInt64

    /// The greatest size, in bytes: of what is larger, this is said.
    public static let sizeLimit: UInt64 = (1 << 40) - 1
    /// Sections have smaller indices.
    public static let sectionLimit = UInt16.max

    /// Makes a symbol of the given properties.
    ///
    /// - Parameters:
    ///   - size: one beyond `sizeLimit` becomes that.
    ///   - section: below `sectionLimit`; that one is the same as nil.
    public init(
        address: UInt64, size: UInt64, name: NameRange, section: UInt16?, binding: SymbolBinding, type: SymbolType
    ) {
        self.address = address
        self.name = name
        rest =
            min(size, Self.sizeLimit) | UInt64(section ?? Self.sectionLimit) << 40 | UInt64(type.rawValue) << 56
            | UInt64(binding.rawValue) << 60
    }

    /// How many bytes it names; 0 when that is not known.
    public var size: UInt64 {
        get { rest & Self.sizeLimit }
        set { rest = rest & ~Self.sizeLimit | min(newValue, Self.sizeLimit) }
    }

    /// The section that it belongs to: an index that the owner of the list gives a meaning; nil for an absolute value.
    public var section: UInt16? {
        get {
            let number = UInt16(truncatingIfNeeded: rest >> 40)
            return number == Self.sectionLimit ? nil : number
        }
        set { rest = rest & ~(0xffff << 40) | UInt64(newValue ?? Self.sectionLimit) << 40 }
    }

    /// What it names.
    public var type: SymbolType {
        get { SymbolType(rawValue: UInt8(truncatingIfNeeded: rest >> 56) & 15) ?? .none }
        set { rest = rest & ~(15 << 56) | UInt64(newValue.rawValue) << 56 }
    }

    /// Who sees it.
    public var binding: SymbolBinding {
        get { SymbolBinding(rawValue: UInt8(truncatingIfNeeded: rest >> 60)) ?? .local }
        set { rest = rest & ~(15 << 60) | UInt64(newValue.rawValue) << 60 }
    }
}

/// Symbols and the bytes of their names. The names have the shape of an ELF string table: a NUL first, and one
/// after each name.
public struct SymbolList: Sendable {
    /// The names.
    public private(set) var names: [UInt8]
    /// The symbols, in the order in which they were added or sorted.
    public var entries: [SymbolEntry]

    /// Makes an empty list with room for that many symbols and bytes of names.
    public init(minimumCapacity: Int = 0, nameCapacity: Int = 0) {
        names = []
        names.reserveCapacity(nameCapacity + 1)
        names.append(0)
        entries = []
        entries.reserveCapacity(minimumCapacity)
    }

    /// Copies a name to the end of the names; nil when they would exceed 4 GiB.
    public mutating func intern(_ bytes: [UInt8], _ name: NameRange) -> NameRange? {
        let offset = names.count
        guard offset + Int(name.count) + 1 <= Int(UInt32.max) else { return nil }
        names.append(contentsOf: bytes[name.indices])
        names.append(0)
        return NameRange(offset: UInt32(offset), count: name.count)
    }

    /// Copies many names at once, as they stand in a string table. Returns how far they have moved: what a name's offset is to
    /// be increased by; nil when they would exceed 4 GiB.
    public mutating func intern(_ bytes: [UInt8], table: Range<Int>) -> Int? {
        let offset = names.count
        guard offset + table.count <= Int(UInt32.max) else { return nil }
        names.append(contentsOf: bytes[table])
        return offset - table.lowerBound
    }

    /// A name as text for people.
    public func text(_ name: NameRange, limit: Int = 256) -> String {
        printable(names, name, limit: limit)
    }
}

/// A section of a linked file.
public struct ImageSection: Sendable {
    /// Its name.
    public var name: String
    /// What it is for.
    public var kind: SectionKind
    /// How its memory is used.
    public var protection: Protection
    /// Where it lies in memory.
    public var address: UInt64
    /// Where it lies in the file, in bytes from the start.
    public var fileOffset: UInt64
    /// Its size in memory, in bytes; in the file too, unless it is `zeroFill`.
    public var size: UInt64
    /// What its address is a multiple of.
    public var alignment: UInt64
    /// Whether it is part of what the thread-local variables of each thread begin with. If it is `zeroFill` too, it takes no
    /// memory: only its distance from the other such sections counts.
    public var isThreadLocal: Bool

    /// Makes a section of the given properties.
    public init(
        name: String, kind: SectionKind, protection: Protection, address: UInt64, fileOffset: UInt64, size: UInt64,
        alignment: UInt64, isThreadLocal: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.protection = protection
        self.address = address
        self.fileOffset = fileOffset
        self.size = size
        self.alignment = alignment
        self.isThreadLocal = isThreadLocal
    }
}

/// A range of memory of one protection (`PT_LOAD`): starts at a page's start in memory and in the file.
public struct ImageSegment: Sendable, Equatable {
    /// How its memory is used; never both writable and executable.
    public var protection: Protection
    /// Where it lies in memory.
    public var address: UInt64
    /// Where its bytes lie in the file.
    public var fileOffset: UInt64
    /// How many bytes of the file it has.
    public var fileSize: UInt64
    /// Its size in memory; what is beyond the file's bytes is zero.
    public var memorySize: UInt64

    /// Makes a segment of the given properties.
    public init(
        protection: Protection, address: UInt64, fileOffset: UInt64, fileSize: UInt64, memorySize: UInt64
    ) {
        self.protection = protection
        self.address = address
        self.fileOffset = fileOffset
        self.fileSize = fileSize
        self.memorySize = memorySize
    }
}

/// A linked file without its contents.
public struct Image: Sendable {
    /// The machine that it is for.
    public var architecture: Architecture
    /// What is mapped; none in a file of symbols only.
    public var segments: [ImageSegment]
    /// Its sections, in the order of address; symbols refer to them by index.
    public var sections: [ImageSection]
    /// Its symbols.
    public var symbols: SymbolList
    /// Where execution starts, when that has a meaning, else 0.
    public var entry: UInt64
    /// The size of the part of the file that is mapped, in bytes; section headers and symbols come after it.
    public var loadedSize: UInt64
    /// What identifies this file among all (`NT_GNU_BUILD_ID`), 16 bytes; empty for none. A place for the note
    /// is reserved at `noteOffset`.
    public var buildID: [UInt8]
    /// Where its thread-local variables begin in each thread, in bytes from the thread pointer, as a signed number.
    public var threadBlock: UInt64
    /// Whether its code runs code on the stack.
    public var wantsExecutableStack: Bool

    /// Makes an image of the given parts.
    public init(
        architecture: Architecture, segments: [ImageSegment], sections: [ImageSection], symbols: SymbolList,
        entry: UInt64, loadedSize: UInt64, buildID: [UInt8], threadBlock: UInt64 = 0,
        wantsExecutableStack: Bool = false
    ) {
        self.architecture = architecture
        self.segments = segments
        self.sections = sections
        self.symbols = symbols
        self.entry = entry
        self.loadedSize = loadedSize
        self.buildID = buildID
        self.threadBlock = threadBlock
        self.wantsExecutableStack = wantsExecutableStack
    }
}

extension SymbolList {
    /// Adds all symbols of another list; what they belong to is translated.
    public mutating func append(_ other: SymbolList, section: (UInt16?) -> UInt16?) {
        let shift = names.count
        guard shift + other.names.count <= Int(UInt32.max) else { return }
        names += other.names
        for entry in other.entries {
            var entry = entry
            entry.name.offset += UInt32(shift)
            entry.section = section(entry.section)
            entries.append(entry)
        }
    }
}
