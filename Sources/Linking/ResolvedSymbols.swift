import ObjectModel
import Relocation
import SymbolTable

/// What symbols are resolved against beside the module's own definitions. One reference, for those who resolve at the same time.
final class ResolutionEnvironment: Sendable {
    /// The addresses that modules lie in.
    let window: Range<UInt64>
    let table: SymbolTable
    /// What the modules of the transaction offer each other, if there are several.
    let exports: PeerExports?
    let drafts: [Draft]
    /// Whether any of the modules has symbols outside of their sections.
    let hasSymbolsOutside: Bool

    init(
        window: Range<UInt64>, table: SymbolTable, exports: PeerExports?, drafts: [Draft], hasSymbolsOutside: Bool
    ) {
        self.hasSymbolsOutside = hasSymbolsOutside
        self.window = window
        self.table = table
        self.exports = exports
        self.drafts = drafts
    }
}

/// What a scan knows of a symbol before it looks at relocations, and what it learns.
struct SymbolState: OptionSet, BitwiseCopyable, Sendable {
    let rawValue: UInt16

    static let undefined = SymbolState(rawValue: 1)
    static let discarded = SymbolState(rawValue: 2)
    /// Its address is final already, and stands in the target.
    static let known = SymbolState(rawValue: 4)
    static let used = SymbolState(rawValue: 8)
    static let needsEntry = SymbolState(rawValue: 16)
    static let needsStub = SymbolState(rawValue: 32)
    /// It is a variable of each thread.
    static let threadLocal = SymbolState(rawValue: 64)
    /// Some code gives it to a function that returns the address of a thread-local variable.
    static let needsArgument = SymbolState(rawValue: 128)
    static let needs: SymbolState = [.needsEntry, .needsStub, .needsArgument]
    /// It may lie far from the module that defines it.
    static let isAnywhere = SymbolState(rawValue: 256)
    static let dangling: SymbolState = [.undefined, .discarded]
    static let trouble: SymbolState = [.undefined, .discarded, .threadLocal]
}

extension Draft {
    /// Finds out what every symbol of an object is. Changes nothing else: what does, copies the draft for each question that it asks it.
    ///
    /// - Parameters:
    ///   - resolutions: what is to hold what each symbol is.
    ///   - targets: what is to hold the addresses that are final already.
    ///   - states: what is to hold what is known of each before any relocation is looked at.
    func resolve(
        object number: Int, in environment: ResolutionEnvironment, _ resolutions: inout MutableSpan<Resolution>,
        _ targets: inout MutableSpan<SymbolTarget>, _ states: inout MutableSpan<SymbolState>, _ workers: Workers
    ) {
        let object = objects[number]
        let objectSymbols = object.symbols
        let (row, traits) = (hashes.range(number), surveys[number].traits)
        // Most modules have no thread-local variables, and their own symbols need not be asked.
        let hasThreadLocals = outputs.sections.contains { $0.rank.isThreadLocal }
        workers.fill(&resolutions, &targets, &states) { range, resolutions, targets, states in
            let symbols = objectSymbols.span.extracting(range)
            let definitions = definitionIndices.elements.span.extracting(row).extracting(range)
            let hashes = hashes.elements.span.extracting(row).extracting(range)
            for index in symbols.indices {
                let symbol = symbols[index]
                var resolution = Resolution.local
                if symbol.binding == .local {
                    resolution = resolvedLocal(symbol, object: number)
                } else if definitions[index] >= 0 {
                    resolution = self.definitions.resolution(of: Int(definitions[index]))
                } else {
                    resolution = resolve(symbol, hash: hashes[index], of: object, traits, in: environment)
                }
                resolutions[index] = resolution
                var state = resolution.state
                if let address = finalAddress(resolution, symbol, in: environment) {
                    targets[index].address = address
                    state.insert(.known)
                }
                if hasThreadLocals || !resolution.isOwn,
                    isThreadLocal(
                        resolution, object: number, symbol: range.lowerBound + index, in: environment.table,
                        environment.drafts)
                {
                    state.insert(.threadLocal)
                }
                if environment.hasSymbolsOutside,
                    isOutside(resolution, object: number, symbol: range.lowerBound + index, environment.drafts)
                {
                    state.insert(.isAnywhere)
                }
                states[index] = state
            }
        }
    }

    private func resolvedLocal(_ symbol: Symbol, object: Int) -> Resolution {
        switch symbol.place {
        case .section(let section): placements[object, Int(section)].isPlaced ? .local : .discarded
        case .undefined: .undefined
        case .absolute, .common: .local
        }
    }

    /// The address of a symbol that no later pass changes; nil when there is none yet.
    private func finalAddress(
        _ resolution: Resolution, _ symbol: Symbol, in environment: ResolutionEnvironment
    ) -> UInt64? {
        switch resolution {
        case .zero: 0
        case .fixed(let owner, let entry):
            environment.table.symbol(SymbolReference(owner: owner, entry: entry))?.address
        case .local: symbol.place == .absolute ? symbol.value : nil
        case .definition(let definition): absoluteValue(definition: definition)
        case .peer(let module, let definition):
            environment.drafts[Int(module)].absoluteValue(definition: Int(definition))
        case .undefined, .discarded, .made: nil
        }
    }

    /// The value of a definition that linking does not change; nil for all others.
    private func absoluteValue(definition index: Int) -> UInt64? {
        let definition = definitions[index]
        return definition.isAbsolute ? objects[definition.object].symbols[definition.symbol].value : nil
    }
}

extension Resolution {
    /// What is known of a symbol by that alone.
    fileprivate var state: SymbolState {
        switch self {
        case .undefined: .undefined
        case .discarded: .discarded
        default: []
        }
    }

    /// Whether the module itself defines it.
    fileprivate var isOwn: Bool {
        switch self {
        case .local, .definition: true
        default: false
        }
    }
}
