import ELFFormat
import ObjectModel
import TestSupport
import Testing

/// Objects as debuggers are given them, judged by those who read such files.
@Suite struct DebugObjectWriterTests {
    private static let source = """
        #line 1 "gurka.c"
        int count = 3;
        const int weight = 7;
        int slice(int n)
        {
            return n * weight + count;
        }
        """

    /// The file for an object whose text is at one address, and all else that is in memory at others.
    private func written(_ options: [String]) throws -> (original: [UInt8], bytes: [UInt8]) {
        let original = try Compiler.gcc.object(Self.source, ["-g", "-O0"] + options)
        let object = try ELFObjectReader.read(original, name: "gurka.o")
        let addresses = object.sections.map { section -> UInt64? in
            guard section.isAllocated else { return nil }
            return object.text(section.name) == ".text" ? 0x2000_1000 : 0x2000_8000
        }
        var bytes = [UInt8](repeating: 0xff, count: 16)
        #expect(ELFDebugObjectWriter.append(object, at: addresses, to: &bytes))
        #expect(bytes.prefix(16).allSatisfy { $0 == 0xff })
        return (original, Array(bytes.dropFirst(16)))
    }

    private func output(_ tool: String, _ arguments: [String], of bytes: [UInt8]) throws -> String {
        let directory = try ScratchDirectory()
        let path = try directory.write("object.o", bytes)
        let result = try Tool.run(tool, arguments + [path])
        #expect(result.errors.isEmpty, "\(result.errors)")
        return result.output
    }

    @Test("gdb and addr2line find lines in it at its addresses", arguments: [[], ["-m32"], ["-gz"], ["-gdwarf-4"]])
    func lines(options: [String]) throws {
        let bytes = try written(options).bytes
        let directory = try ScratchDirectory()
        let path = try directory.write("object.o", bytes)
        let said = try Tool.run(
            "gdb", ["-q", "-nx", "-batch", "-ex", "add-symbol-file \(path)", "-ex", "info line gurka.c:5"])
        #expect(said.output.contains("gurka.c\" starts at address 0x200010"), "\(said)")
        let line = try Tool.output("addr2line", ["-f", "-j", ".text", "-e", path, "0"])
        #expect(line.hasPrefix("slice\n") && line.hasSuffix(".c:4\n"), "\(line)")
    }

    @Test("code and data take no room, and the relocations that are left are those of what is said about them")
    func room() throws {
        let (original, bytes) = try written([])
        let sections = try output("readelf", ["-SW"], of: bytes)
        let rows = sections.split(separator: "\n").map {
            $0.split(whereSeparator: { " []".contains($0) }).map(String.init)
        }
        let kind = { (name: String) in rows.first { $0.count > 3 && $0[1] == name }.map { [$0[2], $0[3]] } }
        #expect(kind(".text") == ["NOBITS", "0000000020001000"])
        #expect(kind(".data") == ["NOBITS", "0000000020008000"])
        #expect(kind(".eh_frame") == ["PROGBITS", "0000000020008000"])
        #expect(kind(".debug_info") == ["PROGBITS", "0000000000000000"])
        #expect(kind(".rela.debug_info") == ["RELA", "0000000000000000"])
        #expect(kind(".rela.eh_frame") == ["RELA", "0000000000000000"])
        #expect(kind(".rela.text") == nil)
        #expect(bytes.count < original.count)
        let symbols = { (bytes: [UInt8]) in try output("readelf", ["-sW"], of: bytes) }
        #expect(try symbols(bytes) == symbols(original))
    }

    @Test("readers of debug information have nothing to complain of")
    func clean() throws {
        let (original, bytes) = try written(["-O2"])
        let information = { (bytes: [UInt8]) in
            try output("readelf", ["-w"], of: bytes).split(separator: "\n").filter { !$0.contains("object.o") }
        }
        #expect(try information(bytes).count == information(original).count)
    }

    @Test("an object of more sections than an ELF header counts keeps them all")
    func manySections() throws {
        var text = ""
        for number in 0..<66_000 { text += ".section .text.f\(number),\"ax\"\nret\n" }
        let object = try ELFObjectReader.read(
            try Compiler.gcc.object(text, [], language: .assembly), name: "many.o")
        var bytes: [UInt8] = []
        let addresses = object.sections.map { $0.isAllocated ? UInt64(0x2000_0000) : nil }
        #expect(ELFDebugObjectWriter.append(object, at: addresses, to: &bytes))
        let sections = try output("readelf", ["-SW"], of: bytes)
        #expect(sections.contains(".text.f65999"))
    }

    @Test("what is no ELF object, or has other sections, is not written")
    func refused() throws {
        let bytes = try Compiler.gcc.object("int x;")
        var object = try ELFObjectReader.read(bytes, name: "gurka.o")
        var written: [UInt8] = []
        #expect(!ELFDebugObjectWriter.append(object, at: [], to: &written))
        object.bytes = Array("no object".utf8)
        object.file = object.bytes.indices
        #expect(!ELFDebugObjectWriter.append(object, at: object.sections.map { _ in nil }, to: &written))
        #expect(written.isEmpty)
    }
}
