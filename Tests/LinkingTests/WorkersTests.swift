import Linking
import ObjectModel
import Posix
import TestSupport
import Testing

/// Large links, which are done in pieces, against the same done in one.
@Suite struct LinkWithWorkersTests {
    private static let fourThreads = WorkerThreads(count: 4)
    private static let threads = Workers(count: 4) { parts, body in fourThreads.share(parts, body) }
    /// The last piece first.
    private static let backwards = Workers(count: 4) { parts, body in
        for part in (0..<parts).reversed() { body(part) }
    }

    /// One section with what changes instructions around it all over, and what does not; a second with nothing else.
    private static let large = """
        .macro some
        call tomat
        mov tomat@GOTPCREL(%rip), %rax
        mov gurka@GOTPCREL(%rip), %rax
        jmp *gurka@GOTPCREL(%rip)
        mov slice@GOTTPOFF(%rip), %rax
        .byte 0x66
        lea slice@TLSGD(%rip), %rdi
        .word 0x6666
        rex64
        call __tls_get_addr@PLT
        .quad gurka - ., tomat
        .endm
        .rept 20000
        some
        .endr
        .rept 20000
        call tomat
        lea gurka(%rip), %rax
        .endr
        .data
        .globl gurka
        gurka: .rept 60000
        .quad gurka + 8, tomat
        .endr
        .section .tdata,"awT",@progbits
        .globl slice
        slice: .long 3
        """

    private func differing(_ sources: [ModuleSource], in space: Space) throws -> [String] {
        let alone = try space.link(sources)
        return try [Self.threads, Self.backwards].enumerated().flatMap { number, workers in
            let linked = try space.link(sources, workers: workers)
            return sources.indices.filter { linked.file($0) != alone.file($0) }.map { "\(number): \(sources[$0].name)" }
        }
    }

    @Test("one large object is linked in pieces to the same bytes")
    func object() throws {
        let space = Space(["tomat": 0x7fff_1234_5678])
        #expect(try differing([source("gurka", assembled(Self.large))], in: space) == [])
    }

    @Test("relocations in no order are linked to the same bytes")
    func disorder() throws {
        let text = """
            .rept 100000
            call tomat
            lea gurka(%rip), %rax
            .endr
            .globl gurka
            gurka: .fill 1000000
            """
        var parts = try assembled(text).parts
        parts.relocations.reverse()
        #expect(try differing([source("gurka", Object(parts))], in: Space(["tomat": 0x40_0000])) == [])
    }

    @Test("many sections, and many objects, are linked to the same bytes")
    func sections() throws {
        let many = (0..<9000).map {
            """
            .section .text.f\($0), "ax", @progbits
            .globl f\($0)
            f\($0): call f\($0 * 7 % 9000)
            mov f\($0 * 3 % 9000)@GOTPCREL(%rip), %rax
            .fill 100, 1, 0x90
            """
        }.joined(separator: "\n")
        let user = (0..<40).map {
            try? assembled(".data\n.fill 60000, 1, 3\n.quad f\($0), tomat\n", name: "user\($0).o")
        }
        let space = Space(["tomat": 0x40_0000])
        #expect(
            try differing(
                [ModuleSource(name: "gurka", objects: [try assembled(many)] + user.compactMap { $0 })], in: space) == []
        )
    }

    /// The problems of a link that has to fail.
    private func problems(_ source: ModuleSource, in space: Space, _ workers: Workers) -> String {
        do {
            _ = try space.link([source], workers: workers)
            return "linked"
        } catch {
            return "\(error)"
        }
    }

    @Test("undefined symbols of all pieces are told once, with the first place")
    func undefined() throws {
        let text = """
            .rept 60000
            call ingenstans
            call aldrig
            .endr
            .fill 1000000
            """
        let gurka = source("a", try assembled(text, name: "a.o"))
        let expected = """
            a.o: .text+0x1: undefined symbol 'ingenstans' (and 59999 more places)
            a.o: .text+0x6: undefined symbol 'aldrig' (and 59999 more places)
            """
        for workers in [.alone, Self.threads, Self.backwards] {
            #expect(problems(gurka, in: Space(), workers) == expected)
        }
    }

    @Test("relocations of all pieces that do not fit are told in order")
    func ranges() throws {
        let text = """
            .data
            .rept 90000
            .long tomat
            .endr
            .fill 3000000
            """
        let gurka = source("a", try assembled(text, name: "a.o"))
        let space = Space(["tomat": 0x7fff_1234_5678])
        let lines = problems(gurka, in: space, .alone).split(separator: "\n")
        #expect(lines.count == 201)
        #expect(lines.first?.hasPrefix("a.o: .data+0x0: R_X86_64_32 against 'tomat' at 0x7fff12345678: ") == true)
        #expect(lines.last == "a.o: 89800 more problems of this link are not listed")
        for workers in [Self.threads, Self.backwards] {
            #expect(problems(gurka, in: space, workers).split(separator: "\n") == lines)
        }
    }
}
