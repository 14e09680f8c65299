import ObjectModel
import SymbolTable

/// The thread-local variables of a linked module.
public struct ThreadStorage: Sendable, Equatable {
    /// Where they are in each thread: the first byte, in bytes from the thread pointer.
    public var block: Int64
    /// How many bytes they are.
    public var size: UInt64
    /// Where the values that they begin with lie in the image; those after them begin with zero.
    public var values: Range<UInt64>
}

// A module's thread-local variables are one block in each thread: the sections with first values, then those of zeroes. The
// image has the first values, where every program has them, at the start of its variables (`PT_TLS`); the zeroes are nowhere.
//
// The address of a symbol in such a section is its distance from the thread pointer, as a signed number in 64 bits.
extension Draft {
    /// Whether a symbol of one of the module's objects is a variable of each thread.
    func isThreadLocal(object: Int, symbol: Int) -> Bool {
        let facts = objects[object].symbols[symbol]
        guard case .section(let section) = facts.place else { return facts.type == .threadLocal }
        return objects[object].sections[Int(section)].isThreadLocal
    }

    private func isThreadLocal(definition index: Int) -> Bool {
        isThreadLocal(object: definitions[index].object, symbol: definitions[index].symbol)
    }

    /// Whether what a symbol was resolved to is a variable of each thread.
    func isThreadLocal(
        _ resolution: Resolution, object: Int, symbol: Int, in table: SymbolTable, _ drafts: [Draft]
    ) -> Bool {
        switch resolution {
        case .undefined, .zero, .discarded, .local: isThreadLocal(object: object, symbol: symbol)
        case .definition(let index):
            isThreadLocal(definition: index)
        case .made(let index): made[index].place == .name(.threadBase)
        case .fixed(let owner, let entry):
            table.symbol(SymbolReference(owner: owner, entry: entry))?.type == .threadLocal
        case .peer(let module, let index):
            drafts[Int(module)].isThreadLocal(definition: Int(index))
        }
    }

    /// The address of a symbol at a place, or its distance from the thread pointer.
    func value(_ place: Placement) -> UInt64 {
        outputValues[Int(place.output)] &+ place.offset
    }

    /// The address of an output section, or the distance from the thread pointer.
    func value(of output: OutputSection) -> UInt64 {
        output.rank.isThreadLocal ? threadBlock &+ (output.offset &- threadStart) : base &+ output.offset
    }

    /// What there is to say about the module's thread-local variables, when it has its address.
    var threadStorage: ThreadStorage? {
        guard threadSize > 0 else { return nil }
        let last = outputs.sections.filter { $0.rank == .threadData && $0.size > 0 }.map { $0.offset + $0.size }.max()
        let start = base &+ threadStart
        return ThreadStorage(
            block: Int64(bitPattern: threadBlock), size: threadSize, values: start..<(base &+ (last ?? threadStart)))
    }
}
