import ObjectModel
import Relocation

extension Draft {
    /// Writes the module's bytes: contents, relocations, the global offset table, stubs, texts. `image` holds zeroes, and
    /// `fileSize` bytes at least.
    func emit(into image: inout MutableRawSpan, window: Range<UInt64>, _ problems: inout ProblemList) {
        switch architecture {
        case .x86_64: emit(as: X86_64.self, into: &image, window: window, &problems)
        case .i386: emit(as: I386.self, into: &image, window: window, &problems)
        }
    }

    private func emit<M: Machine>(
        as machine: M.Type, into image: inout MutableRawSpan, window: Range<UInt64>, _ problems: inout ProblemList
    ) {
        let reach = M.reach(of: window)
        emitFragmentFunctions(as: machine, into: &image)
        for index in objects.indices {
            let object = objects[index]
            let bytes = unsafe object.bytes.span.bytes
            let symbols = object.symbols.span
            let objectTargets = targets[index]
            let targets = objectTargets.span
            let relocations = object.relocations.span
            for (number, section) in object.sections.enumerated() {
                let place = placements[index][number]
                guard place.isPlaced, section.kind != .zeroFill, section.size > 0 else { continue }
                let start = Int(outputs[Int(place.output)].offset + place.offset)
                let original = bytes.extracting(section.contentsOffset..<section.contentsOffset + Int(section.size))
                var contents = image._mutatingExtracting(start..<start + Int(section.size))
                contents.copy(original)
                defer { if section.isReversed { contents.reverse(wordsOf: M.addressSize) } }
                guard !section.relocations.isEmpty else { continue }
                var failures: [RelocationFailure] = []
                M.apply(
                    relocations.extracting(section.relocations), to: &contents, original: original,
                    frame: RelocationFrame(
                        section: address(place), table: tableAddress, stubs: stubsAddress, reach: reach),
                    targets: targets, symbols: symbols, failures: &failures)
                for failure in failures { report(failure, object: index, section: number, as: machine, &problems) }
                if outputs[Int(place.output)].rank == .frames {
                    clearDisplaced(&contents, object: index, section, as: machine)
                }
            }
        }
        emitTable(as: machine, into: &image)
        emitStubs(as: machine, into: &image, &problems)
        emitIndirectStubs(as: machine, into: &image, &problems)
        for text in strings { image.copy(text.bytes, at: Int(address(text.place) - base)) }
    }

    /// Frames of displaced functions have no function: the field that would name it is zero, which unwinders pass over. The addend,
    /// which is all that there is to compute with, would be taken for an address.
    private func clearDisplaced<M: Machine>(
        _ contents: inout MutableRawSpan, object index: Int, _ section: Section, as machine: M.Type
    ) {
        guard hasDisplaced[index] else { return }
        let resolutions = resolutions[index]
        let relocations = objects[index].relocations
        for position in section.relocations where resolutions[Int(relocations[position].symbol)] == .discarded {
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
            let address = targets[Int(entry.object)][Int(entry.symbol)].address
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
        _ failure: RelocationFailure, object index: Int, section: Int, as machine: M.Type,
        _ problems: inout ProblemList
    ) {
        let object = objects[index]
        let entry = object.relocations[object.sections[section].relocations.lowerBound + failure.index]
        // Frames of displaced functions.
        if resolutions[index][Int(entry.symbol)] == .discarded { return }
        let kind = M.Kind(rawValue: entry.kind)
        let name = object.describe(Int(entry.symbol))
        let address = hexadecimal(targets[index][Int(entry.symbol)].address)
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
