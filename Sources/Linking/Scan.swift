import ObjectModel
import Relocation
import SymbolTable

/// References to a symbol that has no address: the first place, and how many.
private struct Dangling {
    let section: Int
    let offset: UInt64
    var count: Int
}

/// What looking at the relocations of a piece has found out.
private struct Findings {
    /// For each symbol of the object, with what was known before.
    var states: [SymbolState]
    var dangling: [UInt32: Dangling] = [:]
    var needsTable = false
    var problems = ProblemList()
    /// The symbols, by index, that need an entry of the global offset table or a stub, or that another module defines.
    var notable: [UInt32] = []

    /// Adds what was found out of a later piece of the same object.
    mutating func add(_ other: Findings) {
        for symbol in states.indices { states[symbol].formUnion(other.states[symbol]) }
        dangling.merge(other.dangling) { first, second in
            Dangling(section: first.section, offset: first.offset, count: first.count + second.count)
        }
        needsTable = needsTable || other.needsTable
        problems.add(other.problems)
    }
}

/// What relocations are looked at with.
private struct ScanSetting {
    let window: Range<UInt64>
    let reach: ClosedRange<UInt64>
}

extension Draft {
    /// Finds out what every symbol of every object is, and looks at every relocation once: which symbols are used, which need an
    /// entry of the global offset table or a stub.
    mutating func resolve(
        in environment: borrowing ResolutionEnvironment, _ workers: Workers, _ problems: inout ProblemList
    ) {
        switch architecture {
        case .x86_64: resolve(as: X86_64.self, in: environment, workers, &problems)
        case .i386: resolve(as: I386.self, in: environment, workers, &problems)
        }
    }

    private mutating func resolve<M: Machine>(
        as machine: M.Type, in environment: borrowing ResolutionEnvironment, _ workers: Workers,
        _ problems: inout ProblemList
    ) {
        pieces = pieces(as: machine, workers)
        let found = findings(as: machine, in: environment, workers)
        resolutions.reserveCapacity(found.count)
        targets.reserveCapacity(found.count)
        for (symbols, _) in found {
            resolutions.append(symbols.resolutions)
            targets.append(symbols.targets)
        }
        for (object, (_, findings)) in found.enumerated() {
            problems.add(findings.problems)
            needsTable = needsTable || findings.needsTable
            report(findings, object: object, in: environment.table, &problems)
            allot(object: object, findings.notable, findings.states, in: environment.table)
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

    /// What is found out of each object. Changes nothing: what does, copies the draft for each question that it asks it.
    private func findings<M: Machine>(
        as machine: M.Type, in environment: borrowing ResolutionEnvironment, _ workers: Workers
    ) -> [(symbols: ResolvedSymbols, findings: Findings)] {
        let setting = ScanSetting(window: environment.window, reach: M.reach(of: environment.window))
        let environment = copy environment
        if pieces.count == objects.count {
            // Whoever has resolved an object's symbols has them at hand for its relocations.
            return workers.map(pieces.count) { piece in
                let symbols = resolved(ofObject: piece, in: environment, .alone)
                var findings = scan(pieces[piece], as: machine, setting, symbols)
                findings.notable = Self.notable(findings.states, symbols.resolutions, in: environment.table)
                return (symbols, findings)
            }
        }
        let (outer, inner) = workers.split(over: objects.count)
        let symbols = outer.map(objects.count) { resolved(ofObject: $0, in: environment, inner) }
        let found = workers.map(pieces.count) { piece in
            scan(pieces[piece], as: machine, setting, symbols[pieces[piece].object])
        }
        var findings: [(symbols: ResolvedSymbols, findings: Findings)] = []
        findings.reserveCapacity(objects.count)
        for (piece, found) in zip(pieces, found) {
            if piece.object < findings.count {
                findings[piece.object].findings.add(found)
            } else {
                findings.append((symbols[piece.object], found))
            }
        }
        for (object, (symbols, found)) in findings.enumerated() {
            findings[object].findings.notable = Self.notable(found.states, symbols.resolutions, in: environment.table)
        }
        return findings
    }

    private func scan<M: Machine>(
        _ piece: Piece, as machine: M.Type, _ setting: ScanSetting, _ symbols: ResolvedSymbols
    ) -> Findings {
        var findings = Findings(states: symbols.states)
        let object = objects[piece.object]
        // The kinds of a foreign object are of another machine; that it is foreign has been said.
        guard object.architecture == M.architecture else { return findings }
        let sections = object.sections.span
        for number in piece.sections where placements[piece.object][number].isPlaced {
            let relocations = piece.part?.relocations ?? sections[number].relocations
            guard !relocations.isEmpty else { continue }
            scan(relocations, ofSection: number, piece.object, object, symbols.targets, as: machine, setting, &findings)
        }
        return findings
    }

    /// Looks at relocations of one section.
    private func scan<M: Machine>(
        _ positions: Range<Int>, ofSection number: Int, _ index: Int, _ object: Object, _ targets: [SymbolTarget],
        as machine: M.Type, _ setting: ScanSetting, _ findings: inout Findings
    ) {
        let section = object.sections[number]
        let addresses = targets.span
        let relocations = object.relocations.span
        let (window, reach) = (setting.window, setting.reach)
        // Borrowed once: an array would ask at each change whether it is shared.
        var symbolStates = findings.states
        findings.states = []
        defer { findings.states = symbolStates }
        var states = symbolStates.mutableSpan
        let bytes = unsafe object.bytes.span.bytes
        let original = bytes.extracting(section.contentsOffset..<section.contentsOffset + Int(section.size))
        for position in positions {
            let entry = relocations[position]
            guard let kind = M.Kind(rawValue: entry.kind) else { continue }
            let symbol = Int(entry.symbol)
            var state = states[symbol]
            state.insert(.used)
            let isFar = state.contains(.known) && !reach.contains(addresses[symbol].address)
            switch kind.need {
            case .nothing, .value: break
            case .call: if isFar { state.insert(.needsStub) }
            case .callFromTable:
                if isFar { state.insert(.needsStub) }
                findings.needsTable = true
            case .tableEntry: state.insert(.needsEntry)
            case .relaxableTableEntry:
                let known = state.contains(.known) ? addresses[symbol].address : nil
                if M.relaxes(entry, kind, in: original, address: known, window: window, reach: reach) { break }
                state.insert(.needsEntry)
            case .tableAddress: findings.needsTable = true
            case .threadLocal:
                let own = relocations.extracting(section.relocations)
                let access = M.threadAccess(
                    at: position - section.relocations.lowerBound, kind, of: own, in: original)
                if access == .tableEntry { state.insert(.needsEntry) }
                if let reason = Self.mistake(access, state) {
                    refuse(entry, kind, object: index, section: number, reason, &findings.problems)
                    continue
                }
            case .refused:
                refuse(entry, kind, object: index, section: number, kind.remedy, &findings.problems)
                continue
            }
            states[symbol] = state
            if !state.isDisjoint(with: .trouble) {
                note(entry, kind, state, object: index, section: number, &findings.dangling, &findings.problems)
            }
        }
    }

    /// What is wrong with code that reaches a symbol as a thread-local variable.
    private static func mistake(_ access: ThreadAccess, _ state: SymbolState) -> String? {
        if access == .unknown { return "the instructions around it are none that the psABI has for it" }
        return state.isDisjoint(with: .trouble)
            ? "it is no thread-local variable; declare it alike everywhere" : nil
    }

    /// Notes a reference to a symbol that has no address, or that is a variable of each thread.
    private func note<K: RelocationKind>(
        _ entry: RelocationEntry, _ kind: K, _ state: SymbolState, object index: Int, section: Int,
        _ dangling: inout [UInt32: Dangling], _ problems: inout ProblemList
    ) {
        if state.isDisjoint(with: .dangling) {
            if kind.need == .threadLocal || kind.need == .nothing { return }
            refuse(
                entry, kind, object: index, section: section,
                "it is a thread-local variable; declare it alike everywhere", &problems)
            return
        }
        // Frames of functions that were displaced are never looked up.
        let object = objects[index]
        if state.contains(.discarded), object.text(object.sections[section].name) == ".eh_frame" { return }
        dangling[entry.symbol, default: Dangling(section: section, offset: entry.offset, count: 0)].count += 1
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
        _ findings: Findings, object index: Int, in table: SymbolTable, _ problems: inout ProblemList
    ) {
        guard !findings.dangling.isEmpty else { return }
        let object = objects[index]
        let ordered = findings.dangling.sorted {
            ($0.value.section, $0.value.offset, $0.key) < ($1.value.section, $1.value.offset, $1.key)
        }
        for (symbol, use) in ordered {
            let name = object.describe(Int(symbol))
            var reason: String
            if findings.states[Int(symbol)].contains(.discarded) {
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

    /// The symbols of an object that something has to be done about once all objects have been looked at: few of them.
    private static func notable(
        _ states: [SymbolState], _ resolutions: [Resolution], in table: SymbolTable
    ) -> [UInt32] {
        let (states, resolutions) = (states.span, resolutions.span)
        var notable: [UInt32] = []
        for symbol in states.indices where states[symbol].contains(.used) {
            var isNotable = !states[symbol].isDisjoint(with: [.needsEntry, .needsStub])
            switch resolutions[symbol] {
            case .fixed(_, let owner, _): isNotable = isNotable || table.owner(owner)?.owner.isEmpty == false
            case .peer: isNotable = true
            default: break
            }
            if isNotable { notable.append(UInt32(truncatingIfNeeded: symbol)) }
        }
        return notable
    }

    /// Gives entries and stubs to the symbols of an object that need them, and notes whom the module refers to.
    private mutating func allot(
        object index: Int, _ notable: [UInt32], _ states: [SymbolState], in table: SymbolTable
    ) {
        for symbol in notable {
            let state = states[Int(symbol)]
            if !state.isDisjoint(with: [.needsEntry, .needsStub]) {
                let entry = UInt32(tableEntries.count)
                tableEntries.append(ObjectSymbol(object: UInt32(index), symbol: symbol))
                targets[index][Int(symbol)].tableEntry = entry
                if state.contains(.needsStub) {
                    targets[index][Int(symbol)].stub = UInt32(stubs.count)
                    stubs.append(entry)
                }
            }
            switch resolutions[index][Int(symbol)] {
            case .fixed(_, let owner, let entry):
                if table.owner(owner)?.owner.isEmpty == false { references[owner, default: []].insert(entry) }
            case .peer(let module, _):
                peers[module, default: []].insert(ObjectSymbol(object: UInt32(index), symbol: symbol))
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
