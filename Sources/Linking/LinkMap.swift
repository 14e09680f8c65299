import ObjectModel
import Relocation
import SymbolTable

/// What a link has decided for a module: where each section of its objects lies, and where each symbol that they refer to comes
/// from. For people, and for comparing with what another linker makes of the same objects.
public struct LinkMap: Sendable {
    /// A section of an object that is part of the image, or that was left out.
    public struct PlacedSection: Sendable {
        /// The object: an index into the module's objects.
        public var object: Int
        /// The section: an index into the object's sections.
        public var section: Int
        /// Its address; nil when another copy of its group displaced it, or when only linkers read it.
        public var address: UInt64?
        /// The section of the image that it is part of; empty when it is part of none.
        public var output: String
    }

    /// Where a symbol comes from.
    public enum Origin: Sendable, Equatable {
        /// Defined nowhere, and weak: zero.
        case nowhere
        /// An object of the same module: an index into its objects.
        case object(Int)
        /// The linker itself makes it.
        case linker
        /// What the space offers.
        case space
        /// Another module, by its name.
        case module(String)
    }

    /// A symbol that an object refers to and does not define, or whose definition another one displaced.
    public struct ResolvedSymbol: Sendable {
        /// The object: an index into the module's objects.
        public var object: Int
        /// The symbol: an index into the object's symbols.
        public var symbol: Int
        /// Its address.
        public var address: UInt64
        /// Where it comes from.
        public var origin: Origin
        /// Whether calls reach it through a stub, because it may lie too far.
        public var hasStub: Bool
        /// Whether its address is read out of the global offset table.
        public var hasTableEntry: Bool
    }

    /// All sections of all objects that a loaded module may have, in their order.
    public var sections: [PlacedSection] = []
    /// The symbols, in the order of objects and of their symbol tables.
    public var symbols: [ResolvedSymbol] = []
}

extension Linker {
    /// The decisions for one of the modules, which have been placed.
    ///
    /// - Parameter table: the symbols that were linked against.
    public func map(of index: Int, in table: SymbolTable) -> LinkMap {
        let draft = drafts[index]
        return LinkMap(sections: draft.placedSections(), symbols: draft.resolvedSymbols(drafts, table))
    }
}

extension Draft {
    fileprivate func placedSections() -> [LinkMap.PlacedSection] {
        var placed: [LinkMap.PlacedSection] = []
        for (number, object) in objects.enumerated() {
            for section in object.sections.indices where object.sections[section].isAllocated {
                let place = placements[number, section]
                placed.append(
                    LinkMap.PlacedSection(
                        object: number, section: section, address: place.isPlaced ? address(place) : nil,
                        output: place.isPlaced ? outputs[Int(place.output)].name : ""))
            }
        }
        return placed
    }

    fileprivate func resolvedSymbols(_ drafts: [Draft], _ table: SymbolTable) -> [LinkMap.ResolvedSymbol] {
        var resolved: [LinkMap.ResolvedSymbol] = []
        for (number, object) in objects.enumerated() {
            for symbol in object.symbols.indices where object.symbols[symbol].binding != .local {
                guard
                    let origin = origin(of: resolutions[number, symbol], object: number, symbol: symbol, drafts, table)
                else {
                    continue
                }
                let target = targets[number, symbol]
                resolved.append(
                    LinkMap.ResolvedSymbol(
                        object: number, symbol: symbol, address: targetAddress(object: number, symbol: symbol),
                        origin: origin,
                        hasStub: target.stub != SymbolTarget.absent,
                        hasTableEntry: target.tableEntry != SymbolTarget.absent))
            }
        }
        return resolved
    }

    /// Where a symbol comes from; nil for what is defined here, and for what is undefined and not used.
    private func origin(
        of resolution: Resolution, object: Int, symbol: Int, _ drafts: [Draft], _ table: SymbolTable
    ) -> LinkMap.Origin? {
        switch resolution {
        case .undefined, .local, .discarded: nil
        case .zero: .nowhere
        case .definition(let index):
            definitions[index].object == object && definitions[index].symbol == symbol
                ? nil : .object(definitions[index].object)
        case .made: .linker
        case .fixed(let owner, _):
            table.owner(Int(owner)).map { $0.owner.isEmpty ? .space : .module($0.owner) }
        case .peer(let module, _): .module(drafts[Int(module)].source.name)
        }
    }
}
