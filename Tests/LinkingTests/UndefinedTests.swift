import Linking
import Testing

@Suite struct UndefinedTests {
    @Test("every undefined symbol is listed, with its first place and its function") func all() throws {
        let text = Space().problems([
            source(
                "a",
                try assembled(
                    """
                    .type slice, @function
                    slice: call tomat
                    .size slice, .-slice
                    .type dice, @function
                    dice: call gurka
                    call tomat
                    call tomat
                    .size dice, .-dice
                    call lök
                    """))
        ])
        #expect(
            text == """
                gurka.o: .text+0x1 in slice: undefined symbol 'tomat' (and 2 more places)
                gurka.o: .text+0x6 in dice: undefined symbol 'gurka'
                gurka.o: .text+0x15: undefined symbol 'lök'
                """)
    }

    @Test(
        "of what a compiler adds for a sanitizer or for coverage one line says how it comes in, and what can be done",
        arguments: [
            ("__asan_report_load4", "-fsanitize=address", Self.wholeProcess),
            ("__hwasan_init", "-fsanitize=hwaddress", Self.wholeProcess),
            ("__tsan_read4", "-fsanitize=thread", Self.wholeProcess),
            ("__msan_warning", "-fsanitize=memory", Self.wholeProcess),
            (
                "__ubsan_handle_add_overflow", "-fsanitize=undefined",
                "add libubsan.a, or compile with -fsanitize-undefined-trap-on-error, too"
            ),
            ("__gcov_init", "--coverage", "add libgcov.a"),
            ("__llvm_profile_runtime", "-fprofile-instr-generate", "add libclang_rt.profile.a"),
            ("__sanitizer_cov_trace_pc", "-fsanitize-coverage", "define it, or compile without the option"),
        ]) func instrumentation(_ name: String, _ option: String, _ remedy: String) throws
    {
        let more = name.dropLast(2) + "zz"
        let text = Space().problems([
            source("a", try assembled("call \(name)\ncall tomat\ncall \(name)\ncall \(more)\n"))
        ])
        #expect(
            text == """
                gurka.o: .text+0x1: undefined symbol '\(name)': compiled with \(option); \(remedy)
                gurka.o: .text+0x6: undefined symbol 'tomat'
                """)
    }

    @Test("the address sanitizer's own library is refused for what it is") func addressLibrary() throws {
        let library = ".globl __asan_init\n__asan_init: lea _DYNAMIC(%rip), %rax\n"
        #expect(
            Space().problems([source("a", try assembled("call __asan_init\n" + library))])
                == "gurka.o: .text+0x8: undefined symbol '_DYNAMIC': the library of -fsanitize=address works in no static program, and a space is one; compile without it"
        )
        #expect(
            Space().problems([source("a", try assembled("lea _DYNAMIC(%rip), %rax\n"))])
                == "gurka.o: .text+0x3: undefined symbol '_DYNAMIC'")
    }

    private static let wholeProcess =
        "its library has to be there before anything else is, which no module can be; compile without it"

    @Test("one further place is one place") func oneMore() throws {
        let text = Space().problems([source("a", try assembled(".data\n.quad tomat, tomat\n"))])
        #expect(text == "gurka.o: .data+0x0: undefined symbol 'tomat' (and 1 more place)")
    }

    @Test("a likely slip is named") func didYouMean() throws {
        let text = Space(["printf": 0x40_1000]).problems([source("a", try assembled("call prinft\n"))])
        #expect(text == "gurka.o: .text+0x1: undefined symbol 'prinft'; did you mean 'printf'?")
    }

    @Test("undefined symbols of all objects and all modules are listed together") func everywhere() throws {
        let text = Space().problems([
            source(
                "a", try assembled("call x\n", name: "one.o"), try assembled("call y\n", name: "two.o")),
            source("b", try assembled(".data\n.quad z\n", name: "three.o")),
        ])
        #expect(
            text == """
                one.o: .text+0x1: undefined symbol 'x'
                two.o: .text+0x1: undefined symbol 'y'
                three.o: .data+0x0: undefined symbol 'z'
                """)
    }

    @Test("what nobody refers to may stay undefined") func unused() throws {
        #expect(Space().problems([source("a", try assembled(".globl nobody\nret\n"))]) == "linked")
    }

    @Test("a name from another object is found in whatever order they come") func acrossObjects() throws {
        let user = try assembled(".data\n.quad tomat\n", name: "user.o")
        let maker = try assembled(".globl tomat\n.data\n.quad 0\ntomat: .quad 7\n", name: "maker.o")
        for objects in [[user, maker], [maker, user]] {
            let linked = try Space().link("a", objects)
            #expect(linked.modules[0].address("tomat") != nil)
        }
    }

    @Test("an undefined weak symbol is zero, and a call to it goes nowhere near") func weak() throws {
        let linked = try Space().link(
            "a",
            [
                try assembled(
                    """
                    .weak maybe
                    .globl f, word
                    f: mov maybe@GOTPCREL(%rip), %rax
                    .data
                    word: .quad maybe + 5
                    """)
            ])
        #expect(linked.word("word") == 5)
    }

    @Test("200 problems are listed, the others are counted") func limit() throws {
        func text(_ count: Int) throws -> [Substring] {
            let lines = (0..<count).map { "call undefined_symbol_\($0)" }.joined(separator: "\n") + "\n"
            return Space().problems([source("a", try assembled(lines))]).split(separator: "\n")
        }
        let good = try text(200)
        #expect(good.count == 200)
        #expect(good.last == "gurka.o: .text+0x3e4: undefined symbol 'undefined_symbol_199'")
        let more = try text(203)
        #expect(more.count == 201)
        #expect(more.last == "gurka.o: 3 more problems of this link are not listed")
    }

    @Test("a hidden symbol that nobody defines is said to be hidden") func hidden() throws {
        let text = Space(["tomato": 0x40_1000]).problems([
            source("a", try assembled(".hidden tomat\ncall tomat\n"))
        ])
        #expect(
            text
                == "gurka.o: .text+0x1: undefined symbol 'tomat', which is hidden: the module itself defines it, or nobody"
        )
    }

    @Test("control characters of a name do not reach the terminal") func controlCharacters() throws {
        let text = Space().problems([source("a", try assembled("call \"a\u{1b}[2Jb\"\n"))])
        #expect(text == "gurka.o: .text+0x1: undefined symbol 'a\\x1b[2Jb'")
    }
}
