import ELFFormat
import Linking
import ObjectModel
import TestSupport
import Testing

/// The records of `.eh_frame`, as unwinders find them in an image.
@Suite struct FrameTests {
    /// A record: where it begins in the section, and its function; nil for what several functions have in common.
    struct Record: Equatable {
        var offset: UInt64
        var function: Range<UInt64>?
    }

    /// The records up to the word that ends them, and how many bytes follow that.
    static func records(_ linked: Linked) throws -> (list: [Record], rest: UInt64) {
        let frames = try #require(linked.modules[0].frames)
        var list: [Record] = []
        var place = frames.lowerBound
        while let length = linked.number(place, as: UInt32.self), length != 0 {
            var record = Record(offset: place - frames.lowerBound)
            if linked.number(place + 4, as: UInt32.self) != 0 {
                let start = try #require(linked.number(place + 8, as: Int32.self))
                let size = try #require(linked.number(place + 12, as: UInt32.self))
                let address = place &+ 8 &+ UInt64(bitPattern: Int64(start))
                record.function = address..<address + UInt64(size)
            }
            list.append(record)
            place += 4 + UInt64(length)
        }
        return (list, frames.upperBound - place - 4)
    }

    /// The functions that the table `.eh_frame_hdr` has, in its order.
    static func table(_ linked: Linked) throws -> [UInt64] {
        let header = try #require(linked.modules[0].image.sections.first { $0.name == ".eh_frame_hdr" }).address
        let count = try #require(linked.number(header + 8, as: UInt32.self))
        return try (0..<UInt64(count)).map { number in
            let distance = try #require(linked.number(header + 12 + number * 8, as: Int32.self))
            return header &+ UInt64(bitPattern: Int64(distance))
        }
    }

    private static func function(_ name: String, _ body: String = "ret") -> String {
        ".globl \(name)\n.type \(name), @function\n\(name): .cfi_startproc\n\(body)\n.cfi_endproc\n.size \(name), .-\(name)\n"
    }

    private static let zeroWord = ".section .eh_frame,\"a\",@unwind\n.long 0\n"

    @Test("a function without any bytes has no record, and the next one has its own")
    func emptyFunction() throws {
        let text = Self.function("a") + Self.function("none", "") + Self.function("b") + Self.function("last", "")
        let linked = try Space().link("a", [try assembled(text)])
        let (a, b) = try (#require(linked.modules[0].address("a")), #require(linked.modules[0].address("b")))
        #expect(linked.modules[0].address("none") == b)
        let (records, rest) = try Self.records(linked)
        #expect(records.compactMap(\.function) == [a..<a + 1, b..<b + 1] && rest == 0)
        #expect(try Self.table(linked) == [a, b])
    }

    @Test("what compilers make of a function that cannot be reached", arguments: Compiler.available)
    func unreachable(_ compiler: Compiler) throws {
        let text = "int a(void) { return 1; } void never(void) { __builtin_unreachable(); } int b(void) { return 2; }"
        let linked = try Space().link("a", [try object(text, ["-O2", "-fasynchronous-unwind-tables"], by: compiler)])
        let functions = try Self.records(linked).list.compactMap(\.function)
        #expect(functions.map(\.lowerBound) == ["a", "b"].compactMap(linked.modules[0].address))
    }

    @Test("a zero word ends the records only when it is the last of all")
    func zeroWords() throws {
        let end = try assembled(Self.zeroWord, name: "end.o")
        let one = try assembled(Self.function("a"), name: "one.o")
        let two = try assembled(Self.function("b"), name: "two.o")
        for objects in [[end, one, two], [one, end, two], [one, two, end], [end, end, one, end, end, two, end]] {
            let linked = try Space().link("a", objects)
            let (records, rest) = try Self.records(linked)
            #expect(
                records.compactMap { $0.function?.lowerBound } == ["a", "b"].compactMap(linked.modules[0].address))
            #expect(rest == 0)
            #expect(try Self.table(linked).count == 2)
        }
    }

    @Test("zero words alone are frames of nothing") func zeroWordAlone() throws {
        let linked = try Space().link("a", [try assembled("ret\n" + Self.zeroWord)])
        let (records, rest) = try Self.records(linked)
        #expect(records.allSatisfy { $0.function == nil } && rest == 0)
        #expect(try Self.table(linked).isEmpty)
    }

    @Test("zero words between the records of one object, as ld -r leaves them, end nothing")
    func joined() throws {
        let directory = try ScratchDirectory()
        let texts = [Self.function("a"), Self.zeroWord, Self.function("b")]
        let paths = try texts.enumerated().map {
            try directory.write("\($0).o", Compiler.gcc.object($1, [], language: .assembly))
        }
        // Other tools than ld leave the word where it is.
        let script = try directory.write(
            "script", Array("SECTIONS { .text : { *(.text) } .frames : { *(.eh_frame) } }".utf8))
        try Tool.output("ld", ["-r", "-T", script, "-o", directory.path + "/joined"] + paths)
        try Tool.output(
            "objcopy",
            ["--rename-section", ".frames=.eh_frame", directory.path + "/joined", directory.path + "/joined.o"])
        let linked = try Space().link(
            "a", [try ELFObjectReader.read(directory.read("joined.o"), name: "joined.o")])
        let (records, rest) = try Self.records(linked)
        #expect(records.compactMap { $0.function?.lowerBound } == ["a", "b"].compactMap(linked.modules[0].address))
        #expect(rest == 0)
    }

    @Test("functions of a displaced group have no record") func displaced() throws {
        let text = { (name: String) in "inline int value() { return 1; } int \(name)() { return value(); }" }
        let linked = try Space().link("a", [try cxx(text("one"), name: "one.o"), try cxx(text("two"), name: "two.o")])
        let functions = try Self.records(linked).list.compactMap { $0.function?.lowerBound }
        #expect(Set(functions) == Set(["_Z5valuev", "_Z3onev", "_Z3twov"].compactMap(linked.modules[0].address)))
        #expect(functions.count == 3)
        #expect(try Self.table(linked) == functions.sorted())
    }

    @Test("frames that are writable, as older compilers have them, are frames") func writable() throws {
        let linked = try Space().link(
            "a", [try assembled("f: ret\n.section .eh_frame,\"aw\",@progbits\n\(Self.common)\(Self.record)")])
        let function = try #require(try Self.records(linked).list.last?.function)
        #expect(function.count == 1)
        let section = linked.modules[0].image.sections.first { $0.name == ".eh_frame" }
        #expect(section?.protection == .read)
    }

    /// A CIE of 20 bytes: version 1, `zR`, distances of four bytes; and an FDE of a function of one byte.
    private static let common =
        ".long 16, 0\n.byte 1\n.asciz \"zR\"\n.byte 1, 0x78, 16, 1, 0x1b\n.byte 0, 0, 0\n"
    private static let record = ".long 16, 24\n.long f - .\n.long 1\n.byte 0, 0, 0, 0\n"

    /// The problem of frames that begin with a good CIE.
    private func problem(_ text: String, common: String = FrameTests.common) throws -> String {
        let text = "f: ret\n.section .eh_frame,\"a\",@progbits\n\(common)\(text)"
        return Space().problems([source("a", try assembled(text))])
    }

    @Test(
        "a record that is not a valid one is refused by its place",
        arguments: [
            (".long 17, 24\n.long f - .\n.long 1\n.byte 0, 0, 0, 0\n", "a record of 17 bytes, of which 16 are there"),
            (".long 3\n.byte 0, 0, 0\n", "a record of 3 bytes, of which 3 are there"),
            (".byte 0, 0, 0\n", "3 bytes at the end are not a record"),
            (".long -1\n.quad 8, 0\n", "a record of the 64-bit form, which unwinders do not read"),
            (".long 16, 20\n.long f - .\n.long 1, 0\n", "its CIE would be 20 bytes before, where none is"),
            (".long 16, 28\n.long f - .\n.long 1, 0\n", "its CIE would be 28 bytes before, where none is"),
            (
                ".long 11, 24\n.long f - .\n.byte 1, 0, 0\n",
                "a record of 11 bytes is too short for the function's address"
            ),
            (
                ".long 13, 24\n.long f - .\n.long 1\n.byte 1\n",
                "a record of 13 bytes is too short for the function's address"
            ),
            (".long 8, 0\n.byte 1\n.ascii \"zRS\"\n", "a CIE that is not a valid one"),
            (".long 12, 0\n.byte 2\n.asciz \"zR\"\n.byte 1, 0x78, 16, 1\n", "a CIE that is not a valid one"),
            (".long 12, 0\n.byte 1\n.asciz \"zR\"\n.byte 1, 0x78, 16, 1\n", "a CIE that is not a valid one"),
        ])
    func broken(_ text: String, _ reason: String) throws {
        #expect(try problem(text) == "gurka.o: .eh_frame+0x14: \(reason)")
    }

    @Test("the smallest records that are good") func smallest() throws {
        #expect(try problem(".long 13, 24\n.long f - .\n.long 1\n.byte 0\n") == "linked")
        #expect(try problem(Self.record) == "linked")
        #expect(try problem(".long 13, 0\n.byte 1\n.asciz \"zR\"\n.byte 1, 0x78, 16, 1, 0x1b\n") == "linked")
    }

    @Test("a record of a function that is not in the module is left out") func elsewhere() throws {
        let text = ".section .eh_frame,\"a\",@progbits\n\(Self.common).long 16, 24\n.long 0x7000\n.long 1\n.long 0\n"
        let linked = try Space().link("a", [try assembled("f: ret\n" + text)])
        #expect(try Self.records(linked).list.compactMap(\.function).isEmpty)
    }

    @Test("frames of i386") func i386() throws {
        let text = Self.function("a") + Self.function("none", "") + Self.function("b")
        let object = try assembled(text, ["-m32"])
        let linked = try Space([:], .i386).link("a", [try assembled(Self.zeroWord, ["-m32"], name: "end.o"), object])
        let (records, rest) = try Self.records(linked)
        #expect(records.compactMap { $0.function?.lowerBound } == ["a", "b"].compactMap(linked.modules[0].address))
        #expect(rest == 0)
        #expect(try Self.table(linked).count == 2)
    }
}
