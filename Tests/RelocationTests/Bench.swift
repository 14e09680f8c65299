import ObjectModel

@testable import Relocation

/// One relocation, applied to bytes that are otherwise left alone.
struct Bench {
    static let section: UInt64 = 0x1000_0000
    static let table: UInt64 = 0x1010_0000
    static let stubs: UInt64 = 0x1020_0000
    /// What a window from 256 MiB to 1 GiB reaches.
    static let reach: ClosedRange<UInt64> = 0...0x8fff_ffff

    var bytes = [UInt8](repeating: 0xaa, count: 32)
    var offset: UInt64 = 8
    var addend: Int64 = 0
    var address: UInt64 = 0
    var size: UInt64 = 0
    var tableEntry = SymbolTarget.absent
    var stub = SymbolTarget.absent
    var reach = Bench.reach

    struct Outcome {
        let bytes: [UInt8]
        let failures: [RelocationFailure]

        /// The little-endian number at the place.
        func stored(at offset: Int, width: Int) -> UInt64 {
            bytes[offset..<offset + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    func apply(_ kind: X86_64.Kind) -> Outcome { apply(kind, on: X86_64.self) }

    func apply<M: Machine>(_ kind: M.Kind, on machine: M.Type) -> Outcome {
        var target = SymbolTarget(address: address)
        target.tableEntry = tableEntry
        target.stub = stub
        var symbol = Symbol.null
        symbol.size = size
        let entries = [RelocationEntry(offset: offset, addend: addend, symbol: 1, kind: kind.rawValue)]
        let targets = [SymbolTarget(address: 0xdead), target]
        let symbols = [Symbol.null, symbol]
        var failures: [RelocationFailure] = []
        var contents = bytes
        var span = contents.mutableSpan
        var raw = span.mutableBytes
        M.apply(
            entries.span, to: &raw, original: bytes.span.bytes,
            frame: RelocationFrame(
                section: Self.section, table: Self.table, stubs: Self.stubs, reach: reach),
            targets: targets.span, symbols: symbols.span, failures: &failures)
        return Outcome(bytes: contents, failures: failures)
    }
}
