import ELFFormat
import Linking
import ObjectModel
import SymbolTable
import TestSupport
import Testing

/// What depends on the size of an address, in modules for i386.
@Suite struct I386LinkTests {
    private static let text = """
        extern long mod_use_count_;
        long wide = 9; long long widest = 9; char *pointer = "old"; char buffer[8] = "old"; int zero;
        __attribute__((constructor)) static void first(void) { zero = 1; }
        __attribute__((constructor)) static void second(void) { zero = 2; }
        __attribute__((destructor)) static void last(void) { zero = 3; }
        int init_module(void) { return mod_use_count_; }
        """

    private static let object = Result { try LinkingTests.object(text, ["-m32", "-O0"]) }

    private func link(_ parameters: [Parameter] = []) throws -> Linked {
        try Space([:], .i386).link([
            ModuleSource(name: "gurka", objects: [try Self.object.get()], parameters: parameters)
        ])
    }

    private func refusal(_ parameter: Parameter) throws -> String {
        Space([:], .i386).problems([
            ModuleSource(name: "gurka", objects: [try Self.object.get()], parameters: [parameter])
        ])
    }

    @Test("arrays of functions hold addresses of 4 bytes") func arrays() throws {
        let linked = try link()
        let module = linked.modules[0]
        #expect(module.constructors.count == 2 && module.destructors.count == 1)
        let addresses = (0..<2).map { linked.number(module.constructors.address + $0 * 4, as: UInt32.self) }
        let wanted = ["first", "second"].map { module.address($0).map { UInt32($0) } }
        #expect(addresses == wanted)
        #expect(
            linked.number(module.destructors.address, as: UInt32.self) == module.address("last").map { UInt32($0) })
    }

    @Test("the use counter that the linker makes is a long of 4 bytes") func useCount() throws {
        let linked = try link()
        let counter = try #require(linked.modules[0].useCount)
        #expect(counter % 4 == 0)
        // Two modules of the same text, the second with 4 bytes of zeroes more.
        let more = try LinkingTests.object(Self.text + "int more;", ["-m32", "-O0"])
        let other = try Space([:], .i386).link([ModuleSource(name: "gurka", objects: [more])])
        let sizes = [linked, other].map {
            $0.modules[0].image.sections.reduce(0) { $0 + ($1.name == ".bss" ? $1.size : 0) }
        }
        #expect(sizes == [8, 12])
    }

    @Test("text goes to a variable of 4 bytes by its address, to one of 8 as characters") func text() throws {
        let linked = try link([
            Parameter(name: "pointer", value: "new text"), Parameter(name: "buffer", value: "1234567"),
            Parameter(name: "wide", value: "-2"), Parameter(name: "widest", value: "-3"),
        ])
        let module = linked.modules[0]
        let place = UInt64(try #require(linked.int("pointer")))
        #expect(module.range.contains(place))
        let bytes = (0..<9).compactMap { linked.number(place + $0, as: UInt8.self) }
        #expect(bytes == Array("new text\0".utf8))
        #expect(linked.word("buffer") == 1_234_567)
        #expect(linked.int("wide") == 0xffff_fffe)
        #expect(linked.word("widest") == 0xffff_ffff_ffff_fffd)
        let characters = try link([Parameter(name: "buffer", value: "new tex")])
        let start = try #require(characters.modules[0].address("buffer"))
        #expect((0..<8).compactMap { characters.number(start + $0, as: UInt8.self) } == Array("new tex\0".utf8))
    }

    @Test("the last number that fits a long, and the first that does not") func limits() throws {
        #expect(try link([Parameter(name: "wide", value: "4294967295")]).int("wide") == .max)
        #expect(
            try refusal(Parameter(name: "buffer", value: "eight ch"))
                == "gurka: parameter 'buffer': the value 'eight ch' does not fit a variable of 8 bytes")
    }

    @Test("an object for another machine is refused, and nothing else is said of it") func foreign() throws {
        let i386 = try Self.object.get()
        #expect(
            Space().problems([source("gurka", i386)])
                == "gurka.o: made for i386; modules of this space are for x86-64")
        let x86_64 = try LinkingTests.object("extern int none; int *f(void) { return &none; }", name: "b.o")
        #expect(
            Space([:], .i386).problems([source("gurka", i386, x86_64)])
                == "b.o: made for x86-64; modules of this space are for i386")
    }

    @Test("an image may end below 4 GiB, not above") func tooLarge() throws {
        let room = { (size: String) in try assembled(".bss\n.zero \(size)\n", ["-m32"]) }
        let good = try Linker(
            [source("a", try room("0xfffff000 - 0x1000"))], against: SymbolTable(), settings: Space([:], .i386).settings
        )
        #expect(good.sizes[0].size <= 0xffff_f000)
        #expect(
            Space([:], .i386).problems([source("a", try room("0xfffff000"))])
                == "a: too large: its sections add up to more than an address space")
    }

    @Test("an image is a 32-bit file that readelf and nm understand") func file() throws {
        let linked = try link()
        let directory = try ScratchDirectory()
        let path = try directory.write("image", linked.file())
        let listing = try Tool.run("readelf", ["-aW", path])
        #expect(listing.errors == "" && !listing.output.contains("Warning"))
        let symbol = try #require(linked.modules[0].address("init_module"))
        #expect(try Tool.output("nm", [path]).contains("\(String(symbol, radix: 16)) t init_module\n"))
    }
}

/// Versions of symbols, beside what ld makes of them.
@Suite struct SymbolVersionTests {
    private static let provider = """
        .globl first, second
        .text
        first: nop
        ret
        .symver first, slice@V1
        second: nop
        nop
        ret
        .symver second, slice@@V2
        """
    private static let user = """
        .text
        .globl _start
        _start: call one
        .symver one, slice@V1
        call two
        .symver two, slice@V2
        call slice
        """

    @Test("references find exactly their version, or the default one, as with ld") func versions() throws {
        let objects = try [Self.provider, Self.user].map { try Compiler.gcc.object($0, [], language: .assembly) }
        let comparison = try Comparison(objects, ["-static"])
        let bytes = try #require(try comparison.section(".text"))
        #expect(bytes.ours == bytes.theirs)
    }

    @Test("a reference to a version of what the space has none of is one to the name") func plain() throws {
        let text = ".text\n.globl f\nf: call copy\n.symver copy, memcpy@GLIBC_2.2.5\n"
        let linked = try Space(["memcpy": 0x40_1000]).link("a", [try assembled(text)])
        let address = try #require(linked.modules[0].address("f"))
        let distance = linked.number(address + 1, as: UInt32.self)
        #expect(distance == UInt32(truncatingIfNeeded: 0x40_1000 &- (address + 5)))
        #expect(
            Space().problems([source("a", try assembled(text))])
                == "gurka.o: .text+0x1: undefined symbol 'memcpy'")
    }

    @Test("a place that has its name with a version and without is defined once") func twice() throws {
        let text = ".text\n.globl slice\nslice: ret\n.symver slice, slice@@V2\n"
        let linked = try Space().link("a", [try assembled(text)])
        #expect(linked.modules[0].address("slice") != nil)
        let other = ".text\nnop\n.globl slice\nslice: ret\n"
        #expect(
            Space().problems([source("a", try assembled(text), try assembled(other, name: "b.o"))])
                == "b.o: symbol 'slice' is already defined in gurka.o")
    }
}
