import ObjectModel

extension SymbolTable {
    /// The exported name that is most like another, for "did you mean"; nil when none is near enough to be a likely
    /// slip: one edit for a name of up to 4 characters, two for longer ones, three from 12 on.
    public func nearestName(to name: String) -> String? {
        let wanted = Array(name.utf8)
        guard wanted.count >= 2 else { return nil }
        let allowed = allowedDistance(wanted.count)
        var best: (distance: Int, set: SymbolSet, entry: Int)?
        for set in snapshot {
            for (index, entry) in set.symbols.entries.enumerated() where entry.isExported {
                let limit = (best?.distance ?? allowed + 1) - 1
                guard limit >= 1, abs(Int(entry.name.count) - wanted.count) <= limit else { continue }
                let candidate = set.symbols.names[entry.name.indices]
                if let distance = editDistance(wanted, candidate, limit: limit), distance > 0 {
                    best = (distance, set, index)
                }
            }
        }
        return best.map { $0.set.name($0.entry) }
    }
}

/// The one of a few names that is most like another, by the same measure; nil when none is near enough.
public func nearestName(to name: String, among names: [String]) -> String? {
    let wanted = Array(name.utf8)
    guard wanted.count >= 2 else { return nil }
    let distances = names.compactMap { candidate in
        editDistance(wanted, Array(candidate.utf8)[...], limit: allowedDistance(wanted.count)).map { ($0, candidate) }
    }
    return distances.min { $0.0 < $1.0 }?.1
}

private func allowedDistance(_ count: Int) -> Int { count <= 4 ? 1 : count < 12 ? 2 : 3 }

/// How many characters must be inserted, deleted, replaced or swapped with their neighbour to make one name of the other;
/// nil when more than `limit`. (The "optimal string alignment" distance, in a band of `limit` around the diagonal.)
func editDistance(_ left: [UInt8], _ right: ArraySlice<UInt8>, limit: Int) -> Int? {
    let right = Array(right)
    guard abs(left.count - right.count) <= limit else { return nil }
    let beyond = limit + 1
    var beforePrevious = [Int](repeating: beyond, count: right.count + 1)
    var previous = (0...right.count).map { min($0, beyond) }
    for row in 1..<(left.count + 1) {
        var current = [Int](repeating: beyond, count: right.count + 1)
        if row <= limit { current[0] = row }
        let first = max(1, row - limit)
        let last = min(right.count, row + limit)
        for column in stride(from: first, through: last, by: 1) {
            let same = left[row - 1] == right[column - 1]
            var distance = min(
                previous[column - 1] + (same ? 0 : 1), previous[column] + 1, current[column - 1] + 1)
            if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                distance = min(distance, beforePrevious[column - 2] + 1)
            }
            current[column] = min(distance, beyond)
        }
        guard current.contains(where: { $0 <= limit }) else { return nil }
        beforePrevious = previous
        previous = current
    }
    return previous[right.count] <= limit ? previous[right.count] : nil
}
