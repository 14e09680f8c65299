import ObjectModel

// Of several copies of a function or a variable, which compilers make in each object that uses it, the first is kept. Copies are groups
// of one signature (gABI, "Section Groups"), or, of compilers before gcc 4, sections `.gnu.linkonce.KIND.NAME` of one name. A group of one section and
// such a section are copies, too, where they define the same symbols: GNU ld has it so.

/// The name of a section that is linked once.
enum LinkOnce {
    private static let prefix: StaticString = ".gnu.linkonce."

    /// Whether a section's name says that it is one.
    static func isOne(_ name: NameRange, in bytes: [UInt8]) -> Bool {
        nameBegins(bytes, name, with: prefix)
    }

    /// The name of what it is a copy of: behind the dot that follows its kind; all of it where there is none.
    static func key(_ name: NameRange, in bytes: [UInt8]) -> ArraySlice<UInt8> {
        let rest = bytes[name.indices].dropFirst(prefix.utf8CodeUnitCount)
        guard let dot = rest.firstIndex(of: UInt8(ascii: ".")) else { return bytes[name.indices] }
        return rest[(dot + 1)...]
    }

    /// The name of the functions' section whose constants a section holds: those of `.gnu.linkonce.r.NAME` belong to `.gnu.linkonce.t.NAME`.
    static func code(ofConstants name: NameRange, in bytes: [UInt8]) -> [UInt8]? {
        guard nameBegins(bytes, name, with: ".gnu.linkonce.r.") else { return nil }
        return Array(".gnu.linkonce.t.".utf8) + key(name, in: bytes)
    }
}

/// What of an object another copy displaces.
struct Displaced {
    /// Groups, by index.
    var groups = Set<UInt32>()
    /// Sections that are linked once.
    var sections = Set<Int>()

    var isEmpty: Bool { groups.isEmpty && sections.isEmpty }
}

/// The copies that were first.
struct Copies {
    /// The signatures of groups.
    private var groups = Set<[UInt8]>()
    /// Those groups that have one section, and the sections that are linked once, by what they are a copy of.
    private var singles: [[UInt8]: ObjectSection] = [:]
    private var sections: [[UInt8]: ObjectSection] = [:]
    /// The names of sections that are linked once, and which object has the first.
    private var names: [[UInt8]: Int] = [:]
    /// Whether there are sections that are linked once at all: hardly any module has some.
    let hasLinkOnce: Bool

    init(hasLinkOnce: Bool) {
        self.hasLinkOnce = hasLinkOnce
    }

    /// Notes an object's copies, and says which of them others displace.
    mutating func displaced(in number: Int, of objects: [Object], _ traits: Survey.Traits) -> Displaced {
        var displaced = Displaced()
        // Most have none.
        guard !objects[number].groups.isEmpty || traits.contains(.linkOnce) else { return displaced }
        let object = objects[number]
        let members = hasLinkOnce ? Self.singleMembers(object) : [:]
        for (index, group) in object.groups.enumerated() where group.isCommon {
            let signature = Array(object.bytes[group.signature.indices])
            let single = members[UInt32(index)].map { ObjectSection(object: UInt32(number), section: $0) }
            if let single, let other = sections[signature], Self.haveSameSymbols(single, other, objects) {
                displaced.groups.insert(UInt32(index))
            } else if !groups.insert(signature).inserted {
                displaced.groups.insert(UInt32(index))
            } else if let single {
                singles[signature] = single
            }
        }
        guard traits.contains(.linkOnce) else { return displaced }
        for (index, section) in object.sections.enumerated()
        where section.group == nil && LinkOnce.isOne(section.name, in: object.bytes) {
            if isDisplaced(ObjectSection(object: UInt32(number), section: UInt32(index)), section, objects) {
                displaced.sections.insert(index)
            }
        }
        return displaced
    }

    private mutating func isDisplaced(_ own: ObjectSection, _ section: Section, _ objects: [Object]) -> Bool {
        let number = Int(own.object)
        let bytes = objects[number].bytes
        let name = Array(bytes[section.name.indices])
        guard names[name] == nil else { return true }
        // Constants of a function go with it: what is left of them would refer to code that is not there (g++ 3.4).
        if let code = LinkOnce.code(ofConstants: section.name, in: bytes), let first = names[code], first != number {
            return true
        }
        let key = Array(LinkOnce.key(section.name, in: bytes))
        if let single = singles[key], Self.haveSameSymbols(single, own, objects) { return true }
        names[name] = number
        if sections[key] == nil { sections[key] = own }
        return false
    }

    /// The members of groups that have one section in memory, by group.
    private static func singleMembers(_ object: Object) -> [UInt32: UInt32] {
        var members: [UInt32: UInt32] = [:]
        var others = Set<UInt32>()
        for (index, section) in object.sections.enumerated() {
            guard section.isAllocated, let group = section.group else { continue }
            if members.updateValue(UInt32(index), forKey: group) != nil { others.insert(group) }
        }
        return members.filter { !others.contains($0.key) }
    }

    private static func haveSameSymbols(_ first: ObjectSection, _ second: ObjectSection, _ objects: [Object]) -> Bool {
        let names = symbols(first, objects)
        return !names.isEmpty && names == symbols(second, objects)
    }

    /// The names that a section defines.
    private static func symbols(_ section: ObjectSection, _ objects: [Object]) -> Set<[UInt8]> {
        let object = objects[Int(section.object)]
        return Set(
            object.symbols.lazy.filter {
                $0.place == .section(section.section) && $0.type != .section && $0.name.count > 0
            }.map { Array(object.bytes[$0.name.indices]) })
    }
}
