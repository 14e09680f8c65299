import Testing

@testable import ObjectModel
@testable import Relocation

/// What a kind makes of the numbers of a bench.
private struct I386Formula: CustomTestStringConvertible {
    let kind: I386.Kind
    let number: String
    let width: Int
    let value: UInt64
    var testDescription: String { number }
}

@Suite struct I386Tests {
    private static let symbol: UInt64 = 0x4567_89ab
    private static let addend: UInt64 = 0x1234
    private static let place = Bench.section + 8
    private static let entry: UInt64 = 5 * 4
    private static let size: UInt64 = 0x321

    private static let formulas = [
        I386Formula(kind: .absolute32, number: "R_386_32", width: 4, value: symbol + addend),
        I386Formula(kind: .relative32, number: "R_386_PC32", width: 4, value: symbol + addend - place),
        I386Formula(kind: .call32, number: "R_386_PLT32", width: 4, value: Bench.stubs + 3 * 16 + addend - place),
        I386Formula(kind: .tableEntryOffset32, number: "R_386_GOT32", width: 4, value: entry + addend),
        I386Formula(kind: .tableEntryOffset32Relaxable, number: "R_386_GOT32X", width: 4, value: entry + addend),
        I386Formula(kind: .tableOffset32, number: "R_386_GOTOFF", width: 4, value: symbol + addend - Bench.table),
        I386Formula(kind: .tableRelative32, number: "R_386_GOTPC", width: 4, value: Bench.table + addend - place),
        I386Formula(kind: .threadOffset32, number: "R_386_TLS_LE", width: 4, value: symbol + addend),
        I386Formula(kind: .threadDistance32, number: "R_386_TLS_LE_32", width: 4, value: wrapped(addend &- symbol)),
        I386Formula(
            kind: .blockOffset32, number: "R_386_TLS_LDO_32", width: 4, value: symbol + addend - Bench.block),
        I386Formula(
            kind: .threadTableEntry32, number: "R_386_TLS_IE", width: 4, value: Bench.table + entry + addend),
        I386Formula(
            kind: .threadTableEntryOffset32, number: "R_386_TLS_GOTIE", width: 4, value: entry + addend),
        I386Formula(kind: .variableArgument, number: "R_386_TLS_GD", width: 4, value: entry - 4 + addend),
        I386Formula(kind: .moduleArgument, number: "R_386_TLS_LDM", width: 4, value: entry - 8 + addend),
        I386Formula(kind: .size32, number: "R_386_SIZE32", width: 4, value: size + addend),
    ]

    private static func wrapped(_ value: UInt64) -> UInt64 { value & 0xffff_ffff }

    private static func bench() -> Bench {
        var bench = Bench()
        bench.addend = Int64(addend)
        bench.address = symbol
        bench.size = size
        bench.tableEntry = 5
        bench.stub = 3
        return bench
    }

    @Test("a kind computes its formula, and stores nothing beside its bytes", arguments: formulas)
    private func formula(_ formula: I386Formula) {
        let outcome = Self.bench().apply(formula.kind, on: I386.self)
        #expect(outcome.failures.isEmpty)
        #expect(outcome.stored(at: 8, width: formula.width) == formula.value)
        let end = 8 + formula.width
        #expect(outcome.bytes[..<8].allSatisfy { $0 == 0xaa } && outcome.bytes[end...].allSatisfy { $0 == 0xaa })
        #expect(formula.kind.name == formula.number)
        #expect(formula.kind.width == formula.width)
    }

    @Test("the kind that does nothing changes nothing, and is what takes the place of a call")
    func nothing() {
        let outcome = Self.bench().apply(.none, on: I386.self)
        #expect(outcome.failures.isEmpty && outcome.bytes.allSatisfy { $0 == 0xaa })
        #expect(I386.Kind.none.width == 0 && I386.Kind.none.rawValue == 0)
    }

    @Test("every kind of 32 bits wraps around", arguments: I386.Kind.allCases.filter { $0.width == 4 })
    func wraps(_ kind: I386.Kind) {
        var bench = Self.bench()
        let before = bench.apply(kind, on: I386.self)
        bench.addend += 1 << 32
        let after = bench.apply(kind, on: I386.self)
        #expect(after.failures.isEmpty)
        #expect(after.bytes == before.bytes)
    }

    @Test(
        "a narrow kind takes the last value that fits and reports the first that does not",
        arguments: [
            (.absolute16, -0x1_0000, 0xffff), (.absolute8, -0x100, 0xff), (.relative16, -0x1_0000, 0xffff),
            (.relative8, -0x80, 0x7f),
        ] as [(I386.Kind, Int64, Int64)])
    func limits(_ kind: I386.Kind, _ low: Int64, _ high: Int64) {
        #expect(kind.range == low...high)
        let isRelative = kind == .relative16 || kind == .relative8
        for (value, isGood) in [(low, true), (high, true), (low - 1, false), (high + 1, false)] {
            var bench = Bench()
            bench.address = isRelative ? Self.place : 0
            bench.addend = value
            let outcome = bench.apply(kind, on: I386.self)
            let mask: UInt64 = 1 << UInt64(kind.width * 8) - 1
            if isGood {
                #expect(outcome.failures.isEmpty)
                #expect(outcome.stored(at: 8, width: kind.width) == UInt64(bitPattern: value) & mask)
            } else {
                #expect(outcome.failures == [RelocationFailure(index: 0, value: value, range: low...high)])
                #expect(outcome.bytes.allSatisfy { $0 == 0xaa })
            }
        }
    }

    @Test("a symbol at the end of all addresses is near zero for a narrow field") func negative() {
        var bench = Bench()
        bench.address = 0xffff_ffff
        #expect(bench.apply(.absolute8, on: I386.self).stored(at: 8, width: 1) == 0xff)
        bench.address = 0xffff_feff
        #expect(bench.apply(.absolute8, on: I386.self).failures.map(\.value) == [-0x101])
    }

    @Test("without a base register the entry's own address is stored, but for lea")
    func withoutBase() {
        var bench = Self.bench()
        // `mov disp32, %ecx` with an addend: nothing is relaxed.
        bench.bytes.replaceSubrange(6..<8, with: [0x8b, 0x0d])
        for kind in [I386.Kind.tableEntryOffset32, .tableEntryOffset32Relaxable] {
            let stored = bench.apply(kind, on: I386.self).stored(at: 8, width: 4)
            #expect(stored == Bench.table + Self.entry + Self.addend)
        }
        bench.bytes[6] = 0x8d
        let offset = bench.apply(.tableEntryOffset32, on: I386.self).stored(at: 8, width: 4)
        #expect(offset == Self.entry + Self.addend)
        bench.bytes.replaceSubrange(6..<8, with: [0x8b, 0x8b])
        let based = bench.apply(.tableEntryOffset32, on: I386.self).stored(at: 8, width: 4)
        #expect(based == Self.entry + Self.addend)
    }

    @Test("what stands before the beginning of a section is not looked at", arguments: [0, 1] as [UInt64])
    func beginOfSection(_ offset: UInt64) {
        var bench = Self.bench()
        bench.addend = 0
        bench.offset = offset
        bench.bytes[0] = 0x05
        let outcome = bench.apply(.tableEntryOffset32Relaxable, on: I386.self)
        #expect(outcome.stored(at: Int(offset), width: 4) == Self.entry)
    }

    @Test(
        "instructions with an index register, or that only look alike, keep the table",
        arguments: [
            [0x8b, 0x84, 0x0b], [0x00, 0x89, 0x83], [0x00, 0xff, 0xb3], [0x00, 0x8b, 0x43], [0x00, 0x8b, 0xc3],
            [0x00, 0x8b, 0x84],
        ] as [[UInt8]])
    func keepsTable(_ before: [UInt8]) {
        var bench = Self.bench()
        bench.addend = 0
        bench.bytes.replaceSubrange(5..<8, with: before)
        let outcome = bench.apply(.tableEntryOffset32Relaxable, on: I386.self)
        #expect(Array(outcome.bytes[5..<8]) == before)
        #expect(outcome.stored(at: 8, width: 4) == Self.entry)
    }

    @Test("the older kind keeps the table, as ld has it") func olderKind() {
        var bench = Self.bench()
        bench.addend = 0
        bench.bytes.replaceSubrange(6..<8, with: [0x8b, 0x83])
        let kept = bench.apply(.tableEntryOffset32, on: I386.self)
        #expect(kept.bytes[6...7] == [0x8b, 0x83])
        #expect(kept.stored(at: 8, width: 4) == Self.entry)
        let load = bench.apply(.tableEntryOffset32Relaxable, on: I386.self)
        #expect(load.bytes[6...7] == [0xc7, 0xc0])
        #expect(load.stored(at: 8, width: 4) == Self.symbol)
    }

    @Test("a stub jumps through the address of its entry, and is filled up with traps") func stub() {
        var bytes = [UInt8](repeating: 0, count: 32)
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        #expect(I386.writeStub(&raw, at: 8, address: 0x1000, entry: 0xf123_4567))
        #expect(bytes[8..<14] == [0xff, 0x25, 0x67, 0x45, 0x23, 0xf1])
        #expect(bytes[14..<24].allSatisfy { $0 == 0xcc })
        #expect(bytes[..<8].allSatisfy { $0 == 0 } && bytes[24...].allSatisfy { $0 == 0 })
    }

    @Test("what a kind asks of the linker") func needs() {
        #expect(I386.Kind.call32.need == .call)
        #expect(I386.Kind.tableEntryOffset32.need == .tableEntry)
        #expect(I386.Kind.tableEntryOffset32Relaxable.need == .relaxableTableEntry)
        #expect(I386.Kind.tableOffset32.need == .tableAddress)
        #expect(I386.Kind.tableRelative32.need == .tableAddress)
        #expect(I386.Kind.generalDynamic.need == .threadLocal)
        #expect(I386.Kind.size32.need == .nothing)
        #expect(I386.reach(of: 0x1000..<0x2000) == 0...0xffff_ffff)
    }
}
