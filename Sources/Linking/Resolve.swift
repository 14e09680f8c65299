import ObjectModel
import SymbolTable

/// The names that the modules of one transaction offer each other.
struct PeerExports {
    private struct Offer {
        let module: Int
        let definition: Int
        let hash: UInt64
    }

    private var index = NameIndex()
    private var offers: [Offer] = []

    /// Enters the exported definitions of a module; of two modules with a strong one, the second is told.
    mutating func add(_ draft: inout Draft, known: [Draft], _ problems: inout ProblemList) {
        for position in draft.definitions.indices {
            let definition = draft.definitions[position]
            guard !definition.isPrivate else { continue }
            let object = draft.objects[definition.object]
            let name = object.symbols[definition.symbol].name
            let hash = draft.hash(ofDefinition: position)
            if let other = find(object.bytes, name, hash: hash, notIn: draft.index, in: known) {
                let strength = known[other.module].definitions[other.definition].strength
                if definition.strength == .weak {
                    if draft.yields(position, to: known[other.module].binding(ofDefinition: other.definition)) {
                        draft.definitions.displace(
                            position, by: Resolution(peer: other.module, definition: other.definition))
                    } else {
                        draft.definitions[position].isPrivate = true
                    }
                    continue
                } else if strength != .weak {
                    if !draft.source.keepsDuplicatesPrivate {
                        problems.add(
                            object.name, "",
                            duplicate(object.text(name), known[other.module].source.name, of: draft.source.name))
                    }
                    draft.definitions[position].isPrivate = true
                    continue
                }
            }
            offers.append(Offer(module: draft.index, definition: position, hash: hash))
            let offers = offers
            index.insert(hash, UInt64(offers.count - 1)) { offers[Int($0)].hash }
        }
    }

    /// The definition of a name in a module other than `own`, a strong one before a weak one.
    func find(
        _ bytes: [UInt8], _ name: NameRange, hash: UInt64, notIn own: Int, in drafts: [Draft]
    ) -> (module: Int, definition: Int)? {
        var probe = index.probe(hash)
        var weak: (module: Int, definition: Int)?
        while let payload = index.next(&probe) {
            let offer = offers[Int(payload)]
            guard offer.module != own, offer.hash == hash else { continue }
            let definition = drafts[offer.module].definitions[offer.definition]
            let object = drafts[offer.module].objects[definition.object]
            guard sameName(object.bytes, object.symbols[definition.symbol].name, bytes, name) else { continue }
            if definition.strength != .weak { return (offer.module, offer.definition) }
            weak = weak ?? (offer.module, offer.definition)
        }
        return weak
    }
}

/// What is said about a name that two modules define, with both of them.
private func duplicate(_ name: String, _ other: String, of module: String) -> String {
    "symbol '\(name)' of module '\(module)' is already exported by module '\(other)'; unload that one, make this one static, or keep it private with -f"
}

extension Draft {
    fileprivate func hash(ofDefinition position: Int) -> UInt64 {
        let definition = definitions[position]
        return hashes[definition.object, definition.symbol]
    }

    fileprivate func binding(ofDefinition position: Int) -> SymbolBinding {
        objects[definitions[position].object].symbols[definitions[position].symbol].binding
    }

    /// Whether a weak or unique definition gives way to one of the same name that another module exports. Where both are weak they
    /// are copies, as compilers make them of inline functions, virtual tables and templates: each module keeps its own, so that none
    /// holds another for what it has itself. Variables are another matter, since the copies would not stay equal; and of what is
    /// unique there is one.
    fileprivate func yields(_ position: Int, to other: SymbolBinding) -> Bool {
        guard other == .weak, binding(ofDefinition: position) == .weak else { return true }
        let definition = definitions[position]
        guard case .section(let section) = objects[definition.object].symbols[definition.symbol].place else {
            return true
        }
        return outputs[Int(placements[definition.object, Int(section)].output)].protection.contains(.write)
    }

    /// Settles what becomes of the module's definitions in view of what the space has: resident symbols were first, another
    /// module's strong one is a problem, and a weak one yields.
    mutating func settleDefinitions(in table: SymbolTable, _ workers: Workers, _ problems: inout ProblemList) {
        // Hardly any is, and only those are looked at in turn.
        let areExported = definitions.areExported(by: table, workers)
        for position in definitions.indices where areExported[position] {
            let definition = definitions[position]
            guard !definition.isPrivate else { continue }
            let object = definition.object
            let name = objects[object].symbols[definition.symbol].name
            guard let reference = table.exported(objects[object].bytes, name, hash: hash(ofDefinition: position)),
                let owner = table.owner(reference.owner), let other = table.symbol(reference)
            else { continue }
            if definition.strength == .weak {
                if owner.owner.isEmpty || yields(position, to: other.binding) {
                    definitions.displace(
                        position, by: Resolution(reference))
                }
                definitions[position].isPrivate = true
            } else if owner.owner.isEmpty {
                definitions[position].isPrivate = true
            } else if other.binding == .global {
                if !source.keepsDuplicatesPrivate {
                    problems.add(
                        objects[object].name, "",
                        duplicate(objects[object].text(name), owner.owner, of: source.name))
                }
                definitions[position].isPrivate = true
            }
        }
    }

    /// What a symbol that its object does not define is. A reference to `name@VERSION` is one to exactly that version if there is
    /// such a definition, else one to the name.
    func resolve(
        _ symbol: Symbol, hash: UInt64, of object: Object, _ traits: Survey.Traits,
        in environment: ResolutionEnvironment
    ) -> Resolution {
        if traits.contains(.versions), let versioned = object.versioned(symbol.name),
            let found = find(versioned, hash: nameHash(object.bytes, versioned), symbol, of: object, in: environment)
        {
            return found
        }
        return find(symbol.name, hash: hash, symbol, of: object, in: environment)
            ?? (symbol.binding == .weak ? .zero : .undefined)
    }

    /// Own definitions first, then the space's, then those of the modules that are loaded together with it.
    private func find(
        _ name: NameRange, hash: UInt64, _ symbol: Symbol, of object: Object,
        in environment: ResolutionEnvironment
    ) -> Resolution? {
        if let own = definitions.find(object.bytes, name, hash: hash) {
            return definitions.resolution(of: own)
        }
        if let found = madeSymbol(object.bytes, name, hash: hash) { return .made(found) }
        // What is hidden comes from this program: of that the space is a part (`__stack_chk_fail_local`), other modules are not.
        if symbol.isHidden {
            return environment.table.resident(object.bytes, name, hash: hash).map { Resolution($0) }
        }
        if let reference = environment.table.exported(object.bytes, name, hash: hash) { return Resolution(reference) }
        let drafts = environment.drafts
        if let peer = environment.exports?.find(object.bytes, name, hash: hash, notIn: index, in: drafts) {
            return Resolution(peer: peer.module, definition: peer.definition)
        }
        return nil
    }
}
