import Posix
import TestSupport
import Testing

/// modload -n, -A, --address, -o; and what else modload's options do.
@Suite struct LinkOnlyTests {
    /// What readelf says of a file, which has to have nothing to complain of.
    static func readelf(_ path: String) throws -> String {
        let result = try Tool.run("readelf", ["-aW", path])
        #expect(result.status == .exited(0))
        #expect(result.errors == "")
        #expect(!result.output.contains("Warning") && !result.output.contains("<corrupt"))
        return result.output
    }

    @Test("-n links and reports against the symbols of the space, and loads nothing")
    func dry() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad)
        try session.output("modload", "gurka.o")
        let report = try session.output("modload", "-n", "sallad.o")
        #expect(report.hasPrefix("sallad: 8192 bytes at 0x10000000, entry init_module at 0x100010"), "\(report)")
        #expect(report.hasSuffix(", uses gurka\n"))
        #expect(try session.names() == ["gurka"])
        #expect(
            try Session.bare(session.output("modstat", "--console").utf8)
                == "gurka: hello\nmodlinkd: gurka loaded as 1 at 0x10000000\n")
    }

    @Test("-n with -A resolves against a file, and neither needs nor starts a daemon")
    func againstFile() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad)
        try session.output("modload", "gurka.o")
        try session.output("ksyms", "-o", "symbols")
        try session.output("modlinkd", "--stop")
        let report = try session.output("modload", "-n", "-A", "symbols", "sallad.o")
        #expect(report.hasSuffix(", uses gurka\n"), "\(report)")
        let own = try session.output("modload", "-n", "-A", "\(Session.programs)/modspace", "gurka.o")
        #expect(own.hasPrefix("gurka: 12288 bytes at 0x10000000, entry init_module at 0x1000"), "\(own)")
        try expect(session.run("modstat", "--no-autostart"), session.nobodyListens("modstat"))

        let fresh = try Session()
        try fresh.compile("gurka.o", Sources.gurka)
        try fresh.output("modload", "-n", "-A", "\(Session.programs)/modspace", "gurka.o")
        #expect(throws: SystemError.self) { try File.status(path: fresh.runtime) }
    }

    @Test(
        "an image has a table of the functions that can be unwound, in the order of address",
        arguments: [[], ["-O2"], ["-mcmodel=large"], ["-fno-exceptions"]])
    func frameHeader(options: [String]) throws {
        let session = try Session()
        // Each has a copy of the same function; one of them is displaced.
        let source = """
            struct Knife { ~Knife(); };
            inline __attribute__((noinline)) int peel(int n) { return n > 9 ? peel(n - 3) * 2 : n + 1; }
            extern "C" int NAME(int n) { Knife knife; return peel(n); }
            """
        for name in ["slice", "chop"] {
            try session.compile("\(name).o", source, ["-DNAME=\(name)"] + options, language: .cxx)
        }
        try session.compile("knife.o", "struct Knife { ~Knife(); }; Knife::~Knife() { }", options, language: .cxx)
        try session.compile("unwind.o", "int __gxx_personality_v0(void) { return 0; }")
        try session.output(
            "modload", "-n", "-A", "\(Session.programs)/modspace", "--name", "gurka", "-o", "image", "slice.o",
            "chop.o",
            "knife.o", "unwind.o")
        let path = session.path + "/image"
        let image = try session.read("image")
        let row = try #require(
            Tool.output("readelf", ["-SW", path]).split(separator: "\n").first { $0.contains(" .eh_frame_hdr ") })
        let fields = row.split(separator: "]").last?.split(separator: " ").map(String.init) ?? []
        let (address, start) = (UInt64(fields[2], radix: 16) ?? 0, Int(fields[3], radix: 16) ?? 0)
        let word = { (index: Int) in
            image[start + 4 * index..<start + 4 * index + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        }
        let functions = (0..<Int(word(2))).map {
            address &+ UInt64(bitPattern: Int64(Int32(bitPattern: word(3 + 2 * $0))))
        }
        // Those of displaced functions have a range that begins at 0 or at the field itself.
        let dump = try Tool.output("readelf", ["--debug-dump=frames", path])
        let known = dump.split(separator: "\n").filter { $0.contains(" FDE ") }.compactMap { line in
            line.split(separator: "pc=").last.flatMap { UInt64($0.prefix { $0 != "." }, radix: 16) }
        }
        #expect(functions == functions.sorted() && functions.count == 5)
        let symbols = Set(
            try Tool.output("nm", [path]).split(separator: "\n").compactMap { line in
                line.contains(" T ") || line.contains(" W ") || line.contains(" t ")
                    ? UInt64(line.prefix { $0 != " " }, radix: 16) : nil
            })
        #expect(Set(functions).isSubset(of: known) && Set(functions).isSubset(of: symbols))
        let segments = try Tool.output("readelf", ["-lW", path])
        let segment = segments.split(separator: "\n").first { $0.contains("GNU_EH_FRAME") }.map {
            $0.split(separator: " ").dropFirst().first?.dropFirst(2)
        }
        #expect(segment.flatMap { $0.flatMap { Int($0, radix: 16) } } == start, "\(segments)")
    }

    @Test("-n with -A lists what the file does not define")
    func againstFileUndefined() throws {
        let session = try Session()
        try session.compile("sallad.o", Sources.sallad, ["-O1", "-fno-pie"])
        let result = try session.run("modload", "-n", "-A", "\(Session.programs)/modspace", "sallad.o")
        #expect(result.status == .exited(1))
        let lines = result.errors.split(separator: "\n")
        #expect(lines.count == 2 && lines.allSatisfy { $0.hasPrefix("modload: sallad.o: .text+0x") }, "\(result)")
        #expect(result.errors.contains(" in init_module: undefined symbol 'gurka_count'\n"))
        #expect(result.errors.contains(" in init_module: undefined symbol 'slice'; did you mean 'splice'?\n"))
        try session.write("text", Array("no symbols\n".utf8))
        try expect(
            session.run("modload", "-n", "-A", "text", "sallad.o"), .failed(65, "modload: text: not an object file\n"))
        try expect(
            session.run("modload", "-n", "-A", "none", "sallad.o"),
            .failed(65, "modload: none: open: no such file or directory (ENOENT)\n"))
    }

    @Test("--address says where -n links, and -o writes that image as ELF")
    func address() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        let report = try session.output(
            "modload", "-n", "-A", "\(Session.programs)/modspace", "--address", "0x40000000", "-o", "image", "gurka.o")
        #expect(report.hasPrefix("gurka: 12288 bytes at 0x40000000, "), "\(report)")
        let text = try Self.readelf("\(session.path)/image")
        #expect(text.contains("LOAD           0x000000 0x0000000040000000"))
        let names = try Tool.output("nm", ["\(session.path)/image"])
        #expect(names.contains(" t init_module\n"))
        #expect(names.contains(" t peel\n"))
        // The linker has left nothing to be relocated.
        #expect(text.contains("There are no relocations in this file."))
    }

    @Test("-o of a load writes the image that was loaded, which readelf and objdump read")
    func output() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka, ["-O1", "-fPIC"])
        try expect(session.run("modload", "-o", "image", "gurka.o"), .done("gurka: hello\nModule loaded as ID 1\n"))
        #expect(try session.read("image") == File.read(path: session.runtime + "/images/gurka", limit: 1 << 24))
        let text = try Self.readelf("\(session.runtime)/images/gurka")
        #expect(text.contains("NT_GNU_BUILD_ID"))
        #expect(text.contains("Machine:                           Advanced Micro Devices X86-64"))
        let address = try session.output("ksyms", "slice").prefix(16)
        #expect(try Tool.output("nm", ["\(session.path)/image"]).contains("\(address) T slice\n"))
        #expect(try Tool.output("objdump", ["-d", "\(session.path)/image"]).contains("\(address) <slice>:"))
        // What the file says of the module's code is what stands in memory, without a page that is writable and executable.
        for line in text.split(separator: "\n") where line.contains(" LOAD ") { #expect(!line.contains("RWE")) }
    }

    @Test("-p runs a program with ID, type and offset; its failure is told, and the module stays")
    func postinstall() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        let script = try session.write("after", Array("#!/bin/sh\necho after \"$@\"\nexit $1\n".utf8))
        try File.changeMode(script, 0o700)
        try expect(
            session.run("modload", "-p", "./after", "gurka.o"),
            .failed(
                1, "modload: ./after: exited with status 1; module 1 stays loaded\n",
                output: "gurka: hello\nModule loaded as ID 1\nafter 1 0x6 0\n"))
        try session.write("after", Array("#!/bin/sh\necho after \"$@\"\n".utf8))
        try File.changeMode(script, 0o700)
        try session.output("modunload", "gurka")
        try expect(
            session.run("modload", "-p", "after", "gurka.o"),
            .done("gurka: hello\nModule loaded as ID 2\nafter 2 0x6 0\n"))
    }

    @Test("-v says how long each phase took")
    func verbose() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        let lines = try session.output("modload", "-v", "gurka.o").split(separator: "\n")
        #expect(lines.prefix(2) == ["gurka: hello", "Module loaded as ID 1"])
        let phases = lines.dropFirst(2).map { $0.split(separator: " ") }
        let names = ["read", "parse", "resolve", "relocate", "announce", "map", "init", "publish", "total"]
        #expect(phases.compactMap { $0.first.map(String.init) } == names)
        let times = phases.compactMap { $0.count == 3 && $0[2] == "µs" ? Int($0[1]) : nil }
        #expect(times.count == 9)
        #expect(times.dropLast().reduce(0, +) <= times.last ?? 0)
        let dry = try session.output("modload", "-n", "-v", "-f", "--name", "other", "gurka.o")
            .split(separator: "\n").dropFirst().compactMap { $0.split(separator: " ").first }
        #expect(dry == ["read", "resolve", "relocate", "total"])
    }

    @Test("-d says what is done, on standard error")
    func debug() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad)
        try session.output("modload", "gurka.o")
        let result = try session.run("modload", "-d", "-s", "-S", "sallad.o")
        expect(
            result,
            ToolResult(
                status: .exited(0), output: "sallad: 27 3\nModule loaded as ID 2\n",
                errors: """
                    modload: debug: sallad.o: object of module sallad
                    modload: debug: asking \(session.runtime)/socket
                    modload: debug: sallad: 8192 bytes at 0x10003000
                    modload: debug: sallad: uses gurka: gurka_count, slice

                    """))
    }

    @Test("-d with -n tells what is resolved against, where sections went, and where symbols come from")
    func debugLinkOnly() throws {
        let session = try Session()
        let inline = """
            .section .text.shared,"axG",@progbits,shared,comdat
            .weak shared
            shared: ret

            """
        let one = """
            .text
            .globl init_module
            init_module: call near
            call far
            call maybe
            call two
            lea __dso_handle(%rip), %rax
            mov far@GOTPCREL(%rip), %rcx
            ret
            .weak maybe
            .data
            .long 1, 2, 3

            """
        try session.compile("one.o", one + inline, [], language: .assembly)
        try session.compile("two.o", ".globl two\ntwo: ret\n" + inline, [], language: .assembly)
        try session.write("map", Array("20000000 T near\n7fff00001000 T far [tomat]\n".utf8))
        let result = try session.run(
            "modload", "-d", "-n", "-A", "map", "--address", "0x10000000", "--name", "both", "one.o", "two.o")
        #expect(result.status == .exited(0))
        #expect(
            result.output == "both: 12288 bytes at 0x10000000, entry init_module at 0x10001000, uses tomat\n")
        expect(
            ToolResult(status: result.status, output: "", errors: result.errors),
            ToolResult(
                status: .exited(0), output: "",
                errors: """
                    modload: debug: one.o: object of module both
                    modload: debug: two.o: object of module both
                    modload: debug: resolving against map
                    modload: debug: one.o: section '.text': 35 bytes at 0x10001000 in .text
                    modload: debug: one.o: section '.data': 12 bytes at 0x10002000 in .data
                    modload: debug: one.o: section '.text.shared': 1 bytes at 0x10001023 in .text
                    modload: debug: two.o: section '.text': 1 bytes at 0x10001024 in .text
                    modload: debug: two.o: section '.text.shared': 1 bytes left out
                    modload: debug: one.o: symbol 'near': 0x20000000, of the space
                    modload: debug: one.o: symbol 'far': 0x7fff00001000, of module tomat, called through a stub
                    modload: debug: one.o: symbol 'maybe': weak, and defined nowhere: 0
                    modload: debug: one.o: symbol 'two': 0x10001024, of two.o
                    modload: debug: one.o: symbol '__dso_handle': 0x10000000, made by the linker
                    modload: debug: one.o: symbol '_GLOBAL_OFFSET_TABLE_': 0x10000240, made by the linker
                    modload: debug: two.o: symbol 'shared': 0x10001023, of one.o

                    """))
    }

    @Test("a name that cannot be a module's is refused", arguments: ["..", "-x", "a/b", "a b", "å"])
    func names(name: String) throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        let result = try session.run("modload", "--name=\(name)", "gurka.o")
        #expect(result.status == .exited(1))
        #expect(result.errors.contains("no name for a module: letters, digits, '_', '-', '+' and '.'"), "\(result)")
        #expect(try session.names() == [])
    }

    @Test("a name of 63 bytes is accepted, and one of 64 is not")
    func nameLength() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        let name = String(repeating: "n", count: 63)
        try session.output("modload", "--name", name, "gurka.o")
        #expect(try session.names() == [name])
        try session.output("modunload", name)
        try expect(
            session.run("modload", "--name", name + "n", "gurka.o"),
            .failed(1, "modload: \(name)n: longer than the 63 bytes that a module's name may have\n"))
    }
}

extension Session {
    /// What a tool says when no daemon listens and it may not start one.
    func nobodyListens(_ tool: String) -> ToolResult {
        .failed(69, "\(tool): \(runtime)/socket: no daemon listens there; start one with 'modlinkd'\n")
    }
}
