import ObjectModel

extension Draft {
    /// Decides which sections are part of the image, and puts them into output sections.
    mutating func chooseSections(headerSize: UInt64, _ problems: inout ProblemList) {
        let displaced = displacedCopies()
        let objects = objects
        var frameRelocations = 0
        let allNeeds = needs
        let needs = allNeeds.elements.span
        var places = [Placement](repeating: .none, count: needs.count)
        for index in objects.indices {
            let (row, traits) = (allNeeds.range(index), surveys[index].traits)
            for (section, position) in row.enumerated() where needs[position].home != .none {
                let need = needs[position]
                if !displaced[index].isEmpty, Self.isDisplaced(section, of: objects[index], displaced[index]) {
                    continue
                }
                // It is placed all the same: what refers to it is no further problem.
                if need.isRefused { refuse(section, of: objects[index], &problems) }
                let output =
                    outputs.standard(need.home)
                    ?? outputs.output(for: need.home, objects[index].sections[section], of: objects[index])
                if OutputSections.isFrames(need.home) { beginFrames(with: section, of: index, output) }
                if traits.contains(.fragments), Self.isFragment(objects[index].sections[section], of: objects[index]) {
                    beginFragments(output)
                }
                guard let offset = outputs.append(need.size, alignment: need.alignment, to: output) else {
                    problems.add(
                        objects[index].name, objects[index].label(section),
                        "too large: sizes add up to more than 64 bits"
                    )
                    continue
                }
                places[position] = Placement(output: UInt32(output), offset: offset)
                if OutputSections.isFrames(need.home) { frameRelocations += Int(need.relocationCount) }
            }
            hasDisplaced.append(!displaced[index].isEmpty)
        }
        placements = Rows(starts: allNeeds.starts, elements: places)
        // Whoever walks the frames stops at a zero word (Linux Standard Base, "Exception Frames").
        for index in outputs.sections.indices where outputs[index].rank == .frames && outputs[index].size > 0 {
            _ = outputs.append(FrameHeader.terminatorSize, alignment: 4, to: index)
        }
        makeFrameHeader(relocations: frameRelocations)
    }

    private func refuse(_ section: Int, of object: Object, _ problems: inout ProblemList) {
        guard let reason = Self.refusal(of: object.sections[section]) else { return }
        problems.add(object.name, object.label(section), reason)
    }

    /// Why no module may have such a section; nil where it may.
    static func refusal(of section: Section) -> String? {
        if section.protection.contains([.write, .execute]) {
            return "both writable and executable: memory of a module is one or the other"
        }
        return nil
    }

    /// For each object, what another object's copy (or an earlier one of its own) displaces.
    private func displacedCopies() -> [Displaced] {
        var copies = Copies(hasLinkOnce: surveys.contains { $0.traits.contains(.linkOnce) })
        let objects = objects
        return objects.indices.map { copies.displaced(in: $0, of: objects, surveys[$0].traits) }
    }
}

extension Object {
    /// A section as messages name it.
    fileprivate func label(_ section: Int) -> String { "section '\(text(sections[section].name))'" }
}
