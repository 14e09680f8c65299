import CLibELF
import ObjectModel

/// An open libelf handle over bytes in memory. Only what `ELFLayout` has found sound is given to libelf.
@safe struct ELFHandle: ~Copyable {
    private let elf: OpaquePointer
    private let file: String

    /// Opens bytes that stay where they are for as long as the handle lives.
    init(_ bytes: UnsafeRawBufferPointer, file: String) throws(Problem) {
        elf_version(UInt32(EV_CURRENT))
        // libelf takes a pointer to memory that it may change, and changes it only on request (elf_update).
        let start = unsafe UnsafeMutablePointer(mutating: bytes.bindMemory(to: CChar.self).baseAddress)
        guard let elf = unsafe elf_memory(start, bytes.count) else {
            throw Problem(subject: file, reason: Self.lastError())
        }
        unsafe self.elf = elf
        self.file = file
    }

    deinit {
        _ = unsafe elf_end(elf)
    }

    /// Calls `body` with the entries of a table section, converted to this machine's byte order.
    func withEntries<Entry: BitwiseCopyable, Result>(
        ofSection index: Int, as type: Entry.Type,
        _ body: (UnsafeBufferPointer<Entry>) throws(Problem) -> Result
    ) throws(Problem) -> Result {
        guard let section = unsafe elf_getscn(elf, index), let data = unsafe elf_getdata(section, nil) else {
            throw Problem(subject: file, place: "section \(index)", reason: Self.lastError())
        }
        let count = unsafe data.pointee.d_size / MemoryLayout<Entry>.stride
        guard let buffer = unsafe data.pointee.d_buf, count > 0 else {
            return unsafe try body(UnsafeBufferPointer(start: nil, count: 0))
        }
        let start = unsafe buffer.bindMemory(to: Entry.self, capacity: count)
        return unsafe try body(UnsafeBufferPointer(start: start, count: count))
    }

    /// Whether a section's compressed contents are as large as its compression header says. Writes to the section's header.
    func inflates(section index: Int) -> Bool {
        guard let section = unsafe elf_getscn(elf, index) else { return false }
        return unsafe elf_compress(section, 0, 0) >= 0
    }

    private static func lastError() -> String {
        let code = elf_errno()
        guard let message = unsafe elf_errmsg(code) else { return "libelf error \(code)" }
        return unsafe "libelf: \(String(cString: message))"
    }
}
