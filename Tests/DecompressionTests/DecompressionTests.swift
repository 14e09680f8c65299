import Decompression
import TestSupport
import Testing

/// What gzip, xz and zstd have compressed.
@Suite struct DecompressionTests {
    static let tools: [(tool: String, form: CompressionForm, ending: String)] = [
        ("gzip", .gzip, "gz"), ("xz", .xz, "xz"), ("zstd", .zstd, "zst"),
    ]
    /// More than is read at once.
    private static let plain = (0..<600_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }

    private static func compressed(_ bytes: [UInt8], _ index: Int) throws -> [UInt8] {
        let directory = try ScratchDirectory()
        let path = try directory.write("file", bytes)
        try Tool.output(tools[index].tool, ["-q", "-k", path])
        return try directory.read("file.\(tools[index].ending)")
    }

    @Test("all that was compressed comes back, and the form is known by the first bytes", arguments: tools.indices)
    func whole(_ index: Int) throws {
        let bytes = try Self.compressed(Self.plain, index)
        #expect(CompressionForm(file: Array(bytes.prefix(6))) == Self.tools[index].form)
        #expect(try decompressed(bytes[...], Self.tools[index].form, limit: Self.plain.count) == Self.plain)
    }

    @Test("files one behind the other are read as one, as the tools do", arguments: tools.indices)
    func several(_ index: Int) throws {
        let bytes = try Self.compressed([1, 2, 3], index) + Self.compressed([4, 5], index)
        #expect(try decompressed(bytes[...], Self.tools[index].form, limit: 100) == [1, 2, 3, 4, 5])
    }

    @Test("an empty file is none that is damaged", arguments: tools.indices)
    func empty(_ index: Int) throws {
        let bytes = try Self.compressed([], index)
        #expect(try decompressed(bytes[...], Self.tools[index].form, limit: 0) == [])
    }

    @Test("a byte more than the limit is refused", arguments: tools.indices)
    func limit(_ index: Int) throws {
        let bytes = try Self.compressed([UInt8](repeating: 0, count: 1_000_000), index)
        #expect(try decompressed(bytes[...], Self.tools[index].form, limit: 1_000_000).count == 1_000_000)
        #expect(throws: DecompressionError.tooLarge(999_999)) {
            try decompressed(bytes[...], Self.tools[index].form, limit: 999_999)
        }
    }

    @Test("what ends too early", arguments: tools.indices)
    func truncated(_ index: Int) throws {
        let bytes = try Self.compressed(Self.plain, index)
        for count in [8, bytes.count / 2, bytes.count - 1] {
            #expect(throws: DecompressionError.truncated) {
                try decompressed(bytes.prefix(count), Self.tools[index].form, limit: Self.plain.count)
            }
        }
    }

    @Test("what is damaged, or followed by something else", arguments: tools.indices)
    func damaged(_ index: Int) throws {
        var bytes = try Self.compressed(Self.plain, index)
        #expect(throws: DecompressionError.damaged) {
            try decompressed((bytes + [UInt8](repeating: 7, count: 16))[...], Self.tools[index].form, limit: 1 << 20)
        }
        bytes[bytes.count / 2] ^= 0x55
        #expect(throws: (any Error).self) { try decompressed(bytes[...], Self.tools[index].form, limit: 1 << 20) }
    }

    @Test("no bytes at all, and other files") func other() {
        #expect(CompressionForm(file: []) == nil)
        #expect(CompressionForm(file: [0x7f, 0x45, 0x4c, 0x46]) == nil)
        #expect(throws: DecompressionError.truncated) { try decompressed([], .gzip, limit: 10) }
    }
}
