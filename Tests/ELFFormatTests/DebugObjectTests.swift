import ELFFormat
import ObjectModel
import TestSupport
import Testing

/// Objects as debuggers are given them, judged by those who read such files.
@Suite struct ELFDebugObjectTests {
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
        return (original, try changed(object, addresses))
    }

    /// The object's file with the headers that it gets.
    private func changed(_ object: Object, _ addresses: [UInt64?]) throws -> [UInt8] {
        let debugObject = try #require(ELFDebugObject(object, at: addresses))
        var bytes = object.bytes
        bytes.replaceSubrange(debugObject.place, with: debugObject.headers)
        return Array(bytes[object.file])
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

    @Test("it differs from the file by the addresses of what is in memory alone", arguments: [[], ["-m32"]])
    func addresses(options: [String]) throws {
        let (original, bytes) = try written(options)
        let rows = { (bytes: [UInt8]) in
            try output("readelf", ["-SW"], of: bytes).split(separator: "\n").map {
                $0.split(whereSeparator: { " []".contains($0) }).map(String.init)
            }.filter { $0.count > 6 && Int($0[0]) != nil && $0[1].hasPrefix(".") }
        }
        let (before, after) = (try rows(original), try rows(bytes))
        #expect(before.count == after.count && before.count > 10)
        for (old, new) in zip(before, after) {
            let address =
                old[6...].contains { $0.contains("A") } ? old[1] == ".text" ? "20001000" : "20008000" : nil
            #expect(new[3].hasSuffix(address ?? old[3]), "\(new)")
            #expect(new[1...2] == old[1...2] && new[4...] == old[4...])
        }
        #expect(bytes.count == original.count)
        let symbols = { (bytes: [UInt8]) in try output("readelf", ["-sW"], of: bytes) }
        #expect(try symbols(bytes) == symbols(original))
    }

    @Test("what the file wants in memory and is not there need not be")
    func displaced() throws {
        let object = try ELFObjectReader.read(try Compiler.gcc.object(Self.source), name: "gurka.o")
        let bytes = try changed(
            object,
            object.sections.map { section in
                section.isAllocated && object.text(section.name) != ".data" ? 0x2000_0000 : nil
            })
        let rows = try output("readelf", ["-SW"], of: bytes).split(separator: "\n")
        let row = { (name: String) in rows.first { $0.contains(" \(name) ") } ?? "" }
        #expect(row(".data").contains("PROGBITS        0000000000000000") && row(".data").contains("  W  "))
        #expect(row(".text").contains("PROGBITS        0000000020000000") && row(".text").contains(" AX "))
    }

    @Test("large contents may be left out, and nothing else", arguments: [8191, 8192])
    func omitted(size: Int) throws {
        let source = """
            .data
            data: .skip \(size), 1
            .section .rodata
            .skip \(size), 2
            .section .eh_frame,"a",@progbits
            .skip \(size)
            .bss
            .skip \(size)
            .section .comment
            .skip \(size)
            """
        let bytes = try Compiler.gcc.object(source, [], language: .assembly)
        let object = try ELFObjectReader.read(bytes, name: "gurka.o")
        let changed = try #require(
            ELFDebugObject(object, at: object.sections.map { $0.isAllocated ? 0x2000_0000 : nil }))
        let kept = changed.omitted.map { Set(bytes[$0]) }
        #expect(kept == (size < 8192 ? [] : [[1], [2]]))
        #expect(changed.omitted.allSatisfy { $0.count == size })
        let wide = try ELFObjectReader.read(
            try Compiler.gcc.object(source, ["-m32"], language: .assembly), name: "gurka.o")
        let addresses = wide.sections.map { _ in UInt64?(0x2000_0000) }
        #expect(ELFDebugObject(wide, at: addresses)?.omitted == [])
    }

    @Test("of a member of an archive, the place is in the archive's bytes")
    func member() throws {
        let object = try ELFObjectReader.read(try Compiler.gcc.object(Self.source), name: "gurka.o")
        let addresses = object.sections.map { $0.isAllocated ? UInt64(0x2000_0000) : nil }
        let alone = try #require(ELFDebugObject(object, at: addresses))
        var parts = object.parts
        parts.bytes = [UInt8](repeating: 0xff, count: 60) + object.bytes + [1, 2, 3]
        parts.file = 60..<parts.bytes.count - 3
        let within = try #require(ELFDebugObject(Object(parts), at: addresses))
        #expect(within.headers == alone.headers)
        #expect(within.place == alone.place.lowerBound + 60..<alone.place.upperBound + 60)
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
        let addresses = object.sections.map { $0.isAllocated ? UInt64(0x2000_0000) : nil }
        let bytes = try changed(object, addresses)
        let sections = try output("readelf", ["-SW"], of: bytes)
        #expect(sections.contains(".text.f65999"))
    }

    @Test("nothing becomes of what is no ELF object, has other sections, or no place for their headers")
    func refused() throws {
        let bytes = try Compiler.gcc.object("int x;")
        let object = try ELFObjectReader.read(bytes, name: "gurka.o")
        let addresses = [UInt64?](repeating: nil, count: object.sections.count)
        #expect(ELFDebugObject(object, at: addresses) != nil)
        #expect(ELFDebugObject(object, at: []) == nil)
        #expect(ELFDebugObject(object, at: addresses + [nil]) == nil)
        for (place, value) in [(0, UInt8(0)), (4, 0), (4, 3), (46, 1), (40, bytes[40] &+ 1)] {
            var wrong = object.parts
            wrong.bytes[place] = value
            #expect(ELFDebugObject(Object(wrong), at: addresses) == nil, "\(place): \(value)")
        }
        var short = object.parts
        short.file = 0..<bytes.count - 1
        #expect(ELFDebugObject(Object(short), at: addresses) == nil)
    }
}
