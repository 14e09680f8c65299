import Linking
import ModlinkInterface
import ObjectModel
import Posix
import SymbolTable

// Names of the dead: what unloaded modules had where, so that a stale pointer is explained.

extension ModuleService {
    /// What an address was in a module of that space which has been unloaded; nil when it is a living one's, or was nobody's.
    func departed(_ address: UInt64, in architecture: Architecture) -> SymbolInformation? {
        let (departed, isAlive) = state.withLock { state in
            let isAlive = state.modules(in: architecture).contains { $0.range.contains(address) }
            return (state.spaces[architecture].departed, isAlive)
        }
        return isAlive
            ? nil
            : departed.describe(address).map {
                SymbolInformation(address, $0, now: Clock.nanoseconds())
            }
    }

    /// The module of a space that was unloaded last.
    func lastUnloaded(in architecture: Architecture) -> String? {
        state.withLock { $0.spaces[architecture].departed.last }
    }
}

extension ModuleService.State {
    /// Notes that a module has left its space, in which it has been mapped. Its addresses rest.
    mutating func bury(_ module: LinkedModule, _ set: SymbolSet?) {
        let architecture = module.image.architecture
        spaces[architecture].departed.remember(set ?? SymbolSet(module), at: Clock.nanoseconds())
        spaces[architecture].ranges.release(module.range.lowerBound, rests: true)
    }
}

extension SymbolInformation {
    /// What is known of an address of a module that has been unloaded.
    ///
    /// - Parameter now: by the clock that said when it went, in nanoseconds.
    init(_ address: UInt64, _ place: DepartedAddress, now: UInt64) {
        self.init(
            module: place.owner, name: place.name, address: Int(truncatingIfNeeded: place.start),
            size: Int(truncatingIfNeeded: place.size), offset: Int(truncatingIfNeeded: address - place.start),
            kind: Self.kind(of: place.type), exported: false,
            unloaded: Int((now - min(now, place.time)) / 1_000_000))
    }

    /// What a symbol of a type is called.
    static func kind(of type: SymbolType) -> String {
        switch type {
        case .function, .indirectFunction: "function"
        case .object: "object"
        case .threadLocal: "threadLocal"
        case .section: "section"
        case .none, .file: "label"
        }
    }
}
