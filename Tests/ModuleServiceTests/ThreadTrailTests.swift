import ObjectModel
import Posix
import Testing

@testable import ModuleService

/// Where a thread's way leads through code of modules.
@Suite struct ThreadTrailTests {
    /// Modules 1 and 2 have a page of code each. A call instruction stands before each address that ends with 8.
    private func trail(
        at programCounter: UInt64, stack: [UInt64], end: UInt64? = nil, arguments: [UInt64] = []
    ) -> ThreadTrail {
        ThreadTrail(
            ThreadPlace(programCounter: programCounter, stackPointer: 0x9000, arguments: arguments), stackEnd: end,
            through: 1,
            in: FaultPlace.Surroundings(
                architecture: .x86_64, module: { [0x1000: 1, 0x2000: 2][$0 & ~0xfff] }, isProgram: { _ in false },
                read: { address, count in
                    guard address == 0x9000 else {
                        return [0x90, 0x90, (address + 7) % 16 == 8 ? 0xe8 : 0x90, 0, 0, 0, 0]
                    }
                    let bytes = stack.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
                    return Array(bytes.prefix(count))
                }))
    }

    @Test("the instruction counts, and the innermost word behind a call") func innermost() {
        #expect(trail(at: 0x1004, stack: [0x1018]).address == 0x1004)
        let behind = trail(at: 0x5000, stack: [1, 0x1014, 0x1018, 0x1028])
        #expect(behind.address == 0x1018 && behind.isBehindCall)
        #expect(trail(at: 0x5000, stack: [1, 0x1014, 0x2018]).address == nil)
    }

    @Test("the outermost place says whose the thread is") func outermost() {
        #expect(trail(at: 0x1004, stack: [0x2018, 5]).outermost == 2)
        #expect(trail(at: 0x2004, stack: [0x1018]).outermost == 1)
        #expect(trail(at: 0x5000, stack: [5]).outermost == nil)
    }

    @Test("an argument of the system call that a thread waits in may be where it returns to, as of vfork")
    func argument() {
        #expect(trail(at: 0x5000, stack: [0x1028], arguments: [0x1014, 0x1018]).address == 0x1018)
    }

    @Test("words beyond the stack's end are not the thread's") func end() {
        #expect(trail(at: 0x5000, stack: [5, 0x1018], end: 0x9010).address == 0x1018)
        #expect(trail(at: 0x5000, stack: [5, 0x1018], end: 0x9008).address == nil)
    }
}
