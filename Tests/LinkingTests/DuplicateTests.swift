import Linking
import ObjectModel
import Testing

@Suite struct DuplicateTests {
    private let strong = ".globl tomat\n.data\ntomat: .quad 1\n"
    private let weak = ".weak tomat\n.data\ntomat: .quad 2\n"
    private let user = ".globl word\n.data\nword: .quad tomat\n"

    @Test("two strong definitions in one module name both objects") func inOneModule() throws {
        let text = Space().problems([
            source("a", try assembled(strong, name: "one.o"), try assembled(strong, name: "two.o"))
        ])
        #expect(text == "two.o: symbol 'tomat' is already defined in one.o")
    }

    @Test("a strong definition comes before a weak one, the first weak one before others") func weakInOneModule() throws
    {
        for objects in [[strong, weak, user], [weak, strong, user], [user, weak, weak, strong]] {
            let linked = try Space().link("a", objects.map { try assembled($0) })
            let address = try #require(linked.word("word"))
            #expect(linked.word(address) == 1)
        }
        let other = ".weak tomat\n.data\ntomat: .quad 3\n"
        let linked = try Space().link("a", [weak, other, user].map { try assembled($0) })
        let address = try #require(linked.word("word"))
        #expect(linked.word(address) == 2)
        #expect(
            linked.modules[0].image.symbols.entries.count { linked.modules[0].image.symbols.text($0.name) == "tomat" }
                == 1)
    }

    @Test("a strong definition that another module exports names both modules") func againstModule() throws {
        var space = Space()
        space.add("sallad", [("tomat", 0x2000_0000, .global)], 0x2000_0000..<0x2000_1000)
        #expect(
            space.problems([source("gurka", try assembled(strong))])
                == "gurka.o: symbol 'tomat' of module 'gurka' is already exported by module 'sallad'; unload that one, make this one static, or keep it private with -f"
        )
    }

    @Test("with -f the module uses its own, which nobody else sees") func keptPrivate() throws {
        var space = Space()
        space.add("sallad", [("tomat", 0x2000_0000, .global)], 0x2000_0000..<0x2000_1000)
        var module = source("gurka", try assembled(strong), try assembled(user))
        module.keepsDuplicatesPrivate = true
        let linked = try space.link([module])
        #expect(linked.word("word") == linked.modules[0].address("tomat"))
        #expect(linked.modules[0].entry("tomat")?.binding == .local)
        #expect(linked.modules[0].references.isEmpty)
    }

    @Test("a weak definition yields to another module's, which is referred to") func weakYields() throws {
        for binding in [SymbolBinding.global, .weak] {
            var space = Space()
            let slot = space.add("sallad", [("tomat", 0x2000_0040, binding)], 0x2000_0000..<0x2000_1000)
            let linked = try space.link("gurka", [try assembled(weak), try assembled(user)])
            #expect(linked.word("word") == 0x2000_0040)
            #expect(linked.modules[0].references.map(\.owner) == [slot])
            #expect(linked.modules[0].references.map(\.symbols) == [[0]])
            #expect(linked.modules[0].entry("tomat") == nil)
        }
    }

    @Test("of weak functions and constants each module keeps its own copy, and needs none of another's")
    func copies() throws {
        for section in [".text", ".section .rodata,\"a\"", ".section .data.rel.ro.local,\"aw\""] {
            var space = Space()
            space.add("sallad", [("tomat", 0x2000_0040, .weak)], 0x2000_0000..<0x2000_1000)
            let copy = ".weak tomat\n\(section)\ntomat: .quad 2\n"
            let linked = try space.link("gurka", [try assembled(copy), try assembled(user)])
            #expect(linked.word("word") == linked.modules[0].address("tomat"), "\(section)")
            #expect(linked.modules[0].entry("tomat")?.binding == .local)
            #expect(linked.modules[0].references.isEmpty)
        }
    }

    @Test("a weak function yields to a strong one, and to the space's") func weakFunction() throws {
        let function = ".weak tomat\n.text\ntomat: ret\n"
        var space = Space()
        let slot = space.add("sallad", [("tomat", 0x2000_0040, .global)], 0x2000_0000..<0x2000_1000)
        let linked = try space.link("gurka", [try assembled(function), try assembled(user)])
        #expect(linked.word("word") == 0x2000_0040)
        #expect(linked.modules[0].references.map(\.owner) == [slot])
        let resident = try Space(["tomat": 0x40_1000]).link("gurka", [try assembled(function), try assembled(user)])
        #expect(resident.word("word") == 0x40_1000)
    }

    @Test("of what is unique there is one, the first, whatever it is") func unique() throws {
        for section in [".text", ".section .rodata,\"a\"", ".data"] {
            for binding in [SymbolBinding.unique, .weak, .global] {
                var space = Space()
                let slot = space.add("sallad", [("tomat", 0x2000_0040, binding)], 0x2000_0000..<0x2000_1000)
                let copy = ".globl tomat\n.type tomat, @gnu_unique_object\n\(section)\ntomat: .quad 2\n"
                let linked = try space.link("gurka", [try assembled(copy), try assembled(user)])
                #expect(linked.word("word") == 0x2000_0040, "\(section) \(binding)")
                #expect(linked.modules[0].references.map(\.owner) == [slot])
            }
        }
    }

    @Test("the first unique definition of a module is taken, and exported as unique") func uniqueInOneModule() throws {
        let text = { (value: Int) in
            ".globl tomat\n.type tomat, @gnu_unique_object\n.data\ntomat: .quad \(value)\n"
        }
        let linked = try Space().link("gurka", [try assembled(text(5)), try assembled(text(6)), try assembled(user)])
        #expect(linked.word("word").flatMap { linked.word($0) } == 5)
        #expect(linked.modules[0].entry("tomat")?.binding == .unique)
    }

    @Test("a weak definition that yields and that nobody uses is no reference") func weakUnused() throws {
        var space = Space()
        space.add("sallad", [("tomat", 0x2000_0040, .global)], 0x2000_0000..<0x2000_1000)
        #expect(try space.link("gurka", [try assembled(weak)]).modules[0].references.isEmpty)
    }

    @Test("a strong definition comes beside another module's weak one") func strongBesideWeak() throws {
        var space = Space()
        space.add("sallad", [("tomat", 0x2000_0040, .weak)], 0x2000_0000..<0x2000_1000)
        let linked = try space.link("gurka", [try assembled(strong), try assembled(user)])
        #expect(linked.word("word") == linked.modules[0].address("tomat"))
        #expect(linked.modules[0].entry("tomat")?.binding == .global)
    }

    @Test("a definition of the space's own stays its own, and the module's stays the module's") func resident() throws {
        let space = Space(["tomat": 0x40_1000])
        let linked = try space.link("gurka", [try assembled(strong), try assembled(user)])
        #expect(linked.word("word") == linked.modules[0].address("tomat"))
        #expect(linked.modules[0].entry("tomat")?.binding == .local)
        // A weak one yields.
        let yielding = try space.link("gurka", [try assembled(weak), try assembled(user)])
        #expect(yielding.word("word") == 0x40_1000)
    }

    @Test("resident symbols are taken, and are no references") func residentIsNoReference() throws {
        let linked = try Space(["tomat": 0x40_1000]).link("gurka", [try assembled(user)])
        #expect(linked.word("word") == 0x40_1000)
        #expect(linked.modules[0].references.isEmpty)
    }

    @Test("symbols taken from modules are references, each once and in order") func references() throws {
        var space = Space()
        let slot = space.add(
            "sallad",
            [("b", 0x2000_0010, .global), ("a", 0x2000_0000, .global), ("c", 0x2000_0020, .global)],
            0x2000_0000..<0x2000_1000)
        let other = space.add("soppa", [("d", 0x3000_0000, .global)], 0x3000_0000..<0x3000_1000)
        let linked = try space.link("gurka", [try assembled(".data\n.quad d, c, a, a, c\n")])
        // The set is in the order of address.
        #expect(linked.modules[0].references.map(\.owner) == [slot, other])
        #expect(linked.modules[0].references.map(\.symbols) == [[0, 2], [0]])
    }

    @Test("hidden definitions are neither exported nor duplicates") func hidden() throws {
        var space = Space()
        space.add("sallad", [("tomat", 0x2000_0000, .global)], 0x2000_0000..<0x2000_1000)
        let linked = try space.link("gurka", [try assembled(".hidden tomat\n" + strong), try assembled(user)])
        #expect(linked.word("word") == linked.modules[0].address("tomat"))
        #expect(linked.modules[0].entry("tomat")?.binding == .local)
    }
}

@Suite struct PeerTests {
    @Test("modules of one transaction refer to one another") func mutual() throws {
        let linked = try Space().link([
            source("a", try assembled(".globl one, to_two\n.data\none: .quad 1\nto_two: .quad two\n", name: "a.o")),
            source("b", try assembled(".globl two, to_one\n.data\ntwo: .quad 2\nto_one: .quad one\n", name: "b.o")),
            source("c", try assembled(".globl three\n.data\nthree: .quad 3\n", name: "c.o")),
        ])
        #expect(linked.word("to_two", in: 0) == linked.modules[1].address("two"))
        #expect(linked.word("to_one", in: 1) == linked.modules[0].address("one"))
        #expect(linked.modules.map(\.peers) == [[1: ["two"]], [0: ["one"]], [:]])
        #expect(linked.modules.allSatisfy { $0.references.isEmpty })
    }

    @Test("a strong definition of two modules of one transaction names both") func duplicate() throws {
        let text = ".globl one\n.data\none: .quad 1\n"
        let sources = [source("a", try assembled(text, name: "a.o")), source("b", try assembled(text, name: "b.o"))]
        #expect(
            Space().problems(sources)
                == "b.o: symbol 'one' of module 'b' is already exported by module 'a'; unload that one, make this one static, or keep it private with -f"
        )
        var kept = sources
        kept[1].keepsDuplicatesPrivate = true
        let linked = try Space().link(kept)
        #expect(linked.modules[0].entry("one")?.binding == .global)
        #expect(linked.modules[1].entry("one")?.binding == .local)
    }

    @Test("a weak definition yields to an earlier module's") func weak() throws {
        let linked = try Space().link([
            source("a", try assembled(".globl one\n.data\none: .quad 1\n")),
            source("b", try assembled(".weak one\n.globl word\n.data\none: .quad 2\nword: .quad one\n")),
        ])
        #expect(linked.word("word", in: 1) == linked.modules[0].address("one"))
        #expect(linked.modules[1].peers.keys.sorted() == [0])
    }

    @Test("of weak functions each module of a transaction keeps its own copy, of what is unique there is one")
    func copies() throws {
        let text = { (name: String) in
            """
            .weak f
            .globl u, word_\(name), unique_\(name)
            .type u, @gnu_unique_object
            f: ret
            .data
            u: .quad 3
            word_\(name): .quad f
            unique_\(name): .quad u
            """
        }
        let linked = try Space().link([source("a", try assembled(text("a"))), source("b", try assembled(text("b")))])
        #expect(linked.word("word_a") == linked.modules[0].address("f"))
        #expect(linked.word("word_b", in: 1) == linked.modules[1].address("f"))
        #expect(linked.word("unique_b", in: 1) == linked.modules[0].address("u"))
        #expect(linked.modules.map { $0.peers.keys.sorted() } == [[], [0]])
    }

    @Test("entry functions of all modules of a transaction stay their own") func entries() throws {
        let text = "int init_module(void) { return 0; } void cleanup_module(void) {}"
        let linked = try Space().link([source("a", try object(text)), source("b", try object(text))])
        for module in linked.modules {
            #expect(
                module.entryPoint
                    == .linux(initialize: module.address("init_module") ?? 0, cleanup: module.address("cleanup_module"))
            )
        }
    }

    @Test("an absolute value of a peer that is far away is reached through table and stub") func farPeer() throws {
        let linked = try Space().link([
            source("a", try assembled(".globl far\nfar = 0x123456789abc\n")),
            source(
                "b",
                try assembled(
                    """
                    .globl f, g
                    f: call far
                    g: mov far@GOTPCREL(%rip), %rax
                    """)),
        ])
        #expect(linked.modules[1].peers.keys.sorted() == [0])
        let entry = try #require(linked.modules[1].image.sections.first { $0.name == ".got" })
        #expect(linked.word(entry.address, in: 1) == 0x1234_5678_9abc)
    }
}
