import ELFFormat
import ModlinkInterface
import ObjectModel
import Relocation
import SymbolTable

/// Finds who refers to a symbol: the relocations of the loaded objects say it, and code where it is in memory. Nothing of it is kept while
/// modules are loaded, since the space has their objects anyway, for debuggers; who asks pays.
public struct SymbolUsers {
    private let sets: [SymbolSet]
    private let list: DebuggerList
    /// For each set, the global names that its objects define: what a name means there. And the objects.
    private var modules: [Int: ModuleObjects] = [:]

    private struct ModuleObjects {
        var definitions = Set<[UInt8]>()
        var objects: [LoadedObject] = []
    }

    /// - Parameter list: the objects of the modules in the sets.
    public init(_ sets: [SymbolSet], _ list: DebuggerList) throws(Problem) {
        self.sets = sets
        self.list = list
        var modules: [Int: ModuleObjects] = [:]
        try list.forEach { loaded in
            guard let set = Self.set(of: loaded, sets) else { return }
            let object = loaded.object
            for symbol in object.symbols where symbol.binding != .local && symbol.place != .undefined {
                modules[set, default: ModuleObjects()].definitions.insert(Array(object.bytes[symbol.name.indices]))
            }
            modules[set, default: ModuleObjects()].objects.append(loaded)
        }
        self.modules = modules
    }

    /// The set of the module that an object is part of.
    private static func set(of loaded: LoadedObject, _ sets: [SymbolSet]) -> Int? {
        let places = loaded.addresses.indices.filter {
            loaded.addresses[$0] != 0 && loaded.object.sections[$0].isAllocated
        }
        for place in places {
            let address = loaded.addresses[place]
            if let set = sets.firstIndex(where: { $0.range.contains(address) }), !sets[set].owner.isEmpty { return set }
        }
        return nil
    }

    /// For each name or address: the symbols that it means, and who refers to them.
    public func answers(to queries: [String]) throws(Problem) -> [UsersAnswer] {
        let lookUp = SymbolLookUp(sets)
        var answers: [UsersAnswer] = []
        for query in queries {
            let symbols = lookUp.find(query)
            answers.append(UsersAnswer(query: query, symbols: symbols, uses: try uses(of: symbols)))
        }
        return answers
    }

    /// The references to some symbols, in the order of address.
    public func uses(of symbols: [SymbolInformation]) throws(Problem) -> [SymbolUse] {
        guard !symbols.isEmpty else { return [] }
        var uses: [SymbolUse] = []
        for (set, module) in modules {
            for loaded in module.objects { try add(loaded, module, set, symbols, to: &uses) }
        }
        return uses.sorted { UInt64(bitPattern: Int64($0.address)) < UInt64(bitPattern: Int64($1.address)) }
    }

    private func add(
        _ loaded: LoadedObject, _ module: ModuleObjects, _ set: Int, _ wanted: [SymbolInformation],
        to uses: inout [SymbolUse]
    ) throws(Problem) {
        let object = loaded.object
        // For each symbol of the object, which of those that are wanted it is; nil where that depends on the place.
        let named = object.symbols.map { symbol in
            symbol.type == .section ? nil : wanted.firstIndex { isMeant(symbol, of: loaded, module, set, by: $0) }
        }
        for (number, section) in object.sections.enumerated() {
            // What only says how to unwind refers to every function.
            guard loaded.addresses[number] != 0, section.isAllocated, object.text(section.name) != ".eh_frame" else {
                continue
            }
            let code = section.protection.contains(.execute) ? try code(of: section, at: loaded.addresses[number]) : []
            for relocation in object.relocations[section.relocations] {
                let place = loaded.addresses[number] &+ relocation.offset
                let index =
                    named[Int(relocation.symbol)]
                    ?? target(of: relocation, loaded, code).flatMap { address in
                        wanted.firstIndex { $0.module == sets[set].owner && $0.contains(address) }
                    }
                guard let index else { continue }
                uses.append(use(at: place, in: object.text(section.name), set, wanted[index]))
            }
        }
    }

    /// Whether a symbol of an object is that one: the object's own, its module's, else what the name means to all.
    private func isMeant(
        _ symbol: Symbol, of loaded: LoadedObject, _ module: ModuleObjects, _ set: Int, by wanted: SymbolInformation
    ) -> Bool {
        let object = loaded.object
        guard object.bytes[symbol.name.indices].elementsEqual(wanted.name.utf8) else { return false }
        let owner = sets[set].owner
        if case .section(let section) = symbol.place {
            guard owner == wanted.module else { return false }
            // Debuggers are told of thread-local sections where they are in a thread, not where the image has them.
            return symbol.type == .threadLocal
                || loaded.addresses[Int(section)] &+ symbol.value == wanted.unsignedAddress
        }
        guard symbol.binding != .local else { return false }
        let isOwn = module.definitions.contains(Array(object.bytes[symbol.name.indices]))
        return isOwn ? owner == wanted.module : wanted.exported && owner != wanted.module
    }

    /// What a relocation that names only a section refers to.
    private func target(of relocation: RelocationEntry, _ loaded: LoadedObject, _ code: [UInt8]) -> UInt64? {
        let symbol = loaded.object.symbols[Int(relocation.symbol)]
        guard symbol.type == .section, case .section(let target) = symbol.place,
            loaded.addresses[Int(target)] != 0
        else { return nil }
        let sum = loaded.addresses[Int(target)] &+ UInt64(bitPattern: relocation.addend)
        return sum &+ loaded.object.distanceToNextInstruction(relocation, code)
    }

    /// The code of a section as it is in memory, since objects are kept without it; nothing where that cannot be read.
    private func code(of section: Section, at address: UInt64) throws(Problem) -> [UInt8] {
        guard section.relocations.count > 0 else { return [] }
        return try list.bytes(at: address, count: section.size) ?? []
    }

    private func use(at place: UInt64, in section: String, _ set: Int, _ symbol: SymbolInformation) -> SymbolUse {
        let user = sets[set].symbol(at: place)
        let start = user.map { sets[set].symbols.entries[$0].address } ?? place
        return SymbolUse(
            module: sets[set].owner, section: section, function: user.map { sets[set].name($0) } ?? "",
            offset: Int(truncatingIfNeeded: place &- start), address: Int(truncatingIfNeeded: place),
            symbol: symbol.module.isEmpty ? symbol.name : "\(symbol.module):\(symbol.name)")
    }
}

extension SymbolInformation {
    /// Whether an address is in it.
    fileprivate func contains(_ place: UInt64) -> Bool {
        place &- unsignedAddress < max(UInt64(bitPattern: Int64(size)), 1)
    }
}

extension Object {
    /// What the addend of a reference leaves out in code of x86-64, where distances count from the next instruction: the field, and
    /// the constant behind it, if the instruction has one. 0 for references that are not distances.
    ///
    /// (Intel SDM volume 2, appendix A: which opcodes have a constant.)
    ///
    /// - Parameter bytes: the code of the section; none where it is not code.
    fileprivate func distanceToNextInstruction(_ relocation: RelocationEntry, _ bytes: [UInt8]) -> UInt64 {
        guard architecture == .x86_64, [.relative32, .call32].contains(X86_64.Kind(rawValue: relocation.kind)),
            let field = Int(exactly: relocation.offset), field >= 2, field <= bytes.count
        else { return 0 }
        // `disp32(%rip)`: no base, and the register that counts from the next instruction.
        guard bytes[field - 1] & 0xc7 == 0x05 else { return 4 }
        let (opcode, operation) = (bytes[field - 2], bytes[field - 1] >> 3 & 7)
        switch opcode {
        case 0x80, 0x83, 0xc0, 0xc1, 0xc6, 0x6b: return 5
        case 0xf6 where operation < 2: return 5
        case 0xba where field >= 3 && bytes[field - 3] == 0x0f: return 5
        case 0x69, 0x81, 0xc7: return field >= 3 && bytes[field - 3] == 0x66 ? 6 : 8
        case 0xf7 where operation < 2: return field >= 3 && bytes[field - 3] == 0x66 ? 6 : 8
        default: return 4
        }
    }
}
