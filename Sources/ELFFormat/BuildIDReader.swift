import CLibELF
import ObjectModel

/// Finds the build ID of a linked file: the note NT_GNU_BUILD_ID that its program headers lead to.
public enum BuildIDReader {
    /// How many bytes of a file have to be read: linkers put the notes behind the headers.
    public static let headSize = 4096

    /// The build ID.
    ///
    /// - Parameter head: the first bytes of the file, ``headSize`` if it has so many.
    /// - Returns: nil when there is none in these bytes.
    public static func buildID(_ head: [UInt8]) -> [UInt8]? {
        guard head.count > 16, head.starts(with: [0x7f, 0x45, 0x4c, 0x46]), let fileClass = ELFClass(rawValue: head[4])
        else { return nil }
        let bytes = unsafe head.span.bytes
        let is64 = fileClass == .bits64
        guard let start = bytes.word(at: is64 ? 32 : 28, fileClass),
            let count = bytes.integer(at: is64 ? 56 : 44, as: UInt16.self)
        else { return nil }
        for index in 0..<UInt64(count) {
            let (place, overflow) = start.addingReportingOverflow(index * fileClass.programHeaderSize)
            guard !overflow, place < UInt64(head.count),
                let type = bytes.integer(at: place, as: UInt32.self), type == UInt32(PT_NOTE),
                let offset = bytes.word(at: place + (is64 ? 8 : 4), fileClass),
                let size = bytes.word(at: place + (is64 ? 32 : 16), fileClass)
            else { continue }
            if let found = buildID(head, notesAt: offset, size: size) { return found }
        }
        return nil
    }

    private static func buildID(_ head: [UInt8], notesAt offset: UInt64, size: UInt64) -> [UInt8]? {
        guard offset <= UInt64(head.count), size <= UInt64(head.count) - offset else { return nil }
        let bytes = unsafe head.span.bytes
        let end = offset + size
        var place = offset
        while let nameSize = bytes.integer(at: place, as: UInt32.self),
            let contentSize = bytes.integer(at: place + 4, as: UInt32.self),
            let type = bytes.integer(at: place + 8, as: UInt32.self)
        {
            let name = place + 12
            let content = name + (UInt64(nameSize) + 3) & ~3
            let next = content + (UInt64(contentSize) + 3) & ~3
            guard next <= end else { return nil }
            if type == UInt32(NT_GNU_BUILD_ID),
                head[Int(name)..<Int(name + UInt64(nameSize))].elementsEqual("GNU\0".utf8)
            {
                return Array(head[Int(content)..<Int(content + UInt64(contentSize))])
            }
            place = next
        }
        return nil
    }
}
