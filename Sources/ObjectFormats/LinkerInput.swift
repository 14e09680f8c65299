import AOutFormat
import ELFFormat
import ObjectModel

/// What a file that is to be linked holds.
public enum LinkerInput: Sendable {
    /// An object.
    case object(Object)
    /// An archive of objects.
    case archive(Archive)

    /// Reads a file's bytes, compressed ones too.
    ///
    /// - Parameter name: what messages call the file.
    public init(_ bytes: [UInt8], name: String) throws(Problem) {
        let bytes = try CompressedFile.contents(bytes, name: name)
        guard ArchiveReader.isArchive(bytes) else {
            self = .object(try ObjectReader.read(bytes, name: name))
            return
        }
        var archive = try ArchiveReader.read(bytes, name: name)
        try archive.indexAOutMembers()
        self = .archive(archive)
    }
}

extension Archive {
    /// Enters what a.out members define. An archive's own index has their names with C's underscore, or, made by tools of
    /// today, not at all.
    fileprivate mutating func indexAOutMembers() throws(Problem) {
        let others = members.indices.filter {
            AOutObjectReader.isAOut(Array(bytes[members[$0].contents.prefix(4)]))
        }
        guard !others.isEmpty else { return }
        let isOther = Set(others.map { UInt32(truncatingIfNeeded: $0) })
        index.removeAll { isOther.contains($0.member) }
        for member in others {
            // Names keep their places in the file, also where the underscore is not part of them.
            let start = UInt32(truncatingIfNeeded: members[member].contents.lowerBound)
            let object = try ObjectReader.member(member, of: self)
            for symbol in object.symbols where symbol.binding != .local && symbol.place != .undefined {
                index.append(
                    Entry(
                        name: NameRange(offset: start + symbol.name.offset, count: symbol.name.count),
                        member: UInt32(truncatingIfNeeded: member)))
            }
        }
        // Of several members that define a name, the first counts.
        index = index.enumerated().sorted { ($0.element.member, $0.offset) < ($1.element.member, $1.offset) }
            .map(\.element)
    }
}
