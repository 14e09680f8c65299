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
            problem(patched(32, 0xff, 0xff))?.hasPrefix("core: program headers: 224 bytes at 0xffff are beyond the end")
                == true)
        // The first segment's offset: the notes are elsewhere.
        #expect(problem(patched(64 + 8, 0xff, 0xff))?.contains("note segment 0: 12 bytes at 0xffff are beyond") == true)
        // The size of the first note's description.
        let notes = 64 + 4 * 56
        #expect(
            problem(patched(notes + 4, 0xff, 0xff, 0xff, 0xff))
                == "core: note segment 0: a note at 0x120 says that it goes on beyond the end of the segment")
        #expect(
            problem(patched(notes, 0xff, 0xff, 0xff, 0xff))
                == "core: note segment 0: a note at 0x120 says that it goes on beyond the end of the segment")
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
