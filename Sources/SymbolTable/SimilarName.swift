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

extension SymbolTable {
    /// The names of symbols, exported or not, that are most like another one, by the same measure: those that are equally near, in
    /// alphabetical order.
    ///
    /// - Parameters:
    ///   - owner: whose symbols are looked at; nil: everyone's.
    ///   - limit: how many names at the most.
    public func similarNames(to name: String, of owner: String? = nil, limit: Int = 3) -> [String] {
        let wanted = Array(name.utf8)
        guard wanted.count >= 2 else { return [] }
        var allowed = allowedDistance(wanted.count)
        let letters = letterSet(wanted[...])
        var found = Set<String>()
        for set in snapshot where owner.map({ isSameModule($0, set.owner) }) != false {
            for (index, entry) in set.symbols.entries.enumerated()
            where abs(Int(entry.name.count) - wanted.count) <= allowed {
                let candidate = set.symbols.names[entry.name.indices]
                // One edit brings in a letter and takes out another at the most: nearly all names are too far by that.
                guard (letterSet(candidate) ^ letters).nonzeroBitCount <= 2 * allowed,
                    let distance = editDistance(wanted, candidate, limit: allowed), distance > 0
                else { continue }
                if distance < allowed { found = [] }
                allowed = distance
                found.insert(set.name(index))
            }
        }
        return Array(found.sorted().prefix(limit))
    }
}

/// Which letters a name has; each of the 64 bits stands for four characters.
private func letterSet(_ name: ArraySlice<UInt8>) -> UInt64 {
    var set: UInt64 = 0
    for byte in name { set |= 1 << UInt64(byte & 63) }
    return set
}

/// The end of a complaint about a name that is not there: `; did you mean 'slice' or 'slices'?`; empty without any that are like it.
public func suggestion(_ names: [String]) -> String {
    guard let last = names.last else { return "" }
    let quoted = names.map { "'\($0)'" }
    guard names.count > 1 else { return "; did you mean '\(last)'?" }
    return "; did you mean \(quoted.dropLast().joined(separator: ", ")) or '\(last)'?"
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

/// The name of the module that somebody may have meant: one whose file was named, or else the one that is most like it.
public func similarModule(to name: String, among names: [String]) -> String? {
    var stem = name.split(separator: "/").last.map(String.init) ?? name
    for ending in [".gz", ".xz", ".zst"] where stem.hasSuffix(ending) { stem.removeLast(ending.count) }
    for ending in [".o", ".ko", ".a"] where stem.hasSuffix(ending) { stem.removeLast(ending.count) }
    if stem != name {
        let plain = stem.replacing("-", with: "_")
        if let exact = names.first(where: { $0.replacing("-", with: "_") == plain }) { return exact }
    }
    return nearestName(to: stem, among: names)
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
