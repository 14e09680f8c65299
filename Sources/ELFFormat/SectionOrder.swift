import CLibELF
import ObjectModel

// What the headers of sections say of their order.
extension ObjectDraft {
    /// How many sections may refer to one another in a row by SHF_LINK_ORDER.
    private static var subjectLimit: Int { 16 }

    /// Reads which section each one with SHF_LINK_ORDER is about. One that names none (section 0) is like any other.
    mutating func readSubjects() throws(Problem) {
        for (index, header) in layout.sections.enumerated() where header.has(SHF_LINK_ORDER) && header.link != 0 {
            guard Int(header.link) < layout.sections.count else {
                throw Problem(
                    subject: file, place: label(index),
                    reason: "sh_link \(header.link): there are \(layout.sections.count) sections")
            }
            object.sections[index].subject = header.link
        }
        for index in object.sections.indices {
            var next = object.sections[index].subject
            var steps = 0
            while let subject = next {
                steps += 1
                guard steps <= Self.subjectLimit else {
                    throw Problem(
                        subject: file, place: label(index),
                        reason: "sh_link: leads through more than \(Self.subjectLimit) sections, or in a circle")
                }
                next = object.sections[Int(subject)].subject
            }
        }
    }

    /// What a section is that holds addresses of functions without the type that says so: `.ctors` and `.dtors`, which
    /// are run from the end.
    static func olderArray(_ name: String, _ header: ELFLayout.SectionHeader) -> SectionKind? {
        guard header.isOf(SHT_PROGBITS), header.has(SHF_WRITE) else { return nil }
        if name == ".ctors" || name.hasPrefix(".ctors.") { return .initializers }
        if name == ".dtors" || name.hasPrefix(".dtors.") { return .finalizers }
        return nil
    }
}
