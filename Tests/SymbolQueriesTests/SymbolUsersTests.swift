import ELFFormat
import ModlinkInterface
import ObjectModel
import SymbolQueries
import SymbolTable
import TestSupport
import Testing

/// Who refers to a symbol, out of memory that is made here: the list of the debugger interface, and the objects of two modules.
@Suite struct SymbolUsersTests {
    private static let head: UInt64 = 0x7000_0000

    /// Memory, and where modules are in it.
    private struct Space {
        let architecture: Architecture
        var memory: [UInt64: [UInt8]] = [:]
        var sets: [SymbolSet] = []
        var entries: [(address: UInt64, size: Int)] = []

        init(_ architecture: Architecture = .x86_64) {
            self.architecture = architecture
            var list = SymbolList()
            list.add("__jit_debug_descriptor", at: head, binding: .local, type: .object)
            list.add("puts", at: head + 0x100)
            sets.append(SymbolSet(owner: "", symbols: list, sections: [], range: head..<head + 0x1000))
        }

        private func word(_ value: UInt64, _ count: Int? = nil) -> [UInt8] {
            (0..<(count ?? Int(architecture.pointerSize))).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }

        /// Puts an object of a module at an address: its sections one after the other, with their addresses filled in.
        mutating func add(_ module: String, _ source: String, at start: UInt64, _ options: [String] = []) throws {
            let machine = ["-fno-pic"] + (architecture == .i386 ? ["-m32"] : [])
            var bytes = try Compiler.gcc.object(source, ["-O2"] + machine + options)
            let object = try ELFObjectReader.read(bytes, name: module)
            let isWide = architecture == .x86_64
            let headers = Int(Self.number(bytes, isWide ? 40 : 32, isWide ? 8 : 4))
            var list = SymbolList()
            var sections: [ImageSection] = []
            var address = start
            var addresses: [UInt64] = []
            for (number, section) in object.sections.enumerated() {
                address = (address + section.alignment - 1) / section.alignment * section.alignment
                let isPlaced = section.isAllocated && section.size > 0
                addresses.append(isPlaced ? address : 0)
                let field = headers + number * (isWide ? 64 + 0 : 40) + (isWide ? 16 : 12)
                bytes.replaceSubrange(field..<field + (isWide ? 8 : 4), with: word(isPlaced ? address : 0))
                sections.append(
                    ImageSection(
                        name: object.text(section.name), kind: .contents, protection: section.protection,
                        address: address, fileOffset: 0, size: isPlaced ? section.size : 0, alignment: 1))
                if isPlaced { address += section.size }
                // Code is in memory, and left out of the object, as of large sections it is.
                let contents = section.contentsOffset..<section.contentsOffset + Int(section.size)
                guard isPlaced, isWide, section.protection.contains(.execute) else { continue }
                memory[addresses[number]] = Array(bytes[contents])
                bytes.replaceSubrange(contents, with: repeatElement(0, count: contents.count))
            }
            for symbol in object.symbols where symbol.type == .function || symbol.type == .object {
                guard case .section(let section) = symbol.place else { continue }
                list.add(
                    object.text(symbol.name), at: addresses[Int(section)] + symbol.value, size: symbol.size,
                    section: UInt16(section), binding: symbol.isHidden ? .local : symbol.binding, type: symbol.type)
            }
            let known = sets.firstIndex { $0.owner == module }
            if known == nil {
                sets.append(
                    SymbolSet(owner: module, symbols: list, sections: sections, range: start..<start + 0x1_0000))
            }
            let place = head + 0x1_0000 * UInt64(entries.count + 1)
            memory[place] = bytes
            entries.append((place, bytes.count))
        }

        private static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
            bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }

        /// The list with its entries, the newest first.
        func read(_ address: UInt64, _ count: UInt64) -> [UInt8]? {
            var memory = memory
            let place = { (index: Int) -> UInt64 in
                entries.indices.contains(index) ? head + 0x200 + 0x40 * UInt64(index) : 0
            }
            let newest = entries.count - 1
            memory[head] = word(1, 4) + word(0, 4) + word(0) + word(place(newest))
            for (index, entry) in entries.enumerated() {
                memory[place(index)] =
                    word(place(index - 1)) + word(place(index + 1)) + word(entry.address) + word(UInt64(entry.size), 8)
            }
            for (start, bytes) in memory where address >= start && address - start + count <= UInt64(bytes.count) {
                return Array(bytes[Int(address - start)..<Int(address - start + count)])
            }
            return nil
        }

        func uses(_ query: String) throws -> [String] {
            let sets = sets.sorted { $0.range.lowerBound < $1.range.lowerBound }
            let list = DebuggerList(sets, architecture: architecture) { (address, count) throws(Problem) in
                read(address, count)
            }
            let users = try SymbolUsers(sets, list)
            return try users.uses(of: SymbolLookUp(sets).find(query)).map { use in
                "\(use.module):\(use.function) \(use.section) \(use.symbol)"
            }
        }
    }

    private static let gurka = """
        #include <stdio.h>
        static int hidden, other; volatile static short small;
        int gurka_count = 3;
        static __attribute__((noinline)) int peel(int n) { hidden = 5; small = 7; return n * 2; }
        int slice(int n) { if (hidden > 9) puts("x"); small |= 3; return peel(n) + other++; }
        """
    private static let sallad = """
        extern int slice(int), gurka_count, puts(const char *);
        static __attribute__((noinline)) int peel(int n) { return n + gurka_count; }
        int (*table[2])(int) = { 0, slice };
        int mix(void) { puts("y"); return peel(slice(10)); }
        """

    private func space(_ architecture: Architecture = .x86_64) throws -> Space {
        var space = Space(architecture)
        try space.add("gurka", Self.gurka, at: 0x1000_0000)
        try space.add("sallad", Self.sallad, at: 0x1010_0000)
        return space
    }

    private static let architectures: [Architecture] = [.x86_64] + (Compiler.makesI386Programs ? [.i386] : [])

    @Test("calls and addresses in other modules are found, with section and function", arguments: architectures)
    func others(architecture: Architecture) throws {
        if !Compiler.makesI386Programs { print("i386 is left out: \(Compiler.noI386Programs)") }
        let space = try space(architecture)
        #expect(try space.uses("slice") == ["sallad:mix .text gurka:slice", "sallad:table .data gurka:slice"])
        #expect(try space.uses("gurka_count") == ["sallad:peel .text gurka:gurka_count"])
        #expect(try space.uses("puts") == ["gurka:slice .text puts", "sallad:mix .text puts"])
        #expect(try space.uses("mix").isEmpty)
        #expect(try space.uses("nothing").isEmpty)
    }

    @Test("a local symbol is used in its module alone, also where a section and a distance stand for it")
    func own() throws {
        var space = Space()
        // What is in one section the assembler settles by itself.
        try space.add("gurka", Self.gurka, at: 0x1000_0000, ["-ffunction-sections"])
        try space.add("sallad", Self.sallad, at: 0x1010_0000, ["-ffunction-sections"])
        #expect(try space.uses("gurka:peel") == ["gurka:slice .text.slice gurka:peel"])
        #expect(try space.uses("sallad:peel") == ["sallad:mix .text.mix sallad:peel"])
        // An instruction with a constant behind the distance, of 32, 8 and 16 bits.
        #expect(
            try space.uses("hidden") == ["gurka:peel .text.peel gurka:hidden", "gurka:slice .text.slice gurka:hidden"])
        #expect(
            try space.uses("small").filter { $0.hasPrefix("gurka:peel") } == ["gurka:peel .text.peel gurka:small"])
        #expect(try Set(space.uses("other")) == ["gurka:slice .text.slice gurka:other"])
    }

    @Test("a name that another object of the same module defines is that one, not what others export")
    func sameModule() throws {
        var space = Space()
        try space.add("gurka", Self.gurka, at: 0x1000_0000)
        try space.add(
            "two", "__attribute__((visibility(\"hidden\"))) int slice(int n) { return n; }", at: 0x1010_0000)
        try space.add("two", "extern int slice(int); int call(void) { return slice(1) + 1; }", at: 0x1010_8000)
        #expect(try space.uses("gurka:slice").isEmpty)
        #expect(try space.uses("two:slice").map { $0.split(separator: " ").last } == ["two:slice"])
    }

    @Test("a list that goes round, leads nowhere or names no objects gives what there is of it")
    func broken() throws {
        let whole = try space()
        var space = whole
        space.memory[space.entries[1].address] = Array(repeating: 7, count: space.entries[1].size)
        #expect(try space.uses("puts") == ["gurka:slice .text puts"])
        space = whole
        space.memory[space.entries[0].address] = nil
        #expect(try space.uses("puts") == ["sallad:mix .text puts"])
        space = whole
        space.entries[1].size = 1 << 40
        #expect(try space.uses("puts") == ["gurka:slice .text puts"])
        #expect(try Space().uses("puts").isEmpty)
    }
}
