import ObjectModel

/// What one look at an object's sections and symbols finds out, so that each pass looks only at what is its business: of a library's
/// thousand members hardly any has anything special.
struct Survey: Sendable {
    /// What is special about an object.
    struct Traits: OptionSet {
        let rawValue: UInt8

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
    }

    private(set) var traits: Traits = []
    /// For each section, where it belongs.
    let homes: [SectionHome]
    /// For each symbol, the hash of its name; 0 for local ones.
    let hashes: [UInt64]
    /// The symbols, by index, that are not local and that the object defines, common ones among them.
    private(set) var definitions: [UInt32] = []
    /// How many bytes their names have together.
    private(set) var definedNameBytes = 0

    /// Looks at an object.
    init(of object: Object, _ workers: Workers) {
        hashes = Self.hashes(of: object, workers)
        homes = workers.array(object.sections.count, of: .none) { range, homes in
            let sections = object.sections.span.extracting(range)
            for index in sections.indices where sections[index].isAllocated {
                homes[index] = OutputSections.home(of: sections[index], object)
            }
        }
        lookAtSections(of: object)
        lookAtSymbols(of: object)
    }

    /// The hash of each name that is not local.
    private static func hashes(of object: Object, _ workers: Workers) -> [UInt64] {
        workers.array(object.symbols.count, of: 0) { range, hashes in
            let symbols = object.symbols.span.extracting(range)
            for index in symbols.indices where symbols[index].binding != .local {
                hashes[index] = nameHash(object.bytes, symbols[index].name)
            }
        }
    }

    private mutating func lookAtSections(of object: Object) {
        let sections = object.sections.span
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

    private mutating func lookAtSymbols(of object: Object) {
        let symbols = object.symbols.span
        var definitions: [UInt32] = []
        for index in symbols.indices {
            if symbols[index].type == .indirectFunction { traits.insert(.indirectFunctions) }
            guard symbols[index].binding != .local else { continue }
            if symbols[index].place == .undefined {
                if isUseCounter(symbols[index].name, of: object) { traits.insert(.useCounter) }
            } else {
                definitions.append(UInt32(truncatingIfNeeded: index))
                definedNameBytes += Int(symbols[index].name.count)
                if nameEnds(object.bytes, symbols[index].name, with: "_lkmentry") { traits.insert(.classicEntry) }
            }
        }
        self.definitions = definitions
    }

    private func isUseCounter(_ name: NameRange, of object: Object) -> Bool {
        name.count == 14 && nameBegins(object.bytes, name, with: "mod_use_count_")
    }
}
