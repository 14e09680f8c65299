import FoundationEssentials
import ModlinkInterface
import Posix
import TestSupport
import Testing

/// ksyms.
@Suite struct SymbolTests {
    private let source = """
        int code(void) { return 1; }
        __attribute__((weak)) int weak_code(void) { return 1; }
        static __attribute__((noinline)) int own_code(int n) { return n + code(); }
        int data = 1; int zeroes; static volatile int own_data = 3; const int constant = 5;
        int uses(void) { return own_code(own_data + data + zeroes); }
        """

    private func session() throws -> Session {
        let session = try Session()
        try session.compile("letters.o", source)
        try session.output("modload", "letters.o")
        return session
    }

    private struct Line: Equatable {
        let address: UInt64
        let letter: String
        let name: String
        let module: String

        init(_ text: Substring) throws {
            let parts = text.split(separator: "\t")
            let fields = parts[0].split(separator: " ")
            address = try #require(UInt64(fields[0], radix: 16))
            letter = String(fields[1])
            name = String(fields[2])
            module = parts.count > 1 ? String(parts[1]) : ""
        }
    }

    @Test("all symbols are printed in the order of address, with letters as nm has them and the module's name")
    func text() throws {
        let lines = try session().output("ksyms").split(separator: "\n").map(Line.init)
        #expect(lines.count > 5000)
        #expect(zip(lines, lines.dropFirst()).allSatisfy { $0.address <= $1.address })
        let letters = Dictionary(
            lines.filter { $0.module == "[letters]" }.map { ($0.name, $0.letter) }, uniquingKeysWith: { one, _ in one })
        #expect(
            letters == [
                "code": "T", "weak_code": "W", "own_code": "t", "data": "D", "zeroes": "D", "own_data": "d",
                "constant": "R", "uses": "T",
            ])
        let resident = lines.filter { $0.module.isEmpty }
        for name in ["printf", "malloc", "pthread_create", "sin", "_Unwind_Resume", "sqlite3_open"] {
            #expect(
                resident.contains { $0.name == name && "TW".contains($0.letter) } == (name != "sqlite3_open"), "\(name)"
            )
        }
        #expect(resident.contains { $0.name == "stderr" && "DV".contains($0.letter) })
    }

    @Test("-m prints a line for each module before its symbols")
    func moduleLines() throws {
        let session = try session()
        let text = try session.output("ksyms", "-m")
        let lines = text.split(separator: "\n")
        let line = try #require(lines.firstIndex(of: "0000000010000000 (12k)\t[letters]"))
        #expect(try lines[line + 1].hasSuffix("\t[letters]") && Line(lines[line + 1]).address >= 0x1000_0000)
        let plain = try session.output("ksyms").split(separator: "\n")
        #expect(lines.filter { !$0.contains("(12k)") } == plain)
    }

    @Test("--json prints an object a symbol, and one an answer")
    func json() throws {
        struct Row: Decodable, Equatable {
            let address: UInt64
            let size: UInt64
            let type: String
            let name: String
            let module: String
        }
        let session = try session()
        let rows = try JSONDecoder().decode([Row].self, from: Data(try session.output("ksyms", "--json").utf8))
        let code = try #require(rows.first { $0.name == "code" && $0.module == "letters" })
        #expect(code.type == "T")
        #expect(code.size == 6)
        #expect(rows.count == (try session.output("ksyms").split(separator: "\n").count))
        let answers = try JSONDecoder().decode(
            [LookUpAnswer].self, from: Data(try session.output("ksyms", "--json", "letters:code").utf8))
        let symbol = SymbolInformation(
            module: "letters", name: "code", address: Int(code.address), size: 6, offset: 0, kind: "function",
            letter: "T", exported: true)
        #expect(answers == [LookUpAnswer(query: "letters:code", symbols: [symbol])])
    }

    @Test("a name is answered with its line, an address with module:symbol+offset")
    func lookUp() throws {
        let session = try session()
        let line = try Line(try session.output("ksyms", "letters:uses").split(separator: "\n")[0])
        let address = String(line.address, radix: 16)
        try expect(session.run("ksyms", "uses"), .done("00000000\(address) T uses\t[letters]\n"))
        try expect(
            session.run("ksyms", "0x\(address)", "0x\(String(line.address + 3, radix: 16))", "\(line.address + 1)"),
            .done(
                """
                0x\(address) letters:uses+0x0
                0x\(String(line.address + 3, radix: 16)) letters:uses+0x3
                \(line.address + 1) letters:uses+0x1

                """))
        // As the table and perf print it.
        try expect(session.run("ksyms", "00000000\(address)"), .done("00000000\(address) letters:uses+0x0\n"))
        let printf = try Line(try session.output("ksyms", "printf").split(separator: "\n")[0])
        #expect(try session.output("ksyms", "\(printf.address + 2)") == "\(printf.address + 2) printf+0x2\n")
    }

    @Test("what is not found is told, each by itself, and the rest is answered")
    func missing() throws {
        let session = try session()
        let line = try session.output("ksyms", "code")
        try expect(
            session.run("ksyms", "nope", "code", "0x3", "letters:nope", "other:code"),
            .failed(
                1,
                """
                ksyms: nope: no such symbol; did you mean 'note'?
                ksyms: 0x3: no symbol is there
                ksyms: letters:nope: no such symbol
                ksyms: other:code: no such module (ENOENT)

                """, output: line))
    }

    @Test("-o writes an ELF file that nm, readelf and objdump read without a complaint")
    func elf() throws {
        let session = try session()
        try session.output("ksyms", "-o", "symbols")
        let path = session.path + "/symbols"
        #expect(try LinkOnlyTests.readelf(path).contains(" letters.text "))
        for (tool, arguments) in [("nm", [path]), ("objdump", ["-t", path])] {
            let result = try Tool.run(tool, arguments)
            #expect(result.status == .exited(0) && result.errors == "", "\(result.errors)")
        }
        let letters = try Tool.output("nm", [path]).split(separator: "\n").map { $0.split(separator: " ") }
        let line = try Line(try session.output("ksyms", "code").split(separator: "\n")[0])
        #expect(letters.contains { $0.last == "code" && UInt64($0[0], radix: 16) == line.address })
        #expect(try session.read("symbols") == File.read(path: session.runtime + "/ksyms", limit: 1 << 24))
    }

    @Test("gdb finds names and addresses in the file")
    func gdb() throws {
        let session = try session()
        try session.output("ksyms", "-o", "symbols")
        let line = try Line(try session.output("ksyms", "uses").split(separator: "\n")[0])
        let address = "0x" + String(line.address, radix: 16)
        let result = try Tool.run(
            "gdb",
            [
                "-nx", "-batch", "-ex", "info symbol \(address)", "-ex", "info symbol \(line.address + 4)", "-ex",
                "info address uses", "-ex", "info symbol printf", session.path + "/symbols",
            ])
        #expect(result.status == .exited(0))
        #expect(result.errors == "")
        #expect(
            result.output == """
                uses in section letters.text
                uses + 4 in section letters.text
                Symbol "uses" is at \(address) in a file compiled without debugging.
                printf in section .text

                """)
    }

    @Test("the file in the runtime directory is that of the last load and unload")
    func published() throws {
        let session = try session()
        #expect(try Tool.output("nm", [session.runtime + "/ksyms"]).contains(" weak_code\n"))
        try session.output("modunload", "letters")
        #expect(try !Tool.output("nm", [session.runtime + "/ksyms"]).contains(" weak_code\n"))
    }
}
