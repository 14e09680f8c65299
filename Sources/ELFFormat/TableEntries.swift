import CLibELF
import ObjectModel

extension ELFLayout {
    /// Calls `body` with the entries of a table section, where they stand in the file if that is aligned for them.
    ///
    /// libelf's own way to them (elf_begin, elf_getdata) makes some 300 bytes of memory for each section of the file first, which for
    /// objects of many sections takes longer than all that follows. It would convert byte orders; `ELFLayout` takes files
    /// of this machine's order only.
    func withEntries<Entry: BitwiseCopyable, Result>(
        ofSection index: Int, in bytes: [UInt8], as type: Entry.Type,
        _ body: (UnsafeBufferPointer<Entry>) throws(Problem) -> Result
    ) throws(Problem) -> Result {
        let section = sections[index]
        guard !section.isOf(SHT_NOBITS) else { return unsafe try body(UnsafeBufferPointer(start: nil, count: 0)) }
        // That the section is inside of the file has been found by `check`.
        let contents = unsafe bytes.span.bytes.extracting(Int(section.offset)..<Int(section.offset + section.size))
        return try unsafe contents.withUnsafeBytes { (raw) throws(Problem) -> Result in
            let count = raw.count / MemoryLayout<Entry>.stride
            if Int(bitPattern: raw.baseAddress) % MemoryLayout<Entry>.alignment == 0 {
                let start = unsafe raw.baseAddress?.assumingMemoryBound(to: Entry.self)
                return unsafe try body(UnsafeBufferPointer(start: start, count: count))
            }
            let copy = (0..<count).map { index in
                unsafe raw.loadUnaligned(fromByteOffset: index * MemoryLayout<Entry>.stride, as: Entry.self)
            }
            return unsafe try copy.withUnsafeBufferPointer { (entries) throws(Problem) in unsafe try body(entries) }
        }
    }
}
