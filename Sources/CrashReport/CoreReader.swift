import ObjectModel

/// A core file: memory and registers of a process (gABI, "Program Header"; the kernel's fs/binfmt_elf.c for the notes).
///
/// The file's bytes are asked for when they are needed, so that one of gigabytes costs no more than what is looked at. What is cut off is
/// not there, and the rest is read all the same.
public final class CoreReader {
    /// Gives bytes of the file from an offset on: up to that many, fewer at its end.
    public typealias Bytes = (_ offset: UInt64, _ count: Int) -> [UInt8]

    /// The machine.
    public let architecture: Architecture
    /// The threads, in the order of the file: the one that it happened to stands first.
    public private(set) var threads: [StoppedThread] = []
    /// What the signal said (`NT_SIGINFO`, sigaction(2)); nil when the file has no such note.
    public private(set) var signal: SignalDetails?
    /// The stretches of memory that are in the file.
    public private(set) var segments: [CoreSegment] = []
    /// What is wrong with the file, as far as that is known.
    public private(set) var problems: [Problem] = []

    private let bytes: Bytes
    private let name: String
    private var pages: [UInt64: [UInt8]] = [:]
    /// The page that was read last.
    private var lastStart: UInt64 = 1
    private var lastPage: [UInt8] = []

    private static let pageSize: UInt64 = 4096
    /// More memory than this is not kept: what has been read is forgotten then.
    private static let pageLimit = 16384
    /// A process has a few hundred mappings, and at most 65,530 (vm.max_map_count).
    private static let segmentLimit = 1 << 17
    /// Notes are some kilobytes a thread; those of symbols are not read here.
    private static let noteLimit: UInt64 = 1 << 16
    private static let noteCountLimit = 1 << 18

    /// Reads the headers and notes of a core file.
    ///
    /// - Parameter name: what problems call the file.
    public init(name: String, bytes: @escaping Bytes) throws(Problem) {
        self.bytes = bytes
        self.name = name
        let header = bytes(0, 64)
        let raw = unsafe header.span.bytes
        guard header.starts(with: [0x7f, 0x45, 0x4c, 0x46]), header.count >= 52 else {
            throw Problem(subject: name, reason: "not an ELF file")
        }
        let type: UInt16? = raw.integer(at: 16)
        let machine: UInt16? = raw.integer(at: 18)
        switch (header[4], header[5], machine) {
        case (2, 1, 62) where header.count == 64: architecture = .x86_64
        case (1, 1, 3): architecture = .i386
        default: throw Problem(subject: name, place: "ELF header", reason: "of another machine than spaces are")
        }
        guard type == 4 else { throw Problem(subject: name, place: "ELF header", reason: "e_type is not ET_CORE") }
        readSegments(header)
    }

    private var is64: Bool { architecture.pointerSize == 8 }

    private func word(_ raw: RawSpan, _ offset: UInt64) -> UInt64? {
        is64 ? raw.integer(at: offset, as: UInt64.self) : raw.integer(at: offset, as: UInt32.self).map(UInt64.init)
    }

    // MARK: Headers

    private func readSegments(_ header: [UInt8]) {
        let raw = unsafe header.span.bytes
        let entry: UInt64 = is64 ? 56 : 32
        guard let start = word(raw, is64 ? 32 : 28), var count = count(raw, start, entry) else {
            problems.append(Problem(subject: name, place: "ELF header", reason: "no program headers"))
            return
        }
        count = min(count, Self.segmentLimit)
        let table = bytes(start, count * Int(entry))
        if table.count < count * Int(entry) {
            problems.append(Problem(subject: name, place: "program headers", reason: "cut off"))
        }
        let entries = unsafe table.span.bytes
        for index in 0..<table.count / Int(entry) { readSegment(entries, UInt64(index) * entry) }
        segments.sort { $0.address < $1.address }
    }

    /// How many program headers there are: where the number does not fit, it is that of section 0 (gABI, `PN_XNUM`).
    private func count(_ header: RawSpan, _ start: UInt64, _ entry: UInt64) -> Int? {
        let size: UInt16? = header.integer(at: is64 ? 54 : 42)
        let number: UInt16? = header.integer(at: is64 ? 56 : 44)
        guard let number, number > 0, size.map(UInt64.init) == entry, start > 0 else { return nil }
        guard number == UInt16.max else { return Int(number) }
        guard let sections = word(header, is64 ? 40 : 32) else { return nil }
        let section = bytes(sections, 64)
        let info: UInt32? = unsafe section.span.bytes.integer(at: is64 ? 44 : 28)
        return info.map(Int.init)
    }

    private func readSegment(_ raw: RawSpan, _ start: UInt64) {
        guard let type: UInt32 = raw.integer(at: start),
            let flags: UInt32 = raw.integer(at: start + (is64 ? 4 : 24)),
            let offset = word(raw, start + (is64 ? 8 : 4)), let address = word(raw, start + (is64 ? 16 : 8)),
            let fileSize = word(raw, start + (is64 ? 32 : 16)), let size = word(raw, start + (is64 ? 40 : 20))
        else { return }
        switch type {
        case 1:
            guard size > 0, !address.addingReportingOverflow(size).overflow,
                !offset.addingReportingOverflow(fileSize).overflow
            else { return }
            segments.append(
                CoreSegment(
                    address: address, size: size, offset: offset, fileSize: min(fileSize, size),
                    protection: Protection(rawValue: UInt8(flags & 7))))
        case 4: readNotes(offset, fileSize)
        default: break
        }
    }

    // MARK: Notes

    private func readNotes(_ start: UInt64, _ size: UInt64) {
        var position: UInt64 = 0
        for _ in 0..<Self.noteCountLimit {
            guard size >= 12, position <= size - 12 else { return }
            guard let (at, overflow) = Optional(start.addingReportingOverflow(position)), !overflow else { return }
            let header = bytes(at, 12)
            let raw = unsafe header.span.bytes
            guard let nameSize: UInt32 = raw.integer(at: 0), let textSize: UInt32 = raw.integer(at: 4),
                let type: UInt32 = raw.integer(at: 8)
            else {
                problems.append(Problem(subject: name, place: "notes", reason: "cut off"))
                return
            }
            let text = position + 12 + (UInt64(nameSize) + 3) & ~3
            let next = text + (UInt64(textSize) + 3) & ~3
            guard text + UInt64(textSize) <= size else {
                problems.append(Problem(subject: name, place: "notes", reason: "one is larger than all"))
                return
            }
            if nameSize == 5, textSize <= Self.noteLimit, bytes(at + 12, 4) == Array("CORE".utf8) {
                readNote(type, bytes(start + text, Int(textSize)))
            }
            position = next
        }
    }

    private func readNote(_ type: UInt32, _ note: [UInt8]) {
        switch type {
        case 1:
            if let thread = StoppedThread(note, architecture) {
                threads.append(thread)
            } else {
                problems.append(Problem(subject: name, place: "NT_PRSTATUS", reason: "\(note.count) bytes: too short"))
            }
        // gdb writes one for each thread.
        case 0x5349_4749 where signal == nil: signal = SignalDetails(note, architecture)
        default: break
        }
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

    /// A byte of memory; nil where the file has none.
    public func byte(at address: UInt64) -> UInt8? {
        let start = address & ~(Self.pageSize - 1)
        let page = page(start)
        let offset = Int(address - start)
        return offset < page.count ? page[offset] : nil
    }

    /// A word of memory, as wide as an address of the machine; nil where the file has not all of it.
    public func word(at address: UInt64) -> UInt64? {
        let width = Int(architecture.pointerSize)
        let start = address & ~(Self.pageSize - 1)
        let offset = Int(address - start)
        let page = page(start)
        if offset + width <= page.count {
            return word(unsafe page.span.bytes, UInt64(offset))
        }
        var value: UInt64 = 0
        for index in 0..<width {
            guard let byte = byte(at: address &+ UInt64(index)) else { return nil }
            value |= UInt64(byte) << (8 * UInt64(index))
        }
        return value
    }

    /// A page of memory, as much of it as there is from its start.
    private func page(_ start: UInt64) -> [UInt8] {
        if start == lastStart { return lastPage }
        lastStart = start
        lastPage = findPage(start)
        return lastPage
    }

    private func findPage(_ start: UInt64) -> [UInt8] {
        if let page = pages[start] { return page }
        var page: [UInt8] = []
        if let segment = segment(at: start), start - segment.address < segment.fileSize {
            let offset = start - segment.address
            page = bytes(segment.offset + offset, Int(min(Self.pageSize, segment.fileSize - offset)))
        }
        if pages.count >= Self.pageLimit { pages.removeAll(keepingCapacity: true) }
        pages[start] = page
        return page
    }
}

/// A stretch of memory of a core file.
public struct CoreSegment: Sendable, Equatable {
    /// Where it begins in memory.
    public var address: UInt64
    /// Its size in memory, in bytes.
    public var size: UInt64
    /// Where its bytes begin in the file.
    public var offset: UInt64
    /// How many bytes the file has of it; of the others nothing is known.
    public var fileSize: UInt64
    /// What it may be used for.
    public var protection: Protection
}

/// A thread of a core file (`NT_PRSTATUS`: struct elf_prstatus of sys/procfs.h).
public struct StoppedThread: Sendable, Equatable {
    /// Its number (gettid(2)).
    public var number: Int
    /// The signal that it was stopped by; 0 when it was by none.
    public var signal: Int
    /// Its registers in the order of the kernel's struct user_regs_struct.
    public var registers: [UInt64]

    /// Reads a note; nil when it is too short.
    init?(_ note: [UInt8], _ architecture: Architecture) {
        let raw = unsafe note.span.bytes
        let layout = ThreadLayout(architecture)
        guard let number: Int32 = raw.integer(at: layout.thread), let signal: Int16 = raw.integer(at: 12) else {
            return nil
        }
        self.number = Int(number)
        self.signal = Int(signal)
        registers = []
        for index in 0..<UInt64(layout.count) {
            let value: UInt64? =
                architecture.pointerSize == 8
                ? raw.integer(at: layout.registers + index * 8, as: UInt64.self)
                : raw.integer(at: layout.registers + index * 4, as: UInt32.self).map(UInt64.init)
            guard let value else { return nil }
            registers.append(value)
        }
    }
}

/// Where what is in `struct elf_prstatus`, in bytes from its start.
private struct ThreadLayout {
    let thread: UInt64
    let registers: UInt64
    let count: Int

    init(_ architecture: Architecture) {
        switch architecture {
        case .x86_64: (thread, registers, count) = (32, 112, 27)
        case .i386: (thread, registers, count) = (24, 72, 17)
        }
    }
}

/// What a signal said of itself (`NT_SIGINFO`: siginfo_t).
public struct SignalDetails: Sendable, Equatable {
    /// Its number.
    public var number: Int
    /// `si_code`.
    public var code: Int
    /// `si_addr`, where the signal has one.
    public var address: UInt64

    init?(_ note: [UInt8], _ architecture: Architecture) {
        let raw = unsafe note.span.bytes
        guard let number: Int32 = raw.integer(at: 0), let code: Int32 = raw.integer(at: 8) else { return nil }
        let address: UInt64? =
            architecture.pointerSize == 8
            ? raw.integer(at: 16, as: UInt64.self) : raw.integer(at: 12, as: UInt32.self).map(UInt64.init)
        guard let address else { return nil }
        self.number = Int(number)
        self.code = Int(code)
        self.address = address
    }
}
