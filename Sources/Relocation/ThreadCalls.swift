import ObjectModel

extension Machine {
    /// Takes out of an object the relocations of calls that go away when the address of a thread-local variable is computed
    /// from the thread pointer: the psABI has each belong to the relocation before it. What is left of the function's name is
    /// a symbol that nothing refers to.
    ///
    /// - Parameter object: the parts of one of this machine, all of them checked.
    public static func removeThreadCalls(from object: inout ObjectParts) {
        let (getter, hasVariables) = object.threadSymbols(getter: threadGetter)
        guard getter != nil || hasVariables else { return }
        for section in object.sections where !section.relocations.isEmpty && section.kind != .zeroFill {
            for index in calls(section, object, getter: getter) {
                // In the enumeration of each machine 0 is what does nothing.
                object.relocations[index].kind = 0
                object.relocations[index].symbol = 0
            }
            for (index, kind) in otherCalls(section, object) { object.relocations[index].kind = kind.rawValue }
        }
    }

    /// Relocations whose call is made in a way that no linker knows, or is one of another function: that function is given the argument.
    private static func otherCalls(_ section: Section, _ object: ObjectParts) -> [(index: Int, kind: Kind)] {
        let bytes = unsafe object.bytes.span.bytes
        let original = bytes.extracting(section.contentsOffset..<section.contentsOffset + Int(section.size))
        let own = object.relocations.span.extracting(section.relocations)
        var found: [(index: Int, kind: Kind)] = []
        for position in own.indices {
            guard let kind = Kind(rawValue: own[position].kind), let other = kind.withOwnCall,
                threadAccess(at: position, kind, of: own, in: original) == .unknown
            else { continue }
            found.append((section.relocations.lowerBound + position, other))
        }
        return found
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

    private static func calls(_ section: Section, _ object: ObjectParts, getter: UInt32?) -> [Int] {
        guard let getter else { return [] }
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
    /// The symbol of the function that returns the address of a thread-local variable, if the object refers to it; and whether any
    /// symbol is such a variable.
    fileprivate func threadSymbols(getter: StaticString) -> (getter: UInt32?, hasVariables: Bool) {
        let count = getter.utf8CodeUnitCount
        var hasVariables = false
        let index = symbols.firstIndex { symbol in
            if symbol.type == .threadLocal { hasVariables = true }
            guard symbol.place == .undefined, Int(symbol.name.count) == count else { return false }
            let bytes = bytes.span.extracting(symbol.name.indices)
            for index in 0..<count where unsafe bytes[index] != getter.utf8Start[index] { return false }
            return true
        }
        return (index.flatMap(UInt32.init(exactly:)), hasVariables)
    }
}
