import ObjectModel
import Relocation

// Indirect functions (`STT_GNU_IFUNC`): the symbol is a resolver, which chooses the function to use when it is called. A
// module's are done as a static linker does them: everything that refers to one gets the address of a stub, which jumps
// through a table entry; so the function has one address, for calls and for whoever compares. The entries are filled in by
// asking the resolvers in the space, after everything is mapped and before any constructor.

/// An indirect function of a linked module.
public struct IndirectFunction: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// The address of the resolver: `void *(void)`.
    public var resolver: UInt64
    /// The address of the table entry that what it returns belongs in. Constant memory: entries are in the file.
    public var entry: UInt64
    /// Where in the file that entry is, in bytes from the start.
    public var fileOffset: UInt64
}

/// The indirect functions of a module in the making.
struct IndirectFunctions {
    private struct Place: Hashable {
        let object: Int
        let section: UInt32
        let offset: UInt64
    }

    /// One symbol of each.
    private(set) var symbols: [ObjectSymbol] = []
    /// Several names of one resolver are one function.
    private var byPlace: [Place: Int] = [:]
    /// The output sections of the stubs and of the table, once there is a function.
    var stubs = 0
    var table = 0
    /// Bytes of a stub and of an entry.
    var stubSize: UInt64 = 0
    var entrySize: UInt64 = 0

    /// The function of a symbol that is in a section.
    func find(object: Int, _ section: UInt32, _ offset: UInt64) -> Int? {
        byPlace[Place(object: object, section: section, offset: offset)]
    }

    mutating func add(object: Int, symbol: Int, _ section: UInt32, _ offset: UInt64) {
        let place = Place(object: object, section: section, offset: offset)
        guard byPlace[place] == nil else { return }
        byPlace[place] = symbols.count
        symbols.append(ObjectSymbol(object: UInt32(object), symbol: UInt32(symbol)))
    }
}

extension Draft {
    /// Gives every indirect function of the module a stub and a table entry.
    mutating func makeIndirectFunctions(_ problems: inout ProblemList) {
        for (index, object) in objects.enumerated() where surveys[index].traits.contains(.indirectFunctions) {
            for (number, symbol) in object.symbols.enumerated() where symbol.type == .indirectFunction {
                switch symbol.place {
                case .undefined: break
                case .section(let section):
                    guard placements[index, Int(section)].isPlaced else { continue }
                    indirect.add(object: index, symbol: number, section, symbol.value)
                case .absolute, .common:
                    problems.add(
                        object.name, "symbol '\(object.text(symbol.name))'",
                        "an indirect function (STT_GNU_IFUNC) that is in no section")
                }
            }
        }
        guard !indirect.symbols.isEmpty else { return }
        let count = UInt64(indirect.symbols.count)
        indirect.stubSize = UInt64(machine.stubSize)
        indirect.entrySize = architecture.pointerSize
        indirect.stubs = outputs.output(named: ".iplt", rank: .stubs)
        indirect.table = outputs.output(named: ".igot", rank: .table)
        _ = outputs.append(count * indirect.stubSize, alignment: machine.stubAlignment, to: indirect.stubs)
        _ = outputs.append(count * indirect.entrySize, alignment: indirect.entrySize, to: indirect.table)
    }

    /// The address of the stub that stands for a symbol, if it is an indirect function.
    func indirectStub(object: Int, _ symbol: Symbol) -> UInt64? {
        guard symbol.type == .indirectFunction, case .section(let section) = symbol.place,
            let found = indirect.find(object: object, section, symbol.value)
        else { return nil }
        return base &+ outputs[indirect.stubs].offset &+ UInt64(found) &* indirect.stubSize
    }

    private func indirectEntry(_ index: Int) -> UInt64 {
        outputs[indirect.table].offset &+ UInt64(index) &* indirect.entrySize
    }

    /// Writes the stubs. Their entries stay zero until the resolvers are asked.
    func emitIndirectStubs<M: Machine>(
        as machine: M.Type, into image: inout MutableRawSpan, _ problems: inout ProblemList
    ) {
        guard !indirect.symbols.isEmpty else { return }
        let start = outputs[indirect.stubs].offset
        for index in indirect.symbols.indices {
            let offset = start &+ UInt64(index) &* indirect.stubSize
            let isNear = M.writeStub(
                &image, at: Int(offset), address: base &+ offset, entry: base &+ indirectEntry(index))
            if !isNear { problems.add(source.name, "stub \(index)", "the module is larger than 2 GiB") }
        }
    }

    /// The indirect functions, once the module has its address.
    var indirectFunctions: [IndirectFunction] {
        indirect.symbols.enumerated().map { index, place in
            let object = objects[Int(place.object)]
            let symbol = object.symbols[Int(place.symbol)]
            var resolver = symbol.value
            if case .section(let section) = symbol.place {
                resolver &+= address(placements[Int(place.object), Int(section)])
            }
            let entry = indirectEntry(index)
            return IndirectFunction(
                name: object.text(symbol.name), resolver: resolver, entry: base &+ entry, fileOffset: entry)
        }
    }
}
