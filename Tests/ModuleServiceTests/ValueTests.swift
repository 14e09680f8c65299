import ELFFormat
import Linking
import ModlinkInterface
import ModuleTable
import ObjectModel
import SymbolTable
import Testing

@testable import ModuleService

@Suite struct AddressRangesTests {
    private var ranges = AddressRanges(window: 0x1000..<0x5000)

    @Test("the lowest free range that is large enough is taken")
    mutating func firstFit() {
        #expect(ranges.reserve(size: 0x1000, alignment: 0x1000) == 0x1000)
        #expect(ranges.reserve(size: 0x1000, alignment: 0x1000) == 0x2000)
        #expect(ranges.reserve(size: 0x1000, alignment: 0x1000) == 0x3000)
        ranges.release(0x1000)
        ranges.release(0x2000)
        #expect(ranges.reserve(size: 0x1000, alignment: 0x1000) == 0x1000)
        #expect(ranges.reserve(size: 0x2000, alignment: 0x1000) == nil)
        #expect(ranges.reserve(size: 0x1000, alignment: 0x1000) == 0x2000)
        #expect(ranges.reserve(size: 0x1000, alignment: 0x1000) == 0x4000)
        #expect(ranges.reserve(size: 1, alignment: 1) == nil)
    }

    @Test("what fills the window fits, and one byte more does not")
    mutating func full() {
        #expect(ranges.reserve(size: 0x4001, alignment: 1) == nil)
        #expect(ranges.reserve(size: 0x4000, alignment: 1) == 0x1000)
        #expect(ranges.reserve(size: 1, alignment: 1) == nil)
    }

    @Test("between two ranges what fills the gap fits, and one byte more does not")
    mutating func gap() {
        _ = ranges.reserve(size: 0x1000, alignment: 1)
        _ = ranges.reserve(size: 0x800, alignment: 1)
        _ = ranges.reserve(size: 0x2800, alignment: 1)
        ranges.release(0x2000)
        #expect(ranges.reserve(size: 0x801, alignment: 1) == nil)
        #expect(ranges.reserve(size: 0x800, alignment: 1) == 0x2000)
    }

    @Test("the start is a multiple of the alignment, and what lies before it stays free")
    mutating func alignment() {
        #expect(ranges.reserve(size: 0x1000, alignment: 0x2000) == 0x2000)
        #expect(ranges.reserve(size: 0x1000, alignment: 0x1000) == 0x1000)
        #expect(ranges.reserve(size: 0x1000, alignment: 0x4000) == 0x4000)
        #expect(ranges.reserve(size: 0x1000, alignment: 0x8000) == nil)
    }

    @Test("sums that leave 64 bits are no room")
    func overflow() {
        var ranges = AddressRanges(window: UInt64.max - 0x1000..<UInt64.max)
        #expect(ranges.reserve(size: 1, alignment: 0x2000) == nil)
        #expect(ranges.reserve(size: UInt64.max, alignment: 1) == nil)
        #expect(ranges.reserve(size: 0x1000, alignment: 1) == UInt64.max - 0x1000)
    }

    @Test("what nobody has taken cannot be given back")
    mutating func foreign() {
        _ = ranges.reserve(size: 0x4000, alignment: 1)
        ranges.release(0x2000)
        #expect(ranges.reserve(size: 1, alignment: 1) == nil)
    }

    @Test("what rests is taken when nothing else is free, the longest rested first, to the last byte")
    func resting() {
        var ranges = AddressRanges(window: 0x1000..<0x5000, restingLimit: 10)
        for start: UInt64 in [0x1000, 0x2000, 0x3000] {
            #expect(ranges.reserve(size: 0x1000, alignment: 0x1000) == start)
        }
        ranges.release(0x2000, rests: true)
        ranges.release(0x1000, rests: true)
        ranges.release(0x3000, rests: true)
        #expect(ranges.free == 0x4000)
        #expect(ranges.reserve(size: 0x800, alignment: 1) == 0x4000)
        #expect(ranges.reserve(size: 0x800, alignment: 1) == 0x4800)
        #expect(ranges.reserve(size: 0x1000, alignment: 1) == 0x2000)
        #expect(ranges.reserve(size: 0x1000, alignment: 1) == 0x1000)
        #expect(ranges.reserve(size: 0x1001, alignment: 1) == nil)
        #expect(ranges.reserve(size: 0x1000, alignment: 1) == 0x3000)
        #expect(ranges.reserve(size: 1, alignment: 1) == nil)
        #expect(ranges.free == 0)
    }

    @Test("for one that is large as many wake as it takes, and they are one range")
    func restingTogether() {
        var ranges = AddressRanges(window: 0x1000..<0x5000, restingLimit: 10)
        for _ in 0..<4 { _ = ranges.reserve(size: 0x1000, alignment: 1) }
        for start: UInt64 in [0x4000, 0x1000, 0x2000, 0x3000] { ranges.release(start, rests: true) }
        #expect(ranges.reserve(size: 0x2000, alignment: 1) == 0x1000)
        #expect(ranges.reserve(size: 0x1000, alignment: 1) == 0x4000)
        #expect(ranges.reserve(size: 0x1000, alignment: 1) == 0x3000)
    }

    @Test("a thousand rest, and of the next one the first is free like all else")
    func restingLimit() {
        var ranges = AddressRanges(window: 0..<0x1000_0000, restingLimit: 1_000)
        for number in 0..<1_001 as Range<UInt64> {
            #expect(ranges.reserve(size: 0x1000, alignment: 0x1000) == number * 0x1000)
            ranges.release(number * 0x1000, rests: true)
        }
        #expect(ranges.reserve(size: 0x1000, alignment: 0x1000) == 0)
        #expect(ranges.reserve(size: 0x1000, alignment: 0x1000) == 1_001 * 0x1000)
    }
}

@Suite struct NameTests {
    private func complaint(_ name: String) -> Failure? {
        do throws(Failure) {
            try ModuleName.check(name)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "letters, digits and some signs make a name",
        arguments: ["gurka", "A", "9", "_x-1+2.3", "a.", String(repeating: "x", count: 63)])
    func accepted(_ name: String) {
        #expect(complaint(name) == nil)
    }

    @Test("64 bytes are too many")
    func long() {
        let name = String(repeating: "x", count: 64)
        #expect(
            complaint(name)
                == Failure(
                    .systemFailure, subject: name, reason: "longer than the 63 bytes that a module's name may have"))
    }

    @Test("a name that is empty is told so")
    func empty() {
        #expect(complaint("") == Failure(.systemFailure, subject: "module", reason: "its name is empty"))
    }

    @Test(
        "what would be a hidden file, an option, another folder or more than ASCII is refused",
        arguments: [
            (".x", ".x"), ("-x", "-x"), ("a/b", "a/b"), ("a b", "a b"), ("a:b", "a:b"), ("å", "å"),
            ("a\u{1b}[2J", "a\\x1b[2J"),
            ("a\n", "a\\x0a"), ("٣", "٣"),
        ])
    func refused(_ name: String, _ shown: String) {
        #expect(
            complaint(name)
                == Failure(
                    .systemFailure, subject: shown,
                    reason:
                        "no name for a module: letters, digits, '_', '-', '+' and '.' make one; give one with --name"
                ))
    }

    @Test("a parameter is what stands before and after the first equals sign")
    func parameters() {
        #expect(Parameter(text: "a=1") == Parameter(name: "a", value: "1"))
        #expect(Parameter(text: "a=") == Parameter(name: "a", value: ""))
        #expect(Parameter(text: "a=b=c") == Parameter(name: "a", value: "b=c"))
        #expect(Parameter(text: "=1") == nil)
        #expect(Parameter(text: "a") == nil)
        #expect(Parameter(text: "") == nil)
    }
}

@Suite struct ResultTests {
    @Test(
        "an error number has its name, whatever its sign",
        arguments: [
            (0, "0"), (-12, "-12 (ENOMEM)"), (12, "12 (ENOMEM)"), (1, "1 (EPERM)"), (-4095, "-4095"), (4096, "4096"),
            (Int32.min, "-2147483648"), (Int32.max, "2147483647"), (41, "41"),
        ])
    func described(_ result: Int32, _ text: String) {
        #expect(describeResult(result) == text)
    }

    @Test("a use count is a little-endian word without the flags of modules(2)")
    func useCount() {
        #expect(UseCounter(littleEndian: [2, 1, 0, 0, 0, 0, 0, 0]).count == 258)
        #expect(UseCounter(littleEndian: [1, 0, 0, 0x60, 0, 0, 0, 0]).count == 1)
        #expect(UseCounter(littleEndian: [0, 0, 0, 0x60, 0, 0, 0, 0]).count == 0)
        #expect(UseCounter(littleEndian: [0, 0, 0, 0x9f, 0, 0, 0, 0]).count == 0x9f00_0000)
    }

    @Test("work that was called off before it began is never begun, and nothing is interrupted")
    func calledOffEarly() {
        let job = LinkerJob()
        #expect(job.callOff { Issue.record("interrupted") })
        #expect(!job.begin())
    }

    @Test("work that has begun is interrupted, and one that is over is not")
    func calledOffLate() {
        let job = LinkerJob()
        var count = 0
        #expect(job.begin())
        #expect(!job.callOff { count += 1 })
        #expect(!job.callOff { count += 1 })
        #expect(count == 2)
        job.end()
        #expect(!job.callOff { Issue.record("interrupted") })
    }
}

@Suite struct SymbolImageTests {
    private struct Item {
        var name: String
        var address: UInt64
        var section: UInt16?
        var binding = SymbolBinding.global
    }

    private func set(
        _ owner: String, _ sections: [(Protection, Range<UInt64>)], _ items: [Item]
    ) -> SymbolSet {
        var list = SymbolList()
        for item in items {
            list.add(item.name, at: item.address, size: 4, section: item.section, binding: item.binding)
        }
        let sections = sections.map {
            ImageSection(
                name: "x", kind: .contents, protection: $0.0, address: $0.1.lowerBound, fileOffset: 0,
                size: UInt64($0.1.count), alignment: 16)
        }
        return SymbolSet(
            owner: owner, symbols: list, sections: sections,
            range: (sections.map(\.address).min() ?? 0)..<(sections.map { $0.address + $0.size }.max() ?? 0))
    }

    /// The sections of the file, `name start-end flags`.
    private func sections(_ file: SymbolFile) -> [String] {
        file.sections.map {
            "\($0.name) \(hexadecimal($0.address))-\(hexadecimal($0.address + $0.size)) \($0.protection.rawValue)"
        }
    }

    @Test("an owner has a section for each stretch of one use, named after it, and its symbols belong to them")
    func owners() throws {
        let space = set(
            "", [(.read, 0x100..<0x180), ([.read, .execute], 0x200..<0x280), (.read, 0x300..<0x380)],
            [
                Item(name: "first", address: 0x100, section: 0), Item(name: "main", address: 0x210, section: 1),
                Item(name: "last", address: 0x300, section: 2),
            ])
        let gurka = set(
            "gurka",
            [
                ([.read, .execute], 0x1000..<0x1040), ([.read, .execute], 0x1040..<0x1080),
                ([.read, .write], 0x2000..<0x2010),
            ],
            [
                Item(name: "slice", address: 0x1004, section: 0),
                Item(name: "main", address: 0x1050, section: 1, binding: .local),
                Item(name: "count", address: 0x2000, section: 2, binding: .weak),
                Item(name: "flag", address: 7, section: nil),
            ])
        let file = try SymbolFile(SymbolImage.file([space, gurka], architecture: .x86_64), name: "ksyms")
        #expect(
            sections(file) == [
                ".rodata 0x100-0x180 4", ".text 0x200-0x280 5", ".rodata 0x300-0x380 4", "gurka.text 0x1000-0x1080 5",
                "gurka.data 0x2000-0x2010 6",
            ])
        let symbols = file.symbols.entries.map { entry in
            let section = entry.section.map { file.sections[Int($0)].name } ?? "absolute"
            return "\(file.symbols.text(entry.name)) \(hexadecimal(entry.address)) \(section) \(entry.binding)"
        }
        #expect(
            symbols.sorted() == [
                "count 0x2000 gurka.data weak", "first 0x100 .rodata global", "flag 0x7 absolute global",
                "last 0x300 .rodata global", "main 0x1050 gurka.text local", "main 0x210 .text global",
                "slice 0x1004 gurka.text global",
            ])
    }

    @Test("sections without room are left out, and symbols of theirs are absolute")
    func empty() throws {
        let set = set(
            "gurka", [(.read, 0x1000..<0x1000), ([.read, .execute], 0x1000..<0x1010)],
            [Item(name: "nowhere", address: 0x1000, section: 0), Item(name: "here", address: 0x1000, section: 1)])
        let file = try SymbolFile(SymbolImage.file([set], architecture: .x86_64), name: "ksyms")
        #expect(sections(file) == ["gurka.text 0x1000-0x1010 5"])
        let absolute = file.symbols.entries.filter { $0.section == nil }.map { file.symbols.text($0.name) }
        #expect(absolute == ["nowhere"])
    }

    @Test("a table of nobody is a file all the same")
    func nothing() throws {
        let file = try SymbolFile(SymbolImage.file([], architecture: .x86_64), name: "ksyms")
        #expect(file.sections.isEmpty)
        #expect(file.symbols.entries.isEmpty)
    }
}
