import Linking
import ObjectModel
import TestSupport
import Testing

@Suite struct LayoutTests {
    @Test("segments begin at pages, are never writable and executable, and hold their sections") func segments() throws
    {
        let linked = try Space().link(
            "int zeroes[9000]; int data = 4; const int constant = 5; int f(int a) { return zeroes[a] + data + constant; }"
        )
        let module = linked.modules[0]
        #expect(module.image.segments.map(\.protection) == [.read, [.read, .execute], [.read, .write]])
        for segment in module.image.segments {
            #expect(segment.address % 4096 == 0 && segment.fileOffset % 4096 == 0)
            #expect(segment.address - segment.fileOffset == module.range.lowerBound)
        }
        for section in module.image.sections {
            let owner = module.image.segments.first {
                section.address >= $0.address && section.address + section.size <= $0.address + $0.memorySize
            }
            #expect(owner?.protection == section.protection)
            #expect(section.address % section.alignment == 0)
        }
        #expect(module.range.count % 4096 == 0)
        #expect(linked.int("data") == 4)
        #expect(linked.int("constant") == 5)
        #expect(module.section(of: "zeroes")?.kind == .zeroFill)
        #expect(linked.images[0].count < 3 * 4096 + 100)
    }

    @Test("readelf and eu-elflint accept what is linked", arguments: Compiler.available)
    func accepted(_ compiler: Compiler) throws {
        let linked = try Space(["other": 0x40_1000]).link(
            "a",
            [
                try object(
                    """
                    extern int other(int); int data[3]; static const char *text = "gurka";
                    __attribute__((constructor)) static void begin(void) { other(data[1]); }
                    __attribute__((destructor)) static void end(void) { other(text[data[0]]); }
                    int (*pointer)(int) = other; int slice(int a) { return pointer(a) + other(a); }
                    """, ["-O2", "-fPIC"], by: compiler)
            ])
        let directory = try ScratchDirectory()
        let path = try directory.write("image", linked.file())
        let listing = try Tool.run("readelf", ["-aW", path])
        #expect(listing.errors == "")
        #expect(!listing.output.contains("Warning") && !listing.output.contains("Error"))
        if Tool.find("eu-elflint") != nil {
            // Addresses of constructors are stored before the image is mapped, so nothing has to write there.
            let verdict = try Tool.run("eu-elflint", ["--gnu-ld", path]).output.split(separator: "\n")
            let unexpected = verdict.filter {
                $0 != "No errors" && !$0.hasSuffix("_array' has wrong flags: expected WRITE|ALLOC, is ALLOC")
            }
            #expect(unexpected == [])
        }
    }

    @Test("a section aligned to more than a page lies so", arguments: [4096, 8192, 1 << 20] as [UInt64])
    func largeAlignment(_ alignment: UInt64) throws {
        let item = try assembled(
            ".globl wide\n.section .rodata\n.byte 1\n.balign \(alignment)\nwide: .quad 7\n.data\n.quad wide\n")
        let space = Space()
        let linker = try Linker([source("a", item)], against: space.table, settings: space.settings)
        #expect(linker.sizes[0].alignment == alignment)
        let linked = try space.link([source("a", item)], at: 0x1000_1000)
        #expect(try #require(linked.modules[0].address("wide")) % alignment == 0)
        #expect(linked.word("wide") == 7)
    }

    @Test("sections that add up to 2^47 bytes are too large") func tooLarge() throws {
        let text = { (size: String) in ".bss\n.zero \(size)\n" }
        #expect(
            Space().problems([source("a", try assembled(text("0x7fffffffffff")))])
                == "a: too large: its sections add up to more than an address space")
        #expect(
            Space().problems([
                source(
                    "a", try assembled(text("0x7fffffffffffffff"), name: "one.o"),
                    try assembled(text("0x7fffffffffffffff"), name: "two.o"),
                    try assembled(text("0x7fffffffffffffff"), name: "three.o"))
            ]).hasPrefix("three.o: section '.bss': too large: sizes add up to more than 64 bits"))
        let space = Space()
        let linker = try Linker(
            [source("a", try assembled(text("0x700000000000")))], against: space.table, settings: space.settings)
        #expect(linker.sizes[0].size > 0x7000_0000_0000)
        #expect(linker.fileSizes[0] < 0x2000)
    }

    @Test("common symbols of one name share room that is large and aligned enough for each") func commons() throws {
        let linked = try Space().link(
            "a",
            [
                try assembled(".comm shared, 8, 4\n.globl one\n.data\none: .quad shared\n"),
                try assembled(".comm shared, 40, 64\n.globl two\n.data\ntwo: .quad shared\n"),
                try assembled(".comm shared, 16, 2\n.comm last, 1, 1\n"),
            ])
        let shared = try #require(linked.modules[0].entry("shared"))
        #expect(linked.word("one") == shared.address && linked.word("two") == shared.address)
        #expect(shared.size == 40 && shared.address % 64 == 0)
        let last = try #require(linked.modules[0].address("last"))
        #expect(last >= shared.address + 40 || last < shared.address)
        #expect(linked.modules[0].section(of: "shared")?.name == ".bss")
    }

    @Test("a definition comes before a common symbol, and that before a weak one") func commonStrength() throws {
        let common = ".comm shared, 8, 8\n"
        let word = ".globl word\n.data\nword: .quad shared\n"
        let strong = try Space().link(
            "a", [common, ".globl shared\n.data\nshared: .quad 5\n", word].map { try assembled($0) })
        #expect(strong.word(try #require(strong.word("word"))) == 5)
        let weak = try Space().link(
            "a", [".weak shared\n.data\nshared: .quad 5\n", common, word].map { try assembled($0) })
        #expect(weak.modules[0].section(of: "shared")?.kind == .zeroFill)
        #expect(weak.word("word") == weak.modules[0].address("shared"))
    }

    @Test("of a group in several objects the first copy is kept") func groups() throws {
        let text = { (value: Int) in
            "inline int value() { return \(value); } extern \"C\" int use\(value)() { return value(); }"
        }
        let linked = try Space().link("a", [try cxx(text(111), name: "one.o"), try cxx(text(222), name: "two.o")])
        let module = linked.modules[0]
        let directory = try ScratchDirectory()
        let path = try directory.write("image", linked.file())
        let code = try Tool.output("objdump", ["-d", "--no-show-raw-insn", path])
        #expect(code.contains("$0x6f,%eax") && !code.contains("$0xde,%eax"))
        #expect(code.split(separator: "\n").count { $0.contains("call") && $0.contains("<_Z5valuev>") } == 2)
        #expect(module.image.symbols.entries.count { module.image.symbols.text($0.name) == "_Z5valuev" } == 1)
    }

    @Test("frames end with a zero word") func frames() throws {
        let linked = try Space().link("int f(void) { return 1; }")
        let section = try #require(linked.modules[0].image.sections.first { $0.name == ".eh_frame" })
        #expect(linked.modules[0].frames == section.address..<section.address + section.size)
        let end = section.address + section.size - linked.modules[0].range.lowerBound
        let image = linked.images[0]
        let last = image.span.bytes.integer(at: end - 4, as: UInt32.self)
        #expect(last == 0)
        #expect(try Space().link("a", [try assembled("ret\n")]).modules[0].frames == nil)
    }

    @Test("what refers to an empty section gets an address behind the one before it, not the image's own")
    func emptySection() throws {
        let linked = try Space().link("a", [try assembled(".data\n.quad empty\n.bss\nempty:\n")])
        let data = try #require(linked.modules[0].image.sections.first { $0.name == ".data" })
        #expect(linked.word(data.address) == data.address + 8)
    }

    @Test("an object for nothing is a module of a page") func empty() throws {
        let linked = try Space().link("a", [try assembled("")])
        #expect(linked.modules[0].range == 0x1000_0000..<0x1000_1000)
        #expect(linked.modules[0].entryPoint == .none)
    }

    @Test("images of different bytes or at different addresses have different build IDs") func buildID() throws {
        let one = try assembled(".data\n.quad 1\n")
        let ids = [
            try Space().link([source("a", one)]).modules[0].image.buildID,
            try Space().link([source("a", one)], at: 0x2000_0000).modules[0].image.buildID,
            try Space().link([source("a", try assembled(".data\n.quad 2\n"))]).modules[0].image.buildID,
        ]
        #expect(Set(ids).count == 3)
        #expect(ids.allSatisfy { $0.count == 16 })
        #expect(try Space().link([source("a", one)]).modules[0].image.buildID == ids[0])
    }

    @Test("labels of the assembler, sections and files are no symbols of the image") func keptSymbols() throws {
        let linked = try Space().link(
            "a",
            [try assembled(".file \"x.c\"\n.Lhidden: ret\nlocal: ret\n.data\n.quad .Lhidden, local\n.L: .quad .L\n")])
        let names = linked.modules[0].image.symbols.entries.map { linked.modules[0].image.symbols.text($0.name) }
        #expect(names == ["local"])
    }
}
