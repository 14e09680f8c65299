/// A string `KEY=VALUE` in which an object says something about itself as a module: Linux's section `.modinfo`.
public struct InformationLine: Sendable, Equatable {
    /// The section that it stands in: an index into the object's sections.
    public let section: UInt32
    /// Where in the section it begins, in bytes.
    public let offset: UInt64
    /// What stands before the first `=`, in the object's bytes.
    public let key: NameRange
    /// What stands behind it.
    public let value: NameRange
}

extension Object {
    /// Everything that the object says about itself as a module, in order. Each string is ended by a NUL, or with its section;
    /// what has no `=` says nothing.
    public func informationLines() -> [InformationLine] {
        var lines: [InformationLine] = []
        for (index, section) in sections.enumerated() where hasContents(section, named: ".modinfo") {
            let end = section.contentsOffset + Int(section.size)
            var start = section.contentsOffset
            while start < end {
                let stop = bytes[start..<end].firstIndex(of: 0) ?? end
                if let equals = bytes[start..<stop].firstIndex(of: UInt8(ascii: "=")) {
                    lines.append(
                        InformationLine(
                            section: UInt32(index), offset: UInt64(start - section.contentsOffset),
                            key: NameRange(start..<equals), value: NameRange(equals + 1..<stop)))
                }
                start = stop + 1
            }
        }
        return lines
    }

    /// Whether a section has that name and bytes of the file.
    public func hasContents(_ section: Section, named name: StaticString) -> Bool {
        guard Int(section.name.count) == name.utf8CodeUnitCount, nameBegins(bytes, section.name, with: name),
            section.kind != .zeroFill, section.size > 0
        else { return false }
        let bytes = bytes
        return unsafe bytes.span.bytes.contains(offset: UInt64(section.contentsOffset), count: section.size)
    }
}

extension ObjectParts {
    /// Whether any section has that name.
    func hasSection(named name: StaticString) -> Bool {
        let sections = sections.span
        let count = UInt32(truncatingIfNeeded: name.utf8CodeUnitCount)
        for index in sections.indices
        where sections[index].name.count == count && nameBegins(bytes, sections[index].name, with: name) {
            return true
        }
        return false
    }
}

extension NameRange {
    /// The range of those array indices.
    public init(_ indices: Range<Int>) {
        self.init(
            offset: UInt32(truncatingIfNeeded: indices.lowerBound), count: UInt32(truncatingIfNeeded: indices.count))
    }
}
