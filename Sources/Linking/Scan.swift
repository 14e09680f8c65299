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
    /// It is a variable of each thread.
    static let threadLocal = SymbolState(rawValue: 64)
    static let dangling: SymbolState = [.undefined, .discarded]
    static let trouble: SymbolState = [.undefined, .discarded, .threadLocal]
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
        switch architecture {
        case .x86_64: scan(as: X86_64.self, window: window, in: table, drafts: drafts, &problems)
        case .i386: scan(as: I386.self, window: window, in: table, drafts: drafts, &problems)
        }
    }

    private mutating func scan<M: Machine>(
        as machine: M.Type, window: Range<UInt64>, in table: SymbolTable, drafts: [Draft],
        _ problems: inout ProblemList
    ) {
        let reach = M.reach(of: window)
        for index in objects.indices {
            let (prepared, addresses) = prepareTargets(ofObject: index, in: table, drafts)
            targets.append(addresses)
            var states = prepared
            // The kinds of a foreign object are of another machine; that it is foreign has been said.
            guard objects[index].architecture == M.architecture else { continue }
            scan(object: index, as: machine, window: window, reach: reach, &states, in: table, &problems)
            allot(object: index, states, in: table)
        }
        if !tableEntries.isEmpty || needsTable { self.table = outputs.output(named: ".got", rank: .table) }
        if let table = self.table {
            let size = UInt64(M.addressSize)
            _ = outputs.append(UInt64(tableEntries.count) * size, alignment: size, to: table)
        }
        if !stubs.isEmpty {
            let output = outputs.output(named: ".plt", rank: .stubs)
            _ = outputs.append(UInt64(stubs.count * M.stubSize), alignment: M.stubAlignment, to: output)
            stubSection = output
        }
    }

    /// Makes the targets of an object's symbols, with the addresses that are final already.
    private func prepareTargets(
        ofObject index: Int, in table: SymbolTable, _ drafts: [Draft]
    ) -> ([SymbolState], [SymbolTarget]) {
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
        markThreadLocals(ofObject: index, &states, in: table, drafts)
        return (states, addresses)
    }

    /// Notes which symbols are variables of each thread.
    private func markThreadLocals(
        ofObject index: Int, _ states: inout [SymbolState], in table: SymbolTable, _ drafts: [Draft]
    ) {
        // Most modules have none, and their own symbols need not be asked.
        let hasOwn = outputs.sections.contains { $0.rank.isThreadLocal }
        for (symbol, resolution) in resolutions[index].enumerated() {
            switch resolution {
            case .local, .definition: if !hasOwn { continue }
            default: break
            }
            if isThreadLocal(resolution, object: index, symbol: symbol, in: table, drafts) {
                states[symbol].insert(.threadLocal)
            }
        }
    }

    /// The value of a definition that linking does not change; nil for all others.
    private func absoluteValue(definition index: Int) -> UInt64? {
        let symbol = objects[definitions[index].object].symbols[definitions[index].symbol]
        return symbol.place == .absolute ? symbol.value : nil
    }

    private mutating func scan<M: Machine>(
        object index: Int, as machine: M.Type, window: Range<UInt64>, reach: ClosedRange<UInt64>,
        _ states: inout [SymbolState], in table: SymbolTable, _ problems: inout ProblemList
    ) {
        let object = objects[index]
        let targets = targets[index]
        let addresses = targets.span
        let relocations = object.relocations.span
        // Borrowed once: an array would ask at each change whether it is shared.
        var current = states.mutableSpan
        var dangling: [UInt32: Dangling] = [:]
        for (number, section) in object.sections.enumerated() where placements[index][number].isPlaced {
            guard !section.relocations.isEmpty else { continue }
            let bytes = unsafe object.bytes.span.bytes
            let original = bytes.extracting(section.contentsOffset..<section.contentsOffset + Int(section.size))
            for position in section.relocations {
                let entry = relocations[position]
                guard let kind = M.Kind(rawValue: entry.kind) else { continue }
                let symbol = Int(entry.symbol)
                var state = current[symbol]
                state.insert(.used)
                let isFar = state.contains(.known) && !reach.contains(addresses[symbol].address)
                switch kind.need {
                case .nothing, .value: break
                case .call: if isFar { state.insert(.needsStub) }
                case .callFromTable:
                    if isFar { state.insert(.needsStub) }
                    needsTable = true
                case .tableEntry: state.insert(.needsEntry)
                case .relaxableTableEntry:
                    let known = state.contains(.known) ? addresses[symbol].address : nil
                    if M.relaxes(entry, kind, in: original, address: known, window: window, reach: reach) { break }
                    state.insert(.needsEntry)
                case .tableAddress: needsTable = true
                case .threadLocal:
                    let own = relocations.extracting(section.relocations)
                    switch M.threadAccess(
                        at: position - section.relocations.lowerBound, kind, of: own, in: original)
                    {
                    case .distance: break
                    case .tableEntry: state.insert(.needsEntry)
                    case .unknown:
                        refuse(
                            entry, kind, object: index, section: number,
                            "the instructions around it are none that the psABI has for it", &problems)
                        continue
                    }
                    if state.isDisjoint(with: .trouble) {
                        refuse(
                            entry, kind, object: index, section: number,
                            "it is no thread-local variable; declare it alike everywhere", &problems)
                        continue
                    }
                case .refused:
                    refuse(entry, kind, object: index, section: number, kind.remedy, &problems)
                    continue
                }
                current[symbol] = state
                if !state.isDisjoint(with: .trouble) {
                    if state.isDisjoint(with: .dangling) {
                        if kind.need == .threadLocal || kind.need == .nothing { continue }
                        refuse(
                            entry, kind, object: index, section: number,
                            "it is a thread-local variable; declare it alike everywhere", &problems)
                        continue
                    }
                    // Frames of functions that were displaced are never looked up.
                    if state.contains(.discarded), object.text(section.name) == ".eh_frame" { continue }
                    dangling[entry.symbol, default: Dangling(section: number, offset: entry.offset, count: 0)].count +=
                        1
                }
            }
        }
        report(dangling, object: index, states, in: table, &problems)
    }

    private func refuse<K: RelocationKind>(
        _ entry: RelocationEntry, _ kind: K, object index: Int, section: Int, _ reason: String,
        _ problems: inout ProblemList
    ) {
        problems.add(
            objects[index].name, describePlace(object: index, section: section, offset: entry.offset),
            "\(kind.name) against '\(objects[index].describe(Int(entry.symbol)))': \(reason)")
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
            case .peer(let module, _):
                let taken = ObjectSymbol(object: UInt32(index), symbol: UInt32(symbol))
                peers[module, default: []].insert(taken)
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
