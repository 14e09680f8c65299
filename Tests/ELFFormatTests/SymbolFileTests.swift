import ELFFormat
import ObjectModel
import TestSupport
import Testing

extension SymbolFile {
    func entry(_ name: String) -> SymbolEntry? { symbols.entries.first { symbols.text($0.name) == name } }

    /// The name of the section of a symbol.
    func sectionName(_ name: String) -> String? { entry(name)?.section.map { sections[Int($0)].name } }
}

@Suite struct SymbolFileTests {
    private static let source = """
        #include <string.h>
        __attribute__((section(".modlink.resident"), used)) static const char names[] = "visible\\0strlen\\0";
        _Thread_local int per_thread = 3;
        _Thread_local int zero_per_thread[1000];
        int visible = 5;
        static int hidden(void) { return 1; }
        __attribute__((weak)) int yields(void) { return hidden(); }
        int main(int count, char **arguments) { return per_thread + zero_per_thread[count] + yields() + strlen(arguments[0]); }
        """

    private static let executable = Result {
        try link(["-static", "-no-pie", "-O0"])
    }

    private static func link(_ options: [String]) throws -> [UInt8] {
        let directory = try ScratchDirectory()
        let path = try directory.write("main.c", Array(source.utf8))
        try Tool.output("gcc", options + ["-w", "-o", directory.path + "/main", path])
        return try directory.read("main")
    }

    @Test("symbols of a static executable have the addresses that nm gives") func addresses() throws {
        let bytes = try Self.executable.get()
        let file = try SymbolFile(bytes, name: "main")
        let directory = try ScratchDirectory()
        let listing = try Tool.output("nm", [directory.write("main", bytes)])
        var known: [String: UInt64] = [:]
        for line in listing.split(separator: "\n") {
            let parts = line.split(separator: " ")
            // Thread-local ones are no addresses.
            guard parts.count == 3, !"bBdD".contains(parts[1]) || !parts[2].contains("per_thread") else { continue }
            known[String(parts[2])] = UInt64(parts[0], radix: 16)
        }
        for name in ["main", "visible", "hidden", "yields", "malloc", "stderr", "_start"] {
            #expect(file.entry(name)?.address == known[name])
            #expect(known[name] != nil)
        }
    }

    @Test("symbols have bindings, types and sections") func facts() throws {
        let file = try SymbolFile(try Self.executable.get(), name: "main")
        #expect(file.entry("hidden")?.binding == .local && file.entry("hidden")?.type == .function)
        #expect(file.entry("yields")?.binding == .weak)
        #expect(file.entry("visible")?.binding == .global && file.entry("visible")?.type == .object)
        #expect(file.entry("visible")?.size == 4)
        #expect(file.sectionName("main") == ".text")
        #expect(file.sectionName("visible") == ".data")
    }

    @Test("thread-local symbols, sections, files and undefined ones are left out") func leftOut() throws {
        let file = try SymbolFile(try Self.executable.get(), name: "main")
        #expect(file.entry("per_thread") == nil)
        #expect(file.entry("main.c") == nil)
        #expect(!file.symbols.entries.contains { $0.name.count == 0 || $0.type == .section || $0.type == .file })
    }

    @Test("thread-local zeroes take no memory among the sections") func threadLocalZeroes() throws {
        let file = try SymbolFile(try Self.executable.get(), name: "main")
        #expect(file.sections.first { $0.name == ".tbss" }?.size == 0)
        for (left, right) in zip(file.sections, file.sections.dropFirst()) where right.size > 0 {
            #expect(left.address + left.size <= right.address)
        }
    }

    @Test("indirect functions are listed") func indirect() throws {
        let file = try SymbolFile(try Self.executable.get(), name: "main")
        let names = Set(file.indirect.map { file.symbols.text(file.symbols.entries[$0].name) })
        #expect(names.contains("strlen"))
        #expect(!names.contains("main"))
        #expect(file.indirect.allSatisfy { file.symbols.entries[$0].type == .indirectFunction })
    }

    @Test("what the file offers to modules is listed in a section") func resident() throws {
        let file = try SymbolFile(try Self.executable.get(), name: "main")
        #expect(file.resident == [Array("visible".utf8), Array("strlen".utf8)])
        let plain = try SymbolFile(try PatchedObject().bytes, name: "gurka.o")
        #expect(plain.resident == nil)
    }

    @Test("a stripped static executable has no symbols to read") func stripped() throws {
        let directory = try ScratchDirectory()
        try directory.write("main", try Self.executable.get())
        try Tool.output("strip", [directory.path + "/main"])
        let bytes = try directory.read("main")
        #expect(throws: Problem(subject: "main", reason: "no symbol table: stripped?")) {
            try SymbolFile(bytes, name: "main")
        }
    }

    @Test("of a stripped dynamic executable the dynamic symbols are read") func strippedDynamic() throws {
        let bytes = try Self.link(["-rdynamic", "-s"])
        let file = try SymbolFile(bytes, name: "main")
        #expect(file.entry("visible")?.type == .object)
        #expect(file.entry("hidden") == nil)
    }

    @Test("a file for another machine is refused") func machine() throws {
        var bytes = try Self.executable.get()
        bytes[18] = 183
        #expect(
            throws: Problem(
                subject: "main", place: "e_machine", reason: "made for aarch64; modules are made for x86-64 or i386")
        ) { try SymbolFile(bytes, name: "main") }
    }

    @Test("a null section that claims to list what the file offers is not looked at") func nullResident() throws {
        var object = try PatchedObject()
        let name = object.contents(".strtab")
        // The section names move to where there is room for that one.
        let start = object.bytes.count
        object.bytes += [0] + Array(SymbolFile.residentSectionName.utf8) + [0]
        for section in 0..<object.sectionCount { object.write(UInt32(1), at: object.field(.name, of: section)) }
        let strings = Int(object.read(62, as: UInt16.self))
        object.write(UInt64(start), at: object.field(.offset, of: strings))
        object.write(UInt64(object.bytes.count - start), at: object.field(.size, of: strings))
        #expect(name != 0)
        // Section 1 is the first of that name.
        object.write(UInt32(0), at: object.field(.type, of: 1))
        object.write(UInt64.max, at: object.field(.offset, of: 1))
        object.write(UInt64.max, at: object.field(.size, of: 1))
        #expect(throws: Never.self) { try SymbolFile(object.bytes, name: "main") }
    }

    @Test("every beginning of a file, and every changed byte, gives symbols or an error") func mutations() throws {
        let original = try PatchedObject().bytes
        #expect(throws: Never.self) { try SymbolFile(original, name: "main") }
        for count in original.indices {
            #expect(throws: Problem.self) { try SymbolFile(Array(original[..<count]), name: "main") }
        }
        var accepted = 0
        for value in [0x00, 0x01, 0x7f, 0xff] as [UInt8] {
            for offset in original.indices {
                var bytes = original
                bytes[offset] = value
                if let file = try? SymbolFile(bytes, name: "main") { accepted += file.symbols.entries.isEmpty ? 0 : 1 }
            }
        }
        #expect(accepted > 100)
    }
}
