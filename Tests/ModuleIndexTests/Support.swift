import ModuleIndex
import ObjectModel

/// A file of a folder as a test describes it.
struct File {
    var name: String
    var defines: [String] = []
    var weak: [String] = []
    var needs: [String] = []
    var declared: [String] = []
    var required: [String] = []
    var depends: [String] = []
    var architecture = Architecture.x86_64

    var summary: ObjectSummary {
        var summary = ObjectSummary(architecture: architecture, names: [])
        func range(_ text: String) -> NameRange {
            let range = NameRange(offset: UInt32(summary.names.count), count: UInt32(text.utf8.count))
            summary.names += Array(text.utf8)
            return range
        }
        for text in defines { summary.definitions.append(.init(name: range(text), isWeak: false)) }
        for text in weak { summary.definitions.append(.init(name: range(text), isWeak: true)) }
        for text in needs { summary.needs.append(range(text)) }
        summary.declared = declared
        summary.required = required
        summary.depends = depends
        return summary
    }
}

/// The index of a folder with these files.
func folder(_ path: String, _ files: [File], broken: [String] = []) -> FolderIndex {
    let stamp = FileStamp(size: 1, device: 2, inode: 3, modified: 4, changed: 5)
    var index = FolderIndex(path: path, folders: [IndexedFolder(path: "", stamp: stamp)])
    for file in files { index.add(IndexedFile(name: file.name, stamp: stamp), file.summary) }
    for name in broken {
        var entry = IndexedFile(name: name, stamp: stamp)
        entry.problem = Problem(subject: "\(path)/\(name)", place: "e_shoff", reason: "beyond the end")
        index.add(entry, nil)
    }
    index.finish()
    return index
}

/// The bytes of a text, and the range that is all of them.
func name(_ text: String) -> ([UInt8], NameRange) {
    (Array(text.utf8), NameRange(offset: 0, count: UInt32(text.utf8.count)))
}
