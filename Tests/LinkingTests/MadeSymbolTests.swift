import Linking
import Testing

@Suite struct MadeSymbolTests {
    @Test("constructors run by priority over all objects, then in the order of objects") func priorities() throws {
        let one = try assembled(
            """
            .globl a1, a2, a3
            a1: ret
            a2: ret
            a3: ret
            .section .init_array,"aw"
            .quad a1
            .section .init_array.65000,"aw"
            .quad a2
            .section .init_array.00101,"aw"
            .quad a3
            """)
        let two = try assembled(
            """
            .globl b1, b2
            b1: ret
            b2: ret
            .section .init_array.00100,"aw"
            .quad b1
            .section .init_array,"aw"
            .quad b2
            """)
        let linked = try Space().link("a", [one, two])
        let module = linked.modules[0]
        #expect(
            linked.functions(module.constructors) == ["b1", "a3", "a2", "a1", "b2"].compactMap(module.address))
        #expect(module.destructors == .empty)
    }

    @Test("destructors are in the order of their priorities, to be run from the end") func destructors() throws {
        let linked = try Space(["tomat": 0x40_1000]).link(
            """
            extern void tomat(void);
            __attribute__((destructor)) void plain(void) { tomat(); }
            __attribute__((destructor(200))) void late(void) { tomat(); }
            __attribute__((destructor(1000))) void early(void) { tomat(); }
            """)
        let module = linked.modules[0]
        #expect(linked.functions(module.destructors) == ["late", "early", "plain"].compactMap(module.address))
        #expect(module.constructors == .empty)
    }

    @Test("start and end of a section with a C name, over all objects") func startAndStop() throws {
        let member = { (value: Int) in
            "int m\(value) __attribute__((section(\"set_of\"), used)) = \(value);"
        }
        let user = "extern int __start_set_of[], __stop_set_of[]; int *first = __start_set_of, *end = __stop_set_of;"
        let linked = try Space().link("a", [member(1), user, member(2)].map { try object($0) })
        let first = try #require(linked.word("first"))
        #expect(first == linked.modules[0].address("m1"))
        #expect(linked.word("end") == first + 8)
        #expect(linked.int("m2") == 2)
    }

    @Test("constant and variable members of one section stay together") func mixedMembers() throws {
        let user = "extern int __start_set_of[], __stop_set_of[]; int *first = __start_set_of, *end = __stop_set_of;"
        let constant = "const int m1 __attribute__((section(\"set_of\"), used)) = 1;"
        let variable = "int m2 __attribute__((section(\"set_of\"), used)) = 2;"
        for texts in [[user, constant, variable], [user, variable, constant]] {
            let linked = try Space().link("a", texts.map { try object($0) })
            let first = try #require(linked.word("first"))
            #expect(linked.word("end") == first + 8)
            #expect(linked.modules[0].section(of: "m2")?.protection == [.read, .write])
        }
    }

    @Test("the start of a section that nobody has is undefined, or zero when it is weak") func noSuchSection() throws {
        #expect(
            Space().problems([source("a", try assembled(".data\n.quad __start_nothing\n"))])
                == "gurka.o: .data+0x0: undefined symbol '__start_nothing'")
        let linked = try Space().link("extern int __start_nothing[] __attribute__((weak)); int *p = __start_nothing;")
        #expect(linked.word("p") == 0)
    }

    @Test("__dso_handle is an address of the module, another one for each") func handle() throws {
        let linked = try Space().link(
            zip(["a", "b"], ["handle", "other"]).map { name, variable in
                source(name, try object("extern char __dso_handle; void *\(variable) = &__dso_handle;"))
            })
        #expect(linked.word("handle") == linked.modules[0].range.lowerBound)
        #expect(linked.word("other", in: 1) == linked.modules[1].range.lowerBound)
    }

    @Test("a use counter that is only referred to gets 8 zero bytes") func useCountMade() throws {
        let linked = try Space().link(
            "extern long mod_use_count_; void hold(void) { mod_use_count_++; } long *p = &mod_use_count_;")
        let place = try #require(linked.modules[0].useCount)
        #expect(place % 8 == 0)
        #expect(linked.word("p") == place)
        #expect(linked.modules[0].range.contains(place))
    }

    @Test("a use counter that the module defines is its own, common or not") func useCountDefined() throws {
        for (text, options) in [("long mod_use_count_ = 0;", []), ("long mod_use_count_;", ["-fcommon"])] {
            let linked = try Space().link(text, options)
            #expect(linked.modules[0].useCount == linked.modules[0].address("mod_use_count_"))
            #expect(linked.modules[0].useCount != nil)
            #expect(linked.modules[0].entry("mod_use_count_")?.binding == .local)
        }
        #expect(try Space().link("int f(void) { return 1; }").modules[0].useCount == nil)
    }

    /// The addresses of names, which an object refers to by a table.
    private func addresses(
        of names: [String], with text: String, _ options: [String] = []
    ) throws -> (linked: Linked, values: [UInt64]) {
        let table = ".data\n.globl table\ntable:\n" + names.map { ".quad \($0)\n" }.joined()
        let linked = try Space().link(
            "a", [try assembled(table, name: "table.o"), try assembled(text, options, name: "gurka.o")])
        let start = try #require(linked.modules[0].address("table"))
        return (linked, names.indices.compactMap { linked.word(start + UInt64($0) * 8) })
    }

    @Test("the bounds of code, variables and zeroes, as ld names them") func bounds() throws {
        let (linked, values) = try addresses(
            of: [
                "__executable_start", "__ehdr_start", "etext", "_etext", "__etext", "edata", "_edata", "__bss_start",
                "end",
                "_end",
            ], with: "f: ret\n.bss\n.globl zero\nzero: .skip 100\n.data\n.byte 1\n.section .rodata\n.byte 1\n")
        let module = linked.modules[0]
        let ends = Dictionary(
            uniqueKeysWithValues: module.image.sections.map { ($0.name, $0.address + $0.size) })
        let (text, data) = try (#require(ends[".text"]), #require(ends[".data"]))
        let end = try (#require(ends[".bss"]) + 7) & ~7
        let base = module.range.lowerBound
        #expect(values == [base, base, text, text, text, data, data, data, end, end])
        #expect(try #require(module.address("zero")) >= data && end <= module.range.upperBound)
    }

    @Test("bounds of what a module does not have are empty, and inside of it") func noBounds() throws {
        let linked = try Space().link(
            "a",
            [
                try assembled(
                    "lea etext(%rip), %rax\nlea edata(%rip), %rax\nlea __bss_start(%rip), %rax\nlea _end(%rip), %rax\n")
            ])
        let end = String(linked.modules[0].range.lowerBound + linked.modules[0].image.loadedSize, radix: 16)
        #expect(try disassembly(linked).filter { $0.contains("# 0x\(end)") }.count >= 3)
    }

    @Test("the arrays of constructors and destructors") func arrays() throws {
        let (linked, values) = try addresses(
            of: [
                "__preinit_array_start", "__preinit_array_end", "__init_array_start", "__init_array_end",
                "__fini_array_start", "__fini_array_end",
            ],
            with: """
                f: ret
                .section .preinit_array,"aw",@preinit_array
                .quad f
                .section .init,"ax"
                call f
                .section .init_array,"aw"
                .quad f, f
                .section .fini,"ax"
                call f
                .section .fini_array,"aw"
                .quad f, f, f
                """)
        let (first, last) = (linked.modules[0].constructors, linked.modules[0].destructors)
        #expect(first.count == 4 && last.count == 4)
        // The words between are those that call .init and .fini.
        #expect(
            values == [
                first.address, first.address + 8, first.address + 16, first.address + 32, last.address + 8,
                last.address + 32,
            ])
    }

    @Test("arrays that a module does not have, and relocations that the space does, are empty") func emptyArrays()
        throws
    {
        let names = ["preinit_array", "init_array", "fini_array", "rela_iplt", "rel_iplt"]
        let (_, values) = try addresses(of: names.flatMap { ["__\($0)_start", "__\($0)_end"] }, with: "ret\n")
        #expect(values.count == 10 && stride(from: 0, to: 10, by: 2).allSatisfy { values[$0] == values[$0 + 1] })
    }

    @Test("a name that an object defines is that, for others too") func ownEnd() throws {
        let (linked, values) = try addresses(of: ["end", "etext"], with: ".data\n.globl end\nend: .long 5\n")
        #expect(values[0] == linked.modules[0].address("end") && linked.int("end") == 5)
        #expect(values[1] != values[0])
    }

    @Test("each module has its own bounds, weak references among them; _DYNAMIC there is none") func ofEach() throws {
        let linked = try Space(["_end": 0x40_1000]).link(
            try ["p", "q"].map { name in
                source(
                    name, try assembled(".weak _end, _DYNAMIC\n.data\n.globl \(name)\n\(name): .quad _end, _DYNAMIC\n"))
            })
        for (index, name) in ["p", "q"].enumerated() {
            let place = try #require(linked.modules[index].address(name))
            #expect(linked.modules[index].range.contains(try #require(linked.word(place, in: index))))
            #expect(linked.word(place + 8, in: index) == 0)
        }
    }

    @Test("what is hidden may be the space's own, and no other module's") func hidden() throws {
        let text = ".hidden tomat\n.data\n.globl p\np: .quad tomat\n"
        #expect(try Space(["tomat": 0x40_1000]).link("a", [try assembled(text)]).word("p") == 0x40_1000)
        var space = Space()
        space.add("other", [("tomat", 0x2000_0000, .global)], 0x2000_0000..<0x2000_1000)
        #expect(
            space.problems([source("a", try assembled(text))])
                == "gurka.o: .data+0x0: undefined symbol 'tomat', which is hidden: the module itself defines it, or nobody"
        )
    }

    @Test("names that each module of Linux has, and each program, are its own") func ownNames() throws {
        let text = ["__this_module", "__dso_handle", "_init", "_fini"].map { ".globl \($0)\n\($0): .quad 1\n" }.joined()
        let linked = try Space().link(try ["a", "b"].map { source($0, try assembled(".data\n" + text)) })
        #expect(linked.modules.count == 2)
    }

    @Test("a module that a kernel's build made exports what it lists, and nothing without a list") func kernelModules()
        throws
    {
        let text = { (name: String) in
            """
            .data
            .globl __this_module, shared_name
            shared_name: .long 1
            .section .gnu.linkonce.this_module,"aw",@progbits
            __this_module: .skip 64
            .quad \(name)
            .text
            .globl \(name)
            \(name): ret
            """
        }
        let linked = try Space().link(try ["f", "g"].map { source($0, try assembled(text($0))) })
        #expect(linked.modules.allSatisfy { $0.image.symbols.entries.allSatisfy { $0.binding == .local } })
        let listed = text("h") + "\n.section __ksymtab,\"a\"\n.quad h\n"
        let module = try Space().link("h", [try assembled(listed)]).modules[0]
        #expect(module.entry("h")?.binding == .global && module.entry("shared_name")?.binding == .local)
    }
}
