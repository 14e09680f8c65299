import CallFrames
import CrashReport
import ObjectModel
import Posix

/// The calls of threads of a live space, by call frame information.
final class ThreadFrames: UnwindingSource {
    private let space: FaultPlace.Surroundings
    /// The path of a module's image; nil: it has none.
    private let imagePath: (Int) -> String?
    /// The process of the space.
    private let process: Int32
    private let convention: RegisterConvention
    private let width: UInt64
    private var tables: [Int?: CallFrameTable?] = [:]
    private lazy var kernels = kernelTable()
    /// The memory that was read last, of one thread that stands still.
    private var piece: (start: UInt64, bytes: [UInt8]) = (0, [])

    /// How much memory is read at once, in bytes.
    private static let pieceSize: UInt64 = 4096

    init(_ space: FaultPlace.Surroundings, process: Int32, imagePath: @escaping (Int) -> String?) {
        self.space = space
        self.process = process
        self.imagePath = imagePath
        convention = RegisterConvention(space.architecture)
        width = space.architecture.pointerSize
    }

    /// Follows the calls of a thread for as long as it is certain who has called whom.
    ///
    /// - Parameters:
    ///   - registers: `struct user_regs_struct`.
    ///   - visit: gets the address at which each call goes on, from the innermost on.
    /// - Returns: where on the stack the calls are that are not known; nil: there are none.
    func follow(_ registers: [UInt8], _ visit: (_ pointer: UInt64, _ isBehindCall: Bool) -> Void) -> UInt64? {
        piece = (0, [])
        let words = words(registers)
        var rest: UInt64?
        var isFirst = true
        let end = Unwinder(self, space.architecture).follow(convention.registers(words)) {
            pointer, step, stackPointer in
            guard step == .call || step == .signal else { return false }
            visit(pointer, step == .call && !isFirst)
            (rest, isFirst) = (stackPointer, false)
            return true
        }
        return end == .end ? nil : rest ?? 0
    }

    func word(at address: UInt64) -> UInt64? { word(at: address, bytes: width) }

    func byte(at address: UInt64) -> UInt8? {
        let start = address & ~(Self.pieceSize - 1)
        if piece.start != start || piece.bytes.isEmpty { piece = (start, space.read(start, Int(Self.pieceSize))) }
        let offset = Int(address - start)
        return offset < piece.bytes.count ? piece.bytes[offset] : nil
    }

    func rules(at instruction: UInt64) -> FrameRules? {
        let module = space.module(instruction)
        guard module != nil || space.isProgram(instruction) else { return kernelRules(at: instruction) }
        if let table = tables[module] { return table?.rules(at: instruction) }
        let path = module.map(imagePath) ?? "/proc/\(process)/exe"
        let table = path.flatMap { CallFrameTable(image: $0, convention) }
        tables[module] = .some(table)
        return table?.rules(at: instruction)
    }

    /// How to leave functions of the kernel's that system calls of i386 are made by, vdso(7).
    private func kernelRules(at instruction: UInt64) -> FrameRules? {
        guard let kernels, instruction >= kernels.start, instruction - kernels.start < Self.kernelSize else {
            return nil
        }
        return kernels.table.rules(at: instruction - kernels.start)
    }

    /// More than vdso(7) has on any machine.
    private static let kernelSize: UInt64 = 64 << 10
    /// AT_SYSINFO_EHDR of elf.h.
    private static let kernelHeader: UInt64 = 33

    private func kernelTable() -> (start: UInt64, table: CallFrameTable)? {
        let vector = (try? ProcessFiles.auxiliaryVector(of: process)) ?? []
        let words = words(vector)
        guard let index = stride(from: 0, to: words.count - 1, by: 2).first(where: { words[$0] == Self.kernelHeader }),
            let table = CallFrameTable(memory: space.read(words[index + 1], Int(Self.kernelSize)), convention)
        else { return nil }
        return (words[index + 1], table)
    }

    private func words(_ bytes: [UInt8]) -> [UInt64] {
        let size = Int(width)
        return stride(from: 0, to: bytes.count - size + 1, by: size).map { start in
            bytes[start..<start + size].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
    }

    func isCode(_ address: UInt64) -> Bool { space.module(address) != nil || space.isProgram(address) }

    // Guesses are not wanted.
    func frameState(at instruction: UInt64) -> FrameState { .unknown }
}
