import ObjectModel
import Relocation

// What runs when a module is loaded and unloaded, in the order of ld's default script: `.preinit_array`, `.init`, then by
// priority `.init_array.N` and `.ctors.N` (whose numbers count down from 65535), then `.init_array` and `.ctors` without a number, in
// the order of objects. The space is given one array; that of the end is run from its last function to its first, so it is arranged in
// the same way. The lists of `.ctors` and `.dtors` are run from their ends, so their addresses go into the array reversed.

/// The function that the pieces of `.init`, or of `.fini`, make together.
struct FragmentFunction {
    /// The output section of the pieces.
    let output: Int
    /// The word of the array by which it is called.
    let call: Placement
    /// The module's own `_init` or `_fini`, if it brings one: an object and a symbol.
    let own: ObjectSymbol?
}

extension Draft {
    /// The sections that hold pieces of a function without its start and end, which static programs get from crti.o and crtn.o.
    private static let fragmentNames = [".init", ".fini"]

    /// Whether an object's section is such a piece.
    static func isFragment(_ section: Section, of object: Object) -> Bool {
        guard section.name.count == 5, section.protection.contains(.execute) else { return false }
        return fragmentNames.contains { object.bytes[section.name.indices].elementsEqual($0.utf8) }
    }

    /// Makes room for a function's start before its first piece.
    mutating func beginFragments(_ output: Int) {
        guard outputs[output].size == 0 else { return }
        _ = outputs.append(UInt64(machine.fragmentStart.count), alignment: 16, to: output)
    }

    /// Puts constructors and destructors into the order of their priorities, over all objects of the module.
    mutating func arrangeFunctionArrays() {
        for (rank, fragments) in zip([OutputSection.Rank.initializers, .finalizers], Self.fragmentNames) {
            let called = endFragments(fragments)
            let word = architecture.pointerSize
            if called != nil {
                // Room for the word that calls the function.
                _ = outputs.append(word, alignment: word, to: outputs.output(named: fragments, rank: rank))
            }
            guard let output = outputs.sections.firstIndex(where: { $0.rank == rank }) else { continue }
            let isAtStart = rank == .initializers
            var pieces: [(priority: Int, name: String, object: Int, section: Int)] = []
            for (index, object) in objects.enumerated() where surveys[index].traits.contains(.functionArrays) {
                for section in object.sections.indices where placements[index, section].output == UInt32(output) {
                    let name = object.text(object.sections[section].name)
                    let priority = Self.priority(name)
                    pieces.append((priority, priority < Self.behindAll ? name : "", index, section))
                }
            }
            pieces.sort {
                ($0.priority, $0.name, $0.object, $0.section) < ($1.priority, $1.name, $1.object, $1.section)
            }
            let bounds = arrange(
                pieces.map { ($0.object, $0.section) }, into: output, calling: called,
                before: pieces.firstIndex { $0.priority > Self.beforeAll } ?? pieces.count)
            if isAtStart {
                (preinitializersEnd, initializersStart) = (bounds.lowerBound, bounds.upperBound)
            } else {
                finalizersStart = bounds.upperBound
            }
        }
    }

    /// Gives the pieces their places. Returns where the function that is called before one of them has its word; nothing where there is
    /// no such function.
    private mutating func arrange(
        _ pieces: [(object: Int, section: Int)], into output: Int, calling fragments: Int?, before position: Int
    ) -> Range<UInt64> {
        var offset: UInt64 = 0
        var word: Range<UInt64> = 0..<0
        for number in 0...pieces.count {
            if number == position { word = offset..<offset }
            if number == position, let fragments {
                fragmentFunctions.append(
                    FragmentFunction(
                        output: fragments, call: Placement(output: UInt32(output), offset: offset),
                        own: ownFragmentFunction(outputs[fragments].name)))
                offset += architecture.pointerSize
                word = word.lowerBound..<offset
            }
            guard number < pieces.count else { break }
            let piece = pieces[number]
            // The reader has seen that such a section holds whole addresses.
            placements[piece.object, piece.section].offset = offset
            offset += objects[piece.object].sections[piece.section].size
        }
        outputs[output].size = offset
        return word
    }

    /// Before all others: `.preinit_array`.
    private static let beforeAll = Int.min
    /// Behind all that have a number, and behind those that have something else there.
    private static let withoutNumber = Int.max - 1
    private static let behindAll = Int.max

    /// In which order an array runs, as ld has it (`SORT_BY_INIT_PRIORITY`): by the number at the end of the name.
    private static func priority(_ name: String) -> Int {
        if name == ".preinit_array" { return beforeAll }
        guard let family = [".init_array.", ".fini_array.", ".ctors.", ".dtors."].first(where: name.hasPrefix) else {
            return behindAll
        }
        let digits = name[name.index(after: name.lastIndex(of: ".") ?? name.startIndex)...]
        guard let first = digits.utf8.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first),
            let number = Int32(digits)
        else { return withoutNumber }
        // With a second dot, the number of an older name counts as it stands.
        let isOlder =
            (family == ".ctors." || family == ".dtors.") && name.utf8.count == family.utf8.count + digits.utf8.count
        return isOlder ? 65535 - Int(number) : Int(number)
    }

    /// Makes room for the end of the function, and returns the output section of its pieces; nil when there are none.
    private mutating func endFragments(_ name: String) -> Int? {
        guard let output = outputs.sections.firstIndex(where: { $0.name == name && $0.rank == .code && $0.size > 0 })
        else { return nil }
        _ = outputs.append(UInt64(machine.fragmentEnd.count), alignment: 1, to: output)
        return output
    }

    /// `_init` in `.init`: who defines it has linked crti.o and crtn.o, or written the whole function.
    private func ownFragmentFunction(_ section: String) -> ObjectSymbol? {
        let name = "_" + section.dropFirst()
        for (index, object) in objects.enumerated() where surveys[index].traits.contains(.fragments) {
            for (number, symbol) in object.symbols.enumerated() {
                guard case .section(let place) = symbol.place, Int(symbol.name.count) == name.utf8.count,
                    placements[index, Int(place)].isPlaced,
                    Self.isFragment(object.sections[Int(place)], of: object),
                    object.bytes[symbol.name.indices].elementsEqual(name.utf8)
                else { continue }
                return ObjectSymbol(object: UInt32(index), symbol: UInt32(number))
            }
        }
        return nil
    }

    /// Writes the functions around their pieces, and their addresses into the arrays. To be called before the pieces are
    /// written, since what is between them is filled.
    func emitFragmentFunctions<M: Machine>(as machine: M.Type, into image: inout MutableRawSpan) {
        for function in fragmentFunctions {
            let section = outputs[function.output]
            image.copy([UInt8](repeating: M.noOperation, count: Int(section.size)), at: Int(section.offset))
            image.copy(M.fragmentStart, at: Int(section.offset))
            image.copy(M.fragmentEnd, at: Int(section.offset + section.size) - M.fragmentEnd.count)
            let target =
                function.own.flatMap { address(object: Int($0.object), symbol: Int($0.symbol)) } ?? base
                + section.offset
            let place = Int(address(function.call) - base)
            let stored = M.Address(truncatingIfNeeded: target)
            image.storeBytes(of: stored.littleEndian, toByteOffset: place, as: M.Address.self)
        }
    }
}
