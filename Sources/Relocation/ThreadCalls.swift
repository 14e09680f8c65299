import ObjectModel

extension Machine {
    /// Takes out of an object the relocations of calls that go away when the address of a thread-local variable is computed
    /// from the thread pointer: the psABI has each belong to the relocation before it. What is left of the function's name is
    /// a symbol that nothing refers to.
    ///
    /// - Parameter object: the parts of one of this machine, all of them checked.
    public static func removeThreadCalls(from object: inout ObjectParts) {
        guard let getter = object.undefinedSymbol(named: threadGetter) else { return }
        for section in object.sections where !section.relocations.isEmpty && section.kind != .zeroFill {
            for index in calls(section, object, getter: getter) {
                // In the enumeration of each machine 0 is what does nothing.
                object.relocations[index].kind = 0
                object.relocations[index].symbol = 0
            }
        }
    }

    /// What the code around a relocation (a kind whose need is `threadLocal`) comes to. A call that goes away with it must be one
    /// that was taken out: another function's would be written over.
    ///
    /// - Parameters:
    ///   - position: the relocation's.
    ///   - relocations: those of its section.
    ///   - original: the section in the object.
    @inlinable public static func threadAccess(
        at position: Int, _ kind: Kind, of relocations: Span<RelocationEntry>, in original: RawSpan
    ) -> ThreadAccess {
        if let call = threadCall(relocations[position], in: original) {
            let next = position + 1
            guard next < relocations.count, relocations[next].kind == 0, relocations[next].offset == call else {
                return .unknown
            }
        }
        return threadAccess(relocations[position], kind, in: original)
    }

    private static func calls(_ section: Section, _ object: ObjectParts, getter: UInt32) -> [Int] {
        let bytes = unsafe object.bytes.span.bytes
        let original = bytes.extracting(section.contentsOffset..<section.contentsOffset + Int(section.size))
        var calls: [Int] = []
        for index in section.relocations.dropFirst() {
            let call = object.relocations[index]
            guard call.symbol == getter, call.offset == threadCall(object.relocations[index - 1], in: original) else {
                continue
            }
            calls.append(index)
        }
        return calls
    }
}

extension ObjectParts {
    fileprivate func undefinedSymbol(named name: StaticString) -> UInt32? {
        let count = name.utf8CodeUnitCount
        let index = symbols.firstIndex { symbol in
            guard symbol.place == .undefined, Int(symbol.name.count) == count else { return false }
            let bytes = bytes.span.extracting(symbol.name.indices)
            for index in 0..<count where unsafe bytes[index] != name.utf8Start[index] { return false }
            return true
        }
        return index.flatMap(UInt32.init(exactly:))
    }
}
