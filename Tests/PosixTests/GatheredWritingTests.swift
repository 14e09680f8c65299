import Posix
import Testing

@Suite struct GatheredWritingTests {
    private let first = Array("gurka och tomat".utf8)
    private let second = Array("lök".utf8)

    @Test("pieces of two arrays come one behind the other, from an offset on")
    func pieces() throws {
        let file = try MemoryFile.create(name: "gathered")
        let end = try File.write(
            file,
            [GatheredPiece(0..<6), GatheredPiece(0..<4, ofOther: true), GatheredPiece(3..<3), GatheredPiece(9..<15)],
            of: first, second, at: 5)
        #expect(end == 21)
        #expect(try File.read(file, at: 0, count: 100) == [0, 0, 0, 0, 0] + Array("gurka lök tomat".utf8))
    }

    @Test("nothing to write leaves the file as it is")
    func nothing() throws {
        let file = try MemoryFile.create(name: "gathered")
        #expect(try File.write(file, [], of: first, second, at: 7) == 7)
        #expect(try File.write(file, [GatheredPiece(2..<2)], of: first, second, at: 7) == 7)
        #expect(try File.status(file).size == 0)
    }

    @Test("there may be more pieces than the kernel takes at once", arguments: [1023, 1024, 1025, 5000])
    func many(count: Int) throws {
        let file = try MemoryFile.create(name: "gathered")
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let pieces = (0..<count).reversed().map { GatheredPiece($0..<$0 + 1) }
        try File.write(file, pieces, of: bytes, [], at: 0)
        #expect(try File.read(file, at: 0, count: count + 1) == bytes.reversed())
    }

    @Test("a descriptor that cannot be written, and a place beyond all files, are errors")
    func failures() throws {
        let pipe = try DescriptorPair.pipe()
        #expect(
            message { () throws(SystemError) in
                try File.write(pipe.second, [GatheredPiece(0..<1)], of: first, second, at: 0, name: "pipe")
            } == "pipe: pwritev: illegal seek (ESPIPE)")
        #expect(
            message { () throws(SystemError) in
                try File.write(pipe.second, [GatheredPiece(0..<1)], of: first, second, at: .max, name: "pipe")
            } == "pipe: pwritev: file too large (EFBIG)")
    }
}
