import CLibDW
import CrashReport
import Glibc

/// The call frame information of one file, as libdw reads it.
public final class CallFrameTable {
    private let table: OpaquePointer
    /// Of a linked image, which is kept for it; nil when somebody else keeps what it is part of.
    private let elf: OpaquePointer?
    /// Of the image's file; -1 when it is in memory.
    private let descriptor: Int32
    private let memory: UnsafeMutableRawBufferPointer?
    private let convention: RegisterConvention

    /// That of a linked image; nil when it has none.
    public init?(image path: String, _ convention: RegisterConvention) {
        elf_version(UInt32(EV_CURRENT))
        let descriptor = libdw_open(path)
        guard descriptor >= 0 else { return nil }
        let elf = elf_begin(descriptor, ELF_C_READ, nil)
        guard let elf, let table = dwarf_getcfi_elf(elf) else {
            elf_end(elf)
            close(descriptor)
            return nil
        }
        self.table = table
        self.elf = elf
        self.descriptor = descriptor
        self.convention = convention
        memory = nil
    }

    /// The table of a linked image as it lies in memory; nil when it has none. Addresses are those in the image.
    public init?(memory bytes: [UInt8], _ convention: RegisterConvention) {
        elf_version(UInt32(EV_CURRENT))
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        memory.copyBytes(from: bytes)
        let elf = memory.baseAddress.flatMap { elf_memory($0.assumingMemoryBound(to: CChar.self), memory.count) }
        guard let elf, let table = dwarf_getcfi_elf(elf) else {
            elf_end(elf)
            memory.deallocate()
            return nil
        }
        self.table = table
        self.elf = elf
        self.convention = convention
        self.memory = memory
        descriptor = -1
    }

    /// That of debug information, which has to live as long.
    public init(_ table: OpaquePointer, _ convention: RegisterConvention) {
        self.table = table
        self.convention = convention
        elf = nil
        memory = nil
        descriptor = -1
    }

    deinit {
        guard let elf else { return }
        dwarf_cfi_end(table)
        elf_end(elf)
        if descriptor >= 0 { close(descriptor) }
        memory?.deallocate()
    }

    /// The rules at an instruction; nil when there are none.
    public func rules(at instruction: UInt64) -> FrameRules? {
        var frame: OpaquePointer?
        guard dwarf_cfi_addrframe(table, instruction, &frame) == 0, let frame else { return nil }
        defer { free(UnsafeMutableRawPointer(frame)) }
        var isSignalFrame = false
        let returnAddress = dwarf_frame_info(frame, nil, nil, &isSignalFrame)
        var operations: UnsafeMutablePointer<Dwarf_Op>?
        var count = 0
        guard returnAddress >= 0, dwarf_frame_cfa(frame, &operations, &count) == 0, let operations, count > 0 else {
            return nil
        }
        return FrameRules(
            frameAddress: Self.list(operations, count),
            registers: convention.names.indices.map { rule($0, frame) }, returnAddress: Int(returnAddress),
            isSignalFrame: isSignalFrame)
    }

    private func rule(_ register: Int, _ frame: OpaquePointer) -> FrameRules.Rule {
        withUnsafeTemporaryAllocation(of: Dwarf_Op.self, capacity: 3) { memory -> FrameRules.Rule in
            guard let place = memory.baseAddress else { return .undefined }
            var operations: UnsafeMutablePointer<Dwarf_Op>?
            var count = 0
            guard
                dwarf_frame_register(frame, Int32(register), place, &operations, &count) == 0
            else { return .undefined }
            // libdw's way to tell the two apart.
            guard let operations else { return .same }
            guard count > 0 else { return .undefined }
            let list = Self.list(operations, count)
            if list.count == 1, list[0].code == UInt8(DW_OP_call_frame_cfa) { return .saved(0) }
            if list.count == 2, list[0].code == UInt8(DW_OP_call_frame_cfa),
                list[1].code == UInt8(DW_OP_plus_uconst)
            {
                return .saved(Int64(bitPattern: list[1].first))
            }
            return .expression(list)
        }
    }

    private static func list(_ operations: UnsafeMutablePointer<Dwarf_Op>, _ count: Int) -> [FrameRules.Operation] {
        UnsafeBufferPointer(start: operations, count: count).map {
            FrameRules.Operation($0.atom, $0.number, $0.number2)
        }
    }
}
