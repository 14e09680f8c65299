import ObjectModel
import Relocation
import SymbolTable

/// A module in the making: what each pass has found out, for the next ones.
struct Draft {
    let source: ModuleSource
    /// The machine that it is linked for.
    let architecture: Architecture
    /// Its place in the transaction.
    let index: Int

    /// For each object, what the first look at it has found.
    var surveys: [Survey] = []
    /// For each object, for each of its sections, where it belongs and what it needs there.
    var needs = Rows<SectionNeed>()
    /// For each object, for each of its symbols, the hash of its name; 0 for local ones.
    var hashes = Rows<UInt64>()

    // Choose: what is part of the image, and in which output section.
    var outputs = OutputSections()
    /// For each object, for each of its sections.
    var placements = Rows<Placement>()
    /// For each object, whether another copy of one of its groups displaced its own.
    var hasDisplaced: [Bool] = []

    /// The sections of `.eh_frame` that have any bytes, in their order.
    var frameSections: [ObjectSection] = []

    var fragmentFunctions: [FragmentFunction] = []
    /// Where in the array of constructors those of `.preinit_array` end, and where in both arrays those begin that are in neither that
    /// nor `.init` or `.fini`: in bytes from the start.
    var preinitializersEnd: UInt64 = 0
    var initializersStart: UInt64 = 0
    var finalizersStart: UInt64 = 0
    var indirect = IndirectFunctions()

    // Define: the names that the module defines, its own and those the linker makes.
    var definitions = Definitions()
    /// For each object, for each of its symbols: the definition that it belongs to, or -1.
    var definitionIndices = Rows<Int32>()
    var made: [MadeSymbol] = []
    /// The output section and offset of `mod_use_count_`, when the linker makes it.
    var useCount: Placement?
    /// The room for a classic module's `struct lkm_table`.
    var classicTable: Placement?
    /// Bytes of character strings for parameters of pointer type: output section, and the bytes.
    var strings: [(place: Placement, bytes: [UInt8])] = []
    var parameters: [PlannedParameter] = []
    /// Values for the dictionary that MODULE_CMD_INIT is given, one behind the other, and where they lie.
    var propertyRecords: [UInt8] = []
    var properties: Placement?
    var entry: EntryRule = .none
    /// What MODULE() says, if that is the entry.
    var declaration: FoundDeclaration?

    // Resolve: what each symbol of each object is.
    var resolutions = Rows<Resolution>()
    /// Owners of the symbol table that the module refers to, and their symbols.
    var references: [Int: Set<Int>] = [:]
    /// Other modules of the transaction that it refers to, and the own symbols that turned out to be theirs.
    var peers: [Int: Set<ObjectSymbol>] = [:]

    // Scan: entries of the global offset table, and stubs (each jumps through one entry).
    var targets = Rows<SymbolTarget>()
    /// All contents of the objects, in their order, as they are divided among those who work on them.
    var pieces: [Piece] = []
    var tableEntries: [ObjectSymbol] = []
    var stubs: [UInt32] = []
    var needsTable = false
    /// For each object, whether its frames are about functions that were left out.
    var hasFramesOfDiscarded: [Bool] = []
    var table: Int?
    var stubSection: Int?

    // Layout: addresses.
    var segments: [ImageSegment] = []
    var base: UInt64 = 0
    /// Once the module has its address: for each output section, the address of its first byte, or that byte's distance from the
    /// thread pointer; and for each definition the same.
    var outputValues: [UInt64] = []
    var definitionValues: [UInt64] = []
    /// The size in memory, a multiple of the page size; and what its address is a multiple of.
    var size: UInt64 = 0
    var alignment: UInt64 = 0
    /// The part that is in the file.
    var fileSize: UInt64 = 0
    /// The thread-local variables: where they begin in the image, how many bytes they are in a thread, what their address is a
    /// multiple of there, and how far from the thread pointer that is, as a signed number.
    var threadStart: UInt64 = 0
    var threadSize: UInt64 = 0
    var threadAlignment: UInt64 = 1
    var threadBlock: UInt64 = 0

    var objects: [Object] { source.objects }
}

/// A symbol of one of a module's objects.
struct ObjectSymbol: Hashable {
    let object: UInt32
    let symbol: UInt32
}

/// A section of one of a module's objects.
struct ObjectSection: Hashable {
    let object: UInt32
    let section: UInt32
}

/// A symbol that no object defines but every linker does.
struct MadeSymbol {
    let name: String
    let place: Place

    enum Place: Equatable {
        /// One of the names that every module has.
        case name(MadeName)
        /// At an offset in an output section.
        case output(Placement)
        /// At the end of an output section.
        case end(ofOutput: Int)
    }
}

/// What a symbol of an object is. 16 bytes: there is one for each symbol.
enum Resolution: Equatable, BitwiseCopyable, Sendable {
    /// Defined nowhere.
    case undefined
    /// Defined nowhere, and weak: zero.
    case zero
    /// Local to its object.
    case local
    /// One of the module's definitions.
    case definition(Int)
    /// One of the symbols that the linker makes.
    case made(Int)
    /// A symbol of the table, of the space or of another module: its address is final.
    case fixed(owner: UInt32, entry: UInt32)
    /// A definition of another module of the transaction.
    case peer(module: UInt32, definition: UInt32)
    /// Defined in a section that another copy of its group displaced.
    case discarded
}

extension Resolution {
    /// A symbol of the table, which has fewer owners and symbols than 32 bits count.
    init(_ reference: SymbolReference) {
        self = .fixed(
            owner: UInt32(truncatingIfNeeded: reference.owner), entry: UInt32(truncatingIfNeeded: reference.entry))
    }

    /// A definition of another module of the transaction.
    init(peer module: Int, definition: Int) {
        self = .peer(
            module: UInt32(truncatingIfNeeded: module), definition: UInt32(truncatingIfNeeded: definition))
    }
}

extension SymbolReference {
    /// What a resolution says.
    init(owner: UInt32, entry: UInt32) {
        self.init(owner: Int(owner), entry: Int(entry))
    }
}

/// Which functions are to be called, by name.
enum EntryRule: Equatable {
    case none
    /// The function of the draft's `declaration`.
    case module
    case linux(initialize: Int, cleanup: Int?)
    case classic(name: String, definition: Int)
}

extension Draft {
    /// Looks at each object once, for all passes.
    mutating func survey(_ workers: Workers) {
        let objects = objects
        let sections = Self.starts(objects) { $0.sections.count }
        let symbols = Self.starts(objects) { $0.symbols.count }
        let (needs, hashes, surveys) = workers.rows(sections, symbols, of: (SectionNeed.none, UInt64(0))) {
            Survey(of: objects[$0], &$1, &$2, $3)
        }
        self.needs = Rows(starts: sections, elements: needs)
        self.hashes = Rows(starts: symbols, elements: hashes)
        self.surveys = surveys
    }

    /// Where the rows of objects begin.
    private static func starts(_ objects: [Object], _ count: (Object) -> Int) -> [Int] {
        var starts = [0]
        starts.reserveCapacity(objects.count + 1)
        var next = 0
        for object in objects {
            next += count(object)
            starts.append(next)
        }
        return starts
    }

    /// What is known of the machine, for questions outside of loops.
    var machine: any Machine.Type {
        switch architecture {
        case .x86_64: X86_64.self
        case .i386: I386.self
        }
    }

    /// The address of a place in an output section.
    func address(_ place: Placement) -> UInt64 {
        base &+ outputs[Int(place.output)].offset &+ place.offset
    }

    /// The address of a symbol where it is defined in an object, or nil when it is not.
    func address(object: Int, symbol: Int) -> UInt64? {
        address(object: object, objects[object].symbols[symbol])
    }

    /// The address of a symbol that an object has, where it is defined there; nil when it is not.
    func address(object: Int, _ symbol: Symbol) -> UInt64? {
        switch symbol.place {
        case .absolute: return symbol.value
        case .section(let section):
            if let stub = indirectStub(object: object, symbol) { return stub }
            let place = placements[object, Int(section)]
            guard place.isPlaced else { return nil }
            let sum = value(place) &+ symbol.value
            return outputs[Int(place.output)].rank.isThreadLocal ? sum : sum & architecture.addressMask
        case .undefined, .common: return nil
        }
    }

    /// Whether a symbol is a label outside of its section: it may lie anywhere.
    func isOutside(object: Int, symbol: Int) -> Bool {
        let facts = objects[object].symbols[symbol]
        guard case .section(let section) = facts.place else { return false }
        return facts.value > objects[object].sections[Int(section)].size
    }

    /// Whether what a symbol was resolved to is a label outside of its section.
    func isOutside(_ resolution: Resolution, object: Int, symbol: Int, _ drafts: [Draft]) -> Bool {
        switch resolution {
        case .local: return isOutside(object: object, symbol: symbol)
        case .definition(let index):
            return isOutside(object: definitions[index].object, symbol: definitions[index].symbol)
        case .peer(let module, let index):
            return drafts[Int(module)].isOutside(.definition(Int(index)), object: 0, symbol: 0, [])
        case .undefined, .zero, .discarded, .made, .fixed: return false
        }
    }

    /// The address of a definition.
    func address(definition index: Int) -> UInt64 { definitionValues[index] }

    /// Computes the address of a definition.
    func findAddress(definition index: Int) -> UInt64 {
        let definition = definitions[index]
        if let room = definitions[common: index]?.room { return value(room) }
        return address(object: definition.object, symbol: definition.symbol) ?? 0
    }

    /// The address of the global offset table; the image's own when it has none, so that offsets from it stay small.
    var tableAddress: UInt64 {
        guard let table, outputs[table].size > 0 else { return base }
        return base &+ outputs[table].offset
    }

    /// The address of the first stub.
    var stubsAddress: UInt64 {
        stubSection.map { base &+ outputs[$0].offset } ?? base
    }

    /// A place in an object as messages give it: `.text+0x1b in slice`.
    func describePlace(object index: Int, section: Int, offset: UInt64) -> String {
        let object = objects[index]
        let place = "\(object.text(object.sections[section].name))+\(hexadecimal(offset))"
        for symbol in object.symbols where symbol.type == .function {
            guard symbol.place == .section(UInt32(section)), offset >= symbol.value,
                offset - symbol.value < max(symbol.size, 1)
            else { continue }
            return "\(place) in \(object.text(symbol.name))"
        }
        return place
    }
}
