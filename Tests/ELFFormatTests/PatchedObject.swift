import ELFFormat
import ObjectModel
import TestSupport

/// A small real object whose fields can be overwritten.
struct PatchedObject {
    var bytes: [UInt8]

    /// Relocations, a string table, zeroes, a common symbol, a group and constructors: something of everything.
    static let source = """
            .section .text,"ax",@progbits
            .globl entry
            .type entry, @function
        entry:
            call helper
            mov value@GOTPCREL(%rip), %rax
            lea counter(%rip), %rcx
            ret
            .size entry, .-entry
            .section .text.inline,"axG",@progbits,inline_function,comdat
            .weak inline_function
        inline_function:
            ret
            .section .init_array,"aw",@init_array
            .quad entry
            .data
            .globl value
            .type value, @object
            .size value, 8
        value:
            .quad entry + 4
            .bss
            .type counter, @object
            .size counter, 64
        counter:
            .zero 64
            .comm shared, 16, 8
            .section .note.GNU-stack,"",@progbits
        """

    private static let original = Result { try Compiler.gcc.object(source, [], language: .assembly) }

    init() throws {
        bytes = try Self.original.get()
    }

    func read<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type = T.self) -> T {
        bytes.span.bytes.integer(at: UInt64(offset)) ?? 0
    }

    mutating func write<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        for index in 0..<MemoryLayout<T>.size {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> T(index * 8))
        }
    }

    var sectionCount: Int { Int(read(60, as: UInt16.self)) }

    private func header(_ index: Int) -> Int {
        Int(read(40, as: UInt64.self)) + index * 64
    }

    /// Where a field of a section's header stands in the file.
    func field(_ field: Field, of section: Int) -> Int { header(section) + field.rawValue }

    enum Field: Int {
        case name = 0
        case type = 4
        case flags = 8
        case address = 16
        case offset = 24
        case size = 32
        case link = 40
        case info = 44
        case alignment = 48
        case entrySize = 56
    }

    /// The number of the section of that name.
    func section(_ name: String) -> Int {
        let names = Int(read(field(.offset, of: Int(read(62, as: UInt16.self))), as: UInt64.self))
        for index in 1..<sectionCount {
            let start = names + Int(read(field(.name, of: index), as: UInt32.self))
            if bytes[start...].prefix(while: { $0 != 0 }).elementsEqual(name.utf8) { return index }
        }
        return 0
    }

    /// Where the contents of a section begin.
    func contents(_ name: String) -> Int {
        Int(read(field(.offset, of: section(name)), as: UInt64.self))
    }

    func size(_ name: String) -> Int {
        Int(read(field(.size, of: section(name)), as: UInt64.self))
    }

    /// The number of the symbol of that name.
    func symbol(_ name: String) -> Int {
        for index in 0..<size(".symtab") / 24 {
            let start = contents(".strtab") + Int(read(contents(".symtab") + index * 24, as: UInt32.self))
            if bytes[start...].prefix(while: { $0 != 0 }).elementsEqual(name.utf8) { return index }
        }
        return 0
    }

    /// Overwrites a field of a section's header.
    mutating func set(_ field: Field, of name: String, _ value: UInt64) {
        let place = self.field(field, of: section(name))
        switch field {
        case .name, .type, .link, .info: write(UInt32(truncatingIfNeeded: value), at: place)
        default: write(value, at: place)
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
func refusal(_ change: (inout PatchedObject) -> Void) throws -> String? {
    var object = try PatchedObject()
    change(&object)
    return object.refusal()
}
