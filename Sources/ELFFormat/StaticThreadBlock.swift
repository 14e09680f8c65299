import CLibELF
import ObjectModel

/// The thread-local variables of a static program: one block right below the thread pointer of each thread (psABI, "Thread-Local
/// Storage", variant II).
public enum StaticThreadBlock {
    /// How far below the thread pointer the block begins, in bytes: its size as `PT_TLS` has it, rounded up to its alignment.
    ///
    /// - Parameter head: the first bytes of the program's file, with its program headers.
    /// - Returns: nil when there is none in these bytes.
    public static func size(_ head: [UInt8]) -> UInt64? {
        guard head.count > 16, head.starts(with: ELFLayout.magic), let fileClass = ELFClass(rawValue: head[4]) else {
            return nil
        }
        let bytes = unsafe head.span.bytes
        let is64 = fileClass == .bits64
        guard let start = bytes.word(at: is64 ? 32 : 28, fileClass),
            let count = bytes.integer(at: is64 ? 56 : 44, as: UInt16.self)
        else { return nil }
        for index in 0..<UInt64(count) {
            let (place, overflow) = start.addingReportingOverflow(index * fileClass.programHeaderSize)
            guard !overflow, place < UInt64(head.count) else { return nil }
            guard bytes.integer(at: place, as: UInt32.self) == UInt32(PT_TLS) else { continue }
            guard let size = bytes.word(at: place + (is64 ? 40 : 20), fileClass),
                let alignment = bytes.word(at: place + (is64 ? 48 : 28), fileClass),
                alignment & (alignment &- 1) == 0
            else { return nil }
            return size.aligned(to: max(alignment, 1))
        }
        return nil
    }
}
