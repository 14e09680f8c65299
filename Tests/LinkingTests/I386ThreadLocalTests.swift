import ELFFormat
import Linking
import ObjectModel
import SymbolTable
import TestSupport
import Testing

/// Thread-local variables of an i386 module that is linked as `ld` links a static executable.
@Suite struct I386ThreadLocalTests {
    private static let variables = """

        .section .tdata, "awT", @progbits
        .globl tomat, gurka
        .balign 16
        tomat: .long 1
        gurka: .long 2
        sallad: .long tomatoes
        .section .tbss, "awT", @nobits
        .globl zero
        .balign 8
        .skip 8
        zero: .skip 24
        .data
        tomatoes: .long 5
        """

    private func expectSame(
        _ text: String, _ sections: [String] = [".text"], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let object = try Compiler.gcc.object(
            ".text\n.globl _start\n_start:\n" + text + Self.variables, ["-m32"], language: .assembly)
        let comparison = try Comparison([object], ["-static"], [:], .i386)
        for name in sections {
            let bytes = try #require(try comparison.section(name), sourceLocation: sourceLocation)
            #expect(bytes.ours == bytes.theirs, sourceLocation: sourceLocation)
        }
        #expect(
            !comparison.linked.modules[0].image.sections.contains { $0.name == ".got" }, sourceLocation: sourceLocation)
    }

    private func problems(_ text: String) throws -> String {
        Space([:], .i386).problems([source("m", try assembled(text + Self.variables, ["-m32"]))])
    }

    @Test("distances from the thread pointer in code and data are those that ld writes, of both signs")
    func localExec() throws {
        try expectSame(
            """
            mov %gs:tomat@ntpoff, %eax
            mov %gs:zero@ntpoff+4, %eax
            lea sallad@ntpoff(%ecx), %edx
            mov $gurka@tpoff, %eax
            sub $zero@tpoff+4, %ecx
            lea gurka@dtpoff(%ecx), %edx
            mov zero@dtpoff+4(%eax), %edx
            .data
            .long zero@tpoff, zero@ntpoff, zero@dtpoff, zero@tpoff-4, sallad@ntpoff+4, gurka@dtpoff+4
            """, [".text", ".data", ".tdata"])
    }

    @Test(
        "calls for a variable's address become what ld writes: short and long, direct and through the table",
        arguments: [
            "lea %@tlsgd(, %ebx, 1), %eax\ncall ___tls_get_addr@PLT\n",
            "lea %@tlsgd(, %ebx, 1), %eax\ncall ___tls_get_addr\n",
            "lea %@tlsgd(%ebx), %eax\ncall ___tls_get_addr@PLT\nnop\n",
            "lea %@tlsgd(%ebx), %eax\n.byte 0x67\ncall ___tls_get_addr\n",
            "lea %@tlsgd(%esi), %eax\n.byte 0x67\ncall ___tls_get_addr@PLT\n",
            "lea %@tlsgd(%ebx), %eax\ncall *___tls_get_addr@GOT(%ebx)\n",
            "lea %@tlsgd(%ebp), %eax\ncall *___tls_get_addr@GOT(%ebp)\n",
        ]) func generalDynamic(_ form: String) throws
    {
        var text = ""
        for name in ["tomat", "sallad", "zero"] {
            text += form.split(separator: "%@", omittingEmptySubsequences: false).joined(separator: name + "@")
            text += "mov (%eax), %ecx\n"
        }
        try expectSame(text)
    }

    @Test(
        "calls for the address of all variables become what ld writes",
        arguments: [
            ("%ebx", "call ___tls_get_addr@PLT\n"), ("%ebx", "call ___tls_get_addr\n"),
            ("%edi", ".byte 0x67\ncall ___tls_get_addr\n"), ("%ebx", "call *___tls_get_addr@GOT(%ebx)\n"),
            ("%ecx", "call *___tls_get_addr@GOT(%ecx)\n"),
        ]) func localDynamic(_ base: String, _ call: String) throws
    {
        try expectSame(
            "lea tomat@tlsldm(\(base)), %eax\n\(call)lea sallad@dtpoff(%eax), %edx\nmov zero@dtpoff+4(%eax), %ecx\n")
    }

    @Test("loads, additions and subtractions of a distance become what ld writes, for every register")
    func initialExec() throws {
        var text = ""
        for register in ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"] {
            for name in ["mov", "add"] { text += "\(name) tomat@indntpoff, %\(register)\n" }
            for base in ["eax", "ebx", "ebp", "edi"] {
                for name in ["mov", "add", "sub"] {
                    text += "\(name) zero@gotntpoff(%\(base)), %\(register)\n"
                    text += "\(name) sallad@gottpoff(%\(base)), %\(register)\n"
                }
            }
        }
        try expectSame(text)
    }

    @Test("descriptors and calls through them become what ld writes, for every register") func descriptors() throws {
        var text = "lea tomat@tlsdesc(%ebx), %eax\ncall *tomat@tlscall(%eax)\n"
        for register in ["ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"] {
            text += "lea zero@tlsdesc(%ebx), %\(register)\n"
        }
        try expectSame(text)
    }

    @Test("other instructions with such a distance take it out of the table") func tableEntry() throws {
        let text =
            ".text\nf: cmp tomat@indntpoff, %ecx\ncmp tomat@gotntpoff(%ebx), %ecx\n.byte 0x8b, 0x0d\n.reloc ., R_386_TLS_IE, tomat\n.long 4\nsub tomat@indntpoff, %ecx"
        let linked = try Space([:], .i386).link("a", [try assembled(text + Self.variables, ["-m32"])])
        let image = linked.modules[0].image
        let table = try #require(image.sections.first { $0.name == ".got" })
        #expect(table.size == 4)
        // 12 bytes with values, and from the next multiple of 8 on 32 of zeroes: 48, aligned to 16.
        #expect(linked.number(table.address, as: UInt32.self) == 0 &- 48)
        let start = try #require(linked.modules[0].address("f"))
        let fields = [2, 8, 14, 20].map { linked.number(start + $0, as: UInt32.self) }
        let place = UInt32(table.address)
        #expect(fields == [place, 0, place + 4, place])
    }

    @Test(
        "what gcc makes for each model, level and kind of code is byte for byte what ld makes",
        arguments: ["global-dynamic", "local-dynamic", "initial-exec", "local-exec"], ["-O0", "-O1", "-O2", "-O3"])
    func models(_ model: String, _ optimization: String) throws {
        for more in [["-fno-pic"], ["-fpie"], ["-fPIC"], ["-fPIC", "-fno-plt"], ["-fPIC", "-mtls-dialect=gnu2"]] {
            let options =
                [
                    "-m32", optimization, "-ftls-model=\(model)", "-ffreestanding", "-fcf-protection=none",
                    "-fno-asynchronous-unwind-tables", "-fvisibility=hidden",
                ] + more
            let comparison = try Comparison(
                [ThreadLocalTests.program, ThreadLocalTests.second].map { try Compiler.gcc.object($0, options) },
                ["-static"], [:], .i386)
            for name in [".text", ".tdata"] {
                let bytes = try #require(try comparison.section(name))
                #expect(bytes.ours == bytes.theirs, "\(options) \(name)")
                #expect(!bytes.ours.isEmpty)
            }
        }
    }

    @Test("no compiler at hand leaves a call", arguments: ["global-dynamic", "local-dynamic"])
    func calls(_ model: String) throws {
        for compiler in Compiler.available {
            for options in [["-fPIC"], ["-fPIC", "-fno-plt"]] {
                let text = "static __thread int n = 3; int *address(void) { return &n; } void set(int m) { n = m; }"
                let linked = try Space([:], .i386).link(
                    "a", [try object(text, ["-m32", "-O2", "-ftls-model=\(model)"] + options, by: compiler)])
                let code = try disassembly(linked)
                #expect(code.contains("mov %gs:0x0,%eax"), "\(compiler) \(options): \(code)")
                // gcc has a function for the address of the table, which nothing takes away.
                #expect(
                    !code.contains { $0.hasPrefix("call *") || $0.contains("get_addr") },
                    "\(compiler) \(options): \(code)")
            }
        }
    }

    @Test("the image has the template where readelf finds it, and its symbols have their offsets there") func image()
        throws
    {
        let linked = try Space([:], .i386).link(
            "__thread int first __attribute__((aligned(64))) = 3; __thread int zero; int f(void) { return first; }",
            ["-O2", "-m32"])
        let directory = try ScratchDirectory()
        let path = try directory.write("image", linked.file())
        let segments = try Tool.output("readelf", ["-lW", path]).split(separator: "\n")
        let template = try #require(segments.first { $0.contains(" TLS ") }).split(separator: " ")
        let storage = try #require(linked.modules[0].threadStorage)
        let start = String(storage.values.lowerBound, radix: 16)
        #expect(template[2].hasPrefix("0x") && template[2].hasSuffix(start))
        #expect(template[4...] == ["0x00004", "0x00008", "R", "0x40"])
        let symbols = try Tool.output("readelf", ["-sW", path]).split(separator: "\n")
        #expect(symbols.contains { $0.contains(": 00000000     4 TLS     GLOBAL DEFAULT") && $0.hasSuffix(" first") })
        #expect(symbols.contains { $0.contains(": 00000004     4 TLS     GLOBAL DEFAULT") && $0.hasSuffix(" zero") })
        #expect(storage.size == 8 && storage.block == -64)
    }

    @Test("a variable of the space is at the distance that the table has") func resident() throws {
        var space = Space([:], .i386)
        space.table = SymbolTable()
        var list = SymbolList()
        let found = list.intern(Array("errno".utf8), NameRange(offset: 0, count: 5))
        list.entries = [
            SymbolEntry(
                address: 0 &- 0x1234, size: 4, name: try #require(found), section: nil, binding: .global,
                type: .threadLocal)
        ]
        _ = space.table.insert(SymbolSet(owner: "", symbols: list, sections: [], range: 0..<1))
        let linked = try space.link(
            "extern __thread int errno; int get(void) { return errno; }",
            ["-m32", "-O2", "-fPIC", "-fcf-protection=none"])
        let code = try disassembly(linked)
        #expect(code.contains("sub $0x1234,%eax"), "\(code)")
    }

    @Test("a distance whose field the table's address goes into as well, as Go has it, is what ld writes")
    func twoRelocations()
        throws
    {
        try expectSame(
            """
            .byte 0x8b, 0x89
            1: .long 2
            .reloc 1b, R_386_GOTPC, _GLOBAL_OFFSET_TABLE_
            .reloc 1b, R_386_TLS_GOTIE, tomat
            mov %gs:(%ecx), %ebp
            """)
    }

    @Test("a thread-local variable that is referred to as another, and the reverse, are problems with both names")
    func mismatches() throws {
        let local = try object("__thread int n = 3;", ["-m32"], name: "a.o")
        let plain = try object("extern int n; int f(void) { return n; }", ["-m32", "-O2", "-fno-pic"], name: "b.o")
        #expect(
            Space([:], .i386).problems([source("m", local, plain)])
                == "b.o: .text+0x1 in f: R_386_32 against 'n': it is a thread-local variable; declare it alike everywhere"
        )
        let number = try object("int n = 3;", ["-m32"], name: "a.o")
        let thread = try object(
            "extern __thread int n; int f(void) { return n; }", ["-m32", "-O2", "-fno-pic"], name: "b.o")
        #expect(
            Space([:], .i386).problems([source("m", number, thread)])
                == "b.o: .text+0x1 in f: R_386_TLS_IE against 'n': it is no thread-local variable; declare it alike everywhere"
        )
        #expect(Space([:], .i386).problems([source("m", thread)]) == "b.o: .text+0x1 in f: undefined symbol 'n'")
    }

    private static let strange = ": the instructions around it are none that the psABI has for it"

    @Test(
        "instructions that are not those of the psABI are a problem",
        arguments: [
            ("cmp tomat@gottpoff(%ebx), %eax", "2: R_386_TLS_IE_32"),
            ("lea tomat@tlsdesc(%ecx), %eax", "2: R_386_TLS_GOTDESC"),
        ]) func unknown(_ code: String, _ place: String) throws
    {
        let found = try problems("f: " + code).split(separator: "\n")
        #expect(found.first == "gurka.o: .text+0x\(place) against 'tomat'\(Self.strange)", "\(found)")
    }

    @Test(
        "a call that is made in a way of its own, or of another function, is given 0 and the variable's distance from the thread pointer",
        arguments: [
            ("lea tomat@tlsgd(%ecx), %eax\ncall other@PLT\nnop", -48),
            ("lea gurka@tlsgd(%ebx), %eax\ncall *other@GOT(%esi)", -44),
            ("lea gurka@tlsgd(, %ebx, 1), %eax\ncall other@PLT", -44),
            ("lea gurka@tlsgd(, %ebx, 1), %eax\njmp *(%edx)", -44), ("lea tomat@tlsldm(%ecx), %eax\ncall other@PLT", 0),
            ("lea tomat@tlsldm(, %ebx, 1), %eax\ncall other@PLT", 0),
        ]) func argument(_ text: String, _ distance: Int64) throws
    {
        let linked = try Space([:], .i386).link(
            "a", [try assembled("f: \n" + text + "\n.globl other\nother: ret" + Self.variables, ["-m32"])])
        let table = try #require(linked.modules[0].image.sections.first { $0.name == ".got" })
        let code = try #require(try disassembly(linked).first { $0.hasPrefix("lea") })
        // The distance from the table.
        let field = try #require(code.dropFirst(4).split(separator: "(").first)
        let offset = field.hasPrefix("0x") ? UInt64(field.dropFirst(2), radix: 16) : UInt64(field)
        let address = table.address + (try #require(offset))
        #expect(linked.word(address) == UInt64(UInt32(truncatingIfNeeded: distance)) << 32)
    }

    @Test("a call of this function in another place stays") func otherCall() throws {
        #expect(
            try problems("f: lea tomat@tlsgd(, %ebx, 1), %eax\ncall ___tls_get_addr@PLT\ncall ___tls_get_addr@PLT\n")
                == "gurka.o: .text+0xd: undefined symbol '___tls_get_addr'")
    }
}
