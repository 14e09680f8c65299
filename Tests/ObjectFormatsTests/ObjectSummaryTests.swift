import ObjectModel
import TestSupport
import Testing

@testable import ObjectFormats

/// What an object offers and wants, read without the rest of it.
@Suite struct ObjectSummaryTests {
    private func summary(_ bytes: [UInt8]) throws(Problem) -> ObjectSummary {
        try ObjectSummaryReader.read(PartialFile(name: "x.o", bytes))
    }

    private func defined(_ summary: ObjectSummary, weak: Bool = false) -> [String] {
        summary.definitions.filter { $0.isWeak == weak }.map { printable(summary.names, $0.name) }.sorted()
    }

    private func needed(_ summary: ObjectSummary) -> [String] {
        summary.needs.map { printable(summary.names, $0) }.sorted()
    }

    private static let source = """
        extern int slice(int), maybe(int) __attribute__((weak)), near(int) __attribute__((visibility("hidden")));
        extern char __start_table[], __dso_handle[];
        int count = 3, shared_zero;
        __attribute__((weak)) int soft(void) { return 1; }
        __attribute__((visibility("hidden"))) int kept(void) { return 2; }
        static __attribute__((noinline, used)) int own(void) { return 3; }
        int init_module(void) { return slice(maybe(near(own()))) + __start_table[0] + __dso_handle[0]; }
        void cleanup_module(void) { }
        int gurka_lkmentry(void) { return 0; }
        int entry(void) { return kept(); }
        """

    @Test("of an ELF object: global names, strong and weak, and what is undefined", arguments: ["-m64", "-m32"])
    func elf(_ width: String) throws {
        let found = try summary(Compiler.gcc.object(Self.source, ["-O1", "-fno-pic", "-fcommon", width]))
        #expect(found.architecture == (width == "-m64" ? .x86_64 : .i386))
        #expect(defined(found) == ["count", "entry", "shared_zero"])
        #expect(defined(found, weak: true) == ["soft"])
        #expect(needed(found) == ["slice"])
        #expect(found.required == [])
        #expect(found.depends == [])
    }

    @Test("of an a.out object: names without C's underscore", arguments: Nasm.aOut)
    func aOut(_ format: Nasm.Format) throws {
        let found = try summary(
            Nasm.object(
                "global count\\nextern slice\\nsection .text\\nglobal init_module\\ninit_module: call slice\\nret\\nsection .data\\ncount: dd 1"
                    .replacing("\\n", with: "\n"), format))
        #expect(found.architecture == .i386)
        #expect(defined(found) == ["count"])
        #expect(needed(found) == ["slice"])
    }

    @Test("with an export list (__ksymtab_), that alone")
    func exportList() throws {
        let source = """
            int slice(int n) { return n; }
            int peel(int n) { return n; }
            struct kernel_symbol { unsigned long value; const char *name; };
            const struct kernel_symbol __ksymtab_slice __attribute__((section("__ksymtab"), used)) = { (unsigned long)slice, "slice" };
            """
        #expect(defined(try summary(Compiler.gcc.object(source))) == ["slice"])
        // A list of nothing.
        let none = "int slice(int n) { return n; } __asm__(\".pushsection __ksymtab,\\\"a\\\"\\n.popsection\");"
        #expect(defined(try summary(Compiler.gcc.object(none))) == [])
    }

    @Test("versions: a default one is left out, others are part of the name, and so is that of a reference")
    func versions() throws {
        let source = """
            .globl new, old, use
            new: ret
            old: ret
            .symver new, slice@@NEW
            .symver old, slice@OLD
            use: call peel
            .symver peel, peel@V1
            """
        let found = try summary(Compiler.gcc.object(source, [], language: .assembly))
        #expect(defined(found).contains("slice"))
        #expect(defined(found).contains("slice@OLD"))
        #expect(needed(found) == ["peel@V1"])
    }

    @Test(
        "the modules that a module asks for by name (MODULE) and in its list (depends=)", arguments: ["-m64", "-m32"])
    func requirements(_ width: String) throws {
        let source = """
            typedef struct modinfo { unsigned version; int class; int (*modcmd)(int, void *); const char *name, *required; } modinfo_t;
            static int gurka_modcmd(int c, void *a) { return 0; }
            static const int pad = 1;
            static const modinfo_t gurka_modinfo = { 1, 0, gurka_modcmd, "gurka", "tomat,melon" };
            static const modinfo_t *const link __attribute__((section("link_set_modules"), used)) = &gurka_modinfo;
            static const modinfo_t other_modinfo = { 1, 0, gurka_modcmd, "other", 0 };
            static const modinfo_t *const link2 __attribute__((section("link_set_modules"), used)) = &other_modinfo;
            static const char depends[] __attribute__((section(".modinfo"), used)) = "license=GPL\\0depends=soppa,kaka\\0x=depends=no";
            """
        let bytes = try Compiler.gcc.object(source, ["-O2", width])
        let found = try summary(bytes)
        #expect(found.required == ["tomat", "melon"])
        #expect(found.depends == ["soppa", "kaka"])
        // The same of an object that has been read as a whole.
        let object = try ObjectReader.read(bytes, name: "x.o")
        #expect(ObjectSummaryReader.requirements(of: object).required == ["tomat", "melon"])
        #expect(ObjectSummaryReader.requirements(of: object).depends == ["soppa", "kaka"])
    }

    @Test("of a large file only the tables are read, not code and data")
    func parts() throws {
        let source =
            "int count = 3; char room[3000000] = { 1 }; extern int slice(void); int use(void) { return slice(); }"
        let bytes = try Compiler.gcc.object(source)
        var read = 0
        let file = PartialFile(name: "x.o", size: UInt64(bytes.count), head: Array(bytes[..<4096])) {
            (offset, count) throws(Problem) in
            read += count
            return Array(bytes[Int(offset)..<Int(offset) + count])
        }
        let found = try ObjectSummaryReader.read(file)
        #expect(defined(found) == ["count", "room", "use"])
        #expect(needed(found) == ["slice"])
        #expect(read < 10_000)
    }

    @Test("what is no object is refused with the reason")
    func refused() throws {
        func reason(_ bytes: [UInt8]) -> String {
            do throws(Problem) {
                _ = try summary(bytes)
                return ""
            } catch {
                return error.description
            }
        }
        #expect(reason([]) == "x.o: empty")
        #expect(
            reason(Array("hello world, this is text".utf8))
                == "x.o: neither an ELF nor an a.out object; modules are made with 'cc -c'")
        #expect(reason(Array("!<arch>\n".utf8)) == "x.o: an archive, not an object")
        let object = try Compiler.gcc.object("int x;")
        #expect(
            reason(Array(object[..<100])).hasPrefix(
                "x.o: e_shoff: 64 bytes at 0x"))
        var executable = object
        executable[16] = 2
        #expect(
            reason(executable)
                == "x.o: an executable, not a relocatable object; modules are made with 'cc -c'")
    }

    @Test("a file that becomes shorter while it is read is refused")
    func shrinking() throws {
        let bytes = try Compiler.gcc.object("int x;")
        let file = PartialFile(name: "x.o", size: UInt64(bytes.count), head: Array(bytes[..<64])) {
            (_, _) throws(Problem) in []
        }
        #expect(
            throws: Problem(subject: "x.o", place: "e_shoff", reason: "the file has become shorter while it was read")
        ) {
            try ObjectSummaryReader.read(file)
        }
    }

    @Test("damaged objects are read or refused, and nothing worse", arguments: ["-m64", "-m32"])
    func damaged(_ width: String) throws {
        let source = """
            typedef struct modinfo { unsigned version; int class; void *modcmd; const char *name, *required; } modinfo_t;
            static const modinfo_t gurka_modinfo = { 1, 0, 0, "gurka", "tomat" };
            static const modinfo_t *const link __attribute__((section("link_set_modules"), used)) = &gurka_modinfo;
            static const char depends[] __attribute__((section(".modinfo"), used)) = "depends=soppa";
            extern int slice(void); int use(void) { return slice(); }
            """
        let bytes = try Compiler.gcc.object(source, ["-O1", width])
        var numbers = SeededNumbers(seed: 4)
        var refused = 0
        for _ in 0..<4000 {
            var other = bytes
            for _ in 0..<Int.random(in: 1...4, using: &numbers) {
                // Mostly where headers are.
                let header = Bool.random(using: &numbers)
                let place = Int.random(
                    in: header ? max(0, bytes.count - 1200)..<bytes.count : 0..<bytes.count, using: &numbers)
                other[place] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &numbers) ?? 0
            }
            do throws(Problem) {
                _ = try summary(other)
            } catch {
                refused += 1
            }
        }
        #expect(refused > 100)
    }
}
