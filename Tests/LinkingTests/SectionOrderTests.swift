import Linking
import ObjectModel
import TestSupport
import Testing

/// Sections that say something about others, and those that only linkers read.
@Suite struct SectionOrderTests {
    @Test("sections that are about others stand in the order of these") func order() throws {
        let text = """
            .section .text.b,"ax"
            b: ret
            .section .text.a,"ax"
            a: ret
            .section about,"ao",@progbits,.text.a
            .globl about_a
            about_a: .quad a
            .section about,"ao",@progbits,.text.b,unique,1
            .globl about_b
            about_b: .quad b
            .section about,"a",@progbits,unique,2
            .globl about_none
            about_none: .quad 0
            .globl start, stop
            .data
            start: .quad __start_about
            stop: .quad __stop_about
            """
        let linked = try Space().link("m", [try assembled(text), try assembled(".globl c\nc: ret\n")])
        let module = linked.modules[0]
        let start = try #require(linked.word("start"))
        #expect(linked.word("stop") == start + 24)
        #expect(["about_none", "about_b", "about_a"].map(module.address) == [start, start + 8, start + 16])
    }

    @Test("what is about a displaced function is displaced too") func dropped() throws {
        let text = """
            .section .text.f,"axG",@progbits,f,comdat
            .weak f
            f: ret
            .section about,"ao",@progbits,.text.f
            .quad f
            .globl NAME
            .data
            NAME: .quad __start_about, __stop_about
            """
        let linked = try Space().link(
            "m",
            ["one", "two"].map { name in
                try assembled(text.split(separator: "NAME", omittingEmptySubsequences: false).joined(separator: name))
            })
        let place = try #require(linked.modules[0].address("one"))
        let start = try #require(linked.word(place))
        #expect(linked.word(place + 8) == start + 8)
        #expect(linked.word(start) == linked.modules[0].address("f"))
    }

    @Test("gcc's lists of patchable function entries are in the order of the functions", arguments: Compiler.available)
    func patchable(_ compiler: Compiler) throws {
        let text = """
            void b(void) {}
            __attribute__((section(".text.z"))) void z(void) {}
            void a(void) {}
            extern void *__start___patchable_function_entries[], *__stop___patchable_function_entries[];
            void **start = __start___patchable_function_entries, **stop = __stop___patchable_function_entries;
            """
        let linked = try Space().link(
            "m", [try object(text, ["-O2", "-fpatchable-function-entry=2", "-ffunction-sections"], by: compiler)])
        let start = try #require(linked.word("start"))
        let stop = try #require(linked.word("stop"))
        let entries = stride(from: start, to: stop, by: 8).compactMap { linked.word($0) }
        #expect(entries == entries.sorted())
        #expect(entries == ["b", "z", "a"].compactMap(linked.modules[0].address).sorted())
    }

    @Test("a note that only says what an object was compiled for is not in the image") func property() throws {
        let options = ["-O2", "-fcf-protection=full"]
        let linked = try Space().link(
            "m", [try object("int f(void) { return 1; }", options), try object("int g(void) { return 1; }", options)])
        #expect(!linked.modules[0].image.sections.contains { $0.name == ".note.gnu.property" })
        #expect(linked.modules[0].image.sections.contains { $0.name == ".text" })
    }

    @Test("strings that could be merged are all there") func strings() throws {
        let text = { (name: String) in "const char *\(name) = \"gurka\"; static const char *\(name)_end = \"ka\";" }
        let linked = try Space().link("m", [try object(text("a")), try object(text("b"))])
        for name in ["a", "b"] {
            let address = try #require(linked.word(name))
            #expect(linked.word(address).map { UInt32(truncatingIfNeeded: $0) } == 0x6b72_7567)
        }
    }
}
