import AOutFormat
import ELFFormat
import ObjectModel

/// Reads what objects of every format offer and want by name.
public enum ObjectSummaryReader {
    /// The summary of a file. Of ELF files only the headers and the tables of names are read.
    public static func read(_ file: PartialFile) throws(Problem) -> ObjectSummary {
        if ELFSummaryReader.recognizes(file.head) { return try ELFSummaryReader.read(file) }
        if CompressedFile.isCompressed(file.head) {
            let bytes = try CompressedFile.contents(file.bytes(at: 0, count: file.size, "file"), name: file.name)
            return try read(PartialFile(name: file.name, bytes))
        }
        guard AOutObjectReader.isAOut(file.head) else {
            throw Problem(
                subject: file.name, reason: "neither an ELF nor an a.out object; modules are made with 'cc -c'")
        }
        return try AOutSummaryReader.read(file.bytes(at: 0, count: file.size, "file"), name: file.name)
    }

    /// The modules that an object asks for by name, and those that its builder found to be needed.
    public static func requirements(of object: Object) -> (required: [String], depends: [String]) {
        let file = object.describesModule ? object.fileBytes : []
        guard object.describesModule, ELFSummaryReader.recognizes(file) else { return ([], []) }
        // The object has been read: what is wrong here says nothing of other modules.
        return (try? ELFSummaryReader.requirements(PartialFile(name: object.name, file))) ?? ([], [])
    }
}
