import ObjectModel

extension Draft {
    /// Decides which sections are part of the image, and puts them into output sections.
    mutating func chooseSections(headerSize: UInt64, _ problems: inout ProblemList) {
        let displaced = displacedGroups()
        let objects = objects
        var frameRelocations = 0
        let allHomes = homes
        let homes = allHomes.elements.span
        var places = [Placement](repeating: .none, count: homes.count)
        hasDisplaced.reserveCapacity(objects.count)
        for index in objects.indices {
            let (traits, objectSections) = (surveys[index].traits, objects[index].sections)
            let (sections, start) = (objectSections.span, allHomes.starts[index])
            for section in sections.indices where homes[start + section] != .none {
                let (facts, home) = (sections[section], homes[start + section])
                if !displaced[index].isEmpty, Self.isDisplaced(section, of: objects[index], displaced[index]) {
                    continue
                }
                // It is placed all the same: what refers to it is no further problem.
                if let reason = Self.refusal(of: facts) {
                    problems.add(objects[index].name, "section '\(objects[index].text(facts.name))'", reason)
                }
                let output =
                    outputs.standard(home) ?? outputs.output(for: home, facts, of: objects[index])
                if traits.contains(.fragments), Self.isFragment(facts, of: objects[index]) { beginFragments(output) }
                guard let offset = outputs.append(facts.size, alignment: facts.alignment, to: output) else {
                    problems.add(
                        objects[index].name, "section '\(objects[index].text(facts.name))'",
                        "too large: sizes add up to more than 64 bits")
                    continue
                }
                places[start + section] = Placement(output: UInt32(output), offset: offset)
                if OutputSections.isFrames(home) { frameRelocations += facts.relocations.count }
            }
            hasDisplaced.append(!displaced[index].isEmpty)
        }
        placements = Rows(starts: allHomes.starts, elements: places)
        // Whoever walks the frames stops at a zero word (Linux Standard Base, "Exception Frames").
        for index in outputs.sections.indices where outputs[index].rank == .frames && outputs[index].size > 0 {
            _ = outputs.append(4, alignment: 4, to: index)
        }
        makeFrameHeader(relocations: frameRelocations)
    }

    private static func refusal(of section: Section) -> String? {
        if section.protection.contains([.write, .execute]) {
            return "both writable and executable: memory of a module is one or the other"
        }
        return nil
    }

    /// For each object, which of its groups another object's copy (or an earlier one of its own) displaces.
    private func displacedGroups() -> [Set<UInt32>] {
        var seen = Set<[UInt8]>()
        return objects.indices.map { number in
            var displaced = Set<UInt32>()
            // Most have none, and need not be taken out of the list.
            if objects[number].groups.isEmpty { return displaced }
            let object = objects[number]
            for (index, group) in object.groups.enumerated() where group.isCommon {
                if !seen.insert(Array(object.bytes[group.signature.indices])).inserted {
                    displaced.insert(UInt32(index))
                }
            }
            return displaced
        }
    }
}
