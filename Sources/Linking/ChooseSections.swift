import ObjectModel

extension Draft {
    /// Decides which sections are part of the image, and puts them into output sections.
    mutating func chooseSections(headerSize: UInt64, _ problems: inout ProblemList) {
        let displaced = displacedGroups()
        for (index, object) in objects.enumerated() {
            var places = [Placement](repeating: .none, count: object.sections.count)
            for section in arranged(object) {
                let facts = object.sections[section]
                guard facts.isAllocated, !isForLinkersOnly(facts, object) else { continue }
                if let group = facts.group, displaced[index].contains(group) { continue }
                // It is placed all the same: what refers to it is no further problem.
                if let reason = Self.refusal(of: facts) {
                    problems.add(object.name, "section '\(object.text(facts.name))'", reason)
                }
                let output = outputs.output(for: facts, of: object)
                guard let offset = outputs.append(facts.size, alignment: facts.alignment, to: output) else {
                    problems.add(
                        object.name, "section '\(object.text(facts.name))'",
                        "too large: sizes add up to more than 64 bits")
                    continue
                }
                places[section] = Placement(output: UInt32(output), offset: offset)
            }
            placements.append(places)
        }
        // Whoever walks the frames stops at a zero word (Linux Standard Base, "Exception Frames").
        for index in outputs.sections.indices where outputs[index].rank == .frames && outputs[index].size > 0 {
            _ = outputs.append(4, alignment: 4, to: index)
        }
    }

    private static func refusal(of section: Section) -> String? {
        if section.protection.contains([.write, .execute]) {
            return "both writable and executable: memory of a module is one or the other"
        }
        return nil
    }

    /// What only says something to a linker about its object.
    private func isForLinkersOnly(_ section: Section, _ object: Object) -> Bool {
        guard section.kind == .note else { return false }
        let name = object.text(section.name)
        return name == ".note.gnu.property" || name == ".note.gnu.build-id"
    }

    /// The sections of an object in the order in which they are placed: as they come, but constructors and destructors
    /// by priority (`.init_array.00101` before `.init_array.65000` before `.init_array`).
    private func arranged(_ object: Object) -> [Int] {
        let all = Array(object.sections.indices)
        let isArray = { (index: Int) in
            object.sections[index].kind == .initializers || object.sections[index].kind == .finalizers
        }
        guard all.contains(where: isArray) else { return all }
        return all.filter { !isArray($0) } + all.filter(isArray)
    }

    /// For each object, which of its groups another object's copy (or an earlier one of its own) displaces.
    private func displacedGroups() -> [Set<UInt32>] {
        var seen = Set<[UInt8]>()
        return objects.map { object in
            var displaced = Set<UInt32>()
            for (index, group) in object.groups.enumerated() where group.isCommon {
                if !seen.insert(Array(object.bytes[group.signature.indices])).inserted {
                    displaced.insert(UInt32(index))
                }
            }
            return displaced
        }
    }

    /// Puts constructors and destructors into the order of their priorities, over all objects of the module.
    mutating func arrangeFunctionArrays() {
        for rank in [OutputSection.Rank.initializers, .finalizers] {
            guard let output = outputs.sections.firstIndex(where: { $0.rank == rank }) else { continue }
            var pieces: [(priority: Int, object: Int, section: Int)] = []
            for (index, object) in objects.enumerated() {
                for section in object.sections.indices where placements[index][section].output == UInt32(output) {
                    pieces.append((Self.priority(object.text(object.sections[section].name)), index, section))
                }
            }
            pieces.sort { ($0.priority, $0.object, $0.section) < ($1.priority, $1.object, $1.section) }
            var offset: UInt64 = 0
            for piece in pieces {
                // Each holds addresses, and the reader has seen that such a section holds whole ones.
                placements[piece.object][piece.section].offset = offset
                offset += objects[piece.object].sections[piece.section].size
            }
            outputs[output].size = offset
        }
    }

    /// The number at the end of the name; without one, after all that have one.
    private static func priority(_ name: String) -> Int {
        guard let dot = name.lastIndex(of: "."), let number = Int(name[name.index(after: dot)...]) else { return 65536 }
        return number
    }
}
