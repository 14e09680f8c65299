import ObjectModel

// Sections that say something about another one (`SHF_LINK_ORDER`; gABI, "Section Attribute Flags").
extension Draft {
    /// Whether a section is dropped: it, its group, or that of what it is about, is displaced by another copy.
    static func isDisplaced(_ section: Int, of object: Object, _ displaced: Displaced) -> Bool {
        guard !displaced.isEmpty else { return false }
        var next: Int? = section
        // The reader has seen that this ends.
        while let index = next {
            if displaced.sections.contains(index) { return true }
            if let group = object.sections[index].group, displaced.groups.contains(group) { return true }
            next = object.sections[index].subject.map(Int.init)
        }
        return false
    }

    /// Puts sections that are about others into the order of these, behind sections of the same name that are not.
    mutating func arrangeByOrderOfSubjects() {
        var pieces: [UInt32: [(object: Int, section: Int)]] = [:]
        for (index, object) in objects.enumerated() where surveys[index].traits.contains(.subjects) {
            for (number, section) in object.sections.enumerated() where section.subject != nil {
                let place = placements[index, number]
                if place.isPlaced, outputs[Int(place.output)].rank.isFree { pieces[place.output] = [] }
            }
        }
        guard !pieces.isEmpty else { return }
        for index in objects.indices {
            for number in placements.indices(index) {
                pieces[placements[index, number].output]?.append((index, number))
            }
        }
        // What is arranged later may follow what is arranged now: chains are rare, and their order means nothing.
        for (output, members) in pieces.sorted(by: { $0.key < $1.key }) {
            let sorted = members.enumerated().map { (key: orderKey($1.object, $1.section), number: $0, piece: $1) }
                .sorted { ($0.key, $0.number) < ($1.key, $1.number) }
            outputs[Int(output)].size = 0
            for (_, _, piece) in sorted {
                let section = objects[piece.object].sections[piece.section]
                // The sizes have been added up before.
                guard let offset = outputs.append(section.size, alignment: section.alignment, to: Int(output)) else {
                    continue
                }
                placements[piece.object, piece.section].offset = offset
            }
        }
    }

    /// Where what a section is about lies in the image, as far as it is known before the layout.
    private func orderKey(_ object: Int, _ section: Int) -> SubjectOrder {
        guard let subject = objects[object].sections[section].subject else { return .first }
        let place = placements[object, Int(subject)]
        guard place.isPlaced else { return .first }
        return SubjectOrder(
            isSubject: 1, rank: outputs[Int(place.output)].rank.rawValue, output: place.output, offset: place.offset)
    }
}

/// Compared from the first field to the last.
private struct SubjectOrder: Comparable {
    var isSubject: UInt8
    var rank: UInt8
    var output: UInt32
    var offset: UInt64

    static let first = SubjectOrder(isSubject: 0, rank: 0, output: 0, offset: 0)

    static func < (left: SubjectOrder, right: SubjectOrder) -> Bool {
        (left.isSubject, left.rank, left.output, left.offset)
            < (right.isSubject, right.rank, right.output, right.offset)
    }
}

extension OutputSection.Rank {
    /// Whether pieces may stand in any order: nothing else arranges them, and nothing but pieces is in there.
    fileprivate var isFree: Bool {
        switch self {
        case .note, .constants, .relocatedConstants, .code, .threadData, .data: true
        case .frames, .frameHeader, .initializers, .finalizers, .table, .stubs, .threadZeroes, .zeroes: false
        }
    }
}
