import ObjectModel
import Relocation
import Synchronization

extension Draft {
    /// Writes the module's bytes: contents, relocations, the global offset table, stubs, texts. `image` holds zeroes, and
    /// `fileSize` bytes at least.
    ///
    /// - Parameter alongside: something else that one of the workers does meanwhile.
    func emit(
        into image: inout MutableRawSpan, window: Range<UInt64>, _ workers: Workers,
        alongside: @Sendable () -> Void, _ problems: inout ProblemList
    ) {
        switch architecture {
        case .x86_64: emit(as: X86_64.self, into: &image, window: window, workers, alongside: alongside, &problems)
        case .i386: emit(as: I386.self, into: &image, window: window, workers, alongside: alongside, &problems)
        }
    }

    private func emit<M: Machine>(
        as machine: M.Type, into image: inout MutableRawSpan, window: Range<UInt64>, _ workers: Workers,
        alongside: @Sendable () -> Void, _ problems: inout ProblemList
    ) {
        let reach = M.reach(of: window)
        emitFragmentFunctions(as: machine, into: &image)
        let failures = Mutex([(piece: Int, problems: ProblemList)]())
        // Sections have places of their own in the image, and a section's parts are cut so that none writes into another. What is
        // done alongside comes first, because it is the longest part.
        workers.change(&image, parts: pieces.count + 1) { part, image in
            guard part > 0 else { return alongside() }
            let found = emit(pieces[part - 1], as: machine, into: &image, reach)
            if !found.isEmpty { failures.withLock { $0.append((part, found)) } }
        }
        for failure in failures.withLock({ $0 }).sorted(by: { $0.piece < $1.piece }) { problems.add(failure.problems) }
        emitTable(as: machine, into: &image)
        emitStubs(as: machine, into: &image, &problems)
        emitIndirectStubs(as: machine, into: &image, &problems)
        emitFrames(into: &image, &problems)
        for text in strings { image.copy(text.bytes, at: Int(address(text.place) - base)) }
    }

    /// Copies a piece's contents into the image, and relocates them there.
    private func emit<M: Machine>(
        _ piece: Piece, as machine: M.Type, into image: inout MutableRawSpan, _ reach: ClosedRange<UInt64>
    ) -> ProblemList {
        var problems = ProblemList()
        let index = piece.object
        let object = objects[index]
        let (objectBytes, objectSections, objectSymbols, objectRelocations) = (
            object.bytes, object.sections, object.symbols, object.relocations
        )
        let bytes = unsafe objectBytes.span.bytes
        let sections = objectSections.span
        let symbols = objectSymbols.span
        let relocations = objectRelocations.span
        // Who writes an object alone settles its targets, too: they are at hand then.
        let settled = piece.isObject ? settledTargets(ofObject: index, .alone) : self.targets.elements
        let targets = settled.span.extracting(piece.isObject ? settled.indices : self.targets.range(index))
        for number in piece.sections {
            let place = placements[index, number]
            guard place.isPlaced, sections[number].kind != .zeroFill, sections[number].size > 0 else { continue }
            let section = sections[number]
            let start = Int(outputs[Int(place.output)].offset + place.offset)
            let original = bytes.extracting(section.contentsOffset..<section.contentsOffset + Int(section.size))
            var contents = image._mutatingExtracting(start..<start + Int(section.size))
            if let part = piece.part {
                var own = contents._mutatingExtracting(part.bytes)
                own.copy(original.extracting(part.bytes))
            } else {
                contents.copy(original)
            }
            defer { if section.isReversed { contents.reverse(wordsOf: M.addressSize) } }
            let positions = piece.part?.relocations ?? section.relocations
            guard !positions.isEmpty else { continue }
            var failures: [RelocationFailure] = []
            M.apply(
                relocations.extracting(positions), to: &contents, original: original,
                frame: RelocationFrame(
                    section: address(place), table: tableAddress, stubs: stubsAddress, reach: reach,
                    threadBlock: section.protection.contains(.execute) ? 0 : threadBlock),
                targets: targets, symbols: symbols, failures: &failures)
            for failure in failures {
                let entry = relocations[positions.lowerBound + failure.index]
                report(failure, of: entry, object: index, section: number, as: machine, &problems)
            }
            if outputs[Int(place.output)].rank == .frames {
                clearDisplaced(&contents, positions, object: index, as: machine)
            }
        }
        return problems
    }

    /// Frames of displaced functions have no function: the field that would name it is zero, which unwinders pass over. The addend,
    /// which is all that there is to compute with, would be taken for an address.
    private func clearDisplaced<M: Machine>(
        _ contents: inout MutableRawSpan, _ positions: Range<Int>, object index: Int, as machine: M.Type
    ) {
        guard hasFramesOfDiscarded[index] else { return }
        let relocations = objects[index].relocations
        for position in positions where resolutions[index, Int(relocations[position].symbol)] == .discarded {
            let entry = relocations[position]
            for byte in 0..<(M.Kind(rawValue: entry.kind)?.width ?? 0) {
                contents.storeBytes(of: 0, toByteOffset: Int(entry.offset) + byte, as: UInt8.self)
            }
        }
    }

    private func emitTable<M: Machine>(as machine: M.Type, into image: inout MutableRawSpan) {
        guard let table else { return }
        var offset = Int(outputs[table].offset)
        for entry in tableEntries {
            let address = targetAddress(object: Int(entry.object), symbol: Int(entry.symbol))
            let stored = M.Address(truncatingIfNeeded: address)
            image.storeBytes(of: stored.littleEndian, toByteOffset: offset, as: M.Address.self)
            offset += M.addressSize
        }
    }

    private func emitStubs<M: Machine>(
        as machine: M.Type, into image: inout MutableRawSpan, _ problems: inout ProblemList
    ) {
        guard let stubSection else { return }
        for (index, entry) in stubs.enumerated() {
            let offset = index * M.stubSize
            let isNear = M.writeStub(
                &image, at: Int(outputs[stubSection].offset) + offset, address: stubsAddress + UInt64(offset),
                entry: tableAddress + UInt64(entry) * UInt64(M.addressSize))
            if !isNear { problems.add(source.name, "stub \(index)", "the module is larger than 2 GiB") }
        }
    }

    private func report<M: Machine>(
        _ failure: RelocationFailure, of entry: RelocationEntry, object index: Int, section: Int, as machine: M.Type,
        _ problems: inout ProblemList
    ) {
        let object = objects[index]
        // Frames of displaced functions.
        if resolutions[index, Int(entry.symbol)] == .discarded { return }
        let kind = M.Kind(rawValue: entry.kind)
        let name = object.describe(Int(entry.symbol))
        let address = hexadecimal(targetAddress(object: index, symbol: Int(entry.symbol)))
        problems.add(
            object.name, describePlace(object: index, section: section, offset: entry.offset),
            "\(kind?.name ?? "relocation") against '\(name)' at \(address): the value \(failure.value) is outside \(failure.range.lowerBound) to \(failure.range.upperBound); \(kind?.remedy ?? "")"
        )
    }
}

extension MutableRawSpan {
    /// Copies bytes to the start; traps when there is no room, as a subscript does.
    mutating func copy(_ source: RawSpan) {
        precondition(source.byteCount <= byteCount)
        unsafe withUnsafeMutableBytes { target in
            unsafe source.withUnsafeBytes { unsafe target.copyMemory(from: $0) }
        }
    }

    /// Puts its words into the reverse order.
    mutating func reverse(wordsOf size: Int) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount)
        for start in stride(from: byteCount - size, through: 0, by: -size) {
            for offset in start..<start + size {
                bytes.append(unsafe self.bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
            }
        }
        copy(bytes, at: 0)
    }

    /// Copies bytes to an offset; traps when there is no room.
    mutating func copy(_ source: [UInt8], at offset: Int) {
        for (index, byte) in source.enumerated() { storeBytes(of: byte, toByteOffset: offset + index, as: UInt8.self) }
    }
}
