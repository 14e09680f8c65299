/// A file of objects, of which a link takes those that it needs. Whoever makes one has checked every range and index in it.
public struct Archive: Sendable {
    /// A file in the archive.
    public struct Member: Sendable {
        /// Its name, in the archive's bytes.
        public var name: NameRange
        /// Where its contents lie in the archive's bytes.
        public var contents: Range<Int>

        /// Makes the member of that name and those contents.
        public init(name: NameRange, contents: Range<Int>) {
            self.name = name
            self.contents = contents
        }
    }

    /// A global name that a member defines.
    public struct Entry: Sendable {
        /// The name, in the archive's bytes.
        public var name: NameRange
        /// The member: an index into the archive's members.
        public var member: UInt32

        /// Makes the entry of a name that a member defines.
        public init(name: NameRange, member: UInt32) {
            self.name = name
            self.member = member
        }
    }

    /// What messages call it: the file's name.
    public var name: String
    /// The file; names and contents are ranges of it.
    public var bytes: [UInt8]
    /// Its members, in the order of the file.
    public var members: [Member]
    /// Which member defines which name; of several that define one, the first counts.
    public var index: [Entry]

    /// Makes an archive of the given parts.
    public init(name: String, bytes: [UInt8], members: [Member], index: [Entry]) {
        self.name = name
        self.bytes = bytes
        self.members = members
        self.index = index
    }

    /// What messages call a member: `libz.a(inflate.o)`.
    public func memberName(_ member: Int) -> String {
        "\(name)(\(printable(bytes, members[member].name)))"
    }
}
