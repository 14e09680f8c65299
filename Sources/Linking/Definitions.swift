import ObjectModel

/// A global name that a module defines. Large modules have a hundred thousand: what few of them have stands aside, in
/// `Definitions`.
struct Definition {
    private var objectNumber: UInt32
    private var symbolNumber: UInt32
    var strength: Strength
    /// Whether other modules may not refer to it.
    var isPrivate: Bool
    /// Whether it is a weak one that another module's definition displaces.
    fileprivate(set) var isDisplaced = false

    init(object: Int, symbol: Int, strength: Strength, isPrivate: Bool) {
        objectNumber = UInt32(truncatingIfNeeded: object)
        symbolNumber = UInt32(truncatingIfNeeded: symbol)
        self.strength = strength
        self.isPrivate = isPrivate
    }

    /// The object and the symbol that define it.
    var object: Int { Int(objectNumber) }
    var symbol: Int { Int(symbolNumber) }

    enum Strength: UInt8, Comparable {
        case weak, common, strong

        static func < (left: Strength, right: Strength) -> Bool { left.rawValue < right.rawValue }
    }
}

/// What satisfies all objects that have a common symbol of one name, and the room that it got.
struct CommonSymbol {
    var size: UInt64
    var alignment: UInt64
    var room: Placement?
}

/// The global names that a module defines: one definition each.
struct Definitions {
    private var list: [Definition] = []
    private var index = NameIndex()
    private var commons: [Int: CommonSymbol] = [:]
    private var displacements: [Int: Resolution] = [:]

    var indices: Range<Int> { list.indices }

    subscript(position: Int) -> Definition {
        get { list[position] }
        set { list[position] = newValue }
    }

    /// The size, alignment and room of a definition that is a common symbol.
    subscript(common position: Int) -> CommonSymbol? {
        get { list[position].strength == .common ? commons[position] : nil }
        set { commons[position] = newValue }
    }

    /// What symbols of a definition's name are: the definition, or what displaces it.
    func resolution(of position: Int) -> Resolution {
        guard list[position].isDisplaced, let other = displacements[position] else { return .definition(position) }
        return other
    }

    /// A weak definition yields to another module's.
    mutating func displace(_ position: Int, by other: Resolution) {
        list[position].isDisplaced = true
        displacements[position] = other
    }

    /// The definition of a name.
    func find(_ bytes: [UInt8], _ name: NameRange, hash: UInt64, objects: [Object]) -> Int? {
        var probe = index.probe(hash)
        while let payload = index.next(&probe) {
            let position = Int(payload)
            // An object is not taken out of the list as a whole: that would retain each of its arrays.
            let object = list[position].object
            let known = objects[object].symbols[list[position].symbol].name
            if sameName(objects[object].bytes, known, bytes, name) { return position }
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
    mutating func define(_ workers: Workers, _ problems: inout ProblemList) {
        let objects = objects
        let (outer, inner) = workers.split(over: objects.count)
        hashes = outer.map(objects.count) { Self.hashes(of: objects[$0], inner) }
        definitions.reserve(
            objects.reduce(0) { sum, object in
                sum + object.symbols.count { $0.binding != .local && $0.place != .undefined }
            })
        for (objectIndex, object) in objects.enumerated() {
            let places = placements[objectIndex]
            let hashes = hashes[objectIndex]
            var indices = [Int32](repeating: -1, count: object.symbols.count)
            for (symbolIndex, symbol) in object.symbols.enumerated() where symbol.binding != .local {
                let hash = hashes[symbolIndex]
                guard let found = Self.definition(of: symbol, objectIndex, symbolIndex, places) else { continue }
                guard let known = definitions.find(object.bytes, symbol.name, hash: hash, objects: objects) else {
                    indices[symbolIndex] = Int32(definitions.indices.count)
                    definitions.add(found, hash: hash, objects: objects)
                    if let common = symbol.common { definitions[common: definitions.indices.count - 1] = common }
                    continue
                }
                indices[symbolIndex] = Int32(known)
                merge(found, symbol.common, into: known, &problems)
            }
            definitionIndices.append(indices)
        }
        if let first = source.firstMember {
            for index in definitions.indices where definitions[index].object >= first {
                definitions[index].isPrivate = true
            }
        }
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

    private static func definition(
        of symbol: Symbol, _ object: Int, _ index: Int, _ places: [Placement]
    ) -> Definition? {
        var found = Definition(
            object: object, symbol: index, strength: symbol.binding == .global ? .strong : .weak,
            isPrivate: symbol.isHidden)
        switch symbol.place {
        case .undefined: return nil
        case .absolute: break
        case .section(let section):
            guard places[Int(section)].isPlaced else { return nil }
        case .common:
            found.strength = .common
        }
        return found
    }

    private mutating func merge(
        _ found: Definition, _ common: CommonSymbol?, into known: Int, _ problems: inout ProblemList
    ) {
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
            if let common { definitions[common: known] = common }
        } else if let common, let other = definitions[common: known] {
            if common.size > other.size { kept = found }
            definitions[common: known] = CommonSymbol(
                size: max(common.size, other.size), alignment: max(common.alignment, other.alignment))
        }
        // The most constraining visibility holds (gABI, "Symbol Visibility").
        kept.isPrivate = hidden
        definitions[known] = kept
    }

    /// Gives common symbols room in `.bss`, or `.tbss`.
    mutating func placeCommons(_ problems: inout ProblemList) {
        for index in definitions.indices {
            guard let common = definitions[common: index] else { continue }
            let symbol = objects[definitions[index].object].symbols[definitions[index].symbol]
            let output =
                symbol.type == .threadLocal
                ? outputs.output(named: ".tbss", rank: .threadZeroes) : outputs.output(named: ".bss", rank: .zeroes)
            guard let offset = outputs.append(common.size, alignment: common.alignment, to: output) else {
                let object = objects[definitions[index].object]
                problems.add(object.name, "", "common symbol '\(object.text(symbol.name))' is too large")
                continue
            }
            definitions[common: index]?.room = Placement(output: UInt32(output), offset: offset)
        }
    }
}

extension Symbol {
    /// What a common symbol asks for.
    fileprivate var common: CommonSymbol? {
        place == .common ? CommonSymbol(size: size, alignment: max(value, 1)) : nil
    }
}

extension Object {
    /// Whether two symbols are at one place.
    fileprivate func isSamePlace(_ first: Int, _ second: Int) -> Bool {
        symbols[first].place == symbols[second].place && symbols[first].value == symbols[second].value
    }
}
