import Linking
import ObjectModel
import TestSupport
import Testing

@Suite struct IndirectFunctionTests {
    private static let definition = """
        .text
        one: ret
        choose: lea one(%rip), %rax
            ret
        .globl pick, other
        .type pick, @gnu_indirect_function
        .set pick, choose
        .type other, @gnu_indirect_function
        .set other, choose
        .type own, @gnu_indirect_function
        .set own, choose
        .globl word, entry, own_word
        .data
        word: .quad pick
        own_word: .quad own
        """

    @Test("everything that refers to an indirect function gets the address of one stub") func canonical() throws {
        let user = """
            .globl f, g, narrow
            f: call pick
               jmp pick@PLT
               lea pick(%rip), %rax
               mov pick@GOTPCREL(%rip), %rax
               push pick@GOTPCREL(%rip)
               mov $pick, %eax
            .data
            narrow: .long pick
            """
        let linked = try Space().link("a", [try assembled(Self.definition), try assembled(user)])
        let module = linked.modules[0]
        let stub = try #require(module.address("pick"))
        let target = "0x" + String(stub, radix: 16)
        let lines = try disassembly(linked)
        #expect(lines.contains("call \(target)") && lines.contains("jmp \(target)"), "\(lines)")
        #expect(lines.count { $0 == "lea 0x\(String(stub, radix: 16))(%rip),%rax" || $0.hasSuffix("# \(target)") } >= 2)
        #expect(lines.contains("mov $\(target),%eax"), "\(lines)")
        #expect(linked.word("word") == stub && linked.int("narrow") == UInt32(stub))
        // The instruction that cannot do without the table finds it there.
        let table = try #require(module.image.sections.first { $0.name == ".got" })
        #expect(linked.word(table.address) == stub)
    }

    @Test("several names of one resolver, local ones too, are one function") func names() throws {
        let linked = try Space().link("a", [try assembled(Self.definition)])
        let module = linked.modules[0]
        #expect(module.address("other") == module.address("pick"))
        #expect(linked.word("own_word") == module.address("pick"))
        #expect(module.indirectFunctions.count == 1)
        #expect(module.indirectFunctions.first?.resolver == module.address("choose"))
    }

    @Test("the stub jumps through an entry in constant memory, which is zero until the resolver is asked")
    func entry() throws {
        let linked = try Space().link("a", [try assembled(Self.definition)])
        let module = linked.modules[0]
        let function = try #require(module.indirectFunctions.first)
        #expect(try disassembly(linked).contains { $0.hasSuffix("# 0x" + String(function.entry, radix: 16)) })
        let section = try #require(module.image.sections.first { $0.contains(function.entry) })
        #expect(section.protection == .read)
        #expect(section.fileOffset + (function.entry - section.address) == function.fileOffset)
        #expect(linked.word(function.entry) == 0)
    }

    @Test("to others an indirect function is a function, as large as its stub") func exported() throws {
        let linked = try Space().link([
            source("a", try assembled(Self.definition)),
            source("b", try assembled(".globl there\n.data\nthere: .quad pick\n")),
        ])
        let entry = try #require(linked.modules[0].entry("pick"))
        #expect(entry.type == .function && entry.binding == .global && entry.size == 16)
        #expect(linked.modules[0].section(of: "pick")?.protection == [.read, .execute])
        #expect(linked.word("there", in: 1) == entry.address)
        #expect(linked.modules[1].indirectFunctions.isEmpty)
    }

    @Test("resolvers of target_clones by gcc and clang have an entry each", arguments: Compiler.available)
    func clones(_ compiler: Compiler) throws {
        let text = """
            __attribute__((target_clones("default", "avx2"))) int sum(int *p, int n)
            { int s = 0; for (int i = 0; i < n; i++) s += p[i]; return s; }
            int (*where)(int *, int) = sum;
            """
        let space = Space(["__cpu_model": 0x40_1000, "__cpu_indicator_init": 0x40_2000])
        let linked = try space.link("a", [try object(text, by: compiler)])
        // Of clang 14 the function's own name is no symbol.
        let name = try #require(linked.modules[0].indirectFunctions.first).name
        #expect(name == "sum" || name == "sum.ifunc")
        #expect(linked.word("where") == linked.modules[0].address(name))
    }

    @Test("an indirect function is in a section, an absolute one is refused") func absolute() throws {
        #expect(
            Space().problems([
                source("a", try assembled(".globl pick\n.type pick, @gnu_indirect_function\npick = 4096\n"))
            ]) == "gurka.o: symbol 'pick': an indirect function (STT_GNU_IFUNC) that is in no section")
    }
}
