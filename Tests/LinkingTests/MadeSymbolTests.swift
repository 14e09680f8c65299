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
}
