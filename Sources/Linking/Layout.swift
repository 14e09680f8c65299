import ObjectModel

extension Draft {
    /// Gives every output section its offset from the start of the image, and makes the segments. Offsets in memory and in the file
    /// are the same, so the file is the memory up to its zeroes.
    ///
    /// ```
    /// header  notes  constants  GOT | code  stubs | data        zeroes
    /// r--                           | r-x         | rw-  (file | not in the file)
    /// ```
    mutating func layOut(headerSize: UInt64) -> Bool {
        let pageSize = architecture.pageSize
        let order = outputs.sections.indices.sorted { (outputs[$0].rank, $0) < (outputs[$1].rank, $1) }
        var position = headerSize
        var fileEnd = headerSize
        alignment = pageSize
        segments = [
            ImageSegment(protection: .read, address: 0, fileOffset: 0, fileSize: headerSize, memorySize: headerSize)
        ]
        for index in order where outputs[index].size > 0 {
            let section = outputs[index]
            if section.protection != segments[segments.count - 1].protection {
                guard let start = position.aligned(to: pageSize) else { return false }
                position = start
                segments.append(
                    ImageSegment(
                        protection: section.protection, address: start, fileOffset: start, fileSize: 0, memorySize: 0))
            }
            guard let start = position.aligned(to: section.alignment) else { return false }
            let (end, wraps) = start.addingReportingOverflow(section.size)
            guard !wraps, end < architecture.addressLimit else { return false }
            outputs[index].offset = start
            alignment = max(alignment, section.alignment)
            position = end
            let last = segments.count - 1
            segments[last].memorySize = end - segments[last].address
            if !section.rank.isZeroes {
                segments[last].fileSize = segments[last].memorySize
                fileEnd = end
            }
        }
        guard let end = position.aligned(to: pageSize) else { return false }
        size = end
        fileSize = fileEnd
        return true
    }

    /// Moves the image to its address; every target gets its final one.
    mutating func place(at address: UInt64) {
        base = address
        for index in segments.indices { segments[index].address += address }
    }

    /// Fills in the addresses of all targets. All modules of the transaction have their places by now.
    mutating func settleTargets(_ drafts: [Draft]) {
        for object in objects.indices {
            let addresses = addresses(ofObject: object, drafts)
            for symbol in addresses.indices { targets[object][symbol].address = addresses[symbol] }
        }
    }

    /// Changes nothing: what does, copies the draft for each question that it asks it.
    private func addresses(ofObject object: Int, _ drafts: [Draft]) -> [UInt64] {
        resolutions[object].enumerated().map { symbol, resolution in
            address(of: resolution, object: object, symbol: symbol, drafts)
        }
    }

    private func address(of resolution: Resolution, object: Int, symbol: Int, _ drafts: [Draft]) -> UInt64 {
        switch resolution {
        case .undefined, .zero, .discarded: 0
        case .local: address(object: object, symbol: symbol) ?? 0
        case .definition(let index): address(definition: index)
        case .made(let index): address(made: index)
        case .fixed(let address, _, _): address
        case .peer(let module, let definition): drafts[module].address(definition: definition)
        }
    }
}
