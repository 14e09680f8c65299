import ObjectModel
import TestSupport
import Testing

@testable import Relocation

/// An instruction that names a table entry, and what becomes of it for a symbol at `address`.
struct Instruction: Sendable, CustomTestStringConvertible {
    let text: String
    let kind: X86_64.Kind
    /// Its bytes, the relocated four being the last.
    let before: [UInt8]
    let after: [UInt8]
    /// What objdump makes of the new form.
    let meaning: String

    var testDescription: String { text }

    static let address: UInt64 = 0x1000_2000
    /// `address` as an immediate number.
    static let immediate: [UInt8] = [0x00, 0x20, 0x00, 0x10]

    private static func rex(_ text: String, _ before: [UInt8], _ after: [UInt8], _ meaning: String) -> Instruction {
        Instruction(
            text: text, kind: .tableEntryRelative32RelaxableREX, before: before + [0, 0, 0, 0], after: after,
            meaning: meaning)
    }

    private static func plain(_ text: String, _ before: [UInt8], _ after: [UInt8], _ meaning: String) -> Instruction {
        Instruction(
            text: text, kind: .tableEntryRelative32Relaxable, before: before + [0, 0, 0, 0], after: after,
            meaning: meaning)
    }

    // Instructions stand at 0x10000000 + 8; those of 7 bytes end at …0f, so the distance is 0x1ff1; of 6 bytes: 0x1ff2.
    static let relative: [Instruction] = [
        rex("mov x, %rax", [0x48, 0x8b, 0x05], [0x48, 0x8d, 0x05, 0xf1, 0x1f, 0, 0], "lea 0x1ff1(%rip),%rax"),
        rex("mov x, %rdi", [0x48, 0x8b, 0x3d], [0x48, 0x8d, 0x3d, 0xf1, 0x1f, 0, 0], "lea 0x1ff1(%rip),%rdi"),
        rex("mov x, %r15", [0x4c, 0x8b, 0x3d], [0x4c, 0x8d, 0x3d, 0xf1, 0x1f, 0, 0], "lea 0x1ff1(%rip),%r15"),
        plain("mov x, %ecx", [0x8b, 0x0d], [0x8d, 0x0d, 0xf2, 0x1f, 0, 0], "lea 0x1ff2(%rip),%ecx"),
        plain("call *x", [0xff, 0x15], [0x67, 0xe8, 0xf2, 0x1f, 0, 0], "addr32 call 0x10002000"),
        plain("jmp *x", [0xff, 0x25], [0xe9, 0xf3, 0x1f, 0, 0, 0x90], "jmp 0x10002000"),
    ]

    static let immediates: [Instruction] =
        [
            rex("test %rax, x", [0x48, 0x85, 0x05], [0x48, 0xf7, 0xc0] + immediate, "test $0x10002000,%rax"),
            rex("test %r9, x", [0x4c, 0x85, 0x0d], [0x49, 0xf7, 0xc1] + immediate, "test $0x10002000,%r9"),
            rex("test %r9d, x", [0x44, 0x85, 0x0d], [0x41, 0xf7, 0xc1] + immediate, "test $0x10002000,%r9d"),
            plain("test %edx, x", [0x85, 0x15], [0xf7, 0xc2] + immediate, "test $0x10002000,%edx"),
        ]
        + zip(["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"], UInt8(0)...).flatMap { name, number in
            let opcode = number << 3 | 3
            return [
                rex(
                    "\(name) x, %rcx", [0x48, opcode, 0x0d], [0x48, 0x81, 0xc1 | number << 3] + immediate,
                    "\(name) $0x10002000,%rcx"),
                rex(
                    "\(name) x, %r13", [0x4c, opcode, 0x2d], [0x49, 0x81, 0xc5 | number << 3] + immediate,
                    "\(name) $0x10002000,%r13"),
                plain(
                    "\(name) x, %ebx", [opcode, 0x1d], [0x81, 0xc3 | number << 3] + immediate,
                    "\(name) $0x10002000,%ebx"),
            ]
        }

    static let all = relative + immediates

    /// A bench with the instruction at offset 8.
    var bench: Bench {
        var bench = Bench()
        bench.bytes.replaceSubrange(8..<8 + before.count, with: before)
        bench.offset = UInt64(8 + before.count - 4)
        bench.addend = -4
        bench.address = Self.address
        bench.tableEntry = 1
        return bench
    }
}

extension Bench {
    /// The bytes of the instruction after the relocation took the address from the table.
    fileprivate func throughTable(_ instruction: Instruction) -> [UInt8] {
        let value = UInt32(
            truncatingIfNeeded: Bench.table &+ 8 &+ UInt64(bitPattern: addend) &- Bench.section &- offset)
        return instruction.before.dropLast(4) + (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}

@Suite struct RelaxationTests {
    @Test("an instruction whose symbol is near does without the table", arguments: Instruction.all)
    func rewritten(_ instruction: Instruction) {
        let outcome = instruction.bench.apply(instruction.kind)
        #expect(outcome.failures.isEmpty)
        #expect(Array(outcome.bytes[8..<8 + instruction.before.count]) == instruction.after)
        #expect(outcome.bytes[..<8].allSatisfy { $0 == 0xaa })
        #expect(outcome.bytes[(8 + instruction.before.count)...].allSatisfy { $0 == 0xaa })
    }

    @Test("objdump reads the new forms as what they are meant to be") func disassembled() throws {
        let directory = try ScratchDirectory()
        for instruction in Instruction.all {
            let path = try directory.write("code", instruction.after)
            let text = try Tool.output(
                "objdump",
                ["-D", "-b", "binary", "-m", "i386:x86-64", "--no-show-raw-insn", "--adjust-vma=0x10000008", path])
            let lines = text.split(separator: "\n").filter { $0.hasPrefix("    1000") }
            let first = lines.first.map { line in
                line.split(separator: "\t").dropFirst().joined().split(separator: " ").prefix { $0 != "#" }
                    .joined(separator: " ")
            }
            #expect(first == instruction.meaning)
            #expect(lines.count == (instruction.after.last == 0x90 ? 2 : 1))
        }
    }

    @Test("an addend other than -4 keeps the table", arguments: Instruction.all) func otherAddend(
        _ instruction: Instruction
    ) {
        for addend in [-5, -3, 0, 4] as [Int64] {
            var bench = instruction.bench
            bench.addend = addend
            let outcome = bench.apply(instruction.kind)
            #expect(Array(outcome.bytes[8..<8 + instruction.before.count]) == bench.throughTable(instruction))
        }
    }

    @Test("a symbol at the end of the reach is near, one beyond it is not", arguments: Instruction.relative)
    func reach(_ instruction: Instruction) {
        var bench = instruction.bench
        bench.reach = 0x900_0000...0x1000_2000
        for (address, isNear) in [
            (0x1000_2000, true), (0x1000_2001, false), (0x900_0000, true), (0x8ff_ffff, false),
        ] as [(UInt64, Bool)] {
            bench.address = address
            let outcome = bench.apply(instruction.kind)
            let bytes = Array(outcome.bytes[8..<8 + instruction.before.count])
            #expect((bytes == bench.throughTable(instruction)) == !isNear)
        }
    }

    @Test("an immediate number holds addresses below 2 GiB, and no others", arguments: Instruction.immediates)
    func immediateLimit(_ instruction: Instruction) {
        var bench = instruction.bench
        bench.address = 0x7fff_ffff
        let near = bench.apply(instruction.kind).bytes[8..<8 + instruction.before.count]
        #expect(Array(near) == instruction.after.dropLast(4) + [0xff, 0xff, 0xff, 0x7f])
        bench.address = 0x8000_0000
        let far = bench.apply(instruction.kind).bytes[8..<8 + instruction.before.count]
        #expect(Array(far) == bench.throughTable(instruction))
    }

    @Test("the kind without X is never relaxed", arguments: Instruction.all) func notRelaxable(
        _ instruction: Instruction
    ) {
        let bench = instruction.bench
        let outcome = bench.apply(.tableEntryRelative32)
        #expect(Array(outcome.bytes[8..<8 + instruction.before.count]) == bench.throughTable(instruction))
    }

    @Test(
        "other instructions, and other ways to address memory, keep the table",
        arguments: [
            [0x48, 0x89, 0x05], [0x48, 0x63, 0x05], [0x48, 0x8d, 0x05], [0x48, 0x8b, 0x04], [0x48, 0x8b, 0x45],
            [0x48, 0x8b, 0xc5], [0x48, 0xff, 0x15], [0x48, 0xff, 0x25], [0x48, 0xff, 0x35], [0x0f, 0x8b, 0x05],
        ] as [[UInt8]])
    func otherInstruction(_ opcode: [UInt8]) {
        let instruction = Instruction(
            text: "", kind: .tableEntryRelative32RelaxableREX, before: opcode + [0, 0, 0, 0], after: [], meaning: "")
        let outcome = instruction.bench.apply(instruction.kind)
        #expect(Array(outcome.bytes[8..<15]) == instruction.bench.throughTable(instruction))
    }

    @Test("an instruction that would begin before its section keeps the table", arguments: [0, 1, 2] as [UInt64])
    func beginOfSection(_ offset: UInt64) {
        var bench = Bench()
        bench.bytes.replaceSubrange(0..<2, with: [0x8b, 0x05])
        bench.offset = offset
        bench.addend = -4
        bench.address = Instruction.address
        bench.tableEntry = 1
        let withPrefix = bench.apply(.tableEntryRelative32RelaxableREX)
        #expect(withPrefix.failures.isEmpty)
        #expect(withPrefix.bytes[0] == (offset == 0 ? 0x04 : 0x8b))
        // Without a prefix, two bytes are enough.
        #expect(bench.apply(.tableEntryRelative32Relaxable).bytes[0] == [0x04, 0x8b, 0x8d][Int(offset)])
    }

    @Test("a window in the low 2 GiB needs no entries for immediate numbers, a higher one does") func window() {
        let low: Range<UInt64> = 0x1000_0000..<0x8000_0000
        let high: Range<UInt64> = 0x1000_0000..<0x8000_1000
        #expect(X86_64.Relaxation.test(modRM: 5, rex: 0).reaches(window: low))
        #expect(!X86_64.Relaxation.test(modRM: 5, rex: 0).reaches(window: high))
        #expect(!X86_64.Relaxation.operate(modRM: 5, rex: 0, operation: 1).reaches(window: high))
        #expect(X86_64.Relaxation.load.reaches(window: high))
    }
}
