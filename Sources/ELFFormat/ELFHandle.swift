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
