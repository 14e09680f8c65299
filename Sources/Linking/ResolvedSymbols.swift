import ObjectModel
import Relocation
import SymbolTable

/// What symbols are resolved against beside the module's own definitions.
struct ResolutionEnvironment {
    /// The addresses that modules lie in.
    let window: Range<UInt64>
    let table: SymbolTable
    /// What the modules of the transaction offer each other, if there are several.
    let exports: PeerExports?
    let drafts: [Draft]
}

/// What a scan knows of a symbol before it looks at relocations, and what it learns.
struct SymbolState: OptionSet, BitwiseCopyable, Sendable {
    let rawValue: UInt8

    static let undefined = SymbolState(rawValue: 1)
    static let discarded = SymbolState(rawValue: 2)
    /// Its address is final already, and stands in the target.
    static let known = SymbolState(rawValue: 4)
    static let used = SymbolState(rawValue: 8)
    static let needsEntry = SymbolState(rawValue: 16)
    static let needsStub = SymbolState(rawValue: 32)
    /// It is a variable of each thread.
    static let threadLocal = SymbolState(rawValue: 64)
    static let dangling: SymbolState = [.undefined, .discarded]
    static let trouble: SymbolState = [.undefined, .discarded, .threadLocal]
}

/// What each symbol of an object is: side by side, since each pass wants one of them.
struct ResolvedSymbols: Sendable {
    var resolutions: [Resolution]
    /// With the addresses that are final already.
    var targets: [SymbolTarget]
    /// What is known before any relocation is looked at.
    var states: [SymbolState]
}

extension Draft {
    /// Finds out what every symbol of an object is. Changes nothing: what does, copies the draft for each question that it asks it.
    func resolved(
        ofObject number: Int, in environment: borrowing ResolutionEnvironment, _ workers: Workers
    ) -> ResolvedSymbols {
        let object = objects[number]
        let places = placements[number]
        let (objectDefinitions, objectHashes) = (definitionIndices[number], surveys[number].hashes)
        // Most modules have no thread-local variables, and their own symbols need not be asked.
        let hasThreadLocals = outputs.sections.contains { $0.rank.isThreadLocal }
        let environment = copy environment
        let (resolutions, targets, states) = workers.arrays(
            object.symbols.count, of: (Resolution.local, SymbolTarget(address: 0), SymbolState())
        ) { range, resolutions, targets, states in
            let symbols = object.symbols.span.extracting(range)
            let definitions = objectDefinitions.span.extracting(range)
            let hashes = objectHashes.span.extracting(range)
            for index in symbols.indices {
                let symbol = symbols[index]
                var resolution = Resolution.local
                if symbol.binding == .local {
                    resolution = resolvedLocal(symbol, places)
                } else if definitions[index] >= 0 {
                    resolution = self.definitions.resolution(of: Int(definitions[index]))
                } else {
                    resolution = resolve(symbol, hash: hashes[index], of: object, in: environment)
                }
                resolutions[index] = resolution
                var state = resolution.state
                if let address = finalAddress(resolution, symbol, environment.drafts) {
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
                states[index] = state
            }
        }
        return ResolvedSymbols(resolutions: resolutions, targets: targets, states: states)
    }

    private func resolvedLocal(_ symbol: Symbol, _ places: [Placement]) -> Resolution {
        switch symbol.place {
        case .section(let section): places[Int(section)].isPlaced ? .local : .discarded
        case .undefined: .undefined
        case .absolute, .common: .local
        }
    }

    /// The address of a symbol that no later pass changes; nil when there is none yet.
    private func finalAddress(_ resolution: Resolution, _ symbol: Symbol, _ drafts: [Draft]) -> UInt64? {
        switch resolution {
        case .zero: 0
        case .fixed(let address, _, _): address
        case .local: symbol.place == .absolute ? symbol.value : nil
        case .definition(let definition): absoluteValue(definition: definition)
        case .peer(let module, let definition): drafts[module].absoluteValue(definition: definition)
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
