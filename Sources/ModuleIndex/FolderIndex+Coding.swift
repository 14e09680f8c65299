import ObjectModel

// An index in a file: all integers little-endian.
//
// ```
// 0   "modlinkx"
// 8   version (4 bytes), 0 (4 bytes)
// 16  digest of all that follows (16 bytes)
// 32  path, folders, files, names, definitions, needs
// ```
//
// A text is its length (4 bytes) and its bytes; a list its count (4 bytes) and its elements; a stamp 5 times 8 bytes. A folder is
// path and stamp. A file is name, stamp, machine (1 byte, 255: no object), place and reason of what is wrong, the lists `declared`,
// `required` and `depends`, and how many definitions (4 bytes) and needs (4 bytes) are its own: they stand in the order of the files. A definition is offset (4 bytes),
// count (4 bytes), 1 when it is weak (1 byte); a need is offset and count.

extension FolderIndex {
    private static let magic = Array("modlinkx".utf8)
    /// Another version is another format, or other rules of what belongs in it.
    private static let version: UInt32 = 3
    private static let headSize = 32

    /// The bytes of a file that holds the index.
    public var encoded: [UInt8] {
        var body = Encoding()
        body.add(path)
        body.add(UInt32(truncatingIfNeeded: folders.count))
        for folder in folders {
            body.add(folder.path)
            body.add(folder.stamp)
        }
        body.add(UInt32(truncatingIfNeeded: files.count))
        for file in files { body.add(file) }
        body.add(UInt32(truncatingIfNeeded: names.count))
        body.bytes += names
        body.add(UInt32(truncatingIfNeeded: definitions.count))
        for definition in definitions {
            body.add(definition.name)
            body.bytes.append(definition.isWeak ? 1 : 0)
        }
        body.add(UInt32(truncatingIfNeeded: needs.count))
        for need in needs { body.add(need) }
        var head = Encoding(bytes: Self.magic)
        head.add(Self.version)
        head.add(UInt32(0))
        let digest = contentDigest(unsafe body.bytes.span.bytes, seed: UInt64(Self.version))
        head.add(digest.0)
        head.add(digest.1)
        return head.bytes + body.bytes
    }

    /// The index in a file's bytes; nil when they are no index of this version, or not whole, or contradict themselves.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.headSize, bytes.starts(with: Self.magic) else { return nil }
        let raw = unsafe bytes.span.bytes
        let digest = contentDigest(
            raw.extracting(Self.headSize..<bytes.count), seed: UInt64(Self.version))
        guard raw.integer(at: 8, as: UInt32.self) == Self.version, raw.integer(at: 16) == digest.0,
            raw.integer(at: 24) == digest.1
        else { return nil }
        var decoding = Decoding(bytes: bytes, position: Self.headSize)
        do throws(Decoding.Failure) {
            self.init(path: try decoding.text(), folders: try decoding.folders())
            try read(&decoding)
        } catch {
            return nil
        }
        guard decoding.position == bytes.count else { return nil }
        finish()
    }

    private mutating func read(_ decoding: inout Decoding) throws(Decoding.Failure) {
        let count = try decoding.count(ofElementsFrom: 73)
        files.reserveCapacity(count)
        var (definitionCount, needCount) = (0, 0)
        for _ in 0..<count {
            var file = try decoding.file(in: path)
            let (ownDefinitions, ownNeeds) = (Int(try decoding.integer()), Int(try decoding.integer()))
            file.definitions = definitionCount..<definitionCount + ownDefinitions
            file.needs = needCount..<needCount + ownNeeds
            definitionCount += ownDefinitions
            needCount += ownNeeds
            files.append(file)
        }
        names = try decoding.bytes(try decoding.count(ofElementsFrom: 1))
        guard try decoding.count(ofElementsFrom: 9) == definitionCount else { throw Decoding.Failure() }
        definitions.reserveCapacity(definitionCount)
        for (number, file) in files.enumerated() {
            for _ in file.definitions {
                let name = try decoding.name(in: names)
                definitions.append(
                    Definition(
                        name: name, file: UInt32(truncatingIfNeeded: number), isWeak: try decoding.byte() != 0))
            }
        }
        guard try decoding.count(ofElementsFrom: 8) == needCount else { throw Decoding.Failure() }
        needs.reserveCapacity(needCount)
        for _ in 0..<needCount { needs.append(try decoding.name(in: names)) }
    }
}

/// Bytes that grow.
private struct Encoding {
    var bytes: [UInt8] = []

    mutating func add<T: FixedWidthInteger>(_ value: T) {
        for shift in stride(from: 0, to: T.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> T(shift)))
        }
    }

    mutating func add(_ text: String) {
        add(UInt32(truncatingIfNeeded: text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func add(_ texts: [String]) {
        add(UInt32(truncatingIfNeeded: texts.count))
        for text in texts { add(text) }
    }

    mutating func add(_ name: NameRange) {
        add(name.offset)
        add(name.count)
    }

    mutating func add(_ stamp: FileStamp) {
        add(stamp.size)
        add(stamp.device)
        add(stamp.inode)
        add(stamp.modified)
        add(stamp.changed)
    }

    mutating func add(_ file: IndexedFile) {
        add(file.name)
        add(file.stamp)
        bytes.append(file.architecture?.rawValue ?? 255)
        add(file.problem?.place ?? "")
        add(file.problem?.reason ?? "")
        add(file.declared)
        add(file.required)
        add(file.depends)
        add(UInt32(truncatingIfNeeded: file.definitions.count))
        add(UInt32(truncatingIfNeeded: file.needs.count))
    }
}

/// Takes bytes apart that may lie.
private struct Decoding {
    struct Failure: Error {}

    let bytes: [UInt8]
    var position: Int

    mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(as type: T.Type) throws(Failure) -> T {
        guard let value: T = unsafe bytes.span.bytes.integer(at: UInt64(position)) else { throw Failure() }
        position += MemoryLayout<T>.size
        return value
    }

    mutating func integer() throws(Failure) -> UInt32 { try integer(as: UInt32.self) }

    mutating func byte() throws(Failure) -> UInt8 { try integer(as: UInt8.self) }

    /// A count of elements that have that many bytes at least: there cannot be more than fit the rest.
    mutating func count(ofElementsFrom size: Int) throws(Failure) -> Int {
        let count = Int(try integer())
        guard count <= (bytes.count - position) / size else { throw Failure() }
        return count
    }

    mutating func bytes(_ count: Int) throws(Failure) -> [UInt8] {
        guard count <= bytes.count - position else { throw Failure() }
        position += count
        return Array(bytes[position - count..<position])
    }

    mutating func text() throws(Failure) -> String {
        String(decoding: try bytes(try count(ofElementsFrom: 1)), as: UTF8.self)
    }

    mutating func texts() throws(Failure) -> [String] {
        var texts: [String] = []
        for _ in 0..<(try count(ofElementsFrom: 4)) { texts.append(try text()) }
        return texts
    }

    mutating func name(in names: [UInt8]) throws(Failure) -> NameRange {
        let name = NameRange(offset: try integer(), count: try integer())
        guard Int(name.offset) + Int(name.count) <= names.count else { throw Failure() }
        return name
    }

    mutating func stamp() throws(Failure) -> FileStamp {
        FileStamp(
            size: try integer(as: UInt64.self), device: try integer(as: UInt64.self),
            inode: try integer(as: UInt64.self), modified: try integer(as: Int64.self),
            changed: try integer(as: Int64.self))
    }

    mutating func folders() throws(Failure) -> [IndexedFolder] {
        var folders: [IndexedFolder] = []
        for _ in 0..<(try count(ofElementsFrom: 44)) {
            let folder = IndexedFolder(path: try text(), stamp: try stamp())
            guard folder.path.isEmpty || ModuleFile.isInside(folder.path) else { throw Failure() }
            folders.append(folder)
        }
        return folders
    }

    mutating func file(in folder: String) throws(Failure) -> IndexedFile {
        var file = IndexedFile(name: try text(), stamp: try stamp())
        // A name that leads elsewhere is none of this folder.
        guard ModuleFile.isCandidate(file.name), ModuleFile.isInside(file.name) else { throw Failure() }
        let machine = try byte()
        let (place, reason) = (try text(), try text())
        if machine == 255 {
            file.problem = Problem(subject: folder + "/" + file.name, place: place, reason: reason)
        } else {
            guard let architecture = Architecture(rawValue: machine) else { throw Failure() }
            file.architecture = architecture
        }
        file.declared = try texts()
        file.required = try texts()
        file.depends = try texts()
        return file
    }
}
