import AOutFormat
import ELFFormat
import ObjectModel

/// Reads relocatable files of every format that there is a reader for. Only here it is asked which format a file has.
public enum ObjectReader {
    /// The object in a file's bytes.
    ///
    /// - Parameter name: what messages call the file.
    public static func read(_ bytes: [UInt8], name: String) throws(Problem) -> Object {
        if ELFObjectReader.recognizes(bytes) { return try ELFObjectReader.read(bytes, name: name) }
        if AOutObjectReader.isAOut(bytes) { return try AOutObjectReader.read(bytes, name: name) }
        if CompressedFile.isCompressed(bytes) {
            return try read(CompressedFile.contents(bytes, name: name), name: name)
        }
        throw Problem(subject: name, reason: "neither an ELF nor an a.out object; modules are made with 'cc -c'")
    }

    /// A member of an archive as an object.
    public static func member(_ member: Int, of archive: Archive) throws(Problem) -> Object {
        let range = archive.members[member].contents
        let name = archive.memberName(member)
        if ELFObjectReader.recognizes(Array(archive.bytes[range].prefix(ELFObjectReader.enoughToRecognize))) {
            return try ELFObjectReader.read(archive.bytes, in: range, name: name)
        }
        return try read(Array(archive.bytes[range]), name: name)
    }
}
