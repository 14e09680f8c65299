import ObjectModel

/// What tells one state of a file or folder from another.
public struct FileStamp: Sendable, Equatable {
    /// Bytes.
    public var size: UInt64
    /// The device, and the number on it.
    public var device: UInt64
    /// The file's number on its device.
    public var inode: UInt64
    /// When the content last changed, in nanoseconds since 1970.
    public var modified: Int64
    /// When anything about it last changed, in nanoseconds since 1970: nobody can set it.
    public var changed: Int64

    /// Makes the stamp of these values.
    public init(size: UInt64, device: UInt64, inode: UInt64, modified: Int64, changed: Int64) {
        self.size = size
        self.device = device
        self.inode = inode
        self.modified = modified
        self.changed = changed
    }

    /// Whether two stamps are surely of one state.
    public func matches(_ other: FileStamp) -> Bool { self != .unsure && self == other }

    /// The stamp of a state that may change without its time: it matches none, not even itself.
    public static let unsure = FileStamp(size: 0, device: 0, inode: 0, modified: .min, changed: .min)
}

/// A folder that modules are looked for in, as the index has it.
public struct IndexedFolder: Sendable, Equatable {
    /// Its path from the index's own folder, which is "" itself.
    public var path: String
    /// Its state when it was listed.
    public var stamp: FileStamp

    /// Makes a folder of these values.
    public init(path: String, stamp: FileStamp) {
        self.path = path
        self.stamp = stamp
    }
}

/// A file of a folder or one below, as the index has it.
public struct IndexedFile: Sendable, Equatable {
    /// Its path from the index's own folder: `gurka.o`, `net/gurka.ko`.
    public var name: String
    /// Its state when it was read.
    public var stamp: FileStamp
    /// The machine that it is made for; nil when it is no object.
    public var architecture: Architecture?
    /// Why it is no object: the place and the reason.
    public var problem: Problem?
    /// What it defines: a range of the index's definitions.
    public internal(set) var definitions: Range<Int> = 0..<0
    /// What it needs: a range of the index's needs.
    public internal(set) var needs: Range<Int> = 0..<0
    /// What it calls itself, where that is written in it.
    public var declared: [String] = []
    /// The modules that it asks for by name.
    public var required: [String] = []
    /// The modules that its builder found to be needed.
    public var depends: [String] = []

    /// The name of the module that it becomes.
    public var module: String { ModuleFile.module(name) }

    /// Makes a file of which nothing is known yet.
    public init(name: String, stamp: FileStamp) {
        self.name = name
        self.stamp = stamp
    }
}

/// Names of files and of modules.
public enum ModuleFile {
    /// The ends of the names of files that can be modules, perhaps with that of a compressed file behind; of two files that differ in it the first counts.
    public static let endings = [".ko", ".o"]

    /// Whether a file of that name can be a module.
    public static func isCandidate(_ name: String) -> Bool {
        let name = withoutCompression(name[...])
        return !name.hasPrefix(".") && endings.contains { name.hasSuffix($0) && name.utf8.count > $0.utf8.count }
    }

    /// The name of the module in a file of that path: without folders and its ending.
    public static func module(_ path: String) -> String {
        let name = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path[path.utf8.index(after: $0)...] } ?? path[...]
        let plain = withoutCompression(name)
        guard let ending = endings.first(where: { plain.hasSuffix($0) }) else { return String(name) }
        return String(plain.dropLast(ending.count))
    }

    /// Whether a path stays in the folder that it starts from, and below.
    public static func isInside(_ path: String) -> Bool {
        path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
        }
    }

    /// What is the same in names that mean one module: `-` and `_` are (modprobe(8)).
    public static func key(_ module: String) -> String { moduleKey(module) }

    /// Those of a folder's files that can be modules, in the order in which they are looked at: by module, `.ko` before `.o`, since
    /// Linux's build leaves both, and the second is a part of the first.
    public static func candidates(_ names: [String]) -> [String] {
        names.filter(isCandidate).map { (module: module($0), name: $0) }
            .sorted { ($0.module, $0.name) < ($1.module, $1.name) }.map(\.name)
    }
}

/// The modules of one folder and those below it: what each defines and needs. Names stand in one array of bytes, so that reading the index from a file
/// is a handful of copies.
public struct FolderIndex: Sendable {
    /// A name that a file defines.
    public struct Definition: Sendable, Equatable {
        /// The name, in the index's bytes.
        public var name: NameRange
        /// The file: an index into `files`.
        public var file: UInt32
        /// Whether it gives way to another one.
        public var isWeak: Bool
    }

    /// The folder's absolute path.
    public let path: String
    /// It and the folders below it that were listed.
    public var folders: [IndexedFolder]
    /// Its files, in the order in which they are looked at.
    public internal(set) var files: [IndexedFile] = []
    /// The bytes that names are ranges of.
    public internal(set) var names: [UInt8] = []
    /// What the files define.
    public internal(set) var definitions: [Definition] = []
    /// What the files need.
    public internal(set) var needs: [NameRange] = []
    /// Definitions by name.
    private var byName = NameIndex()
    /// Files by the key of their module: the first of each.
    private var byModule: [String: Int] = [:]

    /// Makes the index of a folder without files.
    ///
    /// - Parameter folders: the folder itself, and those below it.
    public init(path: String, folders: [IndexedFolder]) {
        self.path = path
        self.folders = folders
    }

    /// Adds a file. Nothing is found by name before `finish`.
    public mutating func add(_ file: IndexedFile, _ summary: ObjectSummary?) {
        var file = file
        let number = UInt32(truncatingIfNeeded: files.count)
        let (firstDefinition, firstNeed) = (definitions.count, needs.count)
        if let summary {
            file.architecture = summary.architecture
            (file.declared, file.required, file.depends) = (summary.declared, summary.required, summary.depends)
            for definition in summary.definitions {
                guard let name = intern(summary.names, definition.name) else { continue }
                definitions.append(Definition(name: name, file: number, isWeak: definition.isWeak))
            }
            for need in summary.needs {
                if let name = intern(summary.names, need) { needs.append(name) }
            }
        }
        file.definitions = firstDefinition..<definitions.count
        file.needs = firstNeed..<needs.count
        files.append(file)
    }

    /// Adds a file as another index has it.
    public mutating func add(_ position: Int, of other: FolderIndex) {
        var file = other.files[position]
        let number = UInt32(truncatingIfNeeded: files.count)
        let (firstDefinition, firstNeed) = (definitions.count, needs.count)
        for definition in other.definitions[file.definitions] {
            guard let name = intern(other.names, definition.name) else { continue }
            definitions.append(Definition(name: name, file: number, isWeak: definition.isWeak))
        }
        for need in other.needs[file.needs] {
            if let name = intern(other.names, need) { needs.append(name) }
        }
        file.definitions = firstDefinition..<definitions.count
        file.needs = firstNeed..<needs.count
        files.append(file)
    }

    /// More bytes than an index of names has are not taken: offsets have 32 bits.
    private mutating func intern(_ bytes: [UInt8], _ name: NameRange) -> NameRange? {
        guard names.count + Int(name.count) <= Int(UInt32.max) else { return nil }
        let range = NameRange(offset: UInt32(names.count), count: name.count)
        names.append(contentsOf: bytes[name.indices])
        return range
    }

    /// Makes everything that was added to be found by name.
    public mutating func finish() {
        var index = NameIndex(minimumCapacity: definitions.count)
        let (names, definitions) = (names, definitions)
        for (position, definition) in definitions.enumerated() {
            index.insert(nameHash(names, definition.name), UInt64(position)) { payload in
                nameHash(names, definitions[Int(payload)].name)
            }
        }
        byName = index
        byModule = Dictionary(minimumCapacity: files.count)
        // One that is no object hides none that is.
        for isObject in [true, false] {
            for (position, file) in files.enumerated() where (file.problem == nil) == isObject {
                let key = ModuleFile.key(file.module)
                if byModule[key] == nil { byModule[key] = position }
            }
        }
        // What a file is called counts before what it calls itself.
        for (position, file) in files.enumerated() {
            for key in file.declared.map(ModuleFile.key) where byModule[key] == nil || isNoObject(key) {
                byModule[key] = position
            }
        }
    }

    private func isNoObject(_ key: String) -> Bool { byModule[key].map { files[$0].problem != nil } ?? false }

    /// The files that define a name that stands in `bytes`, in their order.
    public func providers(_ bytes: [UInt8], _ name: NameRange) -> [(file: Int, isWeak: Bool)] {
        var probe = byName.probe(nameHash(bytes, name))
        var found: [(file: Int, isWeak: Bool)] = []
        while let payload = byName.next(&probe) {
            let definition = definitions[Int(payload)]
            if sameName(names, definition.name, bytes, name) { found.append((Int(definition.file), definition.isWeak)) }
        }
        return found
    }

    /// The file of the module with that key (`ModuleFile.key`): called so, or calling itself so.
    public func file(ofKey key: String) -> Int? { byModule[key] }

    /// The path of a file.
    public func path(of file: Int) -> String { path + "/" + files[file].name }
}
