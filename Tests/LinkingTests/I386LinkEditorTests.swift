import ELFFormat
import ObjectModel
import TestSupport
import Testing

/// What is linked of i386 objects, beside what ld makes of them.
@Suite struct I386LinkEditorTests {
    private static func compile(_ options: [String]) throws -> [[UInt8]] {
        try [LinkEditorTests.main, LinkEditorTests.other].map {
            try Compiler.gcc.object(
                $0,
                ["-m32"] + options + [
                    "-ffreestanding", "-fno-merge-constants", "-fno-asynchronous-unwind-tables", "-fcf-protection=none",
                ])
        }
    }

    private static func assemble(_ text: String) throws -> [UInt8] {
        try Compiler.gcc.object(text, ["-m32"], language: .assembly)
    }

    @Test(
        "code and data are byte for byte what ld makes", arguments: ["-O0", "-O1", "-O2", "-O3"],
        ["-fno-pic", "-fPIC", "-fPIE"])
    func compiled(_ optimization: String, _ model: String) throws {
        let comparison = try Comparison(Self.compile([optimization, model]), ["-static"], [:], .i386)
        for name in [".text", ".rodata", ".data"] {
            guard let bytes = try comparison.section(name) else {
                // Constants that hold addresses are in a section of their own then.
                #expect(name == ".rodata" && model != "-fno-pic")
                continue
            }
            #expect(bytes.ours == bytes.theirs)
            #expect(!bytes.ours.isEmpty)
        }
        #expect(!comparison.linked.modules[0].image.sections.contains { $0.name == ".got" })
    }

    private static let ending = ".data\n.globl tomat\ntomat: .long 1\n"

    @Test("instructions that take an address out of the table are relaxed to the bytes that ld writes")
    func relaxed() throws {
        var text = ".text\n.globl _start\n_start:\ncall *tomat@GOT\njmp *tomat@GOT\n"
        for base in ["", "(%ebx)", "(%eax)", "(%ebp)"] {
            text += "call *tomat@GOT\(base)\njmp *tomat@GOT\(base)\n"
            for register in ["eax", "ebx", "esp", "ebp", "esi", "edi"] {
                text += "mov tomat@GOT\(base), %\(register)\ntest %\(register), tomat@GOT\(base)\n"
                for name in ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"] {
                    text += "\(name) tomat@GOT\(base), %\(register)\n"
                }
            }
        }
        // `mov` to %eax without a base has an opcode of its own, which nothing relaxes.
        text = text.split(separator: "\n").filter { $0 != "mov tomat@GOT, %eax" }.joined(separator: "\n") + "\n"
        let comparison = try Comparison([Self.assemble(text + Self.ending)], ["-static"], [:], .i386)
        let bytes = try #require(try comparison.section(".text"))
        #expect(bytes.ours == bytes.theirs)
        #expect(!comparison.linked.modules[0].image.sections.contains { $0.name == ".got" })
    }

    @Test("the older kind of table entry, and instructions that cannot do without, read the symbol's address there")
    func tableEntries() throws {
        let text = """
            .text
            .globl _start
            _start:
            add $_GLOBAL_OFFSET_TABLE_, %ebx
            lea tomat@GOT, %ecx
            push tomat@GOT(%ebx)
            mov tomat@GOT(%ebx, %ecx), %eax
            mov tomat@GOT + 4(%ebx), %eax
            mov tomat@GOT(%ebx), %ecx

            """
        for relaxes in ["yes", "no"] {
            let object = try Compiler.gcc.object(
                text + Self.ending, ["-m32", "-Wa,-mrelax-relocations=\(relaxes)"], language: .assembly)
            let linked = try Space([:], .i386).link("a", [try ELFObjectReader.read(object, name: "a.o")])
            let sections = linked.modules[0].image.sections
            let table = try #require(sections.first { $0.name == ".got" })
            #expect(table.size == 4 && table.alignment == 4)
            let tomat = try #require(linked.modules[0].address("tomat"))
            #expect(linked.number(table.address, as: UInt32.self) == UInt32(tomat))
            let start = try #require(sections.first { $0.name == ".text" }).address
            // Offsets of 4 bytes after opcodes: the distance to the table, and of the entry in it.
            let fields = [2, 8, 14, 21, 27].map { linked.number(start + $0, as: UInt32.self) }
            #expect(fields == [UInt32(truncatingIfNeeded: table.address &- start), 0, 0, 0, 4])
            #expect(linked.number(start + 33, as: UInt32.self) == (relaxes == "yes" ? UInt32(tomat) : 0))
        }
    }

    /// A relocation of every kind that needs no entry of the table.
    private static let kinds = """
        .text
        .globl _start
        _start:
        nop
        call far_function
        call far_function@PLT
        call far_function + 5
        mov $near, %eax
        movw $low, %ax
        movb $tiny, %al
        add $_GLOBAL_OFFSET_TABLE_, %ebx
        lea near@GOTOFF(%ebx), %ecx
        lea near@GOTOFF + 8(%ebx), %ecx
        .reloc ., R_386_NONE, near
        .long near - ., near + 4, far_function, near@SIZE, near@SIZE + 3
        .reloc ., R_386_PC16, _start
        .short 0
        .reloc ., R_386_PC8, _start
        .byte 0
        .short low, low - 1
        .byte tiny, tiny + 2
        .data
        .globl near
        .type near, @object
        .size near, 12
        near: .long _start, near, far_function - 4

        """

    @Test("every kind is stored as ld stores it") func everyKind() throws {
        let comparison = try Comparison(
            [Self.assemble(Self.kinds)], ["-static"],
            ["far_function": 0xf000_0000, "low": 0xfffe, "tiny": 0xfd], .i386)
        for name in [".text", ".data"] {
            let bytes = try #require(try comparison.section(name))
            #expect(bytes.ours == bytes.theirs)
        }
    }

    /// A field of an address at a given one, and whether ld and this linker take it.
    private struct Limit {
        let field: String
        let address: UInt64

        func isTaken() throws -> (ours: Bool, theirs: Bool) {
            let bytes = try assemble(".data\n.globl _start\n_start:\n\(field)\n")
            let space = Space(["tomat": address], .i386)
            let directory = try ScratchDirectory()
            let path = try directory.write("object.o", bytes)
            let result = try Tool.run(
                "ld",
                [
                    "-m", "elf_i386", "-static", "--defsym=tomat=\(address)", "-Tdata=0x10001000",
                    "-o", directory.path + "/linked", path,
                ])
            let object = try ELFObjectReader.read(bytes, name: "gurka.o")
            let problems = space.problems([source("gurka", object)])
            return (problems == "linked", result.status == .exited(0))
        }
    }

    @Test(
        "the last value that fits and the first that does not are those of ld",
        arguments: [
            (".short tomat", 0xffff, 0x1_0000), (".byte tomat", 0xff, 0x100),
            (".short tomat", 0xffff_0000, 0xfffe_ffff), (".byte tomat", 0xffff_ff00, 0xffff_feff),
            (".short tomat - .", 0x1001_0fff, 0x1001_1000),
            (".short tomat - .", 0xfff_1000, 0xfff_0fff),
            (".byte tomat - .", 0x1000_107f, 0x1000_1080), (".byte tomat - .", 0x1000_0f80, 0x1000_0f7f),
        ] as [(String, UInt64, UInt64)])
    func limits(_ field: String, _ good: UInt64, _ bad: UInt64) throws {
        let first = try Limit(field: field, address: good).isTaken()
        #expect(first.ours && first.theirs)
        let second = try Limit(field: field, address: bad).isTaken()
        #expect(!second.ours && !second.theirs)
    }

    @Test("32-bit fields wrap around, as ld's do", arguments: [0, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as [UInt64])
    func wraps(_ address: UInt64) throws {
        let text = ".text\n.globl _start\n_start: call tomat\n.data\n.long tomat, tomat - ., tomat + 0x7fffffff\n"
        let comparison = try Comparison([Self.assemble(text)], ["-static"], ["tomat": address], .i386)
        for name in [".text", ".data"] {
            let bytes = try #require(try comparison.section(name))
            #expect(bytes.ours == bytes.theirs)
        }
    }
}
