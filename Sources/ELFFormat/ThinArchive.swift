import ObjectModel

/// An archive that holds only the names of its members, which are files of their own.
public struct ThinArchive: Sendable {
    /// A file that the archive names.
    public struct Member: Sendable, Equatable {
        /// Its path: absolute, or from the archive's folder.
        public let path: String
        /// When `path` is an archive and the member one of its members: where its header is there.
        public let origin: UInt64?
        /// What messages call it: `libgurka.a(slice.o)`.
        public let label: String
    }

    /// What the archive names, in its order.
    public let members: [Member]
    private let bytes: [UInt8]
    private let names: [NameRange]
    private let index: [Archive.Entry]?

    /// Reads the headers of a thin archive.
    ///
    /// - Parameter name: what messages call the file.
    public init(_ bytes: [UInt8], name: String) throws(Problem) {
        let layout = try ArchiveLayout(bytes, file: name)
        guard layout.isThin else { throw Problem(subject: name, reason: "not a thin archive") }
        self.bytes = bytes
        names = layout.members.map(\.name)
        index = try layout.indexEntries(bytes)
        members = layout.members.map {
            Member(
                path: String(decoding: bytes[$0.name.indices], as: UTF8.self), origin: $0.origin,
                label: "\(name)(\(printable(bytes, $0.name)))")
        }
    }

    /// The contents of the member whose header is at `origin` of an archive, or nil when there is none.
    public static func contents(
        ofMemberAt origin: UInt64, in bytes: [UInt8], name: String
    ) throws(Problem) -> [UInt8]? {
        let layout = try ArchiveLayout(bytes, file: name)
        return layout.members.first { UInt64($0.header) == origin && !layout.isThin }.map { Array(bytes[$0.contents]) }
    }

    /// The same archive with everything in it.
    ///
    /// - Parameter contents: those of each member, in their order.
    public func whole(_ contents: [[UInt8]]) -> [UInt8] {
        var longNames: [UInt8] = []
        let nameOffsets = names.map { name in
            defer { longNames += bytes[name.indices] + [UInt8(ascii: "/"), UInt8(ascii: "\n")] }
            return longNames.count
        }
        let entries = index ?? []
        let indexNames = entries.flatMap { bytes[$0.name.indices] + [0] }
        let indexSize = 8 * (entries.count + 1) + indexNames.count
        // The index comes first, and says where members are.
        var position = ArchiveLayout.magic.count + Self.room(longNames.count)
        if index != nil { position += Self.room(indexSize) }
        let headers = contents.map { content in
            defer { position += Self.room(content.count) }
            return position
        }
        var file = ArchiveLayout.magic
        file.reserveCapacity(position)
        if index != nil {
            let numbers = [entries.count] + entries.map { headers[Int($0.member)] }
            let words = numbers.flatMap { number in
                (0..<8).reversed().map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
            }
            Self.append("/SYM64/", words + indexNames, to: &file)
        }
        Self.append("//", longNames, to: &file)
        for (offset, content) in zip(nameOffsets, contents) { Self.append("/\(offset)", content, to: &file) }
        return file
    }

    /// How many bytes a member takes in the file.
    private static func room(_ size: Int) -> Int { ArchiveLayout.headerSize + size + size % 2 }

    private static func append(_ name: String, _ contents: [UInt8], to file: inout [UInt8]) {
        func field(_ text: String, _ width: Int) -> [UInt8] {
            Array(text.utf8) + [UInt8](repeating: UInt8(ascii: " "), count: max(width - text.utf8.count, 0))
        }
        file += field(name, 16) + field("0", 12) + field("0", 6) + field("0", 6) + field("644", 8)
        file += field("\(contents.count)", 10) + Array("`\n".utf8) + contents
        if contents.count % 2 != 0 { file.append(UInt8(ascii: "\n")) }
    }
}
