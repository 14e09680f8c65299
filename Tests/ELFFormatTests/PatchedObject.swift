import ELFFormat
import ObjectModel
import TestSupport

/// A small real object whose fields can be overwritten.
struct PatchedObject {
    var bytes: [UInt8]
    /// The width of its addresses, in bytes: 4 of an i386 object, 8 of an x86-64 one.
    let word: Int

    /// Relocations, a string table, zeroes, a common symbol, a group and constructors: something of everything.
    private static func source(word: Int) -> String {
        """
            .section .text,"ax",@progbits
            .globl entry
            .type entry, @function
        entry:
            call helper
            \(word == 8 ? "mov value@GOTPCREL(%rip), %rax" : "mov value@GOT(%ebx), %eax")
            \(word == 8 ? "lea counter(%rip), %rcx" : "lea counter, %ecx")
            ret
            .size entry, .-entry
            .section .text.inline,"axG",@progbits,inline_function,comdat
            .weak inline_function
        inline_function:
            ret
            .section .init_array,"aw",@init_array
            \(word == 8 ? ".quad" : ".long") entry
            .data
            .globl value
            .type value, @object
            .size value, \(word)
        value:
            \(word == 8 ? ".quad" : ".long") entry + 4
            .bss
            .type counter, @object
            .size counter, 64
        counter:
            .zero 64
            .comm shared, 16, 8
            .section .note.GNU-stack,"",@progbits
        """
    }

    private static let originals = [4, 8].map { word in
        Result { try Compiler.gcc.object(source(word: word), ["-m\(word * 8)"], language: .assembly) }
    }

    init(word: Int = 8) throws {
        self.word = word
        bytes = try Self.originals[word / 8].get()
    }

    /// An object of other bytes.
    init(_ bytes: [UInt8], word: Int = 8) {
        self.bytes = bytes
        self.word = word
    }

    /// The sizes of the file's structures.
    var headerSize: Int { word == 8 ? 64 : 52 }
    var sectionHeaderSize: Int { word == 8 ? 64 : 40 }
    var symbolSize: Int { word == 8 ? 24 : 16 }
    /// The section that relocates `name`.
    func relocations(_ name: String) -> String { (word == 8 ? ".rela" : ".rel") + name }

    func read<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type = T.self) -> T {
        bytes.span.bytes.integer(at: UInt64(offset)) ?? 0
    }

    /// An address, an offset or a size.
    func readWord(_ offset: Int) -> UInt64 {
        word == 8 ? read(offset, as: UInt64.self) : UInt64(read(offset, as: UInt32.self))
    }

    mutating func writeWord(_ value: UInt64, at offset: Int) {
        if word == 8 { write(value, at: offset) } else { write(UInt32(truncatingIfNeeded: value), at: offset) }
    }

    mutating func write<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        for index in 0..<MemoryLayout<T>.size {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> T(index * 8))
        }
    }

    var sectionCount: Int { Int(read(headerSize - 4, as: UInt16.self)) }
    private var namesIndex: Int { Int(read(headerSize - 2, as: UInt16.self)) }
    /// Where the section headers begin.
    var headersOffset: Int { Int(readWord(24 + 2 * word)) }

    private func header(_ index: Int) -> Int { headersOffset + index * sectionHeaderSize }

    /// Where a field of a section's header stands in the file.
    func field(_ field: Field, of section: Int) -> Int {
        header(section) + field.halves * 4 + field.words * word
    }

    enum Field: CaseIterable {
        case name, type, flags, address, offset, size, link, info, alignment, entrySize

        /// How many fields of 4 bytes come before it, and how many of the size of an address.
        var halves: Int {
            switch self {
            case .name: 0
            case .type: 1
            case .flags, .address, .offset, .size, .link: 2
            case .info: 3
            case .alignment, .entrySize: 4
            }
        }
        var words: Int {
            switch self {
            case .name, .type, .flags: 0
            case .address: 1
            case .offset: 2
            case .size: 3
            case .link, .info, .alignment: 4
            case .entrySize: 5
            }
        }
        var isNarrow: Bool { self == .name || self == .type || self == .link || self == .info }
    }

    /// The number of the section of that name.
    func section(_ name: String) -> Int {
        let names = Int(readWord(field(.offset, of: namesIndex)))
        for index in 1..<sectionCount {
            let start = names + Int(read(field(.name, of: index), as: UInt32.self))
            if bytes[start...].prefix(while: { $0 != 0 }).elementsEqual(name.utf8) { return index }
        }
        return 0
    }

    /// Where the contents of a section begin.
    func contents(_ name: String) -> Int {
        Int(readWord(field(.offset, of: section(name))))
    }

    func size(_ name: String) -> Int {
        Int(readWord(field(.size, of: section(name))))
    }

    /// The number of the symbol of that name.
    func symbol(_ name: String) -> Int {
        for index in 0..<size(".symtab") / symbolSize {
            let start = contents(".strtab") + Int(read(contents(".symtab") + index * symbolSize, as: UInt32.self))
            if bytes[start...].prefix(while: { $0 != 0 }).elementsEqual(name.utf8) { return index }
        }
        return 0
    }

    /// Overwrites a field of a section's header.
    mutating func set(_ field: Field, of name: String, _ value: UInt64) {
        let place = self.field(field, of: section(name))
        if field.isNarrow {
            write(UInt32(truncatingIfNeeded: value), at: place)
        } else {
            writeWord(value, at: place)
        }
    }

    /// Why the object is not acceptable, or nil when it is.
    func refusal() -> String? {
        do throws(Problem) {
            _ = try ELFObjectReader.read(bytes, name: "gurka.o")
            return nil
        } catch {
            return error.description
        }
    }
}

/// Why a changed object is not acceptable.
func refusal(word: Int = 8, _ change: (inout PatchedObject) -> Void) throws -> String? {
    var object = try PatchedObject(word: word)
    change(&object)
    return object.refusal()
}
