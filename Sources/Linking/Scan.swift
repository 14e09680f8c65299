import ObjectModel
import Relocation
import SymbolTable

/// What the scan knows of a symbol before it looks at relocations, and what it learns.
private struct SymbolState: OptionSet {
    let rawValue: UInt8

    static let undefined = SymbolState(rawValue: 1)
    static let discarded = SymbolState(rawValue: 2)
    /// Its address is final already, and stands in the target.
    static let known = SymbolState(rawValue: 4)
    static let used = SymbolState(rawValue: 8)
    static let needsEntry = SymbolState(rawValue: 16)
    static let needsStub = SymbolState(rawValue: 32)
    static let trouble: SymbolState = [.undefined, .discarded]
}

/// References to a symbol that has no address: the first place, and how many.
private struct Dangling {
    let section: Int
    let offset: UInt64
    var count: Int
}

extension Draft {
    /// Looks at every relocation once: which symbols are used, which need an entry of the global offset table or a stub.
    mutating func scan(
        window: Range<UInt64>, in table: SymbolTable, drafts: [Draft], _ problems: inout ProblemList
    ) {
        let reach = Self.reach(of: window)
        for index in objects.indices {
            var states = prepareTargets(ofObject: index, drafts)
            scan(object: index, window: window, reach: reach, &states, in: table, &problems)
            allot(object: index, states, in: table)
        }
        if !tableEntries.isEmpty || needsTable { self.table = outputs.output(named: ".got", rank: .table) }
        if let table = self.table {
            _ = outputs.append(UInt64(tableEntries.count) * 8, alignment: 8, to: table)
        }
        if !stubs.isEmpty {
            let output = outputs.output(named: ".plt", rank: .stubs)
            _ = outputs.append(UInt64(stubs.count * X86_64.stubSize), alignment: 16, to: output)
            stubSection = output
        }
    }

    /// The addresses that a 32-bit distance reaches from everywhere in a window.
    static func reach(of window: Range<UInt64>) -> ClosedRange<UInt64> {
        let span: UInt64 = 1 << 31
        let low = window.upperBound > span ? window.upperBound - span : 0
        let (high, wraps) = window.lowerBound.addingReportingOverflow(span - 1)
        return low...max(low, wraps ? .max : high)
    }

    /// Makes the targets of an object's symbols, with the addresses that are final already.
    private mutating func prepareTargets(ofObject index: Int, _ drafts: [Draft]) -> [SymbolState] {
        var states = [SymbolState](repeating: [], count: resolutions[index].count)
        var addresses = [SymbolTarget](repeating: SymbolTarget(address: 0), count: states.count)
        for (symbol, resolution) in resolutions[index].enumerated() {
            switch resolution {
            case .undefined: states[symbol] = .undefined
            case .discarded: states[symbol] = .discarded
            case .zero: states[symbol] = .known
            case .fixed(let address, _, _):
                states[symbol] = .known
                addresses[symbol].address = address
            case .local where objects[index].symbols[symbol].place == .absolute:
                states[symbol] = .known
                addresses[symbol].address = objects[index].symbols[symbol].value
            case .definition(let definition):
                if let value = absoluteValue(definition: definition) {
                    states[symbol] = .known
                    addresses[symbol].address = value
                }
            case .peer(let module, let definition):
                if let value = drafts[module].absoluteValue(definition: definition) {
                    states[symbol] = .known
                    addresses[symbol].address = value
                }
            case .local, .made: break
            }
        }
        targets.append(addresses)
        return states
    }

    /// The value of a definition that linking does not change; nil for all others.
    private func absoluteValue(definition index: Int) -> UInt64? {
        let symbol = objects[definitions[index].object].symbols[definitions[index].symbol]
        return symbol.place == .absolute ? symbol.value : nil
    }

    private mutating func scan(
        object index: Int, window: Range<UInt64>, reach: ClosedRange<UInt64>, _ states: inout [SymbolState],
        in table: SymbolTable, _ problems: inout ProblemList
    ) {
        let object = objects[index]
        let addresses = targets[index]
        var dangling: [UInt32: Dangling] = [:]
        for (number, section) in object.sections.enumerated() where placements[index][number].isPlaced {
            guard !section.relocations.isEmpty else { continue }
            let bytes = unsafe object.bytes.span.bytes
            let original = bytes.extracting(section.contentsOffset..<section.contentsOffset + Int(section.size))
            for position in section.relocations {
                let entry = object.relocations[position]
                guard let kind = X86_64.Kind(rawValue: entry.kind) else { continue }
                let symbol = Int(entry.symbol)
                var state = states[symbol]
                state.insert(.used)
                let isFar = state.contains(.known) && !reach.contains(addresses[symbol].address)
                switch kind.need {
                case .value: break
                case .call: if isFar { state.insert(.needsStub) }
                case .tableEntry: state.insert(.needsEntry)
                case .relaxableTableEntry:
                    if let relaxation = X86_64.Relaxation(of: entry, kind, in: original),
                        state.contains(.known)
                            ? relaxation.reaches(addresses[symbol].address, reach) : relaxation.reaches(window: window)
                    {
                        break
                    }
                    state.insert(.needsEntry)
                case .tableAddress: needsTable = true
                case .refused:
                    problems.add(
                        object.name, describePlace(object: index, section: number, offset: entry.offset),
                        "thread-local variable '\(object.describe(symbol))': a module has no thread-local storage; use pthread_getspecific, or a plain variable"
                    )
                    continue
                }
                if kind == .callOffset64 { needsTable = true }
                states[symbol] = state
                if !state.isDisjoint(with: .trouble) {
                    // Frames of functions that were displaced are never looked up.
                    if state.contains(.discarded), object.text(section.name) == ".eh_frame" { continue }
                    dangling[entry.symbol, default: Dangling(section: number, offset: entry.offset, count: 0)].count +=
                        1
                }
            }
        }
        report(dangling, object: index, states, in: table, &problems)
    }

    private func report(
        _ dangling: [UInt32: Dangling], object index: Int, _ states: [SymbolState], in table: SymbolTable,
        _ problems: inout ProblemList
    ) {
        let object = objects[index]
        let ordered = dangling.sorted {
            ($0.value.section, $0.value.offset, $0.key) < ($1.value.section, $1.value.offset, $1.key)
        }
        for (symbol, use) in ordered {
            let name = object.describe(Int(symbol))
            var reason: String
            if states[Int(symbol)].contains(.discarded) {
                reason = "'\(name)' is in a section that another object's copy displaced"
            } else {
                reason = "undefined symbol '\(name)'"
                if use.count > 1 { reason += " (and \(use.count - 1) more place\(use.count > 2 ? "s" : ""))" }
                if let similar = table.nearestName(to: name) { reason += "; did you mean '\(similar)'?" }
            }
            problems.add(
                object.name, describePlace(object: index, section: use.section, offset: use.offset), reason)
        }
    }

    /// Gives entries and stubs to the symbols of an object that need them, and notes whom the module refers to.
    private mutating func allot(object index: Int, _ states: [SymbolState], in table: SymbolTable) {
        for (symbol, state) in states.enumerated() where state.contains(.used) {
            if !state.isDisjoint(with: [.needsEntry, .needsStub]) {
                let entry = UInt32(tableEntries.count)
                tableEntries.append(ObjectSymbol(object: UInt32(index), symbol: UInt32(symbol)))
                targets[index][symbol].tableEntry = entry
                if state.contains(.needsStub) {
                    targets[index][symbol].stub = UInt32(stubs.count)
                    stubs.append(entry)
                }
            }
            switch resolutions[index][symbol] {
            case .fixed(_, let owner, let entry):
                if table.owner(owner)?.owner.isEmpty == false { references[owner, default: []].insert(entry) }
            case .peer(let module, _): peers.insert(module)
            default: break
            }
        }
    }
}

extension Object {
    /// A symbol as messages name it: a section's symbol has the section's name.
    func describe(_ index: Int) -> String {
        let symbol = symbols[index]
        if symbol.name.count == 0, case .section(let section) = symbol.place {
            return text(sections[Int(section)].name)
        }
        return text(symbol.name)
    }
}
