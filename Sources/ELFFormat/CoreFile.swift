import CLibELF
import ObjectModel

/// A core file: memory and registers of a process (gABI, "Program Header"; core(5)), and what modlink has put into that of a space.
///
/// Of the file only what is wanted is read: it may be as large as the space's memory. What is wrong with it, or cut off, is told, and the
/// rest is there all the same.
public struct CoreFile {
    /// The types of the notes with the name `modlink`.
    public enum Note: UInt32, Sendable {
        /// The text of `modules.json` of the crash.
        case modules = 1
        /// The symbol table of that moment: an ELF file.
        case symbols = 2
    }

    /// The machine of the process.
    public let architecture: Architecture
    /// The threads, in the order of the file: the one that it happened to stands first.
    public private(set) var threads: [StoppedThread] = []
    /// What the signal said (`NT_SIGINFO`, sigaction(2)); nil when the file has no such note.
    public private(set) var signal: SignalDetails?
    /// The stretches of memory, in the order of address.
    public private(set) var segments: [CoreSegment] = []
    /// What is wrong with the file, as far as that is known.
    public private(set) var problems: [Problem] = []

    private let file: PartialFile
    /// Where the notes of modlink are in the file: offset and size in bytes.
    private var own: [Note: (offset: UInt64, size: UInt64)] = [:]

    /// More than a process has mappings: there may be 65,530 (vm.max_map_count), on some systems 1,048,576.
    private static let segmentLimit: UInt64 = 1 << 21
    /// How many program headers are read at a time.
    private static let tablePart: UInt64 = 4096
    /// Notes of threads are some kilobytes each.
    private static let statusLimit: UInt64 = 1 << 16
    /// A few for each thread, of which there are 32,768 at most on most systems (kernel.threads-max).
    private static let noteLimit = 1 << 18
    /// Objects with debug information are asked for whole.
    private static let memoryLimit: UInt64 = 1 << 32

    /// Reads the headers and notes of a file. Its first bytes are to be its head: 64 at least, if it has them.
    ///
    /// - Throws: what shows that it is no core file of a machine that spaces are of. What is wrong with its contents is in ``problems``.
    public init(_ file: PartialFile) throws(Problem) {
        self.file = file
        let fileClass = try ELFLayout.checkIdentification(file.head, file.name)
        let raw = unsafe file.head.span.bytes
        let type: UInt16 = raw.integer(at: 16) ?? 0
        guard type == UInt16(ET_CORE) else { throw Problem(subject: file.name, reason: "not a core file") }
        architecture = try ELFLayout.architecture(raw.integer(at: 18) ?? 0, fileClass, file.name)
        do throws(Problem) {
            try readSegments(fileClass, raw)
        } catch {
            problems.append(error)
        }
        segments.sort { $0.address < $1.address }
    }

    // MARK: Headers

    private mutating func readSegments(_ fileClass: ELFClass, _ header: RawSpan) throws(Problem) {
        let entrySize = fileClass.programHeaderSize
        let start = header.word(at: 24 + fileClass.wordSize, fileClass) ?? 0
        let size: UInt16 = header.integer(at: fileClass.headerSize - 10) ?? 0
        guard UInt64(size) == entrySize else {
            throw Problem(subject: file.name, place: "e_phentsize", reason: "\(size): not \(entrySize)")
        }
        let count = try segmentCount(fileClass, header)
        var done: UInt64 = 0
        while done < count {
            let place = start.addingReportingOverflow(done * entrySize)
            let rest = place.overflow || place.partialValue > file.size ? 0 : file.size - place.partialValue
            // What the file has of them is read.
            let part = max(1, min(count - done, Self.tablePart, rest / entrySize))
            let table = try file.bytes(at: place.partialValue, count: part * entrySize, "program headers")
            for index in 0..<part { readSegment(unsafe table.span.bytes, index * entrySize, fileClass) }
            done += part
        }
    }

    /// How many program headers there are: where the number does not fit, it is that of section 0, field sh_info (gABI, `PN_XNUM`).
    private func segmentCount(_ fileClass: ELFClass, _ header: RawSpan) throws(Problem) -> UInt64 {
        let word = fileClass.wordSize
        var count = UInt64(header.integer(at: fileClass.headerSize - 8, as: UInt16.self) ?? 0)
        if count == UInt64(PN_XNUM) {
            let sections = header.word(at: 24 + 2 * word, fileClass) ?? 0
            let first = try file.bytes(at: sections, count: fileClass.sectionHeaderSize, "section 0")
            count = UInt64(unsafe first.span.bytes.integer(at: 12 + 4 * word, as: UInt32.self) ?? 0)
        }
        guard count <= Self.segmentLimit else {
            throw Problem(
                subject: file.name, place: "e_phnum", reason: "\(count) program headers: no core file has so many")
        }
        return count
    }

    private mutating func readSegment(_ table: RawSpan, _ start: UInt64, _ fileClass: ELFClass) {
        let word = fileClass.wordSize
        // The flags stand before the offset in files of 64 bits, and near the end in others.
        let first = start + (fileClass == .bits64 ? 8 : 4)
        guard let type: UInt32 = table.integer(at: start),
            let flags: UInt32 = table.integer(at: start + (fileClass == .bits64 ? 4 : 24)),
            let offset = table.word(at: first, fileClass), let address = table.word(at: first + word, fileClass),
            let fileSize = table.word(at: first + 3 * word, fileClass),
            let size = table.word(at: first + 4 * word, fileClass), !offset.addingReportingOverflow(fileSize).overflow
        else { return }
        switch Int32(bitPattern: type) {
        case PT_LOAD where size > 0 && !address.addingReportingOverflow(size - 1).overflow:
            segments.append(
                CoreSegment(
                    address: address, size: size, offset: offset, fileSize: min(fileSize, size),
                    protection: Protection(rawValue: UInt8(flags & 7))))
        case PT_NOTE:
            do throws(Problem) {
                try readNotes(offset, fileSize)
            } catch {
                problems.append(error)
            }
        default: break
        }
    }

    // MARK: Notes

    private mutating func readNotes(_ start: UInt64, _ size: UInt64) throws(Problem) {
        var position: UInt64 = 0
        var number = 0
        while number < Self.noteLimit, size >= 12, position <= size - 12 {
            number += 1
            // With a name as long as ours and the kernel's are.
            let header = try file.bytes(at: start + position, count: min(24, size - position), "notes")
            let raw = unsafe header.span.bytes
            let nameSize = UInt64(raw.integer(at: 0, as: UInt32.self) ?? 0)
            let count = UInt64(raw.integer(at: 4, as: UInt32.self) ?? 0)
            let description = position + 12 + (nameSize + 3) & ~3
            guard description + count <= size else {
                throw Problem(
                    subject: file.name, place: "notes",
                    reason:
                        "one at \(hexadecimal(start + position)) says that it goes on beyond the end of their segment"
                )
            }
            let type: UInt32 = raw.integer(at: 8) ?? 0
            let name = header.dropFirst(12).prefix(Int(clamping: nameSize)).prefix { $0 != 0 }
            if name.elementsEqual(SymbolNotes.name.utf8), let note = Note(rawValue: type), own[note] == nil {
                own[note] = (start + description, count)
            } else if name.elementsEqual("CORE".utf8), count <= Self.statusLimit {
                try readStatus(type, start + description, count)
            }
            position = description + (count + 3) & ~3
        }
    }

    private mutating func readStatus(_ type: UInt32, _ offset: UInt64, _ count: UInt64) throws(Problem) {
        switch Int32(bitPattern: type) {
        case NT_PRSTATUS:
            let note = try file.bytes(at: offset, count: count, "NT_PRSTATUS")
            if let thread = StoppedThread(note, architecture) {
                threads.append(thread)
            } else {
                problems.append(Problem(subject: file.name, place: "NT_PRSTATUS", reason: "\(count) bytes: too short"))
            }
        // gdb writes one for each thread.
        case NT_SIGINFO where signal == nil:
            signal = SignalDetails(try file.bytes(at: offset, count: count, "NT_SIGINFO"), architecture)
        default: break
        }
    }

    /// The description of a note of ours; nil where there is none.
    public func contents(of note: Note) throws(Problem) -> [UInt8]? {
        guard let place = own[note] else { return nil }
        return try file.bytes(at: place.offset, count: place.size, "notes")
    }

    /// The symbol table of that moment.
    public func symbols() throws(Problem) -> [UInt8] {
        if let symbols = try contents(of: .symbols) { return symbols }
        throw problems.first
            ?? Problem(
                subject: file.name,
                reason: "has no symbol table of modlink: not the core file of a crash folder (crash/N/core)")
    }

    // MARK: Memory

    /// The stretch of memory that an address is in.
    public func segment(at address: UInt64) -> CoreSegment? {
        var low = 0
        var high = segments.count
        while low < high {
            let middle = (low + high) / 2
            if segments[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0, address - segments[low - 1].address < segments[low - 1].size else { return nil }
        return segments[low - 1]
    }

    /// Memory as the file has it: from an address on, up to `limit` bytes of one stretch; fewer, or none, where the file has no more.
    public func knownMemory(at address: UInt64, limit: UInt64) -> [UInt8] {
        guard let segment = segment(at: address), address - segment.address < segment.fileSize else { return [] }
        let inside = address - segment.address
        let offset = segment.offset + inside
        guard offset < file.size else { return [] }
        let count = min(limit, segment.fileSize - inside, file.size - offset)
        return (try? file.bytes(at: offset, count: count, "memory")) ?? []
    }

    /// Memory of the process, all of it from one address on; nil when it is not in the file, or more than 4 GiB.
    ///
    /// - Throws: where the file should have it and is cut off.
    public func memory(at address: UInt64, count: UInt64) throws(Problem) -> [UInt8]? {
        guard count <= Self.memoryLimit else { return nil }
        var parts: [(segment: CoreSegment, inside: UInt64, count: UInt64)] = []
        var (next, rest) = (address, count)
        while rest > 0 {
            guard let segment = segment(at: next) else { return nil }
            let inside = next - segment.address
            let part = min(rest, segment.size - inside)
            parts.append((segment, inside, part))
            rest -= part
            let (after, wraps) = next.addingReportingOverflow(part)
            if wraps, rest > 0 { return nil }
            next = after
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(clamping: count))
        for (segment, inside, part) in parts {
            let known = inside < segment.fileSize ? min(part, segment.fileSize - inside) : 0
            if known > 0 {
                bytes += try file.bytes(
                    at: segment.offset + inside, count: known, "memory at \(hexadecimal(segment.address + inside))")
            }
            // What is not in the file was zero: of a core file of ours, and of a mapping that was never touched.
            bytes += repeatElement(0, count: Int(clamping: part - known))
        }
        return bytes
    }
}

/// A stretch of memory of a core file.
public struct CoreSegment: Sendable, Equatable {
    /// Where it begins in memory.
    public let address: UInt64
    /// Its size in memory, in bytes: one at least, and its last byte has an address.
    public let size: UInt64
    /// Where its bytes begin in the file.
    public let offset: UInt64
    /// How many bytes the file is said to have of it, not more than its size; their end has an offset.
    public let fileSize: UInt64
    /// What it may be used for.
    public let protection: Protection
}
