import ELFFormat
import Linking
import ObjectModel
import Posix
import SymbolTable
import TestSupport
import Testing

/// Objects of compilers, with several bytes changed by chance, half of them in headers and tables: read, linked and written, or
/// refused; nothing traps. MODLINK_TEST_SEED gives the seed of a run that did.
@Suite struct RandomMutationTests {
    private static func objects() throws -> [[UInt8]] {
        let c = """
            extern int other(int), data[]; static __thread int own; static int zeroes[9]; int common[4];
            const char *const names[] = { "gurka", "tomat" };
            __attribute__((constructor)) static void begin(void) { zeroes[1] = 1; }
            int f(int a) { switch (a) { case 0: return other(1); case 1: return data[a]; case 2: return own++; case 3: return zeroes[a];
                case 4: return common[a]; default: return names[a & 1][0]; } }
            int init_module(void) { return f(3); }
            """
        let cxx = """
            #include <stdexcept>
            #include <string>
            template <int N> struct Step { static int count() { static int n = N; return n++; } virtual ~Step() {} };
            static Step<3> step;
            int g(int n) { try { if (n > Step<7>::count()) throw std::runtime_error("gurka"); } catch (const std::exception &e) { return e.what()[0]; } return n; }
            """
        return [
            try Compiler.gcc.object(c, ["-O2", "-fno-pie", "-ffunction-sections", "-fcommon"]),
            try Compiler.gcc.object(c, ["-O0", "-g", "-gz", "-fPIC"]),
            try Compiler.gcc.object(c, ["-O2", "-mcmodel=large"]),
            try Compiler.gcc.object(cxx, ["-O1"], language: .cxx),
            try PatchedObject().bytes,
        ]
    }

    private static let settings = LinkSettings(
        architecture: .x86_64, window: 0x1000_0000..<0x7000_0000, headerSize: ELFImageWriter.headerSize)

    /// Symbols for what the objects refer to, as far as names survive.
    private static func table(for objects: [[UInt8]]) throws -> SymbolTable {
        var symbols = SymbolList()
        var names = Set<String>()
        for bytes in objects {
            let object = try ELFObjectReader.read(bytes, name: "gurka.o")
            for symbol in object.symbols where symbol.place == .undefined && symbol.name.count > 0 {
                guard names.insert(object.text(symbol.name)).inserted,
                    let name = symbols.intern(object.bytes, symbol.name)
                else { continue }
                symbols.entries.append(
                    SymbolEntry(
                        address: 0x40_1000 + UInt64(names.count) * 16, size: 4, name: name, section: nil,
                        binding: .global, type: .function))
            }
        }
        var table = SymbolTable()
        _ = table.insert(SymbolSet(owner: "", symbols: symbols, sections: [], range: 0x40_0000..<0x50_0000))
        return table
    }

    /// Whether the object was read, and whether it was linked.
    private static func link(_ bytes: [UInt8], _ table: SymbolTable) -> (read: Bool, linked: Bool) {
        guard let object = try? ELFObjectReader.read(bytes, name: "gurka.o") else { return (false, false) }
        let source = ModuleSource(name: "gurka", objects: [object])
        guard var linker = try? Linker([source], against: table, settings: settings),
            // What the daemon would find no room for.
            linker.sizes[0].size < 1 << 24, linker.sizes[0].alignment < 1 << 20
        else { return (true, false) }
        linker.place(at: [0x1000_0000])
        var image = [UInt8](repeating: 0, count: Int(linker.fileSizes[0]))
        var span = image.mutableSpan
        var raw = span.mutableBytes
        guard let module = try? linker.emit(0, into: &raw) else { return (true, false) }
        _ = linker.map(of: 0, in: table)
        if (try? SymbolFile(ELFImageWriter.file(module.image, contents: image), name: "gurka")) == nil {
            Issue.record("what was written cannot be read")
        }
        return (true, true)
    }

    /// Changes up to eight bytes.
    private static func change(_ bytes: inout [UInt8], _ numbers: inout SeededNumbers) {
        let headers = Int(bytes.span.bytes.integer(at: 40, as: UInt64.self) ?? 0)
        let values: [UInt8] = [0, 1, 2, 4, 8, 0x7f, 0x80, 0xff]
        for _ in 0..<Int.random(in: 1...8, using: &numbers) {
            let place =
                Bool.random(using: &numbers) && headers < bytes.count
                ? Int.random(in: headers..<bytes.count, using: &numbers)
                : Int.random(in: 16..<bytes.count, using: &numbers)
            switch Int.random(in: 0..<3, using: &numbers) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &numbers)
            case 1: bytes[place] = values.randomElement(using: &numbers) ?? 0
            default: bytes[place] = UInt8.random(in: 0...255, using: &numbers)
            }
        }
    }

    @Test("several changes by chance to objects of compilers never trap") func random() throws {
        let seed = Environment.value("MODLINK_TEST_SEED").flatMap { UInt64($0) } ?? Clock.nanoseconds()
        // Before anything else: what traps says nothing any more.
        print("RandomMutationTests: MODLINK_TEST_SEED=\(seed)")
        var numbers = SeededNumbers(seed: seed)
        let objects = try Self.objects()
        let table = try Self.table(for: objects)
        for (index, bytes) in objects.enumerated() {
            #expect(Self.link(bytes, table).read, "object \(index)")
        }
        var counts = (tries: 0, read: 0, linked: 0)
        let start = Clock.nanoseconds()
        while Clock.nanoseconds() - start < 3_000_000_000 || counts.tries < 300 {
            var bytes = objects[Int.random(in: objects.indices, using: &numbers)]
            Self.change(&bytes, &numbers)
            let outcome = Self.link(bytes, table)
            counts.tries += 1
            if outcome.read { counts.read += 1 }
            if outcome.linked { counts.linked += 1 }
        }
        // Some are refused by the reader, some by the linker, some are as good as before.
        #expect(counts.linked > 0 && counts.read > counts.linked && counts.tries > counts.read, "\(counts)")
    }
}
