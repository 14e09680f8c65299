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

    /// What a section is that holds addresses of functions, and whether it is run from the end, as far as its name tells: linkers go by
    /// that whatever the type is, and whether it can be written or not. Nil for all others.
    func functionArray(_ header: ELFLayout.SectionHeader) -> (kind: SectionKind, isReversed: Bool)? {
        guard header.name.count >= 6 else { return nil }
        let (bytes, name) = (object.bytes, header.name)
        // Hardly any section's name goes on so.
        switch bytes[Int(name.offset) + 1] {
        case UInt8(ascii: "i") where nameIsOfFamily(bytes, name, ".init_array"): return (.initializers, false)
        case UInt8(ascii: "p") where name.count == 14 && nameBegins(bytes, name, with: ".preinit_array"):
            return (.initializers, false)
        case UInt8(ascii: "f") where nameIsOfFamily(bytes, name, ".fini_array"): return (.finalizers, false)
        case UInt8(ascii: "c") where nameIsOfFamily(bytes, name, ".ctors") && !isBound: return (.initializers, true)
        case UInt8(ascii: "d") where nameIsOfFamily(bytes, name, ".dtors") && !isBound: return (.finalizers, true)
        default: return nil
        }
    }

    /// Whether the object is one of those that compilers put before and behind a program's own, `crtbegin.o` and its like: what these have
    /// in `.ctors` and `.dtors` are marks (-1 and 0), which ld's default script leaves out of the arrays.
    private var isBound: Bool {
        var name = file.utf8[...]
        if name.last == UInt8(ascii: ")") { name = name.dropLast() }
        guard name.last == UInt8(ascii: "o"), name.dropLast().last == UInt8(ascii: ".") else { return false }
        name = name.dropLast(2)
        for _ in 0..<2 {
            if ["crtbegin", "crtend"].contains(where: { name.suffix($0.utf8.count).elementsEqual($0.utf8) }) {
                return true
            }
            // Another letter: crtbeginS.o for shared libraries, crtbeginT.o for static programs.
            name = name.dropLast()
        }
        return false
    }
}
