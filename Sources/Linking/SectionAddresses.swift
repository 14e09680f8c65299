import ObjectModel

extension Linker {
    /// Where the sections of a module's objects are, once it has been placed: for each object, for each of its sections, the address;
    /// nil where it is not part of the image.
    ///
    /// A copy of a section that another object's copy displaced is where that one is, if it is as long: what is known of the one is
    /// true of the other.
    public func sectionAddresses(_ index: Int) -> [[UInt64?]] {
        let draft = drafts[index]
        let kept = draft.hasDisplaced.contains(true) ? draft.keptCopies : [:]
        return draft.objects.indices.map { object in
            draft.placements.indices(object).map { section in
                let place = draft.placements[object, section]
                if place.isPlaced { return draft.address(place) }
                guard let copy = draft.copy(object, section), let original = kept[copy.key], original.size == copy.size
                else { return nil }
                return original.address
            }
        }
    }
}

/// What copies of one section have in common: the signature of their group, if they are in one, and their own name.
private struct CopyKey: Hashable {
    let signature: [UInt8]
    let name: [UInt8]
}

extension Draft {
    /// What a section is a copy of, when there can be several.
    fileprivate func copy(_ object: Int, _ section: Int) -> (key: CopyKey, size: UInt64)? {
        let source = objects[object]
        let facts = source.sections[section]
        guard facts.isAllocated else { return nil }
        guard let group = facts.group else {
            guard LinkOnce.isOne(facts.name, in: source.bytes) else { return nil }
            return (CopyKey(signature: [], name: Array(source.bytes[facts.name.indices])), facts.size)
        }
        guard source.groups[Int(group)].isCommon else { return nil }
        let key = CopyKey(
            signature: Array(source.bytes[source.groups[Int(group)].signature.indices]),
            name: Array(source.bytes[facts.name.indices]))
        return (key, facts.size)
    }

    /// The copies that are part of the image.
    fileprivate var keptCopies: [CopyKey: (address: UInt64, size: UInt64)] {
        var copies: [CopyKey: (address: UInt64, size: UInt64)] = [:]
        for object in objects.indices {
            for section in placements.indices(object) where placements[object, section].isPlaced {
                guard let copy = copy(object, section) else { continue }
                copies[copy.key] = (address(placements[object, section]), copy.size)
            }
        }
        return copies
    }
}
