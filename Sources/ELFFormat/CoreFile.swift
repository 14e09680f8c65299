import CLibELF
import ObjectModel

/// The core file of a space (gABI and Linux, core(5)): what modlink has put into it, and the memory. Of the file only what is wanted
/// is read: it may be as large as the space's memory.
public struct CoreFile {
    /// The types of the notes with the name `modlink`.
    public enum Note: UInt32, Sendable {
        /// The text of `modules.json` of the crash.
        case modules = 1
        /// The symbol table of that moment: an ELF file.
        case symbols = 2
    }

    /// The machine of the space.
    public let architecture: Architecture
    private let file: PartialFile
    private var notes: [Segment] = []
    /// In the order of address.
    private var memory: [Segment] = []

    private struct Segment {
        let offset: UInt64
        let address: UInt64
        let fileSize: UInt64
        let memorySize: UInt64
    }

    /// More than a process has mappings.
    private static let segmentLimit: UInt64 = 1 << 22
    /// Names of notes that are longer are not ours.
    private static let nameLimit: UInt64 = 16

    /// Reads the headers of a file. Its first bytes are to be its head: 64 at least, if it has them.
    public init(_ file: PartialFile) throws(Problem) {
        self.file = file
        let fileClass = try ELFLayout.checkIdentification(file.head, file.name)
        let raw = unsafe file.head.span.bytes
        let type: UInt16 = raw.integer(at: 16) ?? 0
        guard type == UInt16(ET_CORE) else { throw Problem(subject: file.name, reason: "not a core file") }
        architecture = try ELFLayout.architecture(raw.integer(at: 18) ?? 0, fileClass, file.name)
        try readSegments(fileClass, raw)
    }

    private mutating func readSegments(_ fileClass: ELFClass, _ raw: RawSpan) throws(Problem) {
        let word = fileClass.wordSize
        let start = raw.word(at: 24 + word, fileClass) ?? 0
        let end = fileClass.headerSize
        let entrySize: UInt16 = raw.integer(at: end - 10) ?? 0
        guard UInt64(entrySize) == fileClass.programHeaderSize else {
            throw Problem(
                subject: file.name, place: "e_phentsize", reason: "\(entrySize): not \(fileClass.programHeaderSize)")
        }
        var count = UInt64(raw.integer(at: end - 8, as: UInt16.self) ?? 0)
        if count == UInt64(PN_XNUM) {
            // Extended numbering: the number stands in section 0, field sh_info.
            let sections = raw.word(at: 24 + 2 * word, fileClass) ?? 0
            let first = try file.bytes(at: sections, count: fileClass.sectionHeaderSize, "section 0")
            count = UInt64(unsafe first.span.bytes.integer(at: 12 + 4 * word, as: UInt32.self) ?? 0)
        }
        guard count <= Self.segmentLimit else {
            throw Problem(
                subject: file.name, place: "e_phnum", reason: "\(count) program headers: no core file has so many")
        }
        let headers = try file.bytes(at: start, count: count * fileClass.programHeaderSize, "program headers")
        let table = unsafe headers.span.bytes
        for index in 0..<count {
            let place = index * fileClass.programHeaderSize
            let kind: UInt32 = table.integer(at: place) ?? 0
            // The flags stand before the offset in files of 64 bits, and near the end in others.
            let offsetPlace = place + (fileClass == .bits64 ? 8 : 4)
            let segment = Segment(
                offset: table.word(at: offsetPlace, fileClass) ?? 0,
                address: table.word(at: offsetPlace + word, fileClass) ?? 0,
                fileSize: table.word(at: offsetPlace + 3 * word, fileClass) ?? 0,
                memorySize: table.word(at: offsetPlace + 4 * word, fileClass) ?? 0)
            if kind == UInt32(PT_NOTE) { notes.append(segment) }
            if kind == UInt32(PT_LOAD), segment.memorySize > 0 { memory.append(segment) }
        }
        memory.sort { $0.address < $1.address }
    }

    /// The description of a note of ours; nil where there is none.
    public func contents(of note: Note) throws(Problem) -> [UInt8]? {
        for (number, segment) in notes.enumerated() {
            var position: UInt64 = 0
            let label = { "note segment \(number)" }
            while segment.fileSize >= 12, position <= segment.fileSize - 12 {
                let start = segment.offset &+ position
                let header = try file.bytes(at: start, count: 12, label())
                let raw = unsafe header.span.bytes
                let nameSize = UInt64(raw.integer(at: 0, as: UInt32.self) ?? 0)
                let size = UInt64(raw.integer(at: 4, as: UInt32.self) ?? 0)
                let description = 12 + (nameSize + 3) & ~3
                let next = position + description + (size + 3) & ~3
                guard position + description + size <= segment.fileSize else {
                    throw Problem(
                        subject: file.name, place: label(),
                        reason: "a note at \(hexadecimal(start)) says that it goes on beyond the end of the segment")
                }
                let type: UInt32 = raw.integer(at: 8) ?? 0
                if type == note.rawValue, nameSize <= Self.nameLimit,
                    case let name = try file.bytes(at: start &+ 12, count: nameSize, label()),
                    name.prefix(while: { $0 != 0 }).elementsEqual(SymbolNotes.name.utf8)
                {
                    return try file.bytes(at: start &+ description, count: size, label())
                }
                position = next
            }
        }
        return nil
    }

    /// The symbol table of that moment.
    public func symbols() throws(Problem) -> [UInt8] {
        guard let symbols = try contents(of: .symbols) else {
            throw Problem(
                subject: file.name,
                reason: "has no symbol table of modlink: not the core file of a crash folder (crash/N/core)")
        }
        return symbols
    }

    /// Memory of the space, all of it from one address on; nil when it is not in the file.
    public func memory(at address: UInt64, count: UInt64) throws(Problem) -> [UInt8]? {
        var bytes: [UInt8] = []
        var (next, rest) = (address, count)
        while rest > 0 {
            guard let segment = segment(at: next) else { return nil }
            let inside = next - segment.address
            let part = min(rest, segment.memorySize - inside)
            let known = inside < segment.fileSize ? min(part, segment.fileSize - inside) : 0
            if known > 0 {
                bytes += try file.bytes(
                    at: segment.offset &+ inside, count: known, "memory at \(hexadecimal(next))")
            }
            // What is not in the file was zero: of a core file of ours, and of a mapping that was never touched.
            bytes += [UInt8](repeating: 0, count: Int(clamping: part - known))
            rest -= part
            let (after, wraps) = next.addingReportingOverflow(part)
            if wraps, rest > 0 { return nil }
            next = after
        }
        return bytes
    }

    private func segment(at address: UInt64) -> Segment? {
        var low = 0
        var high = memory.count
        while low < high {
            let middle = (low + high) / 2
            if memory[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0, address - memory[low - 1].address < memory[low - 1].memorySize else { return nil }
        return memory[low - 1]
    }
}
