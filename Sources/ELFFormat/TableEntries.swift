import CLibELF
import ObjectModel

/// The entries of a table, where they stand in a file: members of archives are not aligned for them.
@unsafe struct TableEntries<Entry: BitwiseCopyable> {
    private let raw: UnsafeRawBufferPointer

    fileprivate init(_ raw: UnsafeRawBufferPointer) {
        unsafe self.raw = raw
    }

    var count: Int { unsafe raw.count / MemoryLayout<Entry>.stride }
    var indices: Range<Int> { unsafe 0..<count }
    var array: [Entry] {
        let count = unsafe count
        return unsafe Array(unsafeUninitializedCapacity: count) { buffer, initialized in
            let bytes = unsafe raw.prefix(count * MemoryLayout<Entry>.stride)
            unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes))
            initialized = count
        }
    }

    /// Traps outside, as an array does.
    subscript(position: Int) -> Entry {
        unsafe precondition(indices.contains(position))
        return unsafe raw.loadUnaligned(fromByteOffset: position &* MemoryLayout<Entry>.stride, as: Entry.self)
    }
}

extension ELFLayout {
    /// Calls `body` with the entries of a table section.
    ///
    /// libelf's own way to them (elf_begin, elf_getdata) makes some 300 bytes of memory for each section of the file first, which for
    /// objects of many sections takes longer than all that follows. It would convert byte orders; `ELFLayout` takes files
    /// of this machine's order only.
    func withEntries<Entry: BitwiseCopyable, Result>(
        ofSection index: Int, in bytes: [UInt8], as type: Entry.Type,
        _ body: (TableEntries<Entry>) throws(Problem) -> Result
    ) throws(Problem) -> Result {
        let section = sections[index]
        // That the section is inside of the file has been found by `check`.
        let range = section.isOf(SHT_NOBITS) ? 0..<0 : Int(section.offset)..<Int(section.offset + section.size)
        let contents = unsafe bytes.span.bytes.extracting(range)
        return try unsafe contents.withUnsafeBytes { (raw) throws(Problem) -> Result in
            unsafe try body(TableEntries(raw))
        }
    }
}
