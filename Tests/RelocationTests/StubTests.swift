import Testing

@testable import Relocation

@Suite struct StubTests {
    private func stub(at address: UInt64, entry: UInt64) -> (isNear: Bool, bytes: [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: 32)
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        let isNear = X86_64.writeStub(&raw, at: 8, address: address, entry: entry)
        return (isNear, bytes)
    }

    @Test("a stub jumps through its entry, and is filled up with traps") func bytes() {
        let (isNear, bytes) = stub(at: 0x1000, entry: 0x3000)
        #expect(isNear)
        #expect(bytes[8..<14] == [0xff, 0x25, 0xfa, 0x1f, 0x00, 0x00])
        #expect(bytes[14..<24].allSatisfy { $0 == 0xcc })
        #expect(bytes[..<8].allSatisfy { $0 == 0 } && bytes[24...].allSatisfy { $0 == 0 })
    }

    @Test("an entry may be 2 GiB after the stub's jump, and no more") func farAfter() {
        #expect(stub(at: 0x1000, entry: 0x1006 + 0x7fff_ffff).isNear)
        let (isNear, bytes) = stub(at: 0x1000, entry: 0x1006 + 0x8000_0000)
        #expect(!isNear)
        #expect(bytes.allSatisfy { $0 == 0 })
    }

    @Test("an entry may be 2 GiB before the stub's jump, and no more") func farBefore() {
        #expect(stub(at: 0x9000_0000, entry: 0x9000_0006 - 0x8000_0000).isNear)
        #expect(!stub(at: 0x9000_0000, entry: 0x9000_0006 - 0x8000_0001).isNear)
    }
}
