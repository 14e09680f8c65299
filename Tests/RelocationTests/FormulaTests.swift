import ObjectModel
import Testing

@testable import Relocation

/// What a kind has to give, in the letters of the psABI.
struct Formula: Sendable, CustomTestStringConvertible {
    let kind: X86_64.Kind
    let number: String
    let width: Int
    let value: Int64

    var testDescription: String { number }

    static let place = Int64(Bench.section) + 8
    static let symbol: Int64 = 0x1030_5060
    static let addend: Int64 = -0x14
    static let table = Int64(Bench.table)
    static let entry: Int64 = 3 * 8
    static let stub = Int64(Bench.stubs) + 2 * 16
    static let size: Int64 = 0x777
    static let block = Int64(Bench.block)

    static let all: [Formula] = [
        Formula(kind: .absolute64, number: "R_X86_64_64", width: 8, value: symbol + addend),
        Formula(kind: .absolute32, number: "R_X86_64_32", width: 4, value: symbol + addend),
        Formula(kind: .absolute32Signed, number: "R_X86_64_32S", width: 4, value: symbol + addend),
        Formula(kind: .relative64, number: "R_X86_64_PC64", width: 8, value: symbol + addend - place),
        Formula(kind: .relative32, number: "R_X86_64_PC32", width: 4, value: symbol + addend - place),
        Formula(kind: .call32, number: "R_X86_64_PLT32", width: 4, value: stub + addend - place),
        Formula(kind: .callOffset64, number: "R_X86_64_PLTOFF64", width: 8, value: stub - table + addend),
        Formula(
            kind: .tableEntryRelative32, number: "R_X86_64_GOTPCREL", width: 4, value: table + entry + addend - place),
        Formula(
            kind: .tableEntryRelative32Relaxable, number: "R_X86_64_GOTPCRELX", width: 4,
            value: table + entry + addend - place),
        Formula(
            kind: .tableEntryRelative32RelaxableREX, number: "R_X86_64_REX_GOTPCRELX", width: 4,
            value: table + entry + addend - place),
        Formula(
            kind: .tableEntryRelative64, number: "R_X86_64_GOTPCREL64", width: 8, value: table + entry + addend - place
        ),
        Formula(kind: .tableEntryOffset32, number: "R_X86_64_GOT32", width: 4, value: entry + addend),
        Formula(kind: .tableEntryOffset64, number: "R_X86_64_GOT64", width: 8, value: entry + addend),
        Formula(kind: .tableOffset64, number: "R_X86_64_GOTOFF64", width: 8, value: symbol + addend - table),
        Formula(kind: .tableRelative32, number: "R_X86_64_GOTPC32", width: 4, value: table + addend - place),
        Formula(kind: .tableRelative64, number: "R_X86_64_GOTPC64", width: 8, value: table + addend - place),
        Formula(kind: .size32, number: "R_X86_64_SIZE32", width: 4, value: size + addend),
        Formula(kind: .size64, number: "R_X86_64_SIZE64", width: 8, value: size + addend),
        Formula(kind: .threadOffset32, number: "R_X86_64_TPOFF32", width: 4, value: symbol + addend),
        Formula(kind: .threadOffset64, number: "R_X86_64_TPOFF64", width: 8, value: symbol + addend),
        Formula(kind: .blockOffset32, number: "R_X86_64_DTPOFF32", width: 4, value: symbol + addend - block),
        Formula(kind: .blockOffset64, number: "R_X86_64_DTPOFF64", width: 8, value: symbol + addend - block),
        Formula(
            kind: .threadTableEntryRelative32, number: "R_X86_64_GOTTPOFF", width: 4,
            value: table + entry + addend - place),
        Formula(
            kind: .variableArgument, number: "R_X86_64_TLSGD", width: 4, value: table + entry - 8 + addend - place),
        Formula(
            kind: .moduleArgument, number: "R_X86_64_TLSLD", width: 4, value: table + entry - 16 + addend - place),
    ]
}

/// The values that a kind can hold.
struct Limit: Sendable, CustomTestStringConvertible {
    let kind: X86_64.Kind
    let width: Int
    let range: ClosedRange<Int64>

    var testDescription: String { kind.name }

    private static let signed32: ClosedRange<Int64> = -0x8000_0000...0x7fff_ffff
    static let all: [Limit] = [
        Limit(kind: .absolute32, width: 4, range: 0...0xffff_ffff),
        Limit(kind: .absolute32Signed, width: 4, range: signed32),
        Limit(kind: .absolute16, width: 2, range: -0x8000...0xffff),
        Limit(kind: .absolute8, width: 1, range: -0x80...0xff),
        Limit(kind: .relative32, width: 4, range: signed32),
        Limit(kind: .relative16, width: 2, range: -0x8000...0x7fff),
        Limit(kind: .relative8, width: 1, range: -0x80...0x7f),
        Limit(kind: .call32, width: 4, range: signed32),
        Limit(kind: .tableEntryRelative32, width: 4, range: signed32),
        Limit(kind: .tableEntryRelative32Relaxable, width: 4, range: signed32),
        Limit(kind: .tableEntryRelative32RelaxableREX, width: 4, range: signed32),
        Limit(kind: .tableEntryOffset32, width: 4, range: signed32),
        Limit(kind: .tableRelative32, width: 4, range: signed32),
        Limit(kind: .size32, width: 4, range: 0...0xffff_ffff),
        Limit(kind: .threadOffset32, width: 4, range: signed32),
        Limit(kind: .blockOffset32, width: 4, range: signed32),
        Limit(kind: .threadTableEntryRelative32, width: 4, range: signed32),
        Limit(kind: .variableArgument, width: 4, range: signed32),
        Limit(kind: .moduleArgument, width: 4, range: signed32),
        Limit(kind: .tableEntryRelative32Code4, width: 4, range: signed32),
        Limit(kind: .tableEntryRelative32Code5, width: 4, range: signed32),
        Limit(kind: .tableEntryRelative32Code6, width: 4, range: signed32),
        Limit(kind: .threadTableEntryRelative32Code4, width: 4, range: signed32),
        Limit(kind: .threadTableEntryRelative32Code5, width: 4, range: signed32),
        Limit(kind: .threadTableEntryRelative32Code6, width: 4, range: signed32),
    ]
}

@Suite struct FormulaTests {
    @Test("a kind stores what its formula gives, and nothing beside it", arguments: Formula.all)
    func formula(_ formula: Formula) {
        var bench = Bench()
        bench.address = UInt64(Formula.symbol)
        bench.addend = Formula.addend
        bench.size = UInt64(Formula.size)
        bench.tableEntry = 3
        bench.stub = 2
        let outcome = bench.apply(formula.kind)
        #expect(outcome.failures.isEmpty)
        let mask = formula.width == 8 ? UInt64.max : 1 << UInt64(formula.width * 8) - 1
        #expect(outcome.stored(at: 8, width: formula.width) == UInt64(bitPattern: formula.value) & mask)
        #expect(outcome.bytes[..<8].allSatisfy { $0 == 0xaa })
        #expect(outcome.bytes[(8 + formula.width)...].allSatisfy { $0 == 0xaa })
        #expect(formula.kind.width == formula.width)
        #expect(formula.kind.name == formula.number)
    }

    @Test("a call to a symbol without a stub goes to the symbol") func callWithoutStub() {
        var bench = Bench()
        bench.address = Bench.section + 0x100
        bench.addend = -4
        #expect(bench.apply(.call32).stored(at: 8, width: 4) == 0x100 - 8 - 4)
        #expect(Int64(bitPattern: bench.apply(.callOffset64).stored(at: 8, width: 8)) == 0x100 - 4 - 0x10_0000)
    }

    @Test("the kinds that do nothing change nothing", arguments: [X86_64.Kind.none, .descriptor, .moduleNumber64])
    func nothing(_ kind: X86_64.Kind) {
        let bench = Bench()
        let outcome = bench.apply(kind)
        #expect(outcome.bytes == bench.bytes)
        #expect(outcome.failures.isEmpty)
    }

    @Test("the last value that fits is stored, the first that does not is reported", arguments: Limit.all)
    func limits(_ limit: Limit) {
        for (value, fits) in [
            (limit.range.lowerBound, true), (limit.range.lowerBound - 1, false), (limit.range.upperBound, true),
            (limit.range.upperBound + 1, false),
        ] {
            var bench = Bench()
            bench.tableEntry = 0
            // The addend that makes the formula's value this one.
            bench.addend = value &- Self.base(of: limit.kind)
            let outcome = bench.apply(limit.kind)
            if fits {
                #expect(outcome.failures.isEmpty)
                let mask: UInt64 = 1 << UInt64(limit.width * 8) - 1
                #expect(outcome.stored(at: 8, width: limit.width) == UInt64(bitPattern: value) & mask)
            } else {
                #expect(outcome.failures == [RelocationFailure(index: 0, value: value, range: limit.range)])
                #expect(outcome.bytes == bench.bytes)
            }
        }
    }

    /// What the formula gives with the symbol at 0, and no addend.
    private static func base(of kind: X86_64.Kind) -> Int64 {
        switch kind {
        case .relative32, .relative16, .relative8, .call32: -Formula.place
        case .tableEntryRelative32, .tableEntryRelative32Relaxable, .tableEntryRelative32RelaxableREX,
            .tableRelative32, .threadTableEntryRelative32, .tableEntryRelative32Code4, .tableEntryRelative32Code5,
            .tableEntryRelative32Code6, .threadTableEntryRelative32Code4, .threadTableEntryRelative32Code5,
            .threadTableEntryRelative32Code6:
            Formula.table - Formula.place
        case .variableArgument: Formula.table - 8 - Formula.place
        case .moduleArgument: Formula.table - 16 - Formula.place
        case .blockOffset32: -Formula.block
        default: 0
        }
    }

    @Test("every kind that is narrower than an address has limits that are tested") func limitsAreComplete() {
        // What these store is no field but instructions: ThreadSequenceTests.
        let sequences: [X86_64.Kind] = [
            .generalDynamic, .localDynamic, .descriptorRelative32, .descriptorCall, .descriptorRelative32Code4,
            .descriptorRelative32Code5, .descriptorRelative32Code6,
        ]
        let narrow = X86_64.Kind.allCases.filter { (1...4).contains($0.width) && !sequences.contains($0) }
        #expect(Set(narrow).symmetricDifference(Limit.all.map(\.kind)).isEmpty)
    }

    @Test("a 64-bit kind takes every value", arguments: X86_64.Kind.allCases.filter { $0.width == 8 })
    func wide(_ kind: X86_64.Kind) {
        for addend in [Int64.min, -1, 0, .max] {
            var bench = Bench()
            bench.address = .max
            bench.tableEntry = 0
            bench.addend = addend
            #expect(bench.apply(kind).failures.isEmpty)
        }
    }

    @Test("what a kind asks of the linker") func needs() {
        #expect(X86_64.Kind.call32.need == .call)
        #expect(X86_64.Kind.callOffset64.need == .callFromTable)
        #expect(X86_64.Kind.tableEntryRelative32.need == .tableEntry)
        #expect(X86_64.Kind.tableEntryOffset64.need == .tableEntry)
        #expect(X86_64.Kind.tableEntryRelative32RelaxableREX.need == .relaxableTableEntry)
        #expect(X86_64.Kind.tableOffset64.need == .tableAddress)
        #expect(X86_64.Kind.tableRelative64.need == .tableAddress)
        #expect(X86_64.Kind.threadTableEntryRelative32.need == .threadLocal)
        #expect(X86_64.Kind.moduleNumber64.need == .refused)
        #expect(X86_64.Kind.absolute32.need == .value)
        #expect(X86_64.Kind.size32.need == .nothing)
        // What Machine.removeThreadCalls puts in the place of a call.
        #expect(X86_64.Kind.none.rawValue == 0)
    }
}
