import ELFFormat
import Linking
import ObjectModel
import SymbolTable
import TestSupport
import Testing

/// Thread-local variables of a module that is linked as `ld` links a static executable: its block ends at the thread pointer.
@Suite struct ThreadLocalTests {
    private static let variables = """

        .section .tdata, "awT", @progbits
        .globl tomat, gurka
        .balign 16
        tomat: .quad 1
        gurka: .quad 2
        sallad: .quad tomatoes
        .section .tbss, "awT", @nobits
        .globl zero
        .balign 8
        .skip 8
        zero: .skip 24
        .data
        tomatoes: .quad 5
        """

    private func comparison(_ text: String) throws -> Comparison {
        try Comparison(
            [
                try Compiler.gcc.object(
                    ".text\n.globl _start\n_start:\n" + text + Self.variables, [], language: .assembly)
            ], ["-static"])
    }

    private func expectSame(
        _ text: String, _ sections: [String] = [".text"], table: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let comparison = try comparison(text)
        for name in sections {
            let bytes = try #require(try comparison.section(name), sourceLocation: sourceLocation)
            #expect(bytes.ours == bytes.theirs, sourceLocation: sourceLocation)
        }
        #expect(
            comparison.linked.modules[0].image.sections.contains { $0.name == ".got" } == table,
            sourceLocation: sourceLocation)
    }

    @Test("distances from the thread pointer in code and data are those that ld writes") func localExec() throws {
        try expectSame(
            """
            mov %fs:tomat@tpoff, %eax
            mov %fs:zero@tpoff+4, %eax
            movabs $sallad@tpoff, %rax
            lea gurka@tpoff(%rcx), %rdx
            lea gurka@dtpoff(%rcx), %rdx
            .data
            .quad zero@tpoff, zero@dtpoff
            .long sallad@tpoff, gurka@dtpoff
            """, [".text", ".data", ".tdata"])
    }

    private static let small = "data16 lea %@tlsgd(%rip), %rdi\n.word 0x6666\nrex64\ncall __tls_get_addr@PLT\n"

    @Test(
        "calls for a variable's address become what ld writes: with a PLT, without, of the large model",
        arguments: [
            small, small.split(separator: "@PLT").joined(),
            "data16 lea %@tlsgd(%rip), %rdi\n.byte 0x66\nrex64\ncall *__tls_get_addr@GOTPCREL(%rip)\n",
            "lea %@tlsgd(%rip), %rdi\nmovabs $__tls_get_addr@pltoff, %rax\nadd %rbx, %rax\ncall *%rax\n",
            "lea %@tlsgd(%rip), %rdi\nmovabs $__tls_get_addr@pltoff, %rax\nadd %r15, %rax\ncall *%rax\n",
        ]) func generalDynamic(_ form: String) throws
    {
        var text = ""
        for name in ["tomat", "sallad", "zero"] {
            text += form.split(separator: "%@", omittingEmptySubsequences: false).joined(separator: name + "@")
            text += "mov (%rax), %ecx\n"
        }
        try expectSame(text)
    }

    @Test(
        "calls for the address of all variables become what ld writes",
        arguments: [
            "call __tls_get_addr@PLT\n", "call *__tls_get_addr@GOTPCREL(%rip)\n",
            "movabs $__tls_get_addr@pltoff, %rax\nadd %rbx, %rax\ncall *%rax\n",
            "movabs $__tls_get_addr@pltoff, %rax\nadd %r15, %rax\ncall *%rax\n",
        ]) func localDynamic(_ call: String) throws
    {
        try expectSame(
            "lea tomat@tlsld(%rip), %rdi\n\(call)lea sallad@dtpoff(%rax), %rdx\nmov zero@dtpoff+4(%rax), %ecx\n")
    }

    @Test("loads and additions of a distance become what ld writes, for every register") func initialExec() throws {
        var text = ""
        for register in [
            "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
            "r15",
        ] {
            text += "mov tomat@gottpoff(%rip), %\(register)\nadd zero@gottpoff(%rip), %\(register)\n"
        }
        try expectSame(text)
    }

    @Test("descriptors and calls through them become what ld writes, for every register") func descriptors() throws {
        var text = "lea tomat@tlsdesc(%rip), %rax\ncall *tomat@tlscall(%rax)\n"
        for register in ["rcx", "rsp", "rbp", "rdi", "r8", "r12", "r13", "r15"] {
            text += "lea zero@tlsdesc(%rip), %\(register)\n"
        }
        try expectSame(text)
    }

    @Test("other instructions with such a distance take it out of the table") func tableEntry() throws {
        let linked = try Space().link(
            "a",
            [try assembled(".text\nf: cmp tomat@gottpoff(%rip), %rax\ncmp tomat@gottpoff(%rip), %rbx" + Self.variables)]
        )
        let image = linked.modules[0].image
        let table = try #require(image.sections.first { $0.name == ".got" })
        #expect(table.size == 8)
        // Three words with values, four of zeroes.
        #expect(linked.word(table.address) == 0 &- 64)
        #expect(
            try disassembly(linked).first
                == "cmp \(distance(linked, table.address))(%rip),%rax # 0x\(String(table.address, radix: 16))")
    }

    private func distance(_ linked: Linked, _ address: UInt64) -> String {
        // From the end of the first instruction.
        let start = linked.modules[0].address("f") ?? 0
        let value = Int64(bitPattern: address &- start &- 7)
        return (value < 0 ? "-" : "") + "0x" + String(value.magnitude, radix: 16)
    }

    /// Accesses of every kind to variables of its own and to those of `second`.
    static let program = """
        extern __thread int other, far[]; __thread int own = 3; static __thread int counter = 4, zeroes[9];
        __thread char odd = 1; extern int sink;
        int *address(int n) { return n == 0 ? &own : n == 1 ? &counter : n == 2 ? &zeroes[n] : n == 3 ? &other : &far[n]; }
        int sum(int n) { counter++; zeroes[1] = own; return own + counter + zeroes[n] + other + far[2] + odd; }
        void _start(void) { sink = sum(*address(3)); }
        """
    static let second = """
        __thread int far[20]; __thread int other __attribute__((aligned(32))) = 9; int sink;
        static __thread long here = 5; long next(void) { return here++ + far[1]; }
        """

    @Test(
        "what gcc makes for each model, level and kind of code is byte for byte what ld makes",
        arguments: ["global-dynamic", "local-dynamic", "initial-exec", "local-exec"], ["-O0", "-O1", "-O2", "-O3"])
    func models(_ model: String, _ optimization: String) throws {
        for more in [["-fno-pic"], ["-fpie"], ["-fPIC"], ["-fPIC", "-fno-plt"], ["-fPIC", "-mtls-dialect=gnu2"]] {
            let options =
                [
                    optimization, "-ftls-model=\(model)", "-ffreestanding", "-fcf-protection=none",
                    "-fno-asynchronous-unwind-tables", "-fvisibility=hidden",
                ] + more
            let comparison = try Comparison(
                [Self.program, Self.second].map { try Compiler.gcc.object($0, options) },
                more == ["-fno-pic"] ? ["-static"] : ["-pie", "--no-dynamic-linker"])
            for name in [".text", ".tdata"] {
                let bytes = try #require(try comparison.section(name))
                #expect(bytes.ours == bytes.theirs, "\(options) \(name)")
                #expect(!bytes.ours.isEmpty)
            }
        }
    }

    @Test("the large model's calls go away, by gcc and by every other compiler at hand") func largeModel() throws {
        for compiler in Compiler.available {
            for options in [["-mcmodel=large"], ["-mcmodel=small"], ["-fno-plt"]] {
                let text = "__thread int n = 3; int *address(void) { return &n; }"
                let linked = try Space().link(
                    "a", [try object(text, ["-O2", "-fPIC", "-ftls-model=global-dynamic"] + options, by: compiler)])
                let code = try disassembly(linked)
                #expect(code.contains("mov %fs:0x0,%rax"), "\(compiler) \(options): \(code)")
                #expect(!code.contains { $0.hasPrefix("call") }, "\(compiler) \(options): \(code)")
            }
        }
    }

    @Test("the image has the template where readelf finds it, and its symbols have their offsets there") func image()
        throws
    {
        let linked = try Space().link(
            "__thread int first __attribute__((aligned(64))) = 3; __thread int zero; int data = 5; int f(void) { return first; }"
        )
        let directory = try ScratchDirectory()
        let path = try directory.write("image", linked.file())
        let segments = try Tool.output("readelf", ["-lW", path]).split(separator: "\n")
        let template = try #require(segments.first { $0.contains(" TLS ") }).split(separator: " ")
        let storage = try #require(linked.modules[0].threadStorage)
        #expect(template[2] == "0x" + padded(storage.values.lowerBound))
        #expect(template[4...] == ["0x000004", "0x000008", "R", "0x40"])
        let sections = try Tool.output("readelf", ["-SW", path]).split(separator: "\n")
        #expect(sections.contains { $0.contains(" .tdata ") && $0.contains(" WAT ") && $0.contains("PROGBITS") })
        #expect(sections.contains { $0.contains(" .tbss ") && $0.contains(" WAT ") && $0.contains("NOBITS") })
        let symbols = try Tool.output("readelf", ["-sW", path]).split(separator: "\n")
        #expect(
            symbols.contains { $0.contains("0000000000000000     4 TLS     GLOBAL DEFAULT") && $0.hasSuffix(" first") })
        #expect(
            symbols.contains { $0.contains("0000000000000004     4 TLS     GLOBAL DEFAULT") && $0.hasSuffix(" zero") })
        #expect(storage.size == 8 && storage.block == -64)
        #expect(storage.values.upperBound - storage.values.lowerBound == 4)
        #expect(linked.modules[0].address("first") == 0 &- 64)
        // Zeroes of threads take no room: the variable after them lies where they would be.
        #expect(linked.modules[0].address("data") == storage.values.lowerBound + 4)
    }

    private func padded(_ address: UInt64) -> String {
        let digits = String(address, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    @Test("variables of the space and of other modules are at the distance that the table has") func others() throws {
        var space = Space()
        space.table = SymbolTable()
        var list = SymbolList()
        list.add("errno", at: 0 &- 0x1234, size: 4, type: .threadLocal)
        _ = space.table.insert(SymbolSet(owner: "", symbols: list, sections: [], range: 0..<1))
        let linked = try space.link(
            "extern __thread int errno; int get(void) { return errno; }", ["-O2", "-fPIC", "-fcf-protection=none"])
        #expect(try disassembly(linked).contains("lea -0x1234(%rax),%rax"))
        // Two modules of one transaction: the second lies below the first.
        let pair = try space.link([
            source("a", try object("__thread int shared = 5; int f(void) { return shared; }")),
            source(
                "b", try object("extern __thread int shared; __thread long own = 1; int *g(void) { return &shared; }")),
        ])
        #expect(pair.modules.map(\.threadStorage?.block) == [-4, -16])
        #expect(pair.modules[1].peers.keys.sorted() == [0])
        #expect(try disassembly(pair, 1).contains { $0.contains("$0xfffffffffffffffc") })
    }

    @Test("a thread-local variable that is referred to as another, and the reverse, are problems with both names")
    func mismatches() throws {
        let local = try object("__thread int n = 3;", name: "a.o")
        let plain = try object("extern int n; int f(void) { return n; }", ["-O2", "-fno-pic"], name: "b.o")
        #expect(
            Space().problems([source("m", local, plain)])
                == "b.o: .text+0x2 in f: R_X86_64_PC32 against 'n': it is a thread-local variable; declare it alike everywhere"
        )
        let number = try object("int n = 3;", name: "a.o")
        let thread = try object("extern __thread int n; int f(void) { return n; }", ["-O2", "-fno-pic"], name: "b.o")
        #expect(
            Space().problems([source("m", number, thread)])
                == "b.o: .text+0x3 in f: R_X86_64_GOTTPOFF against 'n': it is no thread-local variable; declare it alike everywhere"
        )
        #expect(
            Space().problems([source("m", thread)]) == "b.o: .text+0x3 in f: undefined symbol 'n'")
        // The size of one is no reference to its address.
        #expect(Space().problems([source("m", try assembled(".quad tomat@SIZE" + Self.variables))]) == "linked")
    }

    @Test("what only a dynamic linker fills in is a problem, and so is an argument for a variable that no thread has")
    func unknown() throws {
        #expect(
            Space().problems([
                source("m", try assembled("f: nop\n.reloc f, R_X86_64_DTPMOD64, tomat\n.skip 8" + Self.variables))
            ])
                == "gurka.o: .text+0x0: R_X86_64_DTPMOD64 against 'tomat': only a dynamic linker computes it; compile without assembler that names it"
        )
        let number = try object("int n = 3;", name: "a.o")
        let thread = try assembled("f: lea n@tlsgd(%rip), %rsi\nnop")
        #expect(
            Space().problems([source("m", number, thread)])
                == "gurka.o: .text+0x3: R_X86_64_TLSGD against 'n': it is no thread-local variable; declare it alike everywhere"
        )
    }

    @Test(
        "a call that is made in a way of its own, or of another function, is given 0 and the variable's distance from the thread pointer",
        arguments: [
            ("lea tomat@tlsgd(%rip), %rsi\nnop", UInt64(bitPattern: -64)),
            ("lea tomat@tlsgd(%rip), %rdi\njmp *%rax", UInt64(bitPattern: -64)),
            ("lea gurka@tlsgd(%rip), %rdi\n.skip 4\ncall other@PLT\n.globl other\nother: ret", UInt64(bitPattern: -56)),
            (
                "data16 lea gurka@tlsgd(%rip), %rdi\n.word 0x6666\nrex64\ncall other@PLT\n.globl other\nother: ret",
                UInt64(bitPattern: -56)
            ),
            ("lea tomat@tlsld(%rip), %rdi\nnop\ncall *%rax", 0),
        ]) func argument(_ text: String, _ distance: UInt64) throws
    {
        let linked = try Space().link("a", [try assembled("f: \n" + text + Self.variables)])
        let table = try #require(linked.modules[0].image.sections.first { $0.name == ".got" })
        #expect(table.size == 24)
        let code = try #require(try disassembly(linked).first { $0.contains("lea") })
        let address = try #require(code.split(separator: "#").last.flatMap { UInt64($0.dropFirst(3), radix: 16) })
        #expect(linked.word(address) == 0)
        #expect(linked.word(address + 8) == distance)
    }

    @Test("a parameter cannot set a variable of which each thread has one") func parameter() throws {
        let module = ModuleSource(
            name: "m", objects: [try object("__thread int n = 3;")], parameters: [Parameter(name: "n", value: "4")])
        #expect(
            Space().problems([module])
                == "m: parameter 'n': the variable is thread-local: there is one in each thread")
    }
}
