import ObjectModel
import Testing

@testable import Relocation

/// What `ld` writes for each sequence, Tests/LinkingTests compares; here is where one ends and another begins.
@Suite struct ThreadSequenceTests {
    private func bench(_ bytes: [UInt8], offset: UInt64, distance: Int64 = -8) -> Bench {
        var bench = Bench()
        bench.bytes = bytes
        bench.offset = offset
        bench.addend = -4
        bench.address = UInt64(bitPattern: distance)
        bench.tableEntry = 0
        return bench
    }

    @Test("a distance of 2 GiB below the thread pointer fits an instruction, and no more") func limits() {
        let load: [UInt8] = [0x48, 0x8b, 0x05, 0, 0, 0, 0]
        for (distance, fits) in [
            (-0x8000_0000, true), (-0x8000_0001, false), (0x7fff_ffff, true), (0x8000_0000, false),
        ] as [(Int64, Bool)] {
            let outcome = bench(load, offset: 3, distance: distance).apply(.threadTableEntryRelative32)
            #expect(outcome.failures.isEmpty == fits)
            if fits {
                #expect(outcome.bytes[..<3] == [0x48, 0xc7, 0xc0])
                #expect(outcome.stored(at: 3, width: 4) == UInt64(UInt32(truncatingIfNeeded: distance)))
            } else {
                #expect(outcome.bytes == load)
                #expect(outcome.failures[0].range == -0x8000_0000...0x7fff_ffff)
            }
        }
    }

    @Test("a sequence that begins before its section or ends after it is none", arguments: [0, 1, 2, 3])
    func bounds(_ cut: Int) {
        let general: [UInt8] = [0x66, 0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0x66, 0x66, 0x48, 0xe8, 0, 0, 0, 0]
        let entry = { (offset: Int) in RelocationEntry(offset: UInt64(offset), addend: -4, symbol: 1, kind: 0) }
        let known = { (bytes: [UInt8], offset: Int, kind: X86_64.Kind) in
            X86_64.threadAccess(entry(offset), kind, in: bytes.span.bytes)
        }
        #expect(known(general, 4, .generalDynamic) == .distance)
        #expect(known(Array(general.dropFirst(cut + 1)), 3 - cut, .generalDynamic) == .unknown)
        #expect(known(Array(general.dropLast(cut + 1)), 4, .generalDynamic) == .unknown)
        let local: [UInt8] = [0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0]
        #expect(known(local, 3, .localDynamic) == .distance)
        #expect(known(Array(local.dropLast(cut + 1)), 3, .localDynamic) == .unknown)
        #expect(known(Array(local.dropFirst(min(cut, 2) + 1)), 2 - min(cut, 2), .localDynamic) == .unknown)
        #expect(known([0x48, 0x8b, 0x05, 0, 0, 0, 0], 3, .threadTableEntryRelative32) == .distance)
        #expect(known([0x8b, 0x05, 0, 0, 0, 0], 2, .threadTableEntryRelative32) == .tableEntry)
        #expect(known([0xff, 0x10], 0, .descriptorCall) == .distance)
        #expect(known([0xff], 0, .descriptorCall) == .unknown)
    }

    @Test("a descriptor's address in one of 32 registers becomes the distance, in that register") func extended() {
        // lea x@tlsdesc(%rip), %r16 and %r31.
        for (before, after) in [
            ([0xd5, 0x48, 0x8d, 0x05], [0xd5, 0x18, 0xc7, 0xc0]),
            ([0xd5, 0x4c, 0x8d, 0x3d], [0xd5, 0x19, 0xc7, 0xc7]),
        ] as [([UInt8], [UInt8])] {
            let outcome = bench(before + [0, 0, 0, 0], offset: 4).apply(.descriptorRelative32Code4)
            #expect(outcome.bytes == after + [0xf8, 0xff, 0xff, 0xff])
        }
    }

    @Test("an entry for a thread-local variable in an instruction with REX2 stays: its prefix can look like REX")
    func extendedEntry() {
        let load: [UInt8] = [0xd5, 0x48, 0x8b, 0x05, 0, 0, 0, 0]
        let outcome = bench(load, offset: 4).apply(.threadTableEntryRelative32Code4)
        #expect(outcome.bytes.prefix(4) == load.prefix(4))
        let entry = RelocationEntry(offset: 4, addend: -4, symbol: 1, kind: 0)
        #expect(X86_64.threadAccess(entry, .threadTableEntryRelative32Code4, in: load.span.bytes) == .tableEntry)
    }

    @Test("another addend than that of the field's own width is no sequence") func addend() {
        var other = bench([0x48, 0x8b, 0x05, 0, 0, 0, 0], offset: 3)
        other.addend = 0
        let entry = RelocationEntry(offset: 3, addend: 0, symbol: 1, kind: 0)
        #expect(X86_64.threadAccess(entry, .threadTableEntryRelative32, in: other.bytes.span.bytes) == .tableEntry)
        #expect(X86_64.threadAccess(entry, .descriptorRelative32, in: other.bytes.span.bytes) == .unknown)
    }

    private static let sequences: [(bytes: [UInt8], offset: Int, kind: I386.Kind, call: UInt64?)] = [
        ([0x8d, 0x04, 0x1d, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0], 3, .generalDynamic, 8),
        ([0x8d, 0x83, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0x90], 2, .generalDynamic, 7),
        ([0x8d, 0x83, 0, 0, 0, 0, 0x67, 0xe8, 0, 0, 0, 0], 2, .generalDynamic, 8),
        ([0x8d, 0x86, 0, 0, 0, 0, 0xff, 0x96, 0, 0, 0, 0], 2, .generalDynamic, 8),
        ([0x8d, 0x83, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0], 2, .localDynamic, 7),
        ([0x8d, 0x87, 0, 0, 0, 0, 0xff, 0x97, 0, 0, 0, 0], 2, .localDynamic, 8),
        ([0xa1, 0, 0, 0, 0], 1, .threadTableEntry32, nil),
        ([0x8b, 0x0d, 0, 0, 0, 0], 2, .threadTableEntry32, nil),
        ([0x2b, 0x8b, 0, 0, 0, 0], 2, .threadTableEntryOffset32, nil),
        ([0x03, 0x8b, 0, 0, 0, 0], 2, .threadTableDistance32, nil),
        ([0x8d, 0x83, 0, 0, 0, 0], 2, .descriptorOffset32, nil),
        ([0xff, 0x10], 0, .descriptorCall, nil),
    ]

    @Test("a sequence of i386 has its call where it is, and is none when a byte at either end is not there")
    func i386Bounds() {
        for (bytes, offset, kind, call) in Self.sequences {
            let entry = RelocationEntry(offset: UInt64(offset), addend: 0, symbol: 1, kind: kind.rawValue)
            #expect(I386.threadAccess(entry, kind, in: bytes.span.bytes) == .distance, "\(bytes)")
            #expect(I386.ThreadSequence(of: entry, kind, in: bytes.span.bytes) != nil)
            // The call's field, as its own relocation has it.
            #expect(I386.threadCall(entry, in: bytes.span.bytes) == call, "\(bytes)")
            let short = Array(bytes.dropFirst())
            let before = RelocationEntry(offset: UInt64(max(offset - 1, 0)), addend: 0, symbol: 1, kind: kind.rawValue)
            #expect(I386.ThreadSequence(of: before, kind, in: short.span.bytes) == nil, "\(bytes)")
            // Fields of 4 bytes were checked to lie in the section; what follows was not.
            guard call != nil || kind == .descriptorCall else { continue }
            let cut = Array(bytes.dropLast())
            #expect(I386.ThreadSequence(of: entry, kind, in: cut.span.bytes) == nil, "\(bytes)")
        }
    }

    @Test("an addend makes a sequence of i386 none, but where ld leaves the field's content out")
    func i386Addend() {
        for (bytes, offset, kind, _) in Self.sequences
        where kind != .descriptorCall && kind != .threadTableEntryOffset32 {
            let entry = RelocationEntry(offset: UInt64(offset), addend: 4, symbol: 1, kind: kind.rawValue)
            #expect(I386.ThreadSequence(of: entry, kind, in: bytes.span.bytes) == nil, "\(bytes)")
        }
    }

    @Test("a sequence that is called with other bytes stores nothing")
    func i386Unknown() {
        for kind in [
            I386.Kind.generalDynamic, .localDynamic, .threadTableDistance32, .descriptorOffset32, .descriptorCall,
        ] {
            var other = Bench()
            other.tableEntry = 0
            #expect(other.apply(kind, on: I386.self).bytes == other.bytes)
        }
    }
}
