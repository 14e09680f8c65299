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

    @Test("another addend than that of the field's own width is no sequence") func addend() {
        var other = bench([0x48, 0x8b, 0x05, 0, 0, 0, 0], offset: 3)
        other.addend = 0
        let entry = RelocationEntry(offset: 3, addend: 0, symbol: 1, kind: 0)
        #expect(X86_64.threadAccess(entry, .threadTableEntryRelative32, in: other.bytes.span.bytes) == .tableEntry)
        #expect(X86_64.threadAccess(entry, .descriptorRelative32, in: other.bytes.span.bytes) == .unknown)
    }
}
