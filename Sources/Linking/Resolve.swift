import ObjectModel
import SymbolTable

/// The names that the modules of one transaction offer each other.
struct PeerExports {
    private var index = NameIndex()

    /// Enters the exported definitions of a module; of two modules with a strong one, the second is told.
    mutating func add(_ draft: inout Draft, known: [Draft], _ problems: inout ProblemList) {
        for position in draft.definitions.indices {
            let definition = draft.definitions[position]
            guard !definition.isPrivate else { continue }
            let object = draft.objects[definition.object]
            let name = object.symbols[definition.symbol].name
            let hash = draft.hash(ofDefinition: position)
            if let other = find(object.bytes, name, hash: hash, in: known) {
                let strength = known[other.module].definitions[other.definition].strength
                if definition.strength == .weak {
                    if draft.yields(position, to: known[other.module].binding(ofDefinition: other.definition)) {
                        draft.definitions[position].yieldsTo = .peer(module: other.module, definition: other.definition)
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
            let payload = UInt64(draft.index) << 32 | UInt64(position)
            let drafts = known
            let current = draft
            index.insert(hash, payload) { payload in
                let module = Int(payload >> 32)
                let owner = module == current.index ? current : drafts[module]
                return owner.hash(ofDefinition: Int(payload & 0xffff_ffff))
            }
        }
    }

    /// The definition of a name, a strong one before a weak one, and its module.
    func find(_ bytes: [UInt8], _ name: NameRange, hash: UInt64, in drafts: [Draft]) -> (module: Int, definition: Int)?
    {
        var probe = index.probe(hash)
        var weak: (module: Int, definition: Int)?
        while let payload = index.next(&probe) {
            let module = Int(payload >> 32)
            let position = Int(payload & 0xffff_ffff)
            guard drafts.indices.contains(module) else { continue }
            let draft = drafts[module]
            let definition = draft.definitions[position]
            let object = draft.objects[definition.object]
            guard sameName(object.bytes, object.symbols[definition.symbol].name, bytes, name) else { continue }
            if definition.strength != .weak { return (module, position) }
            weak = weak ?? (module, position)
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
        return hashes[definition.object][definition.symbol]
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
        return outputs[Int(placements[definition.object][Int(section)].output)].protection.contains(.write)
    }

    /// Settles what becomes of the module's definitions in view of what the space has: resident symbols were first, another
    /// module's strong one is a problem, and a weak one yields.
    mutating func settleDefinitions(in table: SymbolTable, _ problems: inout ProblemList) {
        for position in definitions.indices {
            let definition = definitions[position]
            guard !definition.isPrivate else { continue }
            let object = objects[definition.object]
            let symbol = object.symbols[definition.symbol]
            guard let reference = table.exported(object.bytes, symbol.name, hash: hash(ofDefinition: position)),
                let owner = table.owner(reference.owner), let other = table.symbol(reference)
            else { continue }
            if definition.strength == .weak {
                if owner.owner.isEmpty || yields(position, to: other.binding) {
                    definitions[position].yieldsTo =
                        .fixed(other.address, owner: reference.owner, entry: reference.entry)
                }
                definitions[position].isPrivate = true
            } else if owner.owner.isEmpty {
                definitions[position].isPrivate = true
            } else if other.binding == .global {
                if !source.keepsDuplicatesPrivate {
                    problems.add(object.name, "", duplicate(object.text(symbol.name), owner.owner, of: source.name))
                }
                definitions[position].isPrivate = true
            }
        }
    }

    /// Finds out what every symbol of every object is.
    mutating func resolve(in table: SymbolTable, peers exports: PeerExports?, drafts: [Draft]) {
        for (number, object) in objects.enumerated() {
            var resolved = [Resolution](repeating: .local, count: object.symbols.count)
            for (index, symbol) in object.symbols.enumerated() {
                if symbol.binding == .local {
                    if case .section(let section) = symbol.place,
                        !placements[number][Int(section)].isPlaced
                    {
                        resolved[index] = .discarded
                    } else if symbol.place == .undefined {
                        resolved[index] = .undefined
                    }
                    continue
                }
                let own = definitionIndices[number][index]
                resolved[index] =
                    own >= 0
                    ? definitions[Int(own)].yieldsTo ?? .definition(Int(own))
                    : resolve(symbol, hash: hashes[number][index], of: object, in: table, exports, drafts)
            }
            resolutions.append(resolved)
        }
    }

    /// What a symbol that its object does not define is. A reference to `name@VERSION` is one to exactly that version if there is
    /// such a definition, else one to the name.
    private func resolve(
        _ symbol: Symbol, hash: UInt64, of object: Object, in table: SymbolTable, _ exports: PeerExports?,
        _ drafts: [Draft]
    ) -> Resolution {
        if let versioned = object.versioned(symbol.name),
            let found = find(
                versioned, hash: nameHash(object.bytes, versioned), symbol, of: object, in: table, exports, drafts)
        {
            return found
        }
        return find(symbol.name, hash: hash, symbol, of: object, in: table, exports, drafts)
            ?? (symbol.binding == .weak ? .zero : .undefined)
    }

    /// Own definitions first, then the space's, then those of the modules that are loaded together with it.
    private func find(
        _ name: NameRange, hash: UInt64, _ symbol: Symbol, of object: Object, in table: SymbolTable,
        _ exports: PeerExports?, _ drafts: [Draft]
    ) -> Resolution? {
        if let own = definitions.find(object.bytes, name, hash: hash, objects: objects) {
            return definitions[own].yieldsTo ?? .definition(own)
        }
        if let found = madeSymbol(object.bytes, name) { return .made(found) }
        if !symbol.isHidden, let reference = table.exported(object.bytes, name, hash: hash),
            let entry = table.symbol(reference)
        {
            return .fixed(entry.address, owner: reference.owner, entry: reference.entry)
        }
        if !symbol.isHidden, let peer = exports?.find(object.bytes, name, hash: hash, in: drafts),
            peer.module != index
        {
            return .peer(module: peer.module, definition: peer.definition)
        }
        return nil
    }

    private func madeSymbol(_ bytes: [UInt8], _ name: NameRange) -> Int? {
        // All made names begin with `_` or are `mod_use_count_`: most names need no comparison.
        guard let first = bytes[name.indices].first, first == UInt8(ascii: "_") || first == UInt8(ascii: "m") else {
            return nil
        }
        return made.firstIndex { $0.name.utf8.elementsEqual(bytes[name.indices]) }
    }
}

extension Object {
    /// The whole of a name whose version the reader left out (`name@VERSION`); nil for one that has none.
    fileprivate func versioned(_ name: NameRange) -> NameRange? {
        let end = name.indices.upperBound
        guard symbolNames.contains(end), bytes[end] == UInt8(ascii: "@") else { return nil }
        let rest = bytes[end..<symbolNames.upperBound]
        return NameRange(offset: name.offset, count: name.count + UInt32(rest.prefix { $0 != 0 }.count))
    }
}
