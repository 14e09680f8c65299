import Posix
import TestSupport
import Testing

/// Objects as other tools make or ship them: with intermediate code, compressed, with new forms of relocations and debug sections.
@Suite struct ForeignObjectTests {
    private static let hello = "#include <stdio.h>\nint init_module(void) { puts(\"gurka 42\"); return 0; }\n"

    // MARK: Intermediate code

    @Test("of an object with machine code and intermediate code the machine code is taken, in an archive too")
    func fat() throws {
        let session = try Session()
        try session.compile("gurka.o", Self.hello, ["-O2", "-flto", "-ffat-lto-objects"])
        try expect(session.run("modload", "gurka.o"), .done("gurka 42\nModule loaded as ID 1\n"))
        try session.compile("helper.o", "int helper(void) { return 5; }", ["-O2", "-flto", "-ffat-lto-objects"])
        try session.compile(
            "user.o",
            "#include <stdio.h>\nint helper(void); int init_module(void) { printf(\"helped %d\\n\", helper()); return 0; }"
        )
        try Tool.output("gcc-ar", ["rc", session.path + "/libhelper.a", session.path + "/helper.o"])
        try expect(session.run("modload", "user.o", "libhelper.a"), .done("helped 5\nModule loaded as ID 2\n"))
    }

    @Test("an archive's member of intermediate code alone is refused")
    func slimMember() throws {
        let session = try Session()
        try session.compile("helper.o", "int helper(void) { return 5; }", ["-O2", "-flto", "-fno-fat-lto-objects"])
        try session.compile("user.o", "int helper(void); int init_module(void) { return helper() - 5; }")
        try Tool.output("gcc-ar", ["rc", session.path + "/libhelper.a", session.path + "/helper.o"])
        try expect(
            session.run("modload", "user.o", "libhelper.a"),
            .failed(
                65,
                "modload: libhelper.a(helper.o): holds the compiler's intermediate code, not machine code; compile without -flto\n"
            ))
    }

    // MARK: Compressed files

    private static let compressors = [("xz", "xz"), ("gzip", "gz"), ("zstd", "zst")]

    @Test("a compressed object is loaded, by its path and by the name of its module", arguments: compressors)
    func compressed(_ tool: String, _ ending: String) throws {
        let session = try Session()
        try session.compile("gurka.ko", Self.hello)
        try Tool.output(tool, ["-q", session.path + "/gurka.ko"])
        if tool == "zstd" { try File.remove(session.path + "/gurka.ko") }
        try expect(session.run("modload", "--info", "-F", "format", "gurka.ko.\(ending)"), .done("ELF\n"))
        try expect(session.run("modload", "gurka.ko.\(ending)"), .done("gurka 42\nModule loaded as ID 1\n"))
        try session.output("modunload", "gurka")
        let result = try session.run("modload", ["gurka"], ["MODLINK_PATH": session.path])
        #expect(result == .done("gurka 42\nModule loaded as ID 2\n"))
        #expect(try session.run("modload", "-n", "gurka.ko.\(ending)").status == .exited(0))
    }

    @Test("a compressed module that another one needs is brought in")
    func compressedDependency() throws {
        let session = try Session()
        try session.compile("tool.o", "int peel(void) { return 7; }")
        try session.compile("user.o", "int peel(void); int init_module(void) { return peel() - 7; }")
        try Tool.output("xz", ["-q", session.path + "/tool.o"])
        let result = try session.run("modload", ["user"], ["MODLINK_PATH": session.path])
        #expect(result == .done("Dependency tool loaded as ID 1\nModule loaded as ID 2\n"))
    }

    @Test("a compressed file that is truncated, and one of a form that is not read, are refused as what they are")
    func badCompressed() throws {
        let session = try Session()
        try session.compile("gurka.ko", Self.hello)
        try Tool.output("xz", ["-q", session.path + "/gurka.ko"])
        try session.write("short.ko.xz", Array(try session.read("gurka.ko.xz").prefix(200)))
        try expect(
            session.run("modload", "short.ko.xz"),
            .failed(65, "modload: short.ko.xz: compressed with xz: truncated\n"))
        try session.write("other.ko.bz2", Array("BZh91AY".utf8))
        try expect(
            session.run("modload", "other.ko.bz2"),
            .failed(
                65,
                "modload: other.ko.bz2: compressed with bzip2, which is not read; decompress it with 'bunzip2'\n"))
    }

    // MARK: Images

    @Test("an image has the debug sections of its objects: addr2line finds the line of a function in it")
    func imageDebug() throws {
        let session = try Session()
        try session.compileForDebugger("first.o", "int first(int n)\n{\n    return n + 1;\n}\n")
        try session.compileForDebugger(
            "second.o", "static __thread int count;\nint second(int n)\n{\n    return n * 2 + count++;\n}\n",
            ["-O0", "-gz=zlib"])
        try session.output("modload", "--name", "both", "first.o", "second.o")
        let image = session.runtime + "/images/both"
        func line(_ function: String) throws -> String {
            let address = try session.output("ksyms", function).prefix { $0 != " " }
            return try Tool.output("addr2line", ["-f", "-s", "-e", image, "0x\(address)"])
        }
        #expect(try eventually { try !line("second").contains("?") })
        #expect(try line("first").hasPrefix("first\n"))
        let sections = try Tool.output("readelf", ["-SW", image])
        #expect(sections.contains(".debug_info") && sections.contains(".symtab"))
        // The image is mapped and works as before.
        try session.output("modunload", "both")
    }

    @Test("an image of objects without debug sections stays as it is")
    func noImageDebug() throws {
        let session = try Session()
        try session.compile("gurka.o", Self.hello)
        try session.output("modload", "gurka.o")
        try session.output("modunload", "gurka")
        try session.output("modload", "gurka.o")
        #expect(try !Tool.output("readelf", ["-SW", session.runtime + "/images/gurka"]).contains(".debug_"))
    }

    // MARK: Names

    @Test("a name of more than 256 bytes is printed whole, and can be asked for")
    func longName() throws {
        let session = try Session()
        let name = String(repeating: "long_name_", count: 60) + "end"
        try session.compile("gurka.o", "int \(name)(void) { return 1; }")
        try session.output("modload", "gurka.o")
        let table = try session.output("ksyms", "--module", "gurka")
        #expect(table.contains(" T \(name)\t[gurka]\n"))
        #expect(try session.output("ksyms", name) == table)
    }

    @Test("'-' and '_' mean the same in the name of a loaded module")
    func dashes() throws {
        let session = try Session()
        try session.compile("my-mod.o", "int peeled(void) { return 1; }")
        try session.output("modload", "my-mod.o")
        #expect(try session.output("modstat", "my_mod").contains("my-mod"))
        #expect(try session.output("ksyms", "--module", "my_mod").contains("peeled"))
        #expect(try session.output("ksyms", "my_mod:peeled").contains("peeled"))
        #expect(try session.output("ksyms", "my_mod:peel*").contains("peeled"))
        try session.compile("my_mod.o", "int other(void) { return 1; }")
        try expect(
            session.run("modload", "my_mod.o"),
            .failed(
                1,
                "modload: my_mod: a module of that name is already loaded (EEXIST); 'modunload my_mod' takes it out, --name gives this one another\n"
            ))
        try session.output("modunload", "my_mod")
        #expect(try session.names() == [])
    }

    @Test("UTF-8 in a file's name is printed as it is, and what would control a terminal is not")
    func fileNames() throws {
        let session = try Session()
        try session.compile("gurka.o", Self.hello)
        let bytes = try session.read("gurka.o")
        try session.write("grönsak.o", bytes)
        #expect(try session.run("modload", "grönsak.o").errors.hasPrefix("modload: grönsak: no name for a module"))
        try session.write("a\u{1b}[31m.o", Array("x".utf8))
        #expect(
            try session.run("modload", "a\u{1b}[31m.o").errors
                == "modload: a\\x1b[31m.o: neither an ELF nor an a.out object; modules are made with 'cc -c'\n")
    }
}
