import ELFFormat
import ObjectModel
import Posix
import SymbolQueries
import SymbolTable
import TestSupport

/// A table of a million symbols: against a hash table and a binary search in C, and against writing as many bytes.
extension Benchmarks {
    private static let tableRounds = 11
    private static let lookUps = 1_000_000

    static func symbols(_ programs: Programs, _ work: String) throws -> String {
        _ = try programs.time(programs.own("modload"), [work + "/million.o"])
        var report = try writing(programs, work)
        report += try lookingUp(programs, work)
        _ = try programs.time(programs.own("modunload"), ["million"])
        return report
    }

    /// `ksyms -o` of a table that has just changed, so that the file is made anew; and again, when it is there.
    private static func writing(_ programs: Programs, _ work: String) throws -> String {
        var made = Measurement("ksyms -o of 1,000,000 symbols, anew")
        var copied = Measurement("  again")
        var floor = Measurement("  the same bytes by write(2)")
        for _ in 0..<tableRounds {
            _ = try programs.time(programs.own("modload"), [work + "/gurka.o"])
            made.add(try programs.time(programs.own("ksyms"), ["-o", work + "/million.elf"]))
            copied.add(try programs.time(programs.own("ksyms"), ["-o", work + "/million.elf"]))
            let output = try programs.output(
                work + "/symbols", ["write", work + "/million.elf", work + "/million.copy"])
            floor.add(Double(output.filter(\.isNumber)) ?? 0)
            try File.remove(work + "/million.copy")
            _ = try programs.time(programs.own("modunload"), ["gurka"])
        }
        return made.line + copied.line + floor.line + Measurement.ratio("  anew : write", made, floor, wanted: 6)
    }

    private static func lookingUp(_ programs: Programs, _ work: String) throws -> String {
        let (table, size) = try measuredTable(work + "/million.elf")
        var (names, addresses) = (Measurement("by name, 1,000 of them"), Measurement("by address, 1,000 of them"))
        var (hash, search) = (Measurement("  a hash table in C"), Measurement("  a binary search in C"))
        for _ in 0..<tableRounds {
            let output = try programs.output(work + "/symbols", ["lookup", work + "/million.elf"])
            let figures = output.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
            guard figures.count == 3 else { throw BenchmarkFailure(description: "symbols lookup says \(output)") }
            hash.add(figures[0])
            search.add(figures[1])
            let own = try times(table)
            names.add(own.name)
            addresses.add(own.address)
        }
        let bytes = (size * 10).rounded() / 10
        return names.line + hash.line + Measurement.ratio("  name : C", names, hash, wanted: 2) + addresses.line
            + search.line + Measurement.ratio("  address : C", addresses, search, wanted: 2)
            + "bytes a symbol beyond its name" + Measurement.pad("\(bytes)", 24)
            + "   wanted: at most 48" + (bytes <= 48 ? "\n" : "   MISSED\n")
    }

    /// The table out of a file, and by how many bytes a symbol the process has grown for it, without those of names.
    private static func measuredTable(_ path: String) throws -> (SymbolTable, Double) {
        var sets: [SymbolSet] = []
        do {
            sets = SymbolTable(try SymbolFile(try File.read(path: path, limit: 1 << 31), name: path)).snapshot
        }
        UnusedMemory.giveBack(moreThan: 0)
        // Without what the reading needed, and with an array of the right size, as the linker makes them.
        let before = try residentBytes()
        var table = SymbolTable()
        for set in sets {
            var symbols = SymbolList(
                minimumCapacity: set.symbols.entries.count, nameCapacity: set.symbols.names.count)
            for entry in set.symbols.entries {
                var entry = entry
                entry.name = symbols.intern(set.symbols.names, entry.name) ?? .empty
                symbols.entries.append(entry)
            }
            _ = table.insert(
                SymbolSet(owner: set.owner, symbols: symbols, sections: set.sections, range: set.range))
        }
        UnusedMemory.giveBack(moreThan: 0)
        let grown = try residentBytes() - before
        let names = table.snapshot.reduce(0) { $0 + $1.symbols.entries.reduce(0) { $0 + Int($1.name.count) } }
        return (table, Double(grown - names) / Double(table.symbolCount))
    }

    private static func residentBytes() throws -> Int {
        let text = String(decoding: try File.read(path: "/proc/self/statm", limit: 4096), as: UTF8.self)
        let fields = text.split(separator: " ")
        return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * 4096
    }

    /// Nanoseconds a look-up: of names that are there, and of addresses of symbols. As the C program does it.
    private static func times(_ table: SymbolTable) throws -> (name: Double, address: Double) {
        let sets = table.snapshot
        guard let set = sets.max(by: { $0.symbols.entries.count < $1.symbols.entries.count }) else {
            throw BenchmarkFailure(description: "the table is empty")
        }
        let (names, entries) = (set.symbols.names, set.symbols.entries)
        let exported = entries.filter(\.isExported).map(\.name)
        var random: UInt64 = 1
        var sum: UInt64 = 0
        let wantedNames = (0..<lookUps).map { _ in
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return exported[Int(random >> 33) % exported.count]
        }
        let start = Clock.nanoseconds()
        for name in wantedNames {
            if let found = table.exported(names, name) { sum &+= UInt64(found.entry) }
        }
        let named = Clock.nanoseconds()
        let wanted = (0..<lookUps).map { _ in
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return entries[Int(random >> 33) % entries.count].address
        }
        let middle = Clock.nanoseconds()
        for address in wanted {
            if let found = table.symbol(at: address) { sum &+= UInt64(found.entry) }
        }
        let end = Clock.nanoseconds()
        guard sum != 0 else { throw BenchmarkFailure(description: "nothing was found") }
        return (Double(named - start) / Double(lookUps), Double(end - middle) / Double(lookUps))
    }
}
