import ObjectModel
import TestSupport
import Testing

@testable import ModuleService

/// What struct symbol_table of modules(2) says, byte by byte.
@Suite struct ClientSymbolTableTests {
    /// A table of one symbol and one reference: 16 bytes of head, 16 each, and `slice` at 48.
    private static let good: [UInt8] =
        words32([54, 1, 1, 0]) + words64([0x1000_0008, 48]) + words64([0x1000_0000, 0]) + Array("slice\0".utf8)

    private static func words32(_ words: [Int32]) -> [UInt8] {
        words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
    }

    private static func words64(_ words: [UInt64]) -> [UInt8] {
        words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
    }

    /// What is wrong with the good table once bytes of it have been replaced.
    private func problem(_ bytes: [UInt8], at place: Int) -> String {
        var table = Self.good
        table.replaceSubrange(place..<place + bytes.count, with: bytes)
        return problem(table)
    }

    private func problem(_ table: [UInt8]) -> String {
        do throws(Problem) {
            _ = try ClientSymbolTable(table, subject: "gurka")
            return "none"
        } catch {
            return "\(error)"
        }
    }

    @Test("symbols and references are read in the order of the table")
    func good() throws {
        let table = try ClientSymbolTable(Self.good, subject: "gurka")
        #expect(table.symbols == [.init(address: 0x1000_0008, name: NameRange(offset: 48, count: 5))])
        #expect(table.references == [0x1000_0000])
        let empty = try ClientSymbolTable(Self.words32([16, 0, 0, 0]), subject: "gurka")
        #expect(empty.symbols.isEmpty && empty.references.isEmpty)
    }

    @Test("symbols become those of a module: inside its memory, absolute, or nameless and left out")
    func list() throws {
        let table = try ClientSymbolTable(Self.good, subject: "gurka")
        let inside = table.list(Self.good, in: 0x1000_0000..<0x1000_1000)
        #expect(inside.entries.map(\.section) == [0] && inside.entries.map { inside.text($0.name) } == ["slice"])
        let outside = table.list(Self.good, in: 0x2000_0000..<0x2000_1000)
        #expect(outside.entries.map(\.section) == [nil])
        var nameless = Self.good
        nameless[48] = 0
        #expect(try ClientSymbolTable(nameless, subject: "").list(nameless, in: 0..<1).entries.isEmpty)
    }

    @Test("counts that lie are named")
    func counts() {
        #expect(
            problem(Array(Self.good.prefix(15)))
                == "gurka: symbol table: size: 15 bytes, and its head alone has 16")
        #expect(
            problem(Self.good + [0])
                == "gurka: symbol table: size: says 54 bytes where 55 came: it changed meanwhile")
        #expect(problem(Self.words32([-1]), at: 4) == "gurka: symbol table: n_symbols: -1, less than none")
        #expect(problem(Self.words32([-1]), at: 8) == "gurka: symbol table: n_refs: -1, less than none")
        #expect(
            problem(Self.words32([.max, .max]), at: 4)
                == "gurka: symbol table: n_symbols, n_refs: 2147483647 symbols and 2147483647 references take 68719476720 bytes, and it has 54"
        )
        #expect(
            problem(Self.words32([1, 2]), at: 4)
                == "gurka: symbol table: n_symbols, n_refs: 1 symbols and 2 references take 64 bytes, and it has 54")
    }

    @Test("offsets of names that lie are named: the first and the last that are good, and those beside them")
    func names() {
        let reason = "gurka: symbol table: symbol[0].name:"
        #expect(problem(Self.words64([47]), at: 24) == "\(reason) offset 47 is not in the strings, 48 to 54")
        #expect(problem(Self.words64([48]), at: 24) == "none")
        #expect(problem(Self.words64([53]), at: 24) == "none")
        #expect(problem(Self.words64([54]), at: 24) == "\(reason) offset 54 is not in the strings, 48 to 54")
        #expect(
            problem(Self.words64([.max]), at: 24)
                == "\(reason) offset 18446744073709551615 is not in the strings, 48 to 54")
        #expect(problem([UInt8(ascii: "s")], at: 53) == "\(reason) has no end in the table")
    }

    @Test("a name of 4095 bytes is the longest")
    func longNames() {
        var table = Self.words32([48 + 4096, 1, 1, 0]) + Self.words64([0, 48, 0, 0])
        table += Array(repeating: 97, count: 4095) + [0]
        #expect(problem(table) == "none")
        table[table.count - 1] = 97
        #expect(
            problem(Self.words32([48 + 4097]) + table[4...] + [0])
                == "gurka: symbol table: symbol[0].name: longer than the 4095 bytes that are kept")
    }

    @Test("names may overlap, and take no more memory than the table for that")
    func overlapping() throws {
        let count = 1000
        let start = 16 + count * 16
        var table = Self.words32([Int32(start + 6), Int32(count), 0, 0])
        for index in 0..<count { table += Self.words64([0x1000_0000, UInt64(start + index % 5)]) }
        table += Array("slice\0".utf8)
        let list = try ClientSymbolTable(table, subject: "gurka").list(table, in: 0..<1)
        #expect(list.entries.prefix(5).map { list.text($0.name) } == ["slice", "lice", "ice", "ce", "e"])
        #expect(list.entries.count == count && list.names.count == 7)
    }

    @Test("random bytes in place of any are a table or are refused, and never read beyond it")
    func random() {
        var numbers = SeededNumbers(seed: 4)
        for _ in 0..<20_000 {
            var table = Self.good
            for _ in 0..<Int.random(in: 1...4, using: &numbers) {
                table[Int.random(in: 0..<table.count, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
            }
            guard let read = try? ClientSymbolTable(table, subject: "") else { continue }
            _ = read.list(table, in: 0..<1)
        }
    }
}

/// What get_kernel_syms of modules(2) writes.
@Suite struct KernelSymbolsTests {
    @Test("an entry is an address, a name with its end, and zeros up to 72 bytes")
    func entry() {
        var symbols = KernelSymbols()
        symbols.add(module: "gurka", at: 0x1234_5678)
        #expect(symbols.count == 1)
        #expect(
            symbols.bytes
                == [0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0] + Array("#gurka".utf8) + Array(repeating: 0, count: 58))
    }

    @Test("a symbol's name of 59 bytes has room, one of 60 is left out; a module's is cut")
    func names() {
        var list = SymbolList()
        list.add(String(repeating: "a", count: 59), at: 1)
        list.add(String(repeating: "b", count: 60), at: 2)
        list.add("local", at: 3, binding: .local)
        list.add("thread", at: 4, type: .threadLocal)
        list.add("", at: 5)
        var symbols = KernelSymbols()
        symbols.add(list)
        #expect(symbols.count == 1 && symbols.bytes[8..<68].allSatisfy { $0 == 97 || $0 == 0 })
        symbols.add(module: String(repeating: "m", count: 63), at: 6)
        #expect(symbols.bytes.suffix(64) == [35] + Array(repeating: 109, count: 58) + [0, 0, 0, 0, 0])
    }
}
