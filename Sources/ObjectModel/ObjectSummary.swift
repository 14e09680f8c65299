/// What an object offers and wants by name: as much as can be said of it without its code, data and relocations.
public struct ObjectSummary: Sendable, Equatable {
    /// A name that the object defines for others.
    public struct Definition: Sendable, Equatable {
        /// The name, in the summary's bytes.
        public var name: NameRange
        /// Whether it gives way to another one: weak, or one of several copies (`STB_WEAK`, `STB_GNU_UNIQUE`).
        public var isWeak: Bool

        /// Makes the definition of a name.
        public init(name: NameRange, isWeak: Bool) {
            self.name = name
            self.isWeak = isWeak
        }
    }

    /// The machine that it is made for.
    public var architecture: Architecture
    /// The bytes that names are ranges of.
    public var names: [UInt8]
    /// What others may refer to.
    public var definitions: [Definition] = []
    /// What others have to define: undefined, not weak, and not made by the linker. A version is part of the name.
    public var needs: [NameRange] = []
    /// What it calls itself (NetBSD `MODULE()`, field `mi_name`).
    public var declared: [String] = []
    /// The modules that it asks for by name (NetBSD `MODULE()`, field `mi_required`).
    public var required: [String] = []
    /// The modules that its builder found to define what it needs (Linux `.modinfo`, `depends=`).
    public var depends: [String] = []

    /// Makes the summary of an object that offers and wants nothing yet.
    public init(architecture: Architecture, names: [UInt8]) {
        self.architecture = architecture
        self.names = names
    }

    /// Whether the linker makes what is referred to by that name: no other module is asked for it.
    public static func isMadeByLinker(_ bytes: [UInt8], _ name: NameRange) -> Bool {
        guard name.count > 0 else { return true }
        switch bytes[Int(name.offset)] {
        case UInt8(ascii: "_"):
            return nameBegins(bytes, name, with: "__start_") || nameBegins(bytes, name, with: "__stop_")
                || MadeName.number(bytes, name, hash: nameHash(bytes, name)) != nil
        case UInt8(ascii: "e"): return MadeName.number(bytes, name, hash: nameHash(bytes, name)) != nil
        case UInt8(ascii: "m"): return isName("mod_use_count_", bytes, name)
        default: return false
        }
    }

    /// Whether a name says what to call in a module, or is its own in another way: no other module can refer to it.
    public static func isOwn(_ bytes: [UInt8], _ name: NameRange) -> Bool {
        guard name.count > 0 else { return true }
        switch bytes[Int(name.offset)] {
        case UInt8(ascii: "_"):
            return isName("__this_module", bytes, name) || isName("__dso_handle", bytes, name)
                || isName("_init", bytes, name) || isName("_fini", bytes, name) || endsAsEntry(bytes, name)
        case UInt8(ascii: "i"): return isName("init_module", bytes, name) || endsAsEntry(bytes, name)
        case UInt8(ascii: "c"): return isName("cleanup_module", bytes, name) || endsAsEntry(bytes, name)
        case UInt8(ascii: "x"): return isName("xxxinit", bytes, name) || endsAsEntry(bytes, name)
        case UInt8(ascii: "m"): return isName("mod_use_count_", bytes, name) || endsAsEntry(bytes, name)
        default: return endsAsEntry(bytes, name)
        }
    }

    private static func endsAsEntry(_ bytes: [UInt8], _ name: NameRange) -> Bool {
        nameEnds(bytes, name, with: "_lkmentry")
    }

    private static func isName(_ text: StaticString, _ bytes: [UInt8], _ name: NameRange) -> Bool {
        Int(name.count) == text.utf8CodeUnitCount && nameBegins(bytes, name, with: text)
    }
}

/// A file of which only some parts are read: the first bytes are there, others are fetched when they are wanted.
public struct PartialFile {
    /// What messages call it.
    public let name: String
    /// Its size in bytes.
    public let size: UInt64
    /// Its first bytes, perhaps all of them.
    public let head: [UInt8]
    private let fetch: (UInt64, Int) throws(Problem) -> [UInt8]

    /// Makes the file of a size with these first bytes.
    ///
    /// - Parameter fetch: reads that many bytes from an offset, both inside of the file; fewer where it has become shorter.
    public init(
        name: String, size: UInt64, head: [UInt8], fetch: @escaping (UInt64, Int) throws(Problem) -> [UInt8]
    ) {
        self.name = name
        self.size = size
        self.head = head
        self.fetch = fetch
    }

    /// Makes the file of these bytes.
    public init(name: String, _ bytes: [UInt8]) {
        self.init(name: name, size: UInt64(bytes.count), head: bytes) { (_, _) throws(Problem) in [] }
    }

    /// The bytes of a part.
    ///
    /// - Parameter place: what messages call the part.
    public func bytes(at offset: UInt64, count: UInt64, _ place: @autoclosure () -> String) throws(Problem) -> [UInt8] {
        let (end, wraps) = offset.addingReportingOverflow(count)
        guard !wraps, end <= size, let wanted = Int(exactly: count) else {
            throw Problem(
                subject: name, place: place(),
                reason:
                    "\(count) bytes at \(hexadecimal(offset)) are beyond the end of the file (\(size) bytes): truncated?"
            )
        }
        if end <= UInt64(head.count) { return Array(head[Int(offset)..<Int(end)]) }
        let part = try fetch(offset, wanted)
        guard part.count == wanted else {
            throw Problem(subject: name, place: place(), reason: "the file has become shorter while it was read")
        }
        return part
    }
}
