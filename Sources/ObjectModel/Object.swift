// The one representation of a relocatable file.
//
// Readers of a format (ELF, a.out) make it, the linker consumes it, and nothing in between knows what the
// file looked like. It is made of flat arrays that refer to each other by index, and names stay where they are, in the
// file's bytes: an object of 40,000 sections costs a handful of allocations.

/// A stretch of an object's bytes that holds a name, without the NUL that ends it.
public struct NameRange: Sendable, Equatable {
    /// Where the name begins, in bytes from the start of the bytes that it belongs to.
    public var offset: UInt32
    /// How long it is, in bytes.
    public var count: UInt32

    /// Makes the range of `count` bytes from `offset`.
    public init(offset: UInt32, count: UInt32) {
        self.offset = offset
        self.count = count
    }

    /// The name of what has none.
    public static let empty = NameRange(offset: 0, count: 0)

    /// The same as a range of array indices.
    public var indices: Range<Int> {
        Int(offset)..<Int(offset) + Int(count)
    }
}

/// What a section is for, as far as the linker treats it apart.
public enum SectionKind: UInt8, Sendable, Equatable {
    /// Bytes of the file (`SHT_PROGBITS` and whatever is loaded like it).
    case contents
    /// Zeroes that take no room in the file (`SHT_NOBITS`).
    case zeroFill
    /// Addresses of functions to call after loading (`SHT_INIT_ARRAY`).
    case initializers
    /// Addresses of functions to call before unloading, last first (`SHT_FINI_ARRAY`).
    case finalizers
    /// ELF notes (`SHT_NOTE`).
    case note
}

/// A stretch of code or data that is placed as a whole.
public struct Section: Sendable {
    /// Its name, in the object's bytes.
    public var name: NameRange
    /// What it is for.
    public var kind: SectionKind
    /// Whether it is part of the running module (`SHF_ALLOC`); debug information, for one, is not.
    public var isAllocated: Bool
    /// How its memory is used, once it is loaded.
    public var protection: Protection
    /// Whether it is the template of thread-local storage (`SHF_TLS`).
    public var isThreadLocal: Bool
    /// Its size in memory, in bytes.
    public var size: UInt64
    /// What its address is a multiple of: a power of two, 1 at least.
    public var alignment: UInt64
    /// Where in the object's bytes its content starts; of no meaning for `zeroFill`.
    public var contentsOffset: Int
    /// Which of the object's relocations apply to it.
    public var relocations: Range<Int>
    /// The group that it is a member of: an index into the object's groups, or nil.
    public var group: UInt32?
    /// The section that it says something about (`SHF_LINK_ORDER`), an index into the object's sections: it goes where that one
    /// goes, and stands in the same order among its like.
    public var subject: UInt32?
    /// Whether its addresses go into the image from the last to the first (`.ctors`, `.dtors`).
    public var isReversed = false

    /// Makes a section of the given properties, without relocations and in no group.
    public init(
        name: NameRange, kind: SectionKind, isAllocated: Bool, protection: Protection, isThreadLocal: Bool = false,
        size: UInt64, alignment: UInt64, contentsOffset: Int
    ) {
        self.name = name
        self.kind = kind
        self.isAllocated = isAllocated
        self.protection = protection
        self.isThreadLocal = isThreadLocal
        self.size = size
        self.alignment = alignment
        self.contentsOffset = contentsOffset
        self.relocations = 0..<0
        self.group = nil
        self.subject = nil
    }
}

/// Sections that are kept or dropped together (gABI, "Section Groups").
public struct SectionGroup: Sendable {
    /// The name that copies of the group in other objects have too, in the object's bytes.
    public var signature: NameRange
    /// Whether one copy of several is kept (`GRP_COMDAT`), the first.
    public var isCommon: Bool

    /// Makes a group with that signature.
    public init(signature: NameRange, isCommon: Bool) {
        self.signature = signature
        self.isCommon = isCommon
    }
}

/// Where a symbol is defined.
public enum SymbolPlace: Sendable, Equatable {
    /// Nowhere in this object.
    case undefined
    /// At an offset in a section: the index is into the object's sections.
    case section(UInt32)
    /// At an address, or with a value, that linking does not change (`SHN_ABS`).
    case absolute
    /// In room that the linker is to make (`SHN_COMMON`); the symbol's value is the alignment.
    case common
}

/// Who may see a symbol, and what gives way when there are several (gABI, "Symbol Binding").
public enum SymbolBinding: UInt8, Sendable, Equatable {
    /// Seen in its object alone.
    case local
    /// Seen everywhere, defined once.
    case global
    /// Seen everywhere, gives way to a global one; may stay undefined.
    case weak
    /// Seen everywhere, and one in the whole process though several of its parts define it: the first
    /// (`STB_GNU_UNIQUE`).
    case unique
}

/// What a symbol names (gABI, "Symbol Types").
public enum SymbolType: UInt8, Sendable, Equatable {
    /// Nothing that is known.
    case none
    /// A variable.
    case object
    /// A function.
    case function
    /// The start of a section.
    case section
    /// A source file; no address.
    case file
    /// A thread-local variable: the value is an offset in the thread's block.
    case threadLocal
    /// A function that returns the address to use (`STT_GNU_IFUNC`).
    case indirectFunction
}

/// One line of an object's symbol table.
public struct Symbol: Sendable {
    /// Its name, in the object's bytes.
    public var name: NameRange
    /// Where it is defined.
    public var place: SymbolPlace
    /// Its offset in the section, its value when absolute, its alignment when common.
    public var value: UInt64
    /// How many bytes it names; 0 when that is not known.
    public var size: UInt64
    /// Who sees it.
    public var binding: SymbolBinding
    /// What it names.
    public var type: SymbolType
    /// Whether other modules may not see it (`STV_HIDDEN`, `STV_INTERNAL`).
    public var isHidden: Bool

    /// Makes a symbol of the given properties.
    public init(
        name: NameRange, place: SymbolPlace, value: UInt64, size: UInt64, binding: SymbolBinding, type: SymbolType,
        isHidden: Bool
    ) {
        self.name = name
        self.place = place
        self.value = value
        self.size = size
        self.binding = binding
        self.type = type
        self.isHidden = isHidden
    }

    /// The symbol that relocations without one refer to: nothing, with the value 0.
    public static let null = Symbol(
        name: .empty, place: .absolute, value: 0, size: 0, binding: .local, type: .none, isHidden: false)
}

/// One place of a section that depends on an address. 16 bytes: a large object has a million of them, and each is read three times.
public struct RelocationEntry: Sendable {
    private var shortOffset: UInt32
    /// The symbol in the lower 24 bits, the kind in the upper 8.
    private var symbolAndKind: UInt32
    /// The constant to add ("A" of the psABI).
    public var addend: Int64

    /// How many symbols an object with relocations can have.
    public static let symbolLimit = 1 << 24

    /// Makes a relocation of the given properties.
    ///
    /// - Parameters:
    ///   - offset: where, in bytes from the start of the section; below 2^32, as all of a file that is read is.
    ///   - symbol: below `symbolLimit`.
    public init(offset: UInt64, addend: Int64, symbol: UInt32, kind: UInt8) {
        shortOffset = UInt32(truncatingIfNeeded: offset)
        symbolAndKind = symbol & 0xff_ffff | UInt32(kind) << 24
        self.addend = addend
    }

    /// Where, in bytes from the start of the section.
    public var offset: UInt64 {
        get { UInt64(shortOffset) }
        set { shortOffset = UInt32(truncatingIfNeeded: newValue) }
    }

    /// On what it depends: an index into the object's symbols.
    public var symbol: UInt32 {
        get { symbolAndKind & 0xff_ffff }
        set { symbolAndKind = symbolAndKind & 0xff00_0000 | newValue & 0xff_ffff }
    }

    /// What to compute and store: the raw value of the architecture's enumeration in target `Relocation`.
    public var kind: UInt8 {
        get { UInt8(truncatingIfNeeded: symbolAndKind >> 24) }
        set { symbolAndKind = symbolAndKind & 0xff_ffff | UInt32(newValue) << 24 }
    }
}

/// What a relocatable file is made of, while it is read. Whoever makes an ``Object`` of it has checked every index, offset and size
/// in it against the arrays.
public struct ObjectParts: Sendable {
    /// What messages call it: the file's name.
    public var name: String
    /// The machine that it is made for.
    public var architecture: Architecture
    /// Names and contents are ranges of these: the file's bytes, perhaps with others around them, as of an archive.
    public var bytes: [UInt8]
    /// Where in the bytes the file lies.
    public var file: Range<Int>
    /// Where in the bytes the names of its symbols lie, in the shape of a string table: a NUL after each.
    public var symbolNames: Range<Int>
    /// Its sections; the index is the one that symbols use.
    public var sections: [Section] = []
    /// Its symbols; the first is `Symbol.null`.
    public var symbols = [Symbol.null]
    /// The relocations of all sections that are allocated, those of one section side by side.
    public var relocations: [RelocationEntry] = []
    /// Its section groups.
    public var groups: [SectionGroup] = []
    /// Whether its code runs code on the stack, as nested functions of gcc do that are called by address.
    public var wantsExecutableStack = false
    /// Whether there are symbols whose offset in their section is none of it: labels that are expressions. A negative one is a great
    /// number.
    public var hasSymbolsOutside = false

    /// Makes the parts of a file without sections.
    public init(
        name: String, architecture: Architecture, bytes: [UInt8], symbolNames: Range<Int>? = nil,
        file: Range<Int>? = nil
    ) {
        self.name = name
        self.architecture = architecture
        self.bytes = bytes
        self.symbolNames = symbolNames ?? bytes.indices
        self.file = file ?? bytes.indices
    }

    /// A name as text for people.
    public func text(_ name: NameRange) -> String {
        printable(bytes, name)
    }
}

/// A relocatable file, all of it checked. Never changes once it is made, and is one reference: those who link a library's thousand
/// members at the same time would otherwise count, for each that they look at, a reference to the bytes that all members share.
public final class Object: Sendable {
    /// What messages call it: the file's name.
    public let name: String
    /// The machine that it is made for.
    public let architecture: Architecture
    /// Names and contents are ranges of these: the file's bytes, perhaps with others around them, as of an archive.
    public let bytes: [UInt8]
    /// Where in the bytes the file lies.
    public let file: Range<Int>
    /// Where in the bytes the names of its symbols lie, in the shape of a string table: a NUL after each.
    public let symbolNames: Range<Int>
    /// Its sections; the index is the one that symbols use.
    public let sections: [Section]
    /// Its symbols; the first is `Symbol.null`.
    public let symbols: [Symbol]
    /// The relocations of all sections that are allocated, those of one section side by side.
    public let relocations: [RelocationEntry]
    /// Its section groups.
    public let groups: [SectionGroup]
    /// Whether its code runs code on the stack.
    public let wantsExecutableStack: Bool
    /// Whether there are symbols whose offset in their section is none of it: labels that are expressions. A negative one is a great
    /// number.
    public let hasSymbolsOutside: Bool
    /// Whether it has a section in which modules say what they are and whom they need, `.modinfo` or `link_set_modules`: of a library's
    /// members hardly any has, and who asks need not look at each.
    public let describesModule: Bool

    /// Makes an object of its parts.
    public init(_ parts: ObjectParts) {
        name = parts.name
        architecture = parts.architecture
        bytes = parts.bytes
        file = parts.file
        symbolNames = parts.symbolNames
        sections = parts.sections
        symbols = parts.symbols
        relocations = parts.relocations
        groups = parts.groups
        wantsExecutableStack = parts.wantsExecutableStack
        hasSymbolsOutside = parts.hasSymbolsOutside
        describesModule =
            parts.hasSection(named: ".modinfo") || parts.hasSection(named: "link_set_modules")
    }

    /// What it is made of, to make another of that is not quite the same.
    public var parts: ObjectParts {
        var parts = ObjectParts(
            name: name, architecture: architecture, bytes: bytes, symbolNames: symbolNames, file: file)
        parts.sections = sections
        parts.symbols = symbols
        parts.relocations = relocations
        parts.groups = groups
        parts.wantsExecutableStack = wantsExecutableStack
        parts.hasSymbolsOutside = hasSymbolsOutside
        return parts
    }

    /// The bytes of the file alone.
    public var fileBytes: [UInt8] { Array(bytes[file]) }

    /// A name of this object as text for people.
    public func text(_ name: NameRange) -> String {
        printable(bytes, name)
    }

    /// The same of a name of any length.
    public func wholeText(_ name: NameRange) -> String {
        printable(bytes, name, limit: .max)
    }

    /// Whether a name of its symbols is one of which the reader left out the version (`name@VERSION`).
    public func hasVersion(_ name: NameRange) -> Bool {
        let end = name.indices.upperBound
        return symbolNames.contains(end) && bytes[end] == UInt8(ascii: "@")
    }

    /// The whole of such a name; nil for one that has no version.
    public func versioned(_ name: NameRange) -> NameRange? {
        guard hasVersion(name) else { return nil }
        let rest = bytes[name.indices.upperBound..<symbolNames.upperBound]
        return NameRange(offset: name.offset, count: name.count + UInt32(rest.prefix { $0 != 0 }.count))
    }
}
