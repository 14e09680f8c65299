import ObjectModel

/// Reads archives of relocatable ELF files. Members are read when they are asked for.
public enum ArchiveReader {
    /// Whether the bytes that a file begins with (8 are enough) are those of an archive, of either kind.
    public static func isArchive(_ bytes: [UInt8]) -> Bool {
        bytes.starts(with: ArchiveLayout.magic) || isThin(bytes)
    }

    /// Whether the bytes that a file begins with (8 are enough) are those of a thin archive, whose members are files of their own.
    public static func isThin(_ bytes: [UInt8]) -> Bool {
        bytes.starts(with: ArchiveLayout.thinMagic)
    }

    /// The archive in a file's bytes. Its own symbol index is taken; where it has none, the symbol tables of its members.
    ///
    /// - Parameter name: what messages call the file.
    public static func read(_ bytes: [UInt8], name: String) throws(Problem) -> Archive {
        guard !isThin(bytes) else {
            throw Problem(
                subject: name, reason: "a thin archive, whose members are files of their own; 'ar rc' makes a whole one"
            )
        }
        let layout = try ArchiveLayout(bytes, file: name)
        var archive = Archive(
            name: name, bytes: bytes, members: layout.members.map { .init(name: $0.name, contents: $0.contents) },
            index: [])
        for (index, member) in archive.members.enumerated() where isArchive(Array(bytes[member.contents.prefix(8)])) {
            throw Problem(
                subject: archive.memberName(index),
                reason: "an archive in an archive; take it out with 'ar x' and name it by itself")
        }
        if let entries = try layout.indexEntries(bytes) {
            archive.index = entries
        } else {
            archive.index = try definedNames(archive)
        }
        return archive
    }

    /// A member as an object.
    public static func object(_ member: Int, of archive: Archive) throws(Problem) -> Object {
        try ELFObjectReader.read(
            archive.bytes, in: archive.members[member].contents, name: archive.memberName(member))
    }

    /// What an index would say. Members that are no ELF files define nothing.
    private static func definedNames(_ archive: Archive) throws(Problem) -> [Archive.Entry] {
        var entries: [Archive.Entry] = []
        for (index, member) in archive.members.enumerated()
        where archive.bytes[member.contents].starts(with: [0x7f, 0x45, 0x4c, 0x46]) {
            let object = try Self.object(index, of: archive)
            for symbol in object.symbols where symbol.binding != .local && symbol.place != .undefined {
                entries.append(Archive.Entry(name: symbol.name, member: UInt32(truncatingIfNeeded: index)))
            }
        }
        return entries
    }
}
