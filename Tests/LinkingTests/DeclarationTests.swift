import Linking
import ObjectModel
import TestSupport
import Testing

/// What MODULE() says, as the linker finds it in an object.
@Suite struct DeclarationTests {
    /// A module as MODULE() of NetBSD makes it, written out.
    static func text(
        version: Int = 500_000_000, name: String = "\"gurka\"", required: String = "0", more: String = ""
    ) -> String {
        """
        typedef const struct { unsigned version; int kind; int (*command)(int, void *); const char *name, *required; } info;
        static int command(int c, void *a) { return c; }
        static info it = {\(version), 3, command, \(name), \(required)};
        static const void *const set __attribute__((section("link_set_modules"), used)) = &it;
        \(more)
        """
    }

    @Test("its name, class and function are found, for each compiler, machine and way of addressing")
    func found() throws {
        for compiler in Compiler.available {
            for options in [
                ["-O2"], ["-O0"], ["-fPIC", "-O2"], ["-fdata-sections"], ["-m32", "-O2"], ["-m32", "-fPIC"],
            ] {
                let object = try object(
                    Self.text(required: "\"tomat,sallad,tomat\""), options, by: compiler)
                let space = Space([:], object.architecture)
                let source = ModuleSource(name: "other", objects: [object])
                #expect(source.requiredModules == ["tomat", "sallad"], "\(compiler) \(options)")
                #expect(source.declaredName == "gurka")
                let module = try space.link([source]).modules[0]
                #expect(
                    module.declaration
                        == ModuleDeclaration(name: "gurka", moduleClass: 3, required: ["tomat", "sallad"]))
                #expect(module.declaration?.className == "driver")
                #expect(module.entryPoint == .module(command: module.address("command") ?? 0))
                // Others can hold it, so it has a use count.
                let useCount = try #require(module.useCount)
                #expect(module.range.contains(useCount) && useCount % 4 == 0)
            }
        }
    }

    @Test("without required modules there are none; an empty text names none either") func noneRequired() throws {
        for required in ["0", "\"\"", "\",\""] {
            #expect(source("a", try object(Self.text(required: required))).requiredModules == [])
            #expect(Space().problems([source("a", try object(Self.text(required: required)))]) == "linked")
        }
    }

    @Test("the versions of one release go together, others are refused") func versions() throws {
        let refusal = { (version: Int) in
            "gurka.o: section 'link_set_modules': made for version \(version) of NetBSD's interface, not 500000000: compile it with the headers of modlink, or load it as it is with -f (EPROGMISMATCH)"
        }
        for (version, isRight) in [
            (499_990_001, true), (500_009_999, true), (499_990_000, false), (500_010_000, false), (0, false),
        ] {
            let text = try Space().problems(Self.text(version: version))
            #expect(text == (isRight ? "linked" : refusal(version)))
        }
    }

    @Test("a second MODULE() is refused, in one object or in two") func twice() throws {
        let two = "static const void *const other __attribute__((section(\"link_set_modules\"), used)) = &it;"
        let refusal = "gurka.o: section 'link_set_modules': names 2 modules: MODULE() stands once in a module"
        #expect(try Space().problems(Self.text(more: two)) == refusal)
        let one = try object(Self.text())
        #expect(Space().problems([source("a", one, one)]) == refusal)
    }

    @Test("a module that requires itself is refused") func itself() throws {
        #expect(
            try Space().problems(Self.text(required: "\"tomat,gurka\""))
                == "gurka.o: section 'link_set_modules': module 'gurka' requires itself (EDEADLK)")
    }

    @Test(
        "a declaration that is not in order is refused",
        arguments: [
            (".quad 0", "does not point to a structure of the object"),
            (".quad elsewhere", "does not point to a structure of the object"),
            (".quad it + 4096", "does not point to a structure of the object"),
            (".quad zeroes", "points to what is no structure with a version and a class"),
            (".quad short", "points to what is no structure with a version and a class"),
            (".quad nothing", "names no function"),
            (".quad nameless", "names no module"),
            (".quad unended", "names no module"),
            (".quad empty", "names no module"),
            (".quad needs", "the names of required modules are no text of the object"),
        ])
    func malformed(pointer: String, reason: String) throws {
        let text = """
            .section link_set_modules,"aw"
            \(pointer)
            .data
            it: .long 500000000, 0
            .quad f, name, 0
            nothing: .long 500000000, 0
            .quad 0, name, 0
            nameless: .long 500000000, 0
            .quad f, 0, 0
            unended: .long 500000000, 0
            .quad f, text, 0
            empty: .long 500000000, 0
            .quad f, none, 0
            needs: .long 500000000, 0
            .quad f, name, zeroes
            .section .rodata
            name: .asciz "gurka"
            none: .byte 0
            .section .more,"a"
            text: .ascii "gurka"
            .section .tail,"a"
            short: .long 500000000
            .bss
            zeroes: .zero 64
            .text
            f: ret
            """
        let module = source("gurka", try assembled(text))
        #expect(Space(["elsewhere": 0x40_1000]).problems([module]) == "gurka.o: section 'link_set_modules': " + reason)
        #expect(module.requiredModules == [] && module.declaredName == nil)
    }

    @Test("a function that another object of the module has is called") func otherObject() throws {
        let text = Self.text().replacing(
            "static int command(int c, void *a) { return c; }", with: "int command(int c, void *a);")
        let other = try object("int command(int c, void *a) { return c; }", name: "b.o")
        let module = try Space().link("gurka", [try object(text), other]).modules[0]
        #expect(module.entryPoint == .module(command: module.address("command") ?? 0))
    }

    @Test("MODULE() comes before the other ways, and after a named entry") func order() throws {
        let text = Self.text(more: "int init_module(void) { return 0; } int xxxinit(void) { return 0; }")
        guard case .module = try Space().link(text).modules[0].entryPoint else {
            Issue.record("MODULE() was passed over")
            return
        }
        let named = ModuleSource(name: "gurka", objects: [try object(text)], entryName: "xxxinit")
        guard case .classic("xxxinit", _, _) = try Space().link([named]).modules[0].entryPoint else {
            Issue.record("xxxinit was named")
            return
        }
    }
}

/// Lists of exports.
@Suite struct ExportListTests {
    private func exports(_ text: String, _ more: Object...) throws -> [String] {
        let module = try Space().link("gurka", [try assembled(text)] + more).modules[0]
        return module.image.symbols.entries.filter(\.isExported).map { module.image.symbols.text($0.name) }.sorted()
    }

    private let definitions = """
        .text
        .globl one, two, three
        one: ret
        two: ret
        three: ret
        local: ret
        .section .rodata
        text: .asciz "one"

        """

    @Test("without a list, every global symbol is exported; with one, those alone that it has") func listed() throws {
        #expect(try exports(definitions) == ["one", "three", "two"])
        #expect(try exports(definitions + ".section __ksymtab,\"a\"\n.quad one, text\n") == ["one"])
        #expect(try exports(definitions + ".section __ksymtab_gpl,\"a\"\n.quad two, text, local, 0\n") == ["two"])
        // As Linux writes it from 4.19 on, and before it is linked.
        #expect(try exports(definitions + ".section ___ksymtab+one,\"a\"\n.long one - ., text - .\n") == ["one"])
    }

    @Test("an empty list exports nothing; the texts of a list are none") func empty() throws {
        #expect(try exports(definitions + ".section __ksymtab,\"a\"\n") == [])
        #expect(
            try exports(definitions + ".section __ksymtab_strings,\"a\"\n.asciz \"one\"\n") == ["one", "three", "two"])
        #expect(try exports(definitions + ".section __ksymtab,\"\"\n") == ["one", "three", "two"])
    }

    @Test("a list may name what another object of the module defines, and a hidden symbol") func others() throws {
        let other = try assembled(".globl four, five\n.hidden four\nfour: ret\nfive: ret\n", name: "b.o")
        #expect(try exports(definitions + ".section __ksymtab,\"a\"\n.quad four\n", other) == ["four"])
    }

    @Test("what says how a module is called is not exported, listed or not") func entry() throws {
        let text = ".text\n.globl init_module\ninit_module: ret\n.section __ksymtab,\"a\"\n.quad init_module\n"
        #expect(try exports(text) == [])
    }
}
