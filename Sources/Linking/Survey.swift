import ObjectModel

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
        /// References to a version of a symbol (`name@VERSION`).
        static let versions = Traits(rawValue: 256)
    }

    private(set) var traits: Traits = []
    /// The symbols, by index, that are not local and that the object defines, common ones among them.
    private(set) var definitions: [UInt32] = []
    /// Their names, one behind the other.
    private(set) var definedNames: [UInt8] = []

    /// Looks at an object.
    ///
    /// - Parameters:
    ///   - homes: what is to hold, for each section, where it belongs.
    ///   - hashes: what is to hold, for each symbol that is not local, the hash of its name.
    init(
        of object: Object, _ homes: inout MutableSpan<SectionHome>, _ hashes: inout MutableSpan<UInt64>,
        _ workers: Workers
    ) {
        let (objectSections, objectSymbols, bytes) = (object.sections, object.symbols, object.bytes)
        workers.fill(&hashes) { range, hashes in
            let symbols = objectSymbols.span.extracting(range)
            for index in symbols.indices where symbols[index].binding != .local {
                hashes[index] = nameHash(bytes, symbols[index].name)
            }
        }
        workers.fill(&homes) { range, homes in
            let sections = objectSections.span.extracting(range)
            for index in sections.indices where sections[index].isAllocated {
                homes[index] = OutputSections.home(of: sections[index], object)
            }
        }
        lookAtSections(of: object, homes.span)
        lookAtSymbols(of: object)
    }

    private mutating func lookAtSections(of object: Object, _ homes: Span<SectionHome>) {
        let objectSections = object.sections
        let sections = objectSections.span
        for index in sections.indices where sections[index].isAllocated {
            if sections[index].kind == .initializers || sections[index].kind == .finalizers {
                traits.insert(.functionArrays)
            }
            if sections[index].subject != nil { traits.insert(.subjects) }
            guard homes[index] == .named else { continue }
            if Draft.isFragment(sections[index], of: object) { traits.insert(.fragments) }
            if Draft.isExportList(sections[index], of: object) { traits.insert(.exportList) }
            if object.isDeclaration(sections[index]) { traits.insert(.declaration) }
        }
    }

    /// Bytes of names of definitions for each symbol.
    private static let usualLength = 6

    private mutating func lookAtSymbols(of object: Object) {
        let (objectSymbols, objectBytes) = (object.symbols, object.bytes)
        let symbols = objectSymbols.span
        let bytes = unsafe objectBytes.span.bytes
        var definitions: [UInt32] = []
        var names: [UInt8] = []
        definitions.reserveCapacity(symbols.count / 4)
        names.reserveCapacity(symbols.count * Self.usualLength)
        for index in symbols.indices {
            if symbols[index].type == .indirectFunction { traits.insert(.indirectFunctions) }
            guard symbols[index].binding != .local else { continue }
            if symbols[index].place == .undefined {
                if isUseCounter(symbols[index].name, of: object) { traits.insert(.useCounter) }
                if object.hasVersion(symbols[index].name) { traits.insert(.versions) }
            } else {
                definitions.append(UInt32(truncatingIfNeeded: index))
                let name = bytes.extracting(symbols[index].name.indices)
                unsafe name.withUnsafeBytes { unsafe names.append(contentsOf: $0) }
                if nameEnds(object.bytes, symbols[index].name, with: "_lkmentry") { traits.insert(.classicEntry) }
            }
        }
        self.definitions = definitions
        definedNames = names
    }

    private func isUseCounter(_ name: NameRange, of object: Object) -> Bool {
        name.count == 14 && nameBegins(object.bytes, name, with: "mod_use_count_")
    }
}
