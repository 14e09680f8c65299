import ObjectModel
import Relocation

extension Draft {
    /// Gives every output section its offset from the start of the image, and makes the segments. Offsets in memory and in the file
    /// are the same, so the file is the memory up to its zeroes.
    ///
    /// ```
    /// header  notes  constants  GOT | code  stubs | first values of thread-local variables  data        zeroes
    /// r--                           | r-x         | rw-                                    (file | not in the file)
    /// ```
    /// Thread-local zeroes have an offset behind the first values, and take no room.
    mutating func layOut(headerSize: UInt64) -> Bool {
        let pageSize = architecture.pageSize
        let order = outputs.sections.indices.sorted { (outputs[$0].rank, $0) < (outputs[$1].rank, $1) }
        alignment = pageSize
        threadAlignment = order.filter { outputs[$0].rank.isThreadLocal }.map { outputs[$0].alignment }.max() ?? 1
        segments = [
            ImageSegment(protection: .read, address: 0, fileOffset: 0, fileSize: headerSize, memorySize: headerSize)
        ]
        fileSize = headerSize
        var position = headerSize
        for index in order {
            let section = outputs[index]
            if section.size == 0 {
                // It takes no room; what refers to it (an empty structure, a label) gets the address where it would begin.
                outputs[index].offset = position.aligned(to: min(section.alignment, pageSize)) ?? position
            } else if section.rank == .threadZeroes {
                guard layOutThreadZeroes(index, position) else { return false }
            } else {
                guard layOutContents(index, &position) else { return false }
            }
        }
        guard let end = position.aligned(to: pageSize) else { return false }
        size = end
        return true
    }

    /// Gives a section that takes room in memory its offset, at `position` or soon behind it, in a segment of its protection, and
    /// moves `position` to its end.
    private mutating func layOutContents(_ index: Int, _ position: inout UInt64) -> Bool {
        let section = outputs[index]
        if section.protection != segments[segments.count - 1].protection {
            guard let start = position.aligned(to: architecture.pageSize) else { return false }
            position = start
            segments.append(
                ImageSegment(
                    protection: section.protection, address: start, fileOffset: start, fileSize: 0, memorySize: 0))
        }
        let isFirstOfThread = section.rank == .threadData && threadSize == 0
        let boundary = isFirstOfThread ? threadAlignment : section.alignment
        guard let start = position.aligned(to: boundary) else { return false }
        let (end, wraps) = start.addingReportingOverflow(section.size)
        guard !wraps, end < architecture.addressLimit else { return false }
        outputs[index].offset = start
        alignment = max(alignment, boundary)
        position = end
        if isFirstOfThread { threadStart = start }
        if section.rank == .threadData { threadSize = end - threadStart }
        let last = segments.count - 1
        segments[last].memorySize = end - segments[last].address
        if !section.rank.isZeroes {
            segments[last].fileSize = segments[last].memorySize
            fileSize = end
        }
        return true
    }

    /// Gives a section of thread-local zeroes its offset behind what comes before it in a thread.
    private mutating func layOutThreadZeroes(_ index: Int, _ position: UInt64) -> Bool {
        if threadSize == 0 {
            // Not an address of anything: only its distance from the section's own start counts.
            guard let start = position.aligned(to: threadAlignment) else { return false }
            threadStart = start
        }
        let section = outputs[index]
        guard let start = (threadStart + threadSize).aligned(to: section.alignment) else { return false }
        let (end, wraps) = start.addingReportingOverflow(section.size)
        guard !wraps, end < architecture.addressLimit else { return false }
        outputs[index].offset = start
        threadSize = end - threadStart
        return true
    }

    /// Moves the image to its address, and its thread-local variables to theirs.
    mutating func place(at address: UInt64, threadBlock: Int64, _ workers: Workers) {
        base = address
        self.threadBlock = UInt64(bitPattern: threadBlock)
        for index in segments.indices { segments[index].address += address }
        outputValues = outputs.sections.map(value(of:))
        let draft = self
        definitionValues = workers.array(definitions.indices.count, of: 0) { range, values in
            for index in values.indices { values[index] = draft.findAddress(definition: range.lowerBound + index) }
        }
    }

    /// Fills in the addresses of targets for which whoever writes the image would have to ask others: those that other modules of
    /// the transaction define, which have their places by now; and all targets of objects that several write.
    mutating func settleTargets(_ drafts: [Draft], _ workers: Workers) {
        for symbol in peers.values.joined() {
            let (object, number) = (Int(symbol.object), Int(symbol.symbol))
            if case .peer(let module, let definition) = resolutions[object, number] {
                targets[object, number].address = drafts[Int(module)].address(definition: Int(definition))
            }
        }
        for object in Set(pieces.lazy.filter { !$0.isObject }.map(\.object)) {
            targets.replace(object, by: settledTargets(ofObject: object, workers))
        }
    }

    /// The targets of an object with their addresses.
    func settledTargets(ofObject object: Int, _ workers: Workers) -> [SymbolTarget] {
        let objectSymbols = objects[object].symbols
        let row = targets.range(object)
        return workers.array(row.count, of: SymbolTarget(address: 0)) { range, settled in
            let targets = targets.elements.span.extracting(row).extracting(range)
            let resolutions = resolutions.elements.span.extracting(row).extracting(range)
            let symbols = objectSymbols.span.extracting(range)
            for index in targets.indices {
                var target = targets[index]
                if let address = address(of: resolutions[index], object: object, symbols[index]) {
                    target.address = address
                }
                settled[index] = target
            }
        }
    }

    /// The address of what a symbol is.
    func targetAddress(object: Int, symbol: Int) -> UInt64 {
        address(of: resolutions[object, symbol], object: object, objects[object].symbols[symbol])
            ?? targets[object, symbol].address
    }

    /// The address of what a symbol was resolved to; nil where the target has it.
    private func address(of resolution: Resolution, object: Int, _ symbol: Symbol) -> UInt64? {
        switch resolution {
        case .undefined, .zero, .discarded: 0
        case .local: address(object: object, symbol) ?? 0
        case .definition(let index): address(definition: index)
        case .made(let index): address(made: index)
        case .fixed, .peer: nil
        }
    }
}
