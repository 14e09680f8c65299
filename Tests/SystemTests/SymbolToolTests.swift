import FoundationEssentials
import ModlinkInterface
import Posix
import TestSupport
import Testing

/// ksyms: patterns, orders, modules, what objects need, core files.
@Suite struct SymbolToolTests {
    private static func session() throws -> Session {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad)
        try session.output("modload", "gurka.o", "sallad.o")
        return session
    }

    private func names(_ output: String) -> [Substring] {
        output.split(separator: "\n").compactMap { $0.split(separator: "\t").first?.split(separator: " ").last }
    }

    @Test("a pattern is answered with all names that it means, and one that means none is status 1")
    func patterns() throws {
        let session = try Self.session()
        #expect(try names(session.output("ksyms", "gurka_*")) == ["gurka_weight", "gurka_count"])
        #expect(try names(session.output("ksyms", "gurka:?????")) == ["slice"])
        #expect(try names(session.output("ksyms", "gurka:[ps]*")) == ["peel", "slice"])
        #expect(try names(session.output("ksyms", "gur*:peel", "slice")) == ["peel", "slice"])
        let count = try Tool.output("nm", [session.runtime + "/ksyms"]).split(separator: "\n").count {
            $0.split(separator: " ").last!.hasPrefix("pthread_")
        }
        #expect(try names(session.output("ksyms", "pthread_*")).count == count && count > 20)
        try expect(
            session.run("ksyms", "gurka_weigh", "gurka_w?"),
            .failed(
                1,
                """
                ksyms: gurka_weigh: no such symbol; did you mean 'gurka_weight'?
                ksyms: gurka_w?: no symbol has such a name

                """))
    }

    @Test("--module lists one module, and refuses one that is not there")
    func module() throws {
        let session = try Self.session()
        let lines = try session.output("ksyms", "--module", "gurka").split(separator: "\n")
        #expect(
            Set(names(lines.joined(separator: "\n"))) == [
                "gurka_weight", "peel", "slice", "init_module", "cleanup_module", "gurka_count",
            ])
        #expect(lines.allSatisfy { $0.hasSuffix("\t[gurka]") })
        #expect(try names(session.output("ksyms", "--module", "gurka", "init_module")).count == 1)
        #expect(try session.output("ksyms", "-m", "--module", "sallad").hasPrefix("0000000010003000 (8k)\t[sallad]\n"))
        #expect(try !session.output("ksyms", "--module", "").contains("["))
        try expect(
            session.run("ksyms", "--module", "gurk"),
            .failed(1, "ksyms: gurk: no such module; did you mean 'gurka'? (ENOENT)\n"))
        try expect(
            session.run("ksyms", "--module", "gurka", "printf"), .failed(1, "ksyms: printf: no such symbol\n"))
    }

    @Test("-S is the order of size as nm has it, -n that of address")
    func orders() throws {
        let session = try Self.session()
        let sizes = try session.output("ksyms", "-S").split(separator: "\n").map { $0.split(separator: " ")[1] }
        #expect(sizes == sizes.sorted() && sizes.count > 5000)
        let order = try names(Tool.output("nm", ["--size-sort", session.runtime + "/ksyms"]))
        let own = try names(session.output("ksyms", "-S", "--module", "gurka"))
        // Those of one size stand in another order there, and some names the space has too.
        let different = own.filter { ["gurka_weight", "peel", "slice"].contains($0) }
        #expect(different == order.filter(different.contains) && different.count == 3)
        #expect(try session.output("ksyms", "-n") == session.output("ksyms"))
        #expect(try names(session.output("ksyms", "-S", "gurka:[ps]*")) == ["peel", "slice"])
        for (arguments, message) in [
            (["-n", "-S"], "-n and -S exclude each other"),
            (["-m", "-S"], "-m belongs to the whole table as text, in the order of address"),
            (["-o", "x", "-S"], "-o writes the whole table: it goes with nothing else"),
            (["-C", "--json"], "JSON has names as they are: -C goes without --json"),
            (["-o", "x", "-C"], "-o writes the whole table: it goes with nothing else"),
            (["--core", "x", "--space", "i386"], "--core says itself which space: it goes without --space"),
            (["--users", "x", "y"], "--users goes with -C, --json, --core and --space only"),
            (["--undefined", "x", "-n"], "--undefined goes with -C, --json, --core and --space only"),
        ] {
            let result = try session.run("ksyms", arguments)
            #expect(
                result.status == .exited(64) && result.errors == "ksyms: \(message); see 'ksyms --help'\n",
                "\(result.errors)")
        }
    }

    @Test("-C prints C++ names as nm -C does; without it they are as they are, and so they are looked up")
    func demangled() throws {
        let session = try Session()
        let source = """
            namespace kitchen {
                struct Knife { int edge; };
                int slice(const Knife *knife, int n) { return knife->edge * n; }
                template <class T> T halve(T n) { return n / 2; }
                template long halve(long);
            }
            int slices(kitchen::Knife *knife) { return kitchen::slice(knife, 2); }
            """
        try session.compile("knife.o", source, ["-O0"], language: .cxx)
        try session.compile(
            "uses.o", "long _ZN7kitchen5halveIlEET_S1_(long); long uses(void) { return _ZN7kitchen5halveIlEET_S1_(4); }"
        )
        try session.output("modload", "knife.o", "uses.o")
        let own = try session.output("ksyms", "-C", "--module", "knife").split(separator: "\n")
        let plain = try Tool.output("nm", ["-nC", session.path + "/knife.o"]).split(separator: "\n")
        #expect(own.map { $0.dropFirst(19).prefix { $0 != "\t" } }.sorted() == plain.map { $0.dropFirst(19) }.sorted())
        #expect(own.contains { $0.hasSuffix(" T kitchen::slice(kitchen::Knife const*, int)\t[knife]") }, "\(own)")
        let name = "_ZN7kitchen5sliceEPKNS_5KnifeEi"
        #expect(try session.output("ksyms", "--module", "knife").contains(" T \(name)\t"))
        let line = try session.output("ksyms", "-C", name)
        #expect(line.hasSuffix(" T kitchen::slice(kitchen::Knife const*, int)\t[knife]\n"), "\(line)")
        let address = "0x" + line.prefix(16)
        try expect(
            session.run("ksyms", "-C", address),
            .done("\(address) knife:kitchen::slice(kitchen::Knife const*, int)+0x0\n"))
        try expect(session.run("ksyms", address), .done("\(address) knife:\(name)+0x0\n"))
        #expect(try session.run("ksyms", "-C", "kitchen::slice(kitchen::Knife const*, int)").status == .exited(1))
        let undefined = try session.output("ksyms", "-C", "--undefined", "uses.o")
        #expect(undefined.contains(" long kitchen::halve<long>(long)\t[knife]\n"), "\(undefined)")
        // From a core file the same.
        try session.output("ksyms", "-o", "symbols")
        var core = CoreBytes()
        core.notes = [.init("modlink", 2, try session.read("symbols"))]
        try session.write("core", core.bytes)
        for question in [["--module", "knife"], [name], [address], ["--undefined", "uses.o"]] {
            let answer = try session.run("ksyms", ["-C"] + question + ["--core", "core"])
            try expect(session.run("ksyms", ["-C"] + question), answer)
            #expect(answer.output.contains("kitchen::"), "\(question): \(answer)")
            let plain = try session.run("ksyms", question + ["--core", "core"]).output
            #expect(!plain.contains("kitchen::") && plain.contains("_ZN7kitchen5"), "\(question): \(plain)")
        }
        try session.output("modunload", "uses", "knife")
        let past = try session.output("ksyms", "-C", address)
        #expect(
            past.hasPrefix("\(address) kitchen::slice(kitchen::Knife const*, int)+0x0 in knife, unloaded "), "\(past)")
    }

    @Test("--undefined says who has what an object needs: the space, a module, a file of the module path, nobody")
    func undefined() throws {
        let session = try Session()
        let folder = session.path + "/modules"
        try File.createDirectory(folder, permissions: 0o700)
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("modules/tomat.o", "int tomat(void) { return 1; }")
        try session.compile("modules/weak.o", "__attribute__((weak)) int tomat(void) { return 1; }")
        try session.output("modload", "gurka.o")
        try session.compile(
            "needy.o",
            """
            extern int slice(int), tomat(void), slicee(void), printf(const char *, ...);
            extern __attribute__((weak)) int maybe(void);
            int needs(void) { printf("%d", 1); return slice(1) + tomat() + slicee() + (maybe ? maybe() : 0); }
            """)
        let address = { (name: String) in try session.output("ksyms", name).prefix { $0 != " " } }
        let blank = String(repeating: " ", count: 16)
        let wanted = """
            \(blank) w maybe
            \(try address(":printf")) T printf
            \(try address("gurka:slice")) T slice\t[gurka]
            \(blank) U slicee
            \(blank) U tomat\t\(folder)/tomat.o

            """
        let path = ["MODLINK_PATH": folder]
        try expect(
            session.run("ksyms", ["--undefined", "needy.o"], path),
            .failed(1, "ksyms: needy.o: nobody has symbol 'slicee'; did you mean 'slice'?\n", output: wanted))
        try session.compile("modest.o", "extern int slice(int); int modest(void) { return slice(1); }")
        try expect(
            session.run("ksyms", ["--undefined", "modest.o"], path),
            .done("\(try address("gurka:slice")) T slice\t[gurka]\n"))
        struct Row: Decodable, Equatable {
            let name, kind, provider: String
            let module, path: String?
        }
        let json = try session.run("ksyms", ["--undefined", "needy.o", "--json"], path).output
        let rows = try JSONDecoder().decode([Row].self, from: Data(json.utf8))
        #expect(rows.map(\.provider) == ["nobody", "space", "module", "nobody", "file"])
        #expect(rows[2] == Row(name: "slice", kind: "symbol", provider: "module", module: "gurka", path: nil))
        #expect(
            rows[4] == Row(name: "tomat", kind: "symbol", provider: "file", module: nil, path: "\(folder)/tomat.o"))
    }

    @Test("--undefined refuses what is not an object")
    func notAnObject() throws {
        let session = try Session()
        try session.write("text", Array("text".utf8))
        try expect(
            session.run("ksyms", "--undefined", "text"),
            .failed(65, "ksyms: text: neither an ELF nor an a.out object; modules are made with 'cc -c'\n"))
        try expect(
            session.run("ksyms", "--undefined", "nothing"),
            .failed(65, "ksyms: nothing: open: no such file or directory (ENOENT)\n"))
    }

    @Test("--users finds those who refer to a symbol in loaded modules, and in the core file of a crash")
    func users() throws {
        let session = try Session()
        // Large code is not kept beside what is in memory.
        let padding = "__asm__(\".text; .skip 10000, 0x90\");"
        try session.compile(
            "gurka.o",
            """
            #include <stdio.h>
            \(padding)
            static int hidden;
            int count = 3;
            int slice(int n) { hidden += n; if (n > 99) puts("x"); return hidden * count; }
            int init_module(void) { return 0; }
            """, ["-O1", "-fno-pic", "-ffunction-sections"])
        try session.compile(
            "sallad.o",
            """
            extern int slice(int), count;
            int (*table[2])(int) = { 0, slice };
            int mix(void) { return slice(10); }
            int init_module(void) { return 0; }
            """, ["-O1", "-fno-pic"])
        try session.output("modload", "gurka.o")
        try session.output("modload", "sallad.o")
        let users = { (name: String) in
            try session.output("ksyms", "--users", name).split(separator: "\n").map { $0.dropFirst(17) }.sorted()
        }
        #expect(
            try users("slice").map { $0.replacing(/\+0x\w+/, with: "") } == [
                "sallad:mix .text gurka:slice", "sallad:table .data gurka:slice",
            ])
        #expect(
            try users("hidden").map { $0.replacing(/\+0x\w+/, with: "") }
                == Array(repeating: "gurka:slice .text.slice gurka:hidden", count: 3))
        #expect(try users("puts").map { $0.replacing(/\+0x\w+/, with: "") } == ["gurka:slice .text.slice puts"])
        try session.compile("crash.o", "int init_module(void) { return *(volatile int *)8; }")
        #expect(try session.run("modload", "crash.o").status == .exited(1))
        let core = session.runtime + "/crash/1/core"
        for name in ["slice", "hidden", "puts"] {
            #expect(
                try session.output("ksyms", "--core", core, "--users", name)
                    == session.output("ksyms", "--users", name))
        }
    }

    @Test("--core answers as the live table did, and needs no daemon")
    func core() throws {
        let session = try Self.session()
        try session.output("ksyms", "-o", "symbols")
        var core = CoreBytes()
        core.notes = [.init("CORE", 1, [1, 2, 3]), .init("modlink", 2, try session.read("symbols"))]
        try session.write("core", core.bytes)
        let questions = [
            [], ["-m"], ["-S"], ["--json"], ["--module", "gurka"], ["slice", "gurka_*", "0x10001001"],
            ["--undefined", "sallad.o"], ["slice", "--json"],
        ]
        let live = try questions.map { try session.run("ksyms", $0) }
        try session.output("modlinkd", "--stop")
        for (question, answer) in zip(questions, live) {
            #expect(answer.status == .exited(0) && !answer.output.isEmpty)
            try expect(session.run("ksyms", question + ["--core", "core", "--no-autostart"]), answer)
        }
        try session.output("ksyms", "-o", "again", "--core", "core")
        #expect(try session.read("again") == session.read("symbols"))
        try expect(
            session.run("ksyms", "--core", "core", "slicc"),
            .failed(1, "ksyms: slicc: no such symbol; did you mean 'slice'?\n"))
        #expect(session.daemon == nil || !Session.isAlive(session.daemon!))
    }

    @Test("--core refuses what is not a core file of ours")
    func badCore() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try expect(session.run("ksyms", "--core", "gurka.o"), .failed(65, "ksyms: gurka.o: not a core file\n"))
        try session.write("core", CoreBytes().bytes)
        let reason = "has no symbol table of modlink: not the core file of a crash folder (crash/N/core)"
        for question in [[], ["x"], ["-o", "y"], ["--users", "x"]] {
            try expect(session.run("ksyms", ["--core", "core"] + question), .failed(65, "ksyms: core: \(reason)\n"))
        }
        var core = CoreBytes()
        core.notes = [.init("modlink", 2, Array("text".utf8))]
        try session.write("core", core.bytes)
        try expect(
            session.run("ksyms", "--core", "core"), .failed(65, "ksyms: core: symbol table: not an object file\n"))
        try expect(
            session.run("ksyms", "--core", "none"),
            .failed(65, "ksyms: none: open: no such file or directory (ENOENT)\n"))
    }
}
