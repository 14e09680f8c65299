import ELFFormat
import ObjectModel
import TestSupport
import Testing

@Suite struct CoreFileTests {
    private func core(isWide: Bool = true) -> CoreBytes {
        var core = CoreBytes()
        core.isWide = isWide
        core.machine = isWide ? 62 : 3
        core.notes = [
            .init("CORE", 1, [1, 2, 3]), .init("LINUX", 2, [9]), .init("modlink", 1, Array("{}".utf8)),
            .init("modlink", 2, Array("symbols".utf8)), .init("modlink", 3, []),
        ]
        core.memory = [
            (0x2000, [5, 6, 7, 8], 8), (0x1000, [1, 2, 3, 4], 4), (0x1004, [10], 2),
        ]
        return core
    }

    private func read(_ bytes: [UInt8]) throws(Problem) -> CoreFile {
        try CoreFile(PartialFile(name: "core", bytes))
    }

    private func problem(_ bytes: [UInt8]) -> String? {
        do throws(Problem) {
            _ = try read(bytes).symbols()
            return nil
        } catch {
            return error.description
        }
    }

    @Test("the notes of modlink are found among others, in files of both classes", arguments: [true, false])
    func notes(isWide: Bool) throws {
        let file = try read(core(isWide: isWide).bytes)
        #expect(file.architecture == (isWide ? .x86_64 : .i386))
        #expect(try file.contents(of: .modules) == Array("{}".utf8))
        #expect(try file.symbols() == Array("symbols".utf8))
    }

    @Test("a number of program headers that does not fit the header stands in section 0", arguments: [true, false])
    func extended(isWide: Bool) throws {
        var core = core(isWide: isWide)
        core.isExtended = true
        #expect(try read(core.bytes).symbols() == Array("symbols".utf8))
    }

    @Test("memory is read across segments that touch, and what the file does not have of one is zero")
    func memory() throws {
        let file = try read(core().bytes)
        #expect(try file.memory(at: 0x1001, count: 5) == [2, 3, 4, 10, 0])
        #expect(try file.memory(at: 0x2002, count: 6) == [7, 8, 0, 0, 0, 0])
        #expect(try file.memory(at: 0x2000, count: 8)?.count == 8)
        #expect(try file.memory(at: 0x2000, count: 9) == nil)
        #expect(try file.memory(at: 0x0fff, count: 1) == nil)
        #expect(try file.memory(at: .max, count: 2) == nil)
        #expect(try file.memory(at: 0x1000, count: .max) == nil)
        #expect(try file.memory(at: 0x1000, count: 0) == [])
    }

    @Test("of memory, what the file has is told from what it has not")
    func knownMemory() throws {
        let file = try read(core().bytes)
        #expect(file.knownMemory(at: 0x1001, limit: 2) == [2, 3])
        #expect(file.knownMemory(at: 0x1001, limit: 9) == [2, 3, 4])
        #expect(file.knownMemory(at: 0x1004, limit: 9) == [10])
        #expect(file.knownMemory(at: 0x1005, limit: 9) == [])
        #expect(file.knownMemory(at: 0x3000, limit: 9) == [])
        #expect(file.segment(at: 0x1005)?.address == 0x1004 && file.segment(at: 0x1006) == nil)
        let cut = try read(Array(core().bytes.dropLast()))
        #expect(cut.knownMemory(at: 0x1000, limit: 9) == [1, 2, 3, 4])
        #expect(cut.knownMemory(at: 0x1004, limit: 9) == [])
        #expect(throws: Problem.self) { try cut.memory(at: 0x1004, count: 2) }
    }

    @Test("memory is given up to 4 GiB")
    func large() throws {
        var core = core()
        core.memory = [(0x1000, [1], 1 << 32), (0x1000 + 1 << 32, [], 1 << 62)]
        let file = try read(core.bytes)
        #expect(try file.memory(at: 0x2000, count: 1 << 20)?.count == 1 << 20)
        #expect(try file.memory(at: 0x2000, count: 1 << 32 + 1) == nil)
        #expect(try file.memory(at: 0x2000, count: 1 << 62) == nil)
    }

    @Test("threads and the signal are read as Linux writes them", arguments: [true, false])
    func threads(isWide: Bool) throws {
        var core = core(isWide: isWide)
        let (number, registers, size) = isWide ? (32, 112, 336) : (24, 72, 144)
        var status = [UInt8](repeating: 0, count: size)
        status[12] = 11
        status.replaceSubrange(number..<number + 2, with: [0x34, 0x12])
        status[registers] = 0x99
        var signal = [UInt8](repeating: 0, count: 128)
        (signal[0], signal[8], signal[isWide ? 16 : 12]) = (11, 2, 0x77)
        core.notes = [
            .init("CORE", 1, status), .init("LINUX", 1, [7]), .init("CORE", 0x5349_4749, signal),
            .init("CORE", 1, Array(status.dropLast(isWide ? 9 : 5))), .init("CORE", 0x5349_4749, [1]),
        ]
        let file = try read(core.bytes)
        #expect(file.threads.map(\.number) == [0x1234] && file.threads.first?.signal == 11)
        #expect(file.threads.first?.registers.count == (isWide ? 27 : 17))
        #expect(file.threads.first?.registers.first == 0x99)
        #expect(file.signal?.number == 11 && file.signal?.code == 2 && file.signal?.address == 0x77)
        #expect(
            file.problems.map(\.description) == ["core: NT_PRSTATUS: \(isWide ? 327 : 139) bytes: too short"])
    }

    @Test("what is cut off is told, and the rest is there")
    func cut() throws {
        // The ELF header, and the program headers of notes and of the first stretch of memory.
        let file = try read(Array(core().bytes.prefix(64 + 3 * 56 - 1)))
        #expect(file.segments.map(\.address) == [0x2000])
        #expect(file.problems.map(\.description).count == 2)
        #expect(
            file.problems.last?.description
                == "core: program headers: 56 bytes at 0xb0 are beyond the end of the file (231 bytes): truncated?")
    }

    /// The file with another first stretch of memory: what its program header says, of which nil stays.
    private func patched(
        offset: UInt64? = nil, address: UInt64? = nil, fileSize: UInt64? = nil, size: UInt64? = nil
    ) throws -> CoreFile {
        var bytes = core().bytes
        // Elf64_Phdr, behind the ELF header and the one of the notes.
        for (field, value) in [(8, offset), (16, address), (32, fileSize), (40, size)] {
            guard let value else { continue }
            for byte in 0..<8 { bytes[64 + 56 + field + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)) }
        }
        return try read(bytes)
    }

    @Test("memory reaches up to the last address, and one that goes on behind it is none")
    func lastAddress() throws {
        let last = try patched(address: .max - 7)
        #expect(try last.memory(at: .max - 7, count: 8) == [5, 6, 7, 8, 0, 0, 0, 0])
        #expect(try last.memory(at: .max - 7, count: 9) == nil)
        #expect(last.segment(at: .max)?.size == 8 && last.knownMemory(at: .max, limit: 1) == [])
        var round = core()
        round.memory = [(.max - 7, [5], 8), (0, [1], 8)]
        #expect(try read(round.bytes).memory(at: .max, count: 2) == nil)
        let beyond = try patched(address: .max - 6)
        #expect(beyond.segments.map(\.address) == [0x1000, 0x1004] && beyond.segment(at: .max) == nil)
    }

    @Test(
        "of memory no more is in the file than there is of it, none without a size, and none whose place is no number")
    func lyingSizes() throws {
        let long = try patched(fileSize: 100)
        #expect(long.segment(at: 0x2000)?.fileSize == 8)
        #expect(long.knownMemory(at: 0x2000, limit: 100) == [5, 6, 7, 8, 1, 2, 3, 4])
        #expect(try long.memory(at: 0x2000, count: 9) == nil)
        #expect(try patched(size: 0).segments.count == 2)
        #expect(try patched(size: 1).segments.count == 3)
        let far = try patched(offset: .max - 4)
        #expect(far.segments.count == 3 && far.knownMemory(at: 0x2000, limit: 4) == [])
        #expect(throws: Problem.self) { try far.memory(at: 0x2000, count: 4) }
        #expect(try patched(offset: .max - 3).segments.count == 2)
    }

    @Test("a note of the kernel is read up to 64 KiB", arguments: [(1 << 16, 1), (1 << 16 + 1, 0)])
    func noteSize(size: Int, threads: Int) throws {
        var core = core()
        core.notes = [.init("CORE", 1, [UInt8](repeating: 1, count: size))]
        #expect(try read(core.bytes).threads.count == threads)
    }

    @Test("262,144 notes are looked at, and no more", arguments: [(1 << 18, true), (1 << 18 + 1, false)])
    func noteCount(count: Int, isFound: Bool) throws {
        var core = core()
        core.notes = Array(repeating: .init("", 0, []), count: count - 1) + [.init("modlink", 2, [7])]
        #expect(try read(core.bytes).contents(of: .symbols) == (isFound ? [7] : nil))
    }

    @Test("2,097,152 program headers are read, one more is no core file's")
    func countLimit() throws {
        for (count, problems) in [
            (
                1 << 21,
                ["core: program headers: 56 bytes at 0x7b0 are beyond the end of the file (2000 bytes): truncated?"]
            ),
            (1 << 21 + 1, ["core: e_phnum: 2097153 program headers: no core file has so many"]),
        ] {
            var core = core()
            core.isExtended = true
            var bytes = core.bytes
            let section = 64 + 4 * 56
            for byte in 0..<4 { bytes[section + 44 + byte] = UInt8(truncatingIfNeeded: count >> (8 * byte)) }
            bytes += [UInt8](repeating: 0, count: 2000 - bytes.count)
            #expect(try read(bytes).problems.suffix(1).map(\.description) == problems)
        }
    }

    @Test("what is no core file, or not one of modlink, is told")
    func foreign() throws {
        #expect(problem(Array("text".utf8)) == "core: not an object file")
        #expect(problem([]) == "core: empty")
        try #expect(problem(PatchedObject().bytes) == "core: not a core file")
        var other = core()
        other.notes = [.init("CORE", 2, Array("symbols".utf8)), .init("modlink", 1, [])]
        #expect(
            problem(other.bytes)
                == "core: has no symbol table of modlink: not the core file of a crash folder (crash/N/core)")
        other.machine = 183
        #expect(problem(other.bytes) == "core: e_machine: made for aarch64; modules are made for x86-64 or i386")
    }

    @Test("headers and notes that lie are told")
    func broken() {
        let whole = core().bytes
        func patched(_ offset: Int, _ value: UInt8...) -> [UInt8] {
            var bytes = whole
            bytes.replaceSubrange(offset..<offset + value.count, with: value)
            return bytes
        }
        #expect(problem(patched(54, 55)) == "core: e_phentsize: 55: not 56")
        #expect(
            problem(patched(32, 0xff, 0xff))?.hasPrefix("core: program headers: 56 bytes at 0xffff are beyond the end")
                == true)
        // The first segment's offset: the notes are elsewhere.
        #expect(problem(patched(64 + 8, 0xff, 0xff))?.contains("notes: 24 bytes at 0xffff are beyond") == true)
        // The size of the first note's description.
        let notes = 64 + 4 * 56
        #expect(
            problem(patched(notes + 4, 0xff, 0xff, 0xff, 0xff))
                == "core: notes: one at 0x120 says that it goes on beyond the end of their segment")
        #expect(
            problem(patched(notes, 0xff, 0xff, 0xff, 0xff))
                == "core: notes: one at 0x120 says that it goes on beyond the end of their segment")
    }

    @Test("a note may end where its segment does, and not behind it")
    func lastNote() throws {
        var core = CoreBytes()
        core.notes = [.init("modlink", 2, Array("symbols".utf8))]
        // Behind the headers of the file and of the notes: the sizes of name and description.
        for (size, symbols) in [(7, "symbols"), (8, "symbols\0"), (9, nil)] as [(UInt8, String?)] {
            var bytes = core.bytes
            bytes[64 + 56 + 4] = size
            #expect(try read(bytes).contents(of: .symbols) == symbols.map { Array($0.utf8) })
            #expect((problem(bytes) == nil) == (symbols != nil))
        }
    }

    @Test("every beginning of a file, and every changed byte, gives a symbol table or an error")
    func mutations() {
        for isExtended in [true, false] {
            var made = core()
            made.isExtended = isExtended
            let whole = made.bytes
            for count in 0..<whole.count { _ = try? read(Array(whole[..<count])).symbols() }
            var accepted = 0
            for offset in whole.indices {
                for value in [0, 1, 0x7f, 0xff] as [UInt8] {
                    var bytes = whole
                    bytes[offset] = value
                    guard let file = try? read(bytes) else { continue }
                    accepted += (try? file.symbols()) == nil ? 0 : 1
                    _ = try? file.memory(at: 0x1000, count: 8)
                }
            }
            #expect(accepted > 100)
        }
    }
}
