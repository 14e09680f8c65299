import ELFFormat
import ObjectModel
import TestSupport
import Testing

extension Object {
    func section(_ name: String) -> Section? { sections.first { text($0.name) == name } }
    func symbol(_ name: String) -> Symbol? { symbols.first { text($0.name) == name } }

    /// The name of the section that a symbol is in.
    func place(of name: String) -> String? {
        guard case .section(let index) = symbol(name)?.place else { return nil }
        return text(sections[Int(index)].name)
    }
}

@Suite struct ObjectReaderTests {
    private static let source = """
        extern int other(int);
        extern int weak_one(int) __attribute__((weak));
        static int hidden_counter;
        int visible = 5;
        const char text[] = "gurka";
        int zeroes[100];
        __attribute__((visibility("hidden"))) int kept(void) { return ++hidden_counter; }
        __attribute__((weak)) int yields(void) { return 1; }
        __attribute__((constructor)) static void begin(void) { other(1); }
        __attribute__((destructor)) static void end(void) { other(0); }
        int slice(int a) { return weak_one ? other(a) + kept() : a + zeroes[a]; }
        """

    @Test("sections and symbols are what the compiler made", arguments: Compiler.available, [32, 64])
    func facts(_ compiler: Compiler, _ bits: Int) throws {
        let object = try ELFObjectReader.read(
            try compiler.object(Self.source, ["-O2", "-m\(bits)"]), name: "gurka.o")
        #expect(object.name == "gurka.o")
        #expect(object.architecture == (bits == 32 ? .i386 : .x86_64))
        let text = try #require(object.section(".text"))
        #expect(text.isAllocated && text.kind == .contents && text.protection == [.read, .execute])
        #expect(object.section(".bss")?.kind == .zeroFill)
        #expect(object.section(".bss")?.protection == [.read, .write])
        #expect(object.section(".rodata")?.protection == .read)
        #expect(object.section(".init_array")?.kind == .initializers)
        #expect(object.section(".fini_array")?.kind == .finalizers)
        #expect(object.section(".comment")?.isAllocated == false)

        #expect(object.symbols[0].place == .absolute && object.symbols[0].name == .empty)
        #expect(object.symbol("slice")?.type == .function && object.place(of: "slice") == ".text")
        #expect(object.symbol("slice")?.binding == .global && object.symbol("slice")?.isHidden == false)
        #expect(object.symbol("kept")?.isHidden == true)
        #expect(object.symbol("yields")?.binding == .weak)
        #expect(object.symbol("hidden_counter")?.binding == .local)
        #expect(object.symbol("other")?.place == .undefined && object.symbol("other")?.binding == .global)
        #expect(object.symbol("weak_one")?.place == .undefined && object.symbol("weak_one")?.binding == .weak)
        #expect(object.symbol("visible")?.size == 4 && object.place(of: "visible") == ".data")
        #expect(object.symbol("zeroes")?.size == 400 && object.place(of: "zeroes") == ".bss")
    }

    @Test(
        "every relocation is inside of its section, and readelf counts as many", arguments: Compiler.available,
        [32, 64])
    func relocations(_ compiler: Compiler, _ bits: Int) throws {
        let bytes = try compiler.object(Self.source, ["-O2", "-g", "-fPIC", "-m\(bits)"])
        let object = try ELFObjectReader.read(bytes, name: "gurka.o")
        let directory = try ScratchDirectory()
        let listing = try Tool.output("readelf", ["-SrW", directory.write("o", bytes)])
        var isLoaded = false
        var count = 0
        for line in listing.split(separator: "\n") {
            if line.hasPrefix("Relocation section") { isLoaded = !line.contains(".debug") }
            if isLoaded, line.contains(" R_X86_64_") || line.contains(" R_386_") { count += 1 }
        }
        #expect(count > 5)
        #expect(object.relocations.count == count)
        #expect(object.sections.reduce(0) { $0 + $1.relocations.count } == count)
        for section in object.sections {
            for relocation in object.relocations[section.relocations] { #expect(relocation.offset < section.size) }
        }
    }

    @Test("common symbols keep size and alignment") func commons() throws {
        let object = try ELFObjectReader.read(
            try Compiler.gcc.object("int shared[9]; char c;", ["-fcommon"]), name: "gurka.o")
        let shared = try #require(object.symbol("shared"))
        #expect(shared.place == .common && shared.size == 36 && shared.value == 32)
        #expect(object.symbol("c")?.value == 1)
        let large = try ELFObjectReader.read(
            try Compiler.gcc.object("char big[1 << 20];", ["-fcommon", "-mcmodel=medium"]), name: "gurka.o")
        #expect(large.symbol("big")?.place == .common)
    }

    @Test("members of a group know it, and its signature", arguments: Compiler.available)
    func groups(_ compiler: Compiler) throws {
        let object = try ELFObjectReader.read(
            try compiler.object(
                "inline int twice(int a) { static int n; return a * 2 + n++; } int (*use)(int) = twice;", ["-O0"],
                language: .cxx), name: "gurka.o")
        let text = try #require(object.section(".text._Z5twicei"))
        let group = try #require(text.group)
        #expect(object.groups[Int(group)].isCommon)
        #expect(object.text(object.groups[Int(group)].signature) == "_Z5twicei")
        #expect(object.section(".text")?.group == nil)
    }

    @Test("a variable that all of a process share is marked") func unique() throws {
        let bytes = try Compiler.gcc.object(
            "inline int *place(int) { static int n; return &n; } int *use = place(1);", ["-O0"], language: .cxx)
        let directory = try ScratchDirectory()
        #expect(try Tool.output("nm", [directory.write("o", bytes)]).contains(" u _ZZ5placeiE1n"))
        let object = try ELFObjectReader.read(bytes, name: "gurka.o")
        #expect(object.symbol("_ZZ5placeiE1n")?.binding == .unique)
    }

    @Test("thread-local sections and symbols are marked") func threadLocal() throws {
        let object = try ELFObjectReader.read(
            try Compiler.gcc.object("_Thread_local int n = 1; int *place(void) { return &n; }"), name: "gurka.o")
        #expect(object.section(".tdata")?.isThreadLocal == true)
        #expect(object.symbol("n")?.type == .threadLocal)
    }

    @Test("indirect functions are marked") func indirect() throws {
        let object = try ELFObjectReader.read(
            try Compiler.gcc.object(
                "static int a(void) { return 1; } static void *choose(void) { return a; } int f(void) __attribute__((ifunc(\"choose\")));"
            ), name: "gurka.o")
        #expect(object.symbol("f")?.type == .indirectFunction)
    }

    @Test("absolute symbols keep their value") func absolute() throws {
        let object = try ELFObjectReader.read(
            try Compiler.gcc.object(".globl far\nfar = 0x123456789abc\n", [], language: .assembly), name: "gurka.o")
        #expect(object.symbol("far")?.place == .absolute)
        #expect(object.symbol("far")?.value == 0x1234_5678_9abc)
    }

    @Test("an object of 70,000 sections, whose numbers do not fit 16 bits") func manySections() throws {
        var source = ""
        for number in 0..<70_000 {
            source += ".section .text.f\(number),\"ax\"\n.globl f\(number)\nf\(number): .byte 0xc3\n"
        }
        source += ".data\n.quad f69999\n"
        let bytes = try Compiler.gcc.object(source, [], language: .assembly)
        let object = try ELFObjectReader.read(bytes, name: "gurka.o")
        #expect(object.sections.count > 70_000)
        #expect(bytes.span.bytes.integer(at: 60, as: UInt16.self) == 0)
        for number in [0, 0xfef0, 0xff00, 0xffff, 69_999] {
            #expect(object.place(of: "f\(number)") == ".text.f\(number)")
        }
        let relocation = try #require(object.relocations.first)
        #expect(object.text(object.symbols[Int(relocation.symbol)].name) == "f69999")

        // Numbers from 0xff00 on stand in the other table: in the symbol itself they mean something else.
        var lying = bytes
        let table = try #require(object.symbols.firstIndex { object.text($0.name) == "f0" })
        let place = try symbolTableOffset(bytes) + table * 24 + 6
        lying[place] = 0x05
        lying[place + 1] = 0xff
        #expect(
            throws: Problem(
                subject: "gurka.o", place: "symbol \(table)",
                reason: "st_shndx 65285: there are \(object.sections.count) sections")
        ) { try ELFObjectReader.read(lying, name: "gurka.o") }
    }

    private func symbolTableOffset(_ bytes: [UInt8]) throws -> Int {
        let raw = bytes.span.bytes
        let start = raw.integer(at: 40, as: UInt64.self) ?? 0
        var header = start
        while let type = raw.integer(at: header + 4, as: UInt32.self), type != 2 { header += 64 }
        return Int(raw.integer(at: header + 24, as: UInt64.self) ?? 0)
    }

    @Test("a symbol table at an odd place of the file is read") func unaligned() throws {
        var object = try PatchedObject()
        let start = object.contents(".symtab")
        let table = Array(object.bytes[start..<start + object.size(".symtab")])
        let end = object.bytes.count | 1
        object.bytes += [UInt8](repeating: 0, count: end - object.bytes.count) + table
        object.set(.offset, of: ".symtab", UInt64(end))
        let read = try ELFObjectReader.read(object.bytes, name: "gurka.o")
        #expect(read.place(of: "value") == ".data")
    }
}
