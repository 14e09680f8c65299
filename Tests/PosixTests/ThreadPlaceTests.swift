import Testing

@testable import Posix

/// Where threads of other processes are.
@Suite struct ThreadPlaceTests {
    @Test("of a thread that waits, the last two words of its line are its stack and its instruction")
    func waiting() {
        let place = ThreadPlace(programCounter: 0x7fb8_3d79_62ad, stackPointer: 0x7ffc_b709_c398)
        let calling = ThreadPlace(
            programCounter: 0x7fb8_3d79_62ad, stackPointer: 0x7ffc_b709_c398, arguments: [3, 0, 0, 0x1234, 0, 1])
        #expect(ThreadPlace(waiting: "0 0x3 0x0 0x0 0x1234 0x0 0x1 0x7ffcb709c398 0x7fb83d7962ad\n") == calling)
        // It waits, and not in a system call.
        #expect(ThreadPlace(waiting: "-1 0x7ffcb709c398 0x7fb83d7962ad\n") == place)
        for text in ["running\n", "", "-1 0x1\n", "0 1 2\n"] { #expect(ThreadPlace(waiting: text) == nil, "\(text)") }
    }

    @Test("of one that runs, the registers are those of its machine") func registers() {
        var bytes = [UInt8](repeating: 0, count: 27 * 8)
        bytes[16 * 8 + 1] = 2
        bytes[19 * 8] = 3
        #expect(ThreadPlace(registers: bytes) == ThreadPlace(programCounter: 0x200, stackPointer: 3))
        bytes = [UInt8](repeating: 0, count: 17 * 4)
        bytes[12 * 4] = 4
        bytes[15 * 4 + 3] = 5
        #expect(ThreadPlace(registers: bytes) == ThreadPlace(programCounter: 4, stackPointer: 0x0500_0000))
        #expect(ThreadPlace(registers: []) == nil)
    }

    @Test("one that is not there is nowhere") func gone() throws {
        #expect(try ThreadPlace.look(at: .max, of: CurrentProcess.number) == nil)
    }
}
