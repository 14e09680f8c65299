import ObjectModel

/// A definition of an object, as whoever enters all names of a module wants it: side by side with the object's others, where the symbols
/// themselves may be in another processor's cache.
struct DefinedSymbol: BitwiseCopyable, Sendable {
    /// The hash of its name.
    let hash: UInt64
    /// The symbol, by index.
    let symbol: UInt32
    /// How long its name is, in bytes.
    let nameCount: UInt32
    /// The section that it is in; `UInt32.max` where it is in none.
    let section: UInt32
    let strength: Definition.Strength
    let isHidden: Bool
    let isAbsolute: Bool

    init(_ symbol: Symbol, at index: Int, hash: UInt64) {
        self.hash = hash
        self.symbol = UInt32(truncatingIfNeeded: index)
        nameCount = symbol.name.count
        isHidden = symbol.isHidden
        isAbsolute = symbol.place == .absolute
        if case .section(let number) = symbol.place { section = number } else { section = .max }
        strength = symbol.place == .common ? .common : symbol.binding == .global ? .strong : .weak
    }
}

/// A section of an object, as whoever places all sections of a module wants it: side by side with the object's others.
struct SectionNeed: BitwiseCopyable, Sendable {
    /// Where it belongs.
    var home: SectionHome
    /// Whether it is one that no module may have.
    var isRefused: Bool
    /// How many relocations apply to it.
    var relocationCount: UInt32
    /// Its size in memory, in bytes.
    var size: UInt64
    /// What its address is a multiple of: a power of two.
    var alignment: UInt64

    /// What a section needs that is not part of the image.
    static let none = SectionNeed(home: .none, isRefused: false, relocationCount: 0, size: 0, alignment: 1)
}

/// What one look at an object's sections and symbols finds out, so that each pass looks only at what is its business: of a library's
/// thousand members hardly any has anything special.
struct Survey: Sendable {
    /// What is special about an object.
    struct Traits: OptionSet {
        let rawValue: UInt16

        /// Sections of addresses of constructors or destructors.
        static let functionArrays = Traits(rawValue: 1)
        /// Pieces of `.init` or `.fini`.
        static let fragments = Traits(rawValue: 2)
        /// Sections that say something about others (`SHF_LINK_ORDER`).
        static let subjects = Traits(rawValue: 4)
        /// A list of what the module exports.
        static let exportList = Traits(rawValue: 8)
        /// Indirect functions.
        static let indirectFunctions = Traits(rawValue: 16)
        /// A definition whose name ends as a classic entry does.
        static let classicEntry = Traits(rawValue: 32)
        /// A reference to a use counter that it does not define.
        static let useCounter = Traits(rawValue: 64)
        /// What MODULE() makes.
        static let declaration = Traits(rawValue: 128)
        /// Names with a version (`name@VERSION`).
        static let versions = Traits(rawValue: 256)
        /// Sections of which one copy is taken (`.gnu.linkonce`).
        static let linkOnce = Traits(rawValue: 512)
    }

    private(set) var traits: Traits = []
    /// The symbols that are not local and that the object defines, common ones among them.
    private(set) var definitions: [DefinedSymbol] = []
    /// Their names, one behind the other.
    private(set) var definedNames: [UInt8] = []

    /// Looks at an object.
    ///
    /// - Parameters:
    ///   - needs: what is to hold, for each section, where it belongs and what it needs there.
    ///   - hashes: what is to hold, for each symbol that is not local, the hash of its name.
    init(
        of object: Object, _ needs: inout MutableSpan<SectionNeed>, _ hashes: inout MutableSpan<UInt64>,
        _ workers: Workers
    ) {
        let (objectSections, objectSymbols, bytes) = (object.sections, object.symbols, object.bytes)
        workers.fill(&hashes) { range, hashes in
            let symbols = objectSymbols.span.extracting(range)
            for index in symbols.indices where symbols[index].binding != .local {
                hashes[index] = nameHash(bytes, symbols[index].name)
            }
        }
        workers.fill(&needs) { range, needs in
            let sections = objectSections.span.extracting(range)
            for index in sections.indices where sections[index].isAllocated {
                let section = sections[index]
                needs[index] = SectionNeed(
                    home: OutputSections.home(of: section, object), isRefused: Draft.refusal(of: section) != nil,
                    relocationCount: UInt32(truncatingIfNeeded: section.relocations.count), size: section.size,
                    alignment: section.alignment)
            }
        }
        lookAtSections(of: object, needs.span)
        lookAtSymbols(of: object, hashes.span)
    }

    private mutating func lookAtSections(of object: Object, _ needs: Span<SectionNeed>) {
        let objectSections = object.sections
        let sections = objectSections.span
        for index in sections.indices where sections[index].isAllocated {
            if sections[index].kind == .initializers || sections[index].kind == .finalizers {
                traits.insert(.functionArrays)
            }
            if sections[index].subject != nil { traits.insert(.subjects) }
            if LinkOnce.isOne(sections[index].name, in: object.bytes) { traits.insert(.linkOnce) }
            guard needs[index].home == .named else { continue }
            if Draft.isFragment(sections[index], of: object) { traits.insert(.fragments) }
            if Draft.isExportList(sections[index], of: object) { traits.insert(.exportList) }
            if object.isDeclaration(sections[index]) { traits.insert(.declaration) }
        }
    }

    /// Bytes of names of definitions for each symbol.
    private static let usualLength = 6
    /// Symbols.
    private static let largeObject = 10_000

    private mutating func lookAtSymbols(of object: Object, _ hashes: Span<UInt64>) {
        let (objectSymbols, objectBytes) = (object.symbols, object.bytes)
        let symbols = objectSymbols.span
        let bytes = unsafe objectBytes.span.bytes
        var definitions: [DefinedSymbol] = []
        var names: [UInt8] = []
        // Room that is not used costs a large object nothing, and to move what it has a page at a time.
        definitions.reserveCapacity(symbols.count < Self.largeObject ? symbols.count / 4 : symbols.count)
        names.reserveCapacity(symbols.count * Self.usualLength)
        for index in symbols.indices {
            if symbols[index].type == .indirectFunction { traits.insert(.indirectFunctions) }
            guard symbols[index].binding != .local else { continue }
            if object.hasVersion(symbols[index].name) { traits.insert(.versions) }
            if symbols[index].place == .undefined {
                if isUseCounter(symbols[index].name, of: object) { traits.insert(.useCounter) }
            } else {
                definitions.append(DefinedSymbol(symbols[index], at: index, hash: hashes[index]))
                let name = bytes.extracting(symbols[index].name.indices)
                unsafe name.withUnsafeBytes { unsafe names.append(contentsOf: $0) }
                if nameEnds(objectBytes, symbols[index].name, with: "_lkmentry") { traits.insert(.classicEntry) }
            }
        }
        self.definitions = definitions
        definedNames = names
    }

    private func isUseCounter(_ name: NameRange, of object: Object) -> Bool {
        name.count == 14 && nameBegins(object.bytes, name, with: "mod_use_count_")
    }
}
