import ELFFormat
import ObjectModel
import Posix
import TestSupport
import Testing

/// The plan of core files, as readelf reads it.
@Suite struct CorePlanTests {
    private func contents(
        _ architecture: Architecture, mappings: [CoreMapping]? = nil
    ) -> CoreContents {
        let words = architecture == .x86_64 ? 27 : 17
        let size = Int(architecture.pointerSize)
        let registers = (0..<words * size).map { UInt8(truncatingIfNeeded: $0 / size) }
        return CoreContents(
            architecture: architecture,
            process: CoreProcess(
                number: 4711, parent: 1, user: 1000, program: "modspace", arguments: "/x/modspace",
                buildID: [0xab, 0x0c]),
            threads: [
                CoreThread(number: 4713, registers: registers, more: [(CoreRegisterSet.floatingPoint, [1, 2, 3])]),
                CoreThread(number: 4711, registers: registers),
            ],
            signal: CoreSignal(number: 11, code: 1, address: 0x10), auxiliaryVector: [UInt8](repeating: 0, count: 16),
            mappings: mappings ?? [
                CoreMapping(
                    range: 0x1000..<0x3000, protection: [.read, .execute], isKept: true, file: ("/x/a", 0x2000)),
                CoreMapping(range: 0x3000..<0x5000, protection: [], isKept: false, file: nil),
                CoreMapping(range: 0x8000..<0x9000, protection: [.read, .write], isKept: true, file: nil),
            ], notes: [(1, Array("{}".utf8)), (2, [9])])
    }

    private func read(_ core: CorePlan, _ options: String, with tool: String = "readelf") throws -> String {
        let directory = try ScratchDirectory()
        let file = try directory.write("core", core.header)
        let descriptor = try File.open(file, .write)
        try File.truncate(descriptor, size: core.size)
        return try Tool.output(tool, (tool == "readelf" ? ["-W"] : []) + [options, file])
    }

    @Test(
        "what is kept has a place in the file, a page's multiple, one after the other", arguments: Architecture.allCases
    )
    func pieces(architecture: Architecture) throws {
        let core = CorePlan(contents(architecture))
        #expect(core.pieces.map(\.range) == [0x1000..<0x3000, 0x8000..<0x9000])
        #expect(core.pieces.map(\.mapping) == [0, 2])
        #expect(core.pieces[0].offset % 4096 == 0 && core.pieces[0].offset >= UInt64(core.header.count))
        #expect(core.pieces[1].offset == core.pieces[0].offset + 0x2000 && core.size == core.pieces[1].offset + 0x1000)
        let headers = try read(core, "-hl")
        #expect(headers.contains("CORE (Core file)") && headers.contains(architecture == .i386 ? "ELF32" : "ELF64"))
        #expect(headers.split(separator: "\n").count { $0.contains(" LOAD ") } == 2, "\(headers)")
    }

    @Test("the notes are those of Linux, the first thread's first, and then our own", arguments: Architecture.allCases)
    func notes(architecture: Architecture) throws {
        let text = try read(CorePlan(contents(architecture)), "-n")
        let names = ["NT_PRSTATUS", "NT_PRPSINFO", "NT_SIGINFO", "NT_AUXV", "NT_FILE", "NT_FPREGSET", "NT_PRSTATUS"]
        let found = text.split(separator: "\n").compactMap { line in names.first { line.contains($0) } }
        // Those of our own look to readelf like others of their types.
        #expect(found.starts(with: names) && found.count == names.count + 2, "\(text)")
        let sizes = architecture == .i386 ? ["0x00000090", "0x0000007c"] : ["0x00000150", "0x00000088"]
        for (name, size) in zip(["NT_PRSTATUS", "NT_PRPSINFO"], sizes) {
            #expect(text.split(separator: "\n").contains { $0.contains(name) && $0.contains(size) }, "\(text)")
        }
        #expect(text.split(separator: "\n").count { $0.contains("modlink ") } == 2, "\(text)")
        #expect(text.split(separator: "\n").count { $0.contains("Build ID: ab0c") } == 1, "\(text)")
        var none = contents(architecture)
        none.process.buildID = []
        #expect(try !read(CorePlan(none), "-n").contains("Build ID"))
        // The GNU one does not decode it.
        let files = try read(CorePlan(contents(architecture)), "-n", with: "eu-readelf")
        #expect(files.contains("1 files:") && files.contains("/x/a"), "\(files)")
    }

    @Test("as many mappings as a header can count, and one more") func many() throws {
        for count in [65533, 65534, 65535] {
            let mappings = (0..<UInt64(count)).map {
                CoreMapping(range: $0 * 8192..<$0 * 8192 + 4096, protection: .read, isKept: true, file: nil)
            }
            let core = CorePlan(contents(.x86_64, mappings: mappings))
            let directory = try ScratchDirectory()
            let file = try directory.write("core", core.header)
            let text = try Tool.run("readelf", ["-hW", file]).output
            let line = try #require(text.split(separator: "\n").first { $0.contains("Number of program headers") })
            #expect(line.contains(count == 65533 ? " 65534" : "65535 (\(count + 1))"), "\(line)")
        }
    }

    @Test("the registers that a handler was told of take the place of its own, where the machine has them")
    func registers() {
        let thread = contents(.x86_64).threads[0].with((0..<19).map { 100 + $0 }, architecture: .x86_64)
        // rip, rsp, rax, and that no system call is under way.
        for (place, value) in [(16, 116), (19, 107), (10, 100), (15, 255), (17, 17)] {
            #expect(thread.registers[place * 8] == UInt8(value), "\(place)")
        }
        let small = contents(.i386).threads[0].with((0..<11).map { 100 + $0 }, architecture: .i386)
        for (place, value) in [(12, 108), (15, 104), (6, 100), (11, 255), (13, 13)] {
            #expect(small.registers[place * 4] == UInt8(value), "\(place)")
        }
        #expect(contents(.x86_64).threads[0].with([], architecture: .x86_64).registers[15 * 8] == 15)
    }

    @Test("what a signal's frame has of the floating-point unit is what core files have of it") func signalFrame() {
        var frame = [UInt8](repeating: 7, count: 1024)
        frame.replaceSubrange(
            464..<484, with: [0x53, 0x58, 0x50, 0x46, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0x40, 2, 0, 0])
        let floating = SignalFrame.registers(CoreRegisterSet.floatingPoint, in: frame, architecture: .x86_64)
        #expect(floating == Array(frame[..<512]))
        let extended = SignalFrame.registers(CoreRegisterSet.xstate, in: frame, architecture: .x86_64)
        #expect(extended?.count == 0x240)
        #expect(extended.map { Array($0[464..<480]) } == [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(SignalFrame.registers(CoreRegisterSet.floatingPoint, in: frame, architecture: .i386)?.count == 108)
        // No word of what follows, and too little of it.
        #expect(SignalFrame.registers(CoreRegisterSet.xstate, in: frame, architecture: .i386) == nil)
        #expect(SignalFrame.registers(CoreRegisterSet.xstate, in: Array(frame[..<0x23f]), architecture: .x86_64) == nil)
        #expect(
            SignalFrame.registers(CoreRegisterSet.floatingPoint, in: Array(frame[..<511]), architecture: .x86_64) == nil
        )
    }

    @Test("a file's build ID is the one that readelf reads; a file without one has none") func buildID() throws {
        let directory = try ScratchDirectory()
        let source = try directory.write("a.c", Array("int main(void) { return 0; }".utf8))
        for (option, hasOne) in [("-Wl,--build-id", true), ("-Wl,--build-id=none", false)] {
            try Tool.output("gcc", [option, source, "-o", directory.path + "/a"])
            let found = BuildIDReader.buildID(Array(try directory.read("a").prefix(BuildIDReader.headSize)))
            let digits = found.map { $0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
            let notes = try Tool.output("readelf", ["-n", directory.path + "/a"])
            #expect((digits != nil) == hasOne && notes.contains("Build ID: \(digits ?? "")") == hasOne)
        }
        #expect(BuildIDReader.buildID([]) == nil)
        let whole = Array(try directory.read("a").prefix(BuildIDReader.headSize))
        for count in 0..<200 { _ = BuildIDReader.buildID(Array(whole.prefix(count))) }
    }
}
