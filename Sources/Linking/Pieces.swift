import ObjectModel
import Relocation

/// A part of an object's contents that is worked on by itself, at the same time as others: whole sections, or a part of one.
struct Piece {
    let object: Int
    /// The sections, by index; one where it is a part of it.
    var sections: Range<Int>
    /// Whether it is a whole object.
    let isObject: Bool
    /// Which of that section's relocations, as indices into the object's, and which of its bytes; nil where it is all of them.
    var part: Part?

    struct Part {
        var relocations: Range<Int>
        var bytes: Range<Int>
    }
}

extension Draft {
    /// Less than that is not worth a worker's while: bytes, of which a relocation counts as sixteen.
    private static let leastWork = 128 << 10

    /// Divides what is to be scanned and written so that each worker has several pieces.
    func pieces<M: Machine>(as machine: M.Type, _ workers: Workers) -> [Piece] {
        let objects = objects
        let work = objects.indices.reduce(0) { $0 + objects[$1].file.count }
        let share = workers.count > 1 ? max(Self.leastWork, work / (workers.count * 8)) : .max
        var pieces: [Piece] = []
        pieces.reserveCapacity(objects.count)
        for index in objects.indices {
            if objects[index].file.count <= share {
                pieces.append(Piece(object: index, sections: placements.indices(index), isObject: true))
            } else {
                pieces += divided(index, as: machine, share: share)
            }
        }
        return pieces
    }

    /// Pieces of an object of about that much work each.
    private func divided<M: Machine>(_ index: Int, as machine: M.Type, share: Int) -> [Piece] {
        let object = objects[index]
        let objectSections = object.sections
        let sections = objectSections.span
        var pieces: [Piece] = []
        var start = 0
        var work = 0
        for number in sections.indices where placements[index, number].isPlaced {
            let relocations = sections[number].relocations
            let size = sections[number].kind == .zeroFill ? 0 : Int(sections[number].size)
            let own = size + relocations.count * MemoryLayout<RelocationEntry>.stride
            if work + own > share, number > start {
                pieces.append(Piece(object: index, sections: start..<number, isObject: false))
                (start, work) = (number, 0)
            }
            work += own
            if own > 2 * share, !sections[number].isReversed {
                pieces += parts(of: number, index, object, as: machine, count: own / share)
                (start, work) = (number + 1, 0)
            }
        }
        if start < sections.count {
            pieces.append(Piece(object: index, sections: start..<sections.count, isObject: false))
        }
        return pieces
    }

    /// A section in parts, cut where relocations of the one part can neither write nor be written over by the other's.
    private func parts<M: Machine>(
        of number: Int, _ index: Int, _ object: Object, as machine: M.Type, count: Int
    ) -> [Piece] {
        let section = object.sections[number]
        let objectRelocations = object.relocations
        let relocations = objectRelocations.span.extracting(section.relocations)
        let first = section.relocations.lowerBound
        var pieces: [Piece] = []
        var (relocation, byte) = (0, 0)
        func end(_ nextRelocation: Int, _ nextByte: Int) {
            let part = Piece.Part(
                relocations: first + relocation..<first + nextRelocation, bytes: byte..<nextByte)
            pieces.append(Piece(object: index, sections: number..<number + 1, isObject: false, part: part))
            (relocation, byte) = (nextRelocation, nextByte)
        }
        if isAscending(relocations) {
            for part in 1..<count {
                let wanted = relocations.count * part / count
                guard wanted > relocation, isCut(relocations, wanted, as: machine) else { continue }
                end(wanted, Int(relocations[wanted].offset))
            }
        }
        end(relocations.count, Int(section.size))
        return pieces
    }

    /// Compilers write them so, but a file need not have them so.
    private func isAscending(_ relocations: Span<RelocationEntry>) -> Bool {
        var last: UInt64 = 0
        for index in relocations.indices {
            let offset = relocations[index].offset
            guard offset >= last else { return false }
            last = offset
        }
        return true
    }

    /// How far from its own bytes a relocation changes instructions, at most: the longest sequence of the psABI for a thread-local
    /// variable has 22 bytes.
    private static let reachOfChange: UInt64 = 64

    /// Whether everything before a relocation lies before its bytes, and no relocation nearby changes instructions around it.
    private func isCut<M: Machine>(_ relocations: Span<RelocationEntry>, _ cut: Int, as machine: M.Type) -> Bool {
        let place = relocations[cut].offset
        func isPlain(_ index: Int) -> Bool {
            switch M.Kind(rawValue: relocations[index].kind)?.need {
            case .relaxableTableEntry, .threadLocal, nil: false
            default: true
            }
        }
        var index = cut
        while index < relocations.count, relocations[index].offset - place < Self.reachOfChange {
            guard isPlain(index) else { return false }
            index += 1
        }
        index = cut - 1
        while index >= 0, place - relocations[index].offset < Self.reachOfChange {
            let width = M.Kind(rawValue: relocations[index].kind)?.width ?? 0
            guard isPlain(index), relocations[index].offset + UInt64(width) <= place else { return false }
            index -= 1
        }
        return true
    }
}
