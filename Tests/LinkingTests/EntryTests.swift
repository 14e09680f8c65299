import Linking
import ObjectModel
import Testing

@Suite struct EntryTests {
    private func module(_ text: String, name: String = "gurka", file: String = "gurka.o", entry: String? = nil) throws
        -> ModuleSource
    {
        ModuleSource(name: name, objects: [try object(text, name: file)], entryName: entry)
    }

    private func classicName(_ module: ModuleSource) throws -> String? {
        guard case .classic(let name, let entry, let table) = try Space().link([module]).modules[0].entryPoint else {
            return nil
        }
        #expect(Space.window.contains(entry) && Space.window.contains(table))
        #expect(table % 16 == 0)
        return name
    }

    @Test("init_module is called, and cleanup_module when there is one") func linux() throws {
        let linked = try Space().link(
            "int init_module(void) { return 0; } void cleanup_module(void) {} int exported(void) { return 1; }")
        let module = linked.modules[0]
        #expect(
            module.entryPoint
                == .linux(initialize: module.address("init_module") ?? 0, cleanup: module.address("cleanup_module")))
        #expect(module.entry("init_module")?.binding == .local)
        #expect(module.entry("cleanup_module")?.binding == .local)
        #expect(module.entry("exported")?.binding == .global)
        let alone = try Space().link("int init_module(void) { return 0; }").modules[0]
        #expect(alone.entryPoint == .linux(initialize: alone.address("init_module") ?? 0, cleanup: nil))
    }

    @Test("the entry points into the function") func classicAddress() throws {
        let linked = try Space().link("int xxxinit(void *t, int c, int v) { return 0; }")
        guard case .classic("xxxinit", let entry, _) = linked.modules[0].entryPoint else {
            Issue.record("\(linked.modules[0].entryPoint)")
            return
        }
        #expect(entry == linked.modules[0].address("xxxinit"))
        #expect(linked.modules[0].entry("xxxinit")?.binding == .local)
    }

    @Test("the named entry is called, and comes before all others") func named() throws {
        let text = "int mine(void) { return 0; } int xxxinit(void) { return 1; } int init_module(void) { return 2; }"
        #expect(try classicName(module(text, entry: "mine")) == "mine")
        #expect(try classicName(module(text, entry: "xxxinit")) == "xxxinit")
        guard case .linux = try Space().link([try module(text, entry: "init_module")]).modules[0].entryPoint else {
            Issue.record("init_module was named")
            return
        }
    }

    @Test("a named entry that is missing, a variable or of the space is a problem") func missing() throws {
        let reason = { (name: String) in "gurka: entry '\(name)': no function of that name in the module" }
        #expect(Space().problems([try module("int f(void) { return 1; }", entry: "g")]) == reason("g"))
        #expect(Space().problems([try module("int g = 4;", entry: "g")]) == reason("g"))
        #expect(Space(["g": 0x40_1000]).problems([try module("int g(void);", entry: "g")]) == reason("g"))
        #expect(Space().problems([try module("int f;", entry: "init_module")]) == reason("init_module"))
    }

    @Test("xxxinit comes before a name made of the file's, and that of the module before those of the objects")
    func order() throws {
        #expect(
            try classicName(module("int xxxinit(void) { return 0; } int gurka_lkmentry(void) { return 1; }"))
                == "xxxinit")
        #expect(
            try classicName(
                module(
                    "int sallad_lkmentry(void) { return 0; } int gurka_lkmentry(void) { return 1; }", name: "sallad"))
                == "sallad_lkmentry")
        #expect(
            try classicName(
                module("int gurka_lkmentry(void) { return 1; }", name: "sallad", file: "/a/b/gurka.o"))
                == "gurka_lkmentry")
    }

    @Test("hyphens of the file's name are underscores in the function's") func hyphens() throws {
        #expect(
            try classicName(module("int min_modul_lkmentry(void) { return 1; }", name: "min-modul"))
                == "min_modul_lkmentry")
    }

    @Test("an entry of another file's name is told of: nothing would call it") func otherFile() throws {
        #expect(
            Space().problems([try module("int gurka_lkmentry(void) { return 1; }", name: "sal-lad", file: "tomat.o")])
                == "sal-lad: entry 'sal_lad_lkmentry': no function of that name, but gurka_lkmentry: a file of another name is meant; name it with -e gurka_lkmentry"
        )
        // A variable is none.
        let variable = try module("int gurka_lkmentry;", name: "sallad", file: "tomat.o")
        #expect(try Space().link([variable]).modules[0].entryPoint == .none)
    }

    @Test("a module without any of them is loaded for its symbols") func none() throws {
        #expect(try Space().link("int f(void) { return 1; }").modules[0].entryPoint == .none)
        // A variable of that name is no entry.
        #expect(try Space().link("int init_module = 1;").modules[0].entryPoint == .none)
    }
}

@Suite struct RefusalTests {
    @Test("a section both writable and executable is refused, and what refers to it is no further problem")
    func writableCode() throws {
        let text = Space().problems([
            source(
                "a", try assembled(".section .hot,\"awx\"\n.globl hot\nhot: ret\nlocal: ret\n.data\n.quad hot, local\n")
            )
        ])
        #expect(
            text == "gurka.o: section '.hot': both writable and executable: memory of a module is one or the other")
    }

    @Test("a section of debug information may have any use") func unallocated() throws {
        #expect(Space().problems([source("a", try assembled(".section .hot,\"wx\"\n.quad 1\n"))]) == "linked")
    }
}
