import ObjectModel

/// A section of the linked image, in the making: pieces of the same name and use, side by side.
struct OutputSection {
    let name: String
    fileprivate(set) var rank: Rank
    let kind: SectionKind
    var protection: Protection { rank.protection }
    var alignment: UInt64
    var size: UInt64
    /// From the start of the image; known after the layout.
    var offset: UInt64 = 0

    /// The order of sections in the image: by protection, and inside as every linker does.
    enum Rank: UInt8, Comparable {
        case note, constants, frames, frameHeader, relocatedConstants, initializers, finalizers, table
        case code, stubs
        case threadData, threadZeroes, data, zeroes

        static func < (left: Rank, right: Rank) -> Bool { left.rawValue < right.rawValue }

        var protection: Protection {
            switch self {
            case .note, .constants, .frames, .frameHeader, .relocatedConstants, .initializers, .finalizers, .table:
                .read
            case .code, .stubs: [.read, .execute]
            case .threadData, .threadZeroes, .data, .zeroes: [.read, .write]
            }
        }

        /// Whether it takes no room in the file.
        var isZeroes: Bool { self == .zeroes || self == .threadZeroes }

        /// Whether it holds variables that each thread has its own of.
        var isThreadLocal: Bool { self == .threadData || self == .threadZeroes }
    }
}

/// Where an object's section lies: which output section, and at which offset in it.
struct Placement: Equatable, BitwiseCopyable, Sendable {
    var output: UInt32
    var offset: UInt64

    /// The placement of a section that is not part of the image.
    static let none = Placement(output: .max, offset: 0)
    var isPlaced: Bool { output != .max }
}

/// Where a section of an object belongs, as far as its name and its use tell.
struct SectionHome: Equatable, BitwiseCopyable, Sendable {
    /// One of the standard families, by index.
    fileprivate var family: UInt8

    /// It is not part of the image.
    static let none = SectionHome(family: .max)
    /// Together with sections of the same name and use.
    static let named = SectionHome(family: .max - 1)
}

/// The output sections of a module, found by what goes into them.
struct OutputSections {
    private(set) var sections: [OutputSection] = []
    private var byKey: [Key: Int] = [:]
    /// Standard sections are found without making a String of the name.
    private var standard: [Int]

    private struct Key: Hashable {
        let name: String
        let rank: UInt8
    }

    /// Names that compilers give to one thing each (`-ffunction-sections`), and the section they all belong in.
    /// The longer ones stand first.
    private static let families: [(prefix: StaticString, name: String, rank: OutputSection.Rank)] = [
        (".data.rel.ro", ".data.rel.ro", .relocatedConstants),
        (".text", ".text", .code), (".ltext", ".ltext", .code),
        (".rodata", ".rodata", .constants), (".lrodata", ".lrodata", .constants),
        (".data", ".data", .data), (".ldata", ".ldata", .data),
        (".bss", ".bss", .zeroes), (".lbss", ".lbss", .zeroes),
        (".tdata", ".tdata", .threadData), (".tbss", ".tbss", .threadZeroes),
        (".eh_frame", ".eh_frame", .frames), (".gcc_except_table", ".gcc_except_table", .constants),
    ]

    init() {
        standard = Array(repeating: -1, count: Self.families.count)
    }

    subscript(index: Int) -> OutputSection {
        get { sections[index] }
        set { sections[index] = newValue }
    }

    /// Where an allocated section of an object belongs.
    static func home(of section: Section, _ object: Object) -> SectionHome {
        let wanted = rank(of: section)
        for index in families.indices
        where families[index].rank.accepts(wanted) && nameIsOfFamily(object.bytes, section.name, families[index].prefix)
        {
            return SectionHome(family: UInt8(truncatingIfNeeded: index))
        }
        if LinkOnce.isOne(section.name, in: object.bytes), let home = linkOnceHome(section.name, object.bytes, wanted) {
            return home
        }
        return isForLinkersOnly(section, object) ? .none : .named
    }

    /// The middle of `.gnu.linkonce.MIDDLE.NAME`, and the family that it stands for (ld's default script).
    private static let linkOnceFamilies: [(middle: StaticString, family: String)] = [
        (".gnu.linkonce.t.", ".text"), (".gnu.linkonce.r.", ".rodata"), (".gnu.linkonce.d.rel.ro.", ".data.rel.ro"),
        (".gnu.linkonce.d.", ".data"), (".gnu.linkonce.b.", ".bss"), (".gnu.linkonce.sb.", ".bss"),
        (".gnu.linkonce.s.", ".data"), (".gnu.linkonce.td.", ".tdata"), (".gnu.linkonce.tb.", ".tbss"),
        (".gnu.linkonce.l.", ".ldata"), (".gnu.linkonce.lr.", ".lrodata"), (".gnu.linkonce.lb.", ".lbss"),
    ]

    private static func linkOnceHome(
        _ name: NameRange, _ bytes: [UInt8], _ wanted: OutputSection.Rank
    ) -> SectionHome? {
        guard let known = linkOnceFamilies.first(where: { nameBegins(bytes, name, with: $0.middle) }),
            let index = families.firstIndex(where: { $0.name == known.family && $0.rank.accepts(wanted) })
        else { return nil }
        return SectionHome(family: UInt8(truncatingIfNeeded: index))
    }

    /// What only says something to a linker about its object.
    private static func isForLinkersOnly(_ section: Section, _ object: Object) -> Bool {
        guard section.kind == .note else {
            return object.hasContents(section, named: ParameterDeclaration.recordSection)
        }
        let name = object.text(section.name)
        return name == ".note.gnu.property" || name == ".note.gnu.build-id"
    }

    /// Whether sections of a home say how to unwind.
    static func isFrames(_ home: SectionHome) -> Bool {
        Int(home.family) < families.count && families[Int(home.family)].rank == .frames
    }

    /// The output section of a standard family, where there is one already.
    func standard(_ home: SectionHome) -> Int? {
        guard Int(home.family) < standard.count, standard[Int(home.family)] >= 0 else { return nil }
        return standard[Int(home.family)]
    }

    /// The output section for an object's section that is part of the image.
    mutating func output(for home: SectionHome, _ section: Section, of object: Object) -> Int {
        if home == .named {
            let (name, wanted) = (object.text(section.name), Self.rank(of: section))
            return joined(named: name, wanted) ?? output(named: name, rank: wanted)
        }
        let index = Int(home.family)
        if standard[index] < 0 {
            standard[index] = output(named: Self.families[index].name, rank: Self.families[index].rank)
        }
        return standard[index]
    }

    /// Members of a set (`__start_NAME` … `__stop_NAME`) stay together though some are constant: all are writable then. Nil when
    /// there is nothing to join.
    private mutating func joined(named name: String, _ wanted: OutputSection.Rank) -> Int? {
        guard wanted == .constants || wanted == .data, name.isIdentifier else { return nil }
        let constants = Key(name: name, rank: OutputSection.Rank.constants.rawValue)
        let data = Key(name: name, rank: OutputSection.Rank.data.rawValue)
        if let index = byKey[data] { return index }
        guard wanted == .data, let index = byKey.removeValue(forKey: constants) else { return nil }
        sections[index].rank = .data
        byKey[data] = index
        return index
    }

    /// The output section of that name and use; made when there is none.
    mutating func output(named name: String, rank: OutputSection.Rank) -> Int {
        let canonical =
            switch rank {
            case .initializers: ".init_array"
            case .finalizers: ".fini_array"
            default: name
            }
        let key = Key(name: canonical, rank: rank.rawValue)
        if let index = byKey[key] { return index }
        let index = add(named: canonical, rank: rank, alignment: 1)
        byKey[key] = index
        return index
    }

    /// Appends room to an output section; nil when the sizes add up to more than 64 bits.
    mutating func append(_ size: UInt64, alignment: UInt64, to index: Int) -> UInt64? {
        guard let offset = sections[index].size.aligned(to: alignment) else { return nil }
        let (end, wraps) = offset.addingReportingOverflow(size)
        guard !wraps else { return nil }
        sections[index].size = end
        sections[index].alignment = max(sections[index].alignment, alignment)
        return offset
    }

    private mutating func add(named name: String, rank: OutputSection.Rank, alignment: UInt64) -> Int {
        let kind: SectionKind =
            switch rank {
            case .note: .note
            case .initializers: .initializers
            case .finalizers: .finalizers
            case .zeroes, .threadZeroes: .zeroFill
            default: .contents
            }
        sections.append(
            OutputSection(
                name: name, rank: rank, kind: kind, alignment: alignment, size: 0))
        return sections.count - 1
    }

    private static func rank(of section: Section) -> OutputSection.Rank {
        if section.isThreadLocal { return section.kind == .zeroFill ? .threadZeroes : .threadData }
        return switch section.kind {
        case .initializers: .initializers
        case .finalizers: .finalizers
        case .note: .note
        case .zeroFill where section.protection.contains(.write): .zeroes
        case .contents, .zeroFill:
            if section.protection.contains(.execute) {
                .code
            } else if section.protection.contains(.write) {
                .data
            } else {
                .constants
            }
        }
    }
}

extension OutputSection.Rank {
    /// Whether a section that asks for `wanted` may go into a standard section of this rank. Relocated constants are
    /// writable in the object, since a loader would write them; here they are written before they are mapped.
    fileprivate func accepts(_ wanted: OutputSection.Rank) -> Bool {
        switch self {
        case .relocatedConstants: wanted == .data || wanted == .constants
        // Older compilers have frames be writable (`ONLY_IF_RW` in ld's default script).
        case .frames: wanted == .constants || wanted == .data
        default: wanted == self
        }
    }
}
