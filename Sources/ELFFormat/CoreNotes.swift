import CLibELF
import ObjectModel

/// The notes of a core file, in the order in which Linux writes them (fs/binfmt_elf.c): of the first thread its status, then what
/// belongs to the process, then its other registers; then the other threads. Linux has neither the build ID of the program that follows nor
/// notes of our own.
struct CoreNotes {
    private(set) var bytes: [UInt8] = []
    private let contents: CoreContents
    private var fileClass: ELFClass { ELFClass(contents.architecture) }

    private static let standard = "CORE"
    private static let linux = "LINUX"
    private static let gnu = "GNU"
    private static let own = "modlink"

    init(_ contents: CoreContents) {
        self.contents = contents
        for (index, thread) in contents.threads.enumerated() {
            add(Self.standard, UInt32(NT_PRSTATUS), status(thread, signal: index == 0 ? contents.signal : nil))
            if index == 0 { addProcess() }
            for (set, content) in thread.more {
                add(set == CoreRegisterSet.floatingPoint ? Self.standard : Self.linux, set, content)
            }
        }
        if contents.threads.isEmpty { addProcess() }
        // gdb takes the first that it finds for that of the program: else that of the module that lies lowest (bfd/elf.c).
        if !contents.process.buildID.isEmpty { add(Self.gnu, UInt32(NT_GNU_BUILD_ID), contents.process.buildID) }
        for (type, content) in contents.notes { add(Self.own, type, content) }
    }

    private mutating func addProcess() {
        add(Self.standard, UInt32(NT_PRPSINFO), processInformation())
        add(Self.standard, UInt32(NT_SIGINFO), signalInformation())
        add(Self.standard, UInt32(NT_AUXV), contents.auxiliaryVector)
        add(Self.standard, UInt32(NT_FILE), files())
    }

    /// A note: sizes of name and content, type, both padded to 4 bytes (gABI, "Note Section"; of 4 bytes in 64-bit core files too).
    private mutating func add(_ name: String, _ type: UInt32, _ content: [UInt8]) {
        var encoder = Encoder()
        encoder.reserve(content.count + 32)
        encoder.append(UInt32(name.utf8.count + 1))
        encoder.append(UInt32(truncatingIfNeeded: content.count))
        encoder.append(type)
        encoder.append(Array(name.utf8) + [0])
        encoder.align(to: 4)
        encoder.append(content)
        encoder.align(to: 4)
        bytes += encoder.bytes
    }

    /// `struct elf_prstatus` (sys/procfs.h): signal, numbers, times, registers.
    private func status(_ thread: CoreThread, signal: CoreSignal?) -> [UInt8] {
        var encoder = Encoder()
        encoder.append(signal?.number ?? 0)
        encoder.append(signal?.code ?? 0)
        encoder.append(UInt32(0))
        encoder.append(UInt16(truncatingIfNeeded: signal?.number ?? 0))
        // Pending and blocked signals are not known: none.
        encoder.align(to: Int(fileClass.wordSize))
        encoder.append(0, fileClass)
        encoder.append(0, fileClass)
        encoder.append(thread.number)
        encoder.append(contents.process.parent)
        encoder.append(contents.process.number)
        encoder.append(contents.process.number)
        // Four times, each of two words.
        for _ in 0..<8 { encoder.append(0, fileClass) }
        encoder.append(thread.registers)
        encoder.append(UInt32(thread.more.contains { $0.set == CoreRegisterSet.floatingPoint } ? 1 : 0))
        encoder.align(to: Int(fileClass.wordSize))
        return encoder.bytes
    }

    /// `struct elf_prpsinfo`.
    private func processInformation() -> [UInt8] {
        let process = contents.process
        var encoder = Encoder()
        encoder.append([0, UInt8(ascii: "t"), 0, 0])
        encoder.align(to: Int(fileClass.wordSize))
        encoder.append(0, fileClass)
        // The user's numbers have 16 bits on i386.
        if fileClass == .bits32 {
            encoder.append(UInt16(truncatingIfNeeded: process.user))
            encoder.append(UInt16(truncatingIfNeeded: process.user))
        } else {
            encoder.append(process.user)
            encoder.append(process.user)
        }
        for number in [process.number, process.parent, process.number, process.number] { encoder.append(number) }
        encoder.append(Self.padded(process.program, to: 16))
        encoder.append(Self.padded(process.arguments, to: 80))
        return encoder.bytes
    }

    /// A text cut off and padded with zeros, of which there is one at least.
    private static func padded(_ text: String, to count: Int) -> [UInt8] {
        let bytes = Array(text.utf8.prefix(count - 1))
        return bytes + [UInt8](repeating: 0, count: count - bytes.count)
    }

    /// `siginfo_t`, 128 bytes: number, error, code, and the address at the first place that is aligned for it.
    private func signalInformation() -> [UInt8] {
        var encoder = Encoder()
        encoder.append(contents.signal.number)
        encoder.append(UInt32(0))
        encoder.append(contents.signal.code)
        encoder.align(to: Int(fileClass.wordSize))
        encoder.append(contents.signal.address, fileClass)
        encoder.pad(to: 128)
        return encoder.bytes
    }

    /// NT_FILE: how many, the page size; of each the start, the end and the place in the file in pages; then the names.
    private func files() -> [UInt8] {
        let pageSize = contents.architecture.pageSize
        let mapped = contents.mappings.compactMap { mapping in mapping.file.map { (mapping.range, $0) } }
        var encoder = Encoder()
        encoder.append(UInt64(mapped.count), fileClass)
        encoder.append(pageSize, fileClass)
        for (range, file) in mapped {
            encoder.append(range.lowerBound, fileClass)
            encoder.append(range.upperBound, fileClass)
            encoder.append(file.offset / pageSize, fileClass)
        }
        for (_, file) in mapped { encoder.append(file.path.utf8.filter { $0 != 0 } + [0]) }
        return encoder.bytes
    }
}
