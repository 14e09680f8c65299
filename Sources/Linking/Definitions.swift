import ObjectModel
import SymbolTable

/// A global name that a module defines. Large modules have a hundred thousand: what few of them have stands aside, in
/// `Definitions`.
struct Definition {
    private var objectNumber: UInt32
    private var symbolNumber: UInt32
    var strength: Strength
    /// Whether other modules may not refer to it.
    var isPrivate: Bool
    /// Whether it is a value that linking does not change.
    let isAbsolute: Bool
    /// Whether it is a weak one that another module's definition displaces.
    fileprivate(set) var isDisplaced = false

    init(_ symbol: DefinedSymbol, ofObject object: Int) {
        objectNumber = UInt32(truncatingIfNeeded: object)
        symbolNumber = symbol.symbol
        strength = symbol.strength
        isPrivate = symbol.isHidden
        isAbsolute = symbol.isAbsolute
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
    /// A name as it is looked for: all names stand in one place, because in the objects each is a visit to another page.
    private struct Key {
        let hash: UInt64
        /// Where it stands in `names`.
        let offset: Int
        let count: Int
    }

    private var list: [Definition] = []
    private var keys: [Key] = []
    private var names: [UInt8] = []
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
    func find(_ bytes: [UInt8], _ name: NameRange, hash: UInt64) -> Int? {
        find(bytes, name.indices, hash: hash)
    }

    private func find(_ bytes: [UInt8], _ name: Range<Int>, hash: UInt64) -> Int? {
        var probe = index.probe(hash)
        while let payload = index.next(&probe) {
            let key = keys[Int(payload)]
            if key.hash == hash, sameBytes(names, key.offset..<key.offset + key.count, bytes, name) {
                return Int(payload)
            }
        }
        return nil
    }

    /// The definition of a name that ``addNames(_:)`` has put somewhere.
    func find(added name: Range<Int>, hash: UInt64) -> Int? {
        find(names, name, hash: hash)
    }

    /// The definition of a name.
    func find(_ name: String) -> Int? {
        let bytes = Array(name.utf8)
        let range = NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count))
        return find(bytes, range, hash: nameHash(bytes, range))
    }

    /// For each definition, whether the table has an exported symbol of its name.
    func areExported(by table: SymbolTable, _ workers: Workers) -> [Bool] {
        let (keys, names) = (keys, names)
        return workers.array(keys.count, of: false) { range, found in
            let keys = keys.span.extracting(range)
            for index in keys.indices {
                let key = keys[index]
                let name = NameRange(
                    offset: UInt32(truncatingIfNeeded: key.offset), count: UInt32(truncatingIfNeeded: key.count))
                found[index] = table.exported(names, name, hash: key.hash) != nil
            }
        }
    }

    /// Makes room for names, so that none has to move.
    ///
    /// - Parameters:
    ///   - count: how many there are at most.
    ///   - bytes: how many bytes they have together.
    mutating func reserve(_ count: Int, bytes: Int) {
        list.reserveCapacity(count)
        keys.reserveCapacity(count)
        names.reserveCapacity(bytes)
        index = NameIndex(minimumCapacity: count + 8)
    }

    /// Adds the names that an object defines, one behind the other, be they there already or not. Returns where they begin.
    mutating func addNames(_ added: [UInt8]) -> Int {
        defer { names.append(contentsOf: added) }
        return names.count
    }

    /// Adds a definition, which has room, of a name that has none yet.
    ///
    /// - Parameter name: where ``addNames(_:)`` has put it.
    mutating func add(_ definition: Definition, _ name: Range<Int>, hash: UInt64) {
        index.insertReserved(hash, UInt64(list.count))
        list.append(definition)
        keys.append(Key(hash: hash, offset: name.lowerBound, count: name.count))
    }
}

extension Draft {
    /// Enters every global definition of the module's objects; one of several is chosen as in any linker: a strong one before a
    /// common one before a weak one, the first of several weak ones, the largest of several common ones.
    mutating func define(_ problems: inout ProblemList) {
        let objects = objects
        definitions.reserve(
            surveys.reduce(0) { $0 + $1.definitions.count }, bytes: surveys.reduce(0) { $0 + $1.definedNames.count })
        // Borrowed once: an array would ask at each change whether it is shared.
        var numbers = [Int32](repeating: -1, count: self.hashes.elements.count)
        defer { definitionIndices = Rows(starts: self.hashes.starts, elements: numbers) }
        var indices = numbers.mutableSpan
        for objectIndex in objects.indices {
            let objectDefined = surveys[objectIndex].definitions
            let defined = objectDefined.span
            let start = hashes.starts[objectIndex]
            var nextName = definitions.addNames(surveys[objectIndex].definedNames)
            for position in defined.indices {
                let symbol = defined[position]
                let name = nextName..<nextName + Int(symbol.nameCount)
                nextName = name.upperBound
                guard symbol.section == .max || placements[objectIndex, Int(symbol.section)].isPlaced else { continue }
                let found = Definition(symbol, ofObject: objectIndex)
                let common = symbol.strength == .common ? objects[objectIndex].symbols[found.symbol].common : nil
                if let known = definitions.find(added: name, hash: symbol.hash) {
                    indices[start + found.symbol] = Int32(known)
                    merge(found, common, into: known, &problems)
                } else {
                    indices[start + found.symbol] = Int32(definitions.indices.count)
                    definitions.add(found, name, hash: symbol.hash)
                    if let common { definitions[common: definitions.indices.count - 1] = common }
                }
            }
        }
        if let first = source.firstMember {
            for index in definitions.indices where definitions[index].object >= first {
                definitions[index].isPrivate = true
            }
        }
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
