import ObjectModel

/// A global name that a module defines.
struct Definition {
    /// The object and the symbol that define it.
    var object: Int
    var symbol: Int
    var strength: Strength
    /// For a common symbol, the size and alignment that satisfy all objects, and the room it got.
    var commonSize: UInt64 = 0
    var commonAlignment: UInt64 = 1
    var room: Placement?
    /// Whether other modules may not refer to it.
    var isPrivate: Bool
    /// For a weak one that another module's definition displaces, that other one.
    var yieldsTo: Resolution?

    enum Strength: UInt8, Comparable {
        case weak, common, strong

        static func < (left: Strength, right: Strength) -> Bool { left.rawValue < right.rawValue }
    }
}

/// The global names that a module defines: one definition each.
struct Definitions {
    private var list: [Definition] = []
    private var index = NameIndex()

    var indices: Range<Int> { list.indices }

    subscript(position: Int) -> Definition {
        get { list[position] }
        set { list[position] = newValue }
    }

    /// The definition of a name.
    func find(_ bytes: [UInt8], _ name: NameRange, hash: UInt64, objects: [Object]) -> Int? {
        var probe = index.probe(hash)
        while let payload = index.next(&probe) {
            let position = Int(payload)
            let definition = list[position]
            let object = objects[definition.object]
            if sameName(object.bytes, object.symbols[definition.symbol].name, bytes, name) { return position }
        }
        return nil
    }

    /// The definition of a name.
    func find(_ name: String, objects: [Object]) -> Int? {
        let bytes = Array(name.utf8)
        let range = NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count))
        return find(bytes, range, hash: nameHash(bytes, range), objects: objects)
    }

    /// Makes room for that many names, so that none has to move.
    mutating func reserve(_ count: Int) {
        list.reserveCapacity(count)
        index = NameIndex(minimumCapacity: count)
    }

    /// Adds a name that is not there yet.
    mutating func add(_ definition: Definition, hash: UInt64, objects: [Object]) {
        list.append(definition)
        let list = self.list
        index.insert(hash, UInt64(list.count - 1)) { payload in
            let known = list[Int(payload)]
            return nameHash(objects[known.object].bytes, objects[known.object].symbols[known.symbol].name)
        }
    }
}

extension Draft {
    /// Enters every global definition of the module's objects; one of several is chosen as in any linker: a strong one before a
    /// common one before a weak one, the first of several weak ones, the largest of several common ones.
    mutating func define(_ problems: inout ProblemList) {
        let objects = objects
        definitions.reserve(
            objects.reduce(0) { sum, object in
                sum + object.symbols.count { $0.binding != .local && $0.place != .undefined }
            })
        for (objectIndex, object) in objects.enumerated() {
            var hashes = [UInt64](repeating: 0, count: object.symbols.count)
            var indices = [Int32](repeating: -1, count: object.symbols.count)
            for (symbolIndex, symbol) in object.symbols.enumerated() where symbol.binding != .local {
                let hash = nameHash(object.bytes, symbol.name)
                hashes[symbolIndex] = hash
                guard let found = definition(of: symbol, objectIndex, symbolIndex) else { continue }
                guard let known = definitions.find(object.bytes, symbol.name, hash: hash, objects: objects) else {
                    indices[symbolIndex] = Int32(definitions.indices.count)
                    definitions.add(found, hash: hash, objects: objects)
                    continue
                }
                indices[symbolIndex] = Int32(known)
                merge(found, into: known, &problems)
            }
            self.hashes.append(hashes)
            definitionIndices.append(indices)
        }
        if let first = source.firstMember {
            for index in definitions.indices where definitions[index].object >= first {
                definitions[index].isPrivate = true
            }
        }
    }

    private func definition(of symbol: Symbol, _ object: Int, _ index: Int) -> Definition? {
        var found = Definition(
            object: object, symbol: index, strength: symbol.binding == .global ? .strong : .weak,
            isPrivate: symbol.isHidden)
        switch symbol.place {
        case .undefined: return nil
        case .absolute: break
        case .section(let section):
            guard placements[object][Int(section)].isPlaced else { return nil }
        case .common:
            found.strength = .common
            found.commonSize = symbol.size
            found.commonAlignment = max(symbol.value, 1)
        }
        return found
    }

    private mutating func merge(_ found: Definition, into known: Int, _ problems: inout ProblemList) {
        var kept = definitions[known]
        if found.strength == .strong, kept.strength == .strong {
            let object = objects[found.object]
            // `.symver name, name@@VERSION` gives one place its name twice.
            guard found.object != kept.object || !object.isSamePlace(found.symbol, kept.symbol) else { return }
            let other = objects[kept.object]
            problems.add(
                object.name, "",
                "symbol '\(object.text(object.symbols[found.symbol].name))' is already defined in \(other.name)")
            return
        }
        let hidden = kept.isPrivate || found.isPrivate
        if found.strength > kept.strength {
            kept = found
        } else if found.strength == .common, kept.strength == .common {
            if found.commonSize > kept.commonSize {
                kept.object = found.object
                kept.symbol = found.symbol
            }
            kept.commonSize = max(kept.commonSize, found.commonSize)
            kept.commonAlignment = max(kept.commonAlignment, found.commonAlignment)
        }
        // The most constraining visibility holds (gABI, "Symbol Visibility").
        kept.isPrivate = hidden
        definitions[known] = kept
    }

    /// Gives common symbols room in `.bss`.
    mutating func placeCommons(_ problems: inout ProblemList) {
        for index in definitions.indices where definitions[index].strength == .common {
            let definition = definitions[index]
            let output = outputs.output(named: ".bss", rank: .zeroes)
            guard
                let offset = outputs.append(
                    definition.commonSize, alignment: definition.commonAlignment, to: output)
            else {
                let object = objects[definition.object]
                problems.add(
                    object.name, "",
                    "common symbol '\(object.text(object.symbols[definition.symbol].name))' is too large")
                continue
            }
            definitions[index].room = Placement(output: UInt32(output), offset: offset)
        }
    }
}

extension Object {
    /// Whether two symbols are at one place.
    fileprivate func isSamePlace(_ first: Int, _ second: Int) -> Bool {
        symbols[first].place == symbols[second].place && symbols[first].value == symbols[second].value
    }
}
