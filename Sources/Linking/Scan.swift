import ObjectModel
import Relocation
import SymbolTable

/// References to a symbol that has no address: the first place, and how many.
private struct Dangling {
    let section: Int
    let offset: UInt64
    var count: Int
}

/// What looking at the relocations of a piece has found out, beside the states of symbols.
private struct Findings {
    var dangling: [UInt32: Dangling] = [:]
    var needsTable = false
    /// Whether frames, or tables of exceptions, are about functions that were left out.
    var hasFramesOfDiscarded = false
    var problems = ProblemList()
    /// The symbols, by index, that need an entry of the global offset table or a stub, or that another module defines.
    var notable: [UInt32] = []

    /// Whether anything has to be done about the object once all have been looked at.
    var isNotable: Bool { !notable.isEmpty || !dangling.isEmpty || !problems.isEmpty }

    /// Adds what was found out of a later piece of the same object.
    mutating func add(_ other: Findings) {
        dangling.merge(other.dangling) { first, second in
            Dangling(section: first.section, offset: first.offset, count: first.count + second.count)
        }
        needsTable = needsTable || other.needsTable
        hasFramesOfDiscarded = hasFramesOfDiscarded || other.hasFramesOfDiscarded
        problems.add(other.problems)
    }
}

/// What looking at all objects has found out.
private struct Looked {
    var resolutions: Rows<Resolution>
    var targets: Rows<SymbolTarget>
    var states: Rows<SymbolState>
    /// For each object.
    var findings: [Findings]
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
        in environment: ResolutionEnvironment, _ workers: Workers, _ problems: inout ProblemList
    ) {
        switch architecture {
        case .x86_64: resolve(as: X86_64.self, in: environment, workers, &problems)
        case .i386: resolve(as: I386.self, in: environment, workers, &problems)
        }
    }

    private mutating func resolve<M: Machine>(
        as machine: M.Type, in environment: ResolutionEnvironment, _ workers: Workers,
        _ problems: inout ProblemList
    ) {
        pieces = pieces(as: machine, workers)
        hasFramesOfDiscarded = [Bool](repeating: false, count: objects.count)
        let looked = look(as: machine, in: environment, workers)
        (resolutions, targets) = (looked.resolutions, looked.targets)
        let (states, findings) = (looked.states, looked.findings)
        for object in findings.indices {
            if findings[object].needsTable { needsTable = true }
            if findings[object].hasFramesOfDiscarded { hasFramesOfDiscarded[object] = true }
            guard findings[object].isNotable else { continue }
            let found = findings[object]
            problems.add(found.problems)
            report(found, object: object, states, in: environment.table, &problems)
            allot(object: object, found.notable, states, in: environment.table)
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

    /// Resolves the symbols of each object, and looks at its relocations. Changes nothing: what does, copies the draft for each question
    /// that it asks it.
    private func look<M: Machine>(
        as machine: M.Type, in environment: ResolutionEnvironment, _ workers: Workers
    ) -> Looked {
        let setting = ScanSetting(window: environment.window, reach: M.reach(of: environment.window))
        // Whoever has resolved an object's symbols has them at hand for its relocations.
        let isWhole = pieces.count == objects.count && pieces.allSatisfy(\.isObject)
        let starts = hashes.starts
        let (resolutions, targets, states, found) = workers.rows(
            starts, starts, starts, of: (Resolution.local, SymbolTarget(address: 0), SymbolState())
        ) { object, resolutions, targets, states, inner in
            resolve(object: object, in: environment, &resolutions, &targets, &states, inner)
            guard isWhole else { return Findings() }
            var findings = scan(pieces[object], as: machine, setting, targets.span, &states)
            findings.notable = Self.notable(states.span, resolutions.span, in: environment.table)
            return findings
        }
        var looked = Looked(
            resolutions: Rows(starts: starts, elements: resolutions), targets: Rows(starts: starts, elements: targets),
            states: Rows(starts: starts, elements: states), findings: found)
        if !isWhole { scanPieces(&looked, as: machine, setting, in: environment, workers) }
        return looked
    }

    /// Looks at the relocations where several may look at those of one object: each has states of its own.
    private func scanPieces<M: Machine>(
        _ looked: inout Looked, as machine: M.Type, _ setting: ScanSetting, in environment: ResolutionEnvironment,
        _ workers: Workers
    ) {
        let known = looked
        let found = workers.map(pieces.count) { number -> (states: [SymbolState], findings: Findings) in
            let row = hashes.range(pieces[number].object)
            var states = Array(known.states.elements[row])
            var own = states.mutableSpan
            let targets = known.targets.elements.span.extracting(row)
            let findings = scan(pieces[number], as: machine, setting, targets, &own)
            return (states, findings)
        }
        for (piece, found) in zip(pieces, found) { looked.findings[piece.object].add(found.findings) }
        unite(found.map(\.states), in: &looked.states, workers)
        for object in objects.indices {
            let row = hashes.range(object)
            looked.findings[object].notable = Self.notable(
                looked.states.elements.span.extracting(row), looked.resolutions.elements.span.extracting(row),
                in: environment.table)
        }
    }

    /// Adds what is known of symbols from each piece.
    private func unite(_ found: [[SymbolState]], in states: inout Rows<SymbolState>, _ workers: Workers) {
        let ofObjects = Dictionary(grouping: pieces.indices) { pieces[$0].object }
        var all = states.elements.mutableSpan
        for (object, pieces) in ofObjects {
            var row = all._mutatingExtracting(hashes.range(object))
            workers.fill(&row) { range, row in
                for piece in pieces {
                    let states = found[piece]
                    let own = states.span.extracting(range)
                    for index in own.indices { row[index].formUnion(own[index]) }
                }
            }
        }
    }

    private func scan<M: Machine>(
        _ piece: Piece, as machine: M.Type, _ setting: ScanSetting, _ targets: Span<SymbolTarget>,
        _ states: inout MutableSpan<SymbolState>
    ) -> Findings {
        var findings = Findings()
        let object = objects[piece.object]
        // The kinds of a foreign object are of another machine; that it is foreign has been said.
        guard object.architecture == M.architecture else { return findings }
        let objectSections = object.sections
        let sections = objectSections.span
        for number in piece.sections where placements[piece.object, number].isPlaced {
            let relocations = piece.part?.relocations ?? sections[number].relocations
            guard !relocations.isEmpty else { continue }
            scan(
                relocations, ofSection: number, piece.object, object, targets, as: machine, setting, &states, &findings)
        }
        return findings
    }

    /// Looks at relocations of one section.
    private func scan<M: Machine>(
        _ positions: Range<Int>, ofSection number: Int, _ index: Int, _ object: Object,
        _ addresses: Span<SymbolTarget>, as machine: M.Type, _ setting: ScanSetting,
        _ states: inout MutableSpan<SymbolState>, _ findings: inout Findings
    ) {
        let section = object.sections[number]
        let (objectRelocations, objectBytes) = (object.relocations, object.bytes)
        let relocations = objectRelocations.span
        let (window, reach) = (setting.window, setting.reach)
        let bytes = unsafe objectBytes.span.bytes
        let original = bytes.extracting(section.contentsOffset..<section.contentsOffset + Int(section.size))
        for position in positions {
            let entry = relocations[position]
            guard let kind = M.Kind(rawValue: entry.kind) else { continue }
            let symbol = Int(entry.symbol)
            var state = states[symbol]
            state.insert(.used)
            let isFar =
                state.contains(.known) ? !reach.contains(addresses[symbol].address) : state.contains(.isAnywhere)
            switch kind.need {
            case .nothing, .value: break
            case .call: if isFar { state.insert(.needsStub) }
            case .callFromTable:
                if isFar { state.insert(.needsStub) }
                findings.needsTable = true
            case .tableEntry: state.insert(.needsEntry)
            case .relaxableTableEntry:
                let known = state.contains(.known) ? addresses[symbol].address : nil
                if !state.contains(.isAnywhere),
                    M.relaxes(entry, kind, in: original, address: known, window: window, reach: reach)
                {
                    break
                }
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
            case .threadArgument:
                state.insert(.needsArgument)
                if state.isDisjoint(with: .trouble) {
                    let reason = "it is no thread-local variable; declare it alike everywhere"
                    refuse(entry, kind, object: index, section: number, reason, &findings.problems)
                    continue
                }
            case .refused:
                refuse(entry, kind, object: index, section: number, kind.remedy, &findings.problems)
                continue
            }
            states[symbol] = state
            if !state.isDisjoint(with: .trouble) {
                note(entry, kind, state, object: index, section: number, &findings)
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
        _ findings: inout Findings
    ) {
        if state.isDisjoint(with: .dangling) {
            if kind.need == .threadLocal || kind.need == .threadArgument || kind.need == .nothing { return }
            refuse(
                entry, kind, object: index, section: section,
                "it is a thread-local variable; declare it alike everywhere", &findings.problems)
            return
        }
        // Frames of functions that were displaced, and what they would catch, are never looked up.
        if state.contains(.discarded), isAboutFrames(section, of: objects[index]) {
            findings.hasFramesOfDiscarded = true
            return
        }
        findings.dangling[entry.symbol, default: Dangling(section: section, offset: entry.offset, count: 0)].count += 1
    }

    /// Whether a section says how to unwind, or what to catch: the ones in which ld lets references to functions that it has left out be.
    private func isAboutFrames(_ section: Int, of object: Object) -> Bool {
        let name = object.sections[section].name
        return nameIsOfFamily(object.bytes, name, ".eh_frame")
            || nameIsOfFamily(object.bytes, name, ".gcc_except_table")
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
        _ findings: Findings, object index: Int, _ states: Rows<SymbolState>, in table: SymbolTable,
        _ problems: inout ProblemList
    ) {
        guard !findings.dangling.isEmpty else { return }
        let object = objects[index]
        let ordered = findings.dangling.sorted {
            ($0.value.section, $0.value.offset, $0.key) < ($1.value.section, $1.value.offset, $1.key)
        }
        var told = Set<String>()
        for (symbol, use) in ordered {
            let name = object.describe(Int(symbol))
            var reason: String
            if let instrumentation = Instrumentation.of(name) {
                // Each function has such calls: one line says it all.
                guard told.insert(instrumentation.option).inserted else { continue }
                reason = instrumentation.reason(name)
            } else if name == "_DYNAMIC", definitions.find("__asan_init") != nil {
                reason = Instrumentation.addressLibrary
            } else if states[index, Int(symbol)].contains(.discarded) {
                reason = "'\(name)' is in a section that another object's copy displaced"
            } else {
                reason = LinkFailure.undefinedReason(name)
                if use.count > 1 { reason += " (and \(use.count - 1) more place\(use.count > 2 ? "s" : ""))" }
                if object.symbols[Int(symbol)].isHidden {
                    reason += ", which is hidden: the module itself defines it, or nobody"
                } else if let similar = table.nearestName(to: name) {
                    reason += "; did you mean '\(similar)'?"
                }
            }
            problems.add(
                object.name, describePlace(object: index, section: use.section, offset: use.offset), reason)
        }
    }

    /// The symbols of an object that something has to be done about once all objects have been looked at: few of them.
    private static func notable(
        _ states: Span<SymbolState>, _ resolutions: Span<Resolution>, in table: SymbolTable
    ) -> [UInt32] {
        var notable: [UInt32] = []
        for symbol in states.indices where states[symbol].contains(.used) {
            var isNotable = !states[symbol].isDisjoint(with: .needs)
            switch resolutions[symbol] {
            case .fixed(let owner, _): isNotable = isNotable || table.owner(Int(owner))?.owner.isEmpty == false
            case .peer: isNotable = true
            default: break
            }
            if isNotable { notable.append(UInt32(truncatingIfNeeded: symbol)) }
        }
        return notable
    }

    /// Gives entries and stubs to the symbols of an object that need them, and notes whom the module refers to.
    private mutating func allot(
        object index: Int, _ notable: [UInt32], _ states: Rows<SymbolState>, in table: SymbolTable
    ) {
        for symbol in notable {
            let state = states[index, Int(symbol)]
            if !state.isDisjoint(with: .needs) {
                // Two zeroes stand before it: see `RelocationFrame.threadArgument`.
                if state.contains(.needsArgument) {
                    tableEntries += [ObjectSymbol](repeating: ObjectSymbol(object: 0, symbol: 0), count: 2)
                }
                let entry = UInt32(tableEntries.count)
                tableEntries.append(ObjectSymbol(object: UInt32(index), symbol: symbol))
                targets[index, Int(symbol)].tableEntry = entry
                if state.contains(.needsStub) {
                    targets[index, Int(symbol)].stub = UInt32(stubs.count)
                    stubs.append(entry)
                }
            }
            switch resolutions[index, Int(symbol)] {
            case .fixed(let owner, let entry):
                let owner = Int(owner)
                if table.owner(owner)?.owner.isEmpty == false { references[owner, default: []].insert(Int(entry)) }
            case .peer(let module, _):
                peers[Int(module), default: []].insert(ObjectSymbol(object: UInt32(index), symbol: symbol))
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
