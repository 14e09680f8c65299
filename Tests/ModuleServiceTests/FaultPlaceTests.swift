import ObjectModel
import Testing

@testable import ModuleService

/// Whose fault it is.
@Suite struct FaultPlaceTests {
    private static let program: UInt64 = 0x7000_0000
    private static let code: UInt64 = 0x1000_1000

    /// Module 1 has a page of code, which holds these bytes before these addresses; and there is a stack of words.
    private func place(
        at programCounter: UInt64, stack: [UInt64] = [], calls: [UInt64: [UInt8]] = [:], start: UInt64? = nil
    ) -> FaultPlace? {
        FaultPlace(
            programCounter: programCounter, stackPointer: 0x9000, startRoutine: start,
            in: FaultPlace.Surroundings(
                architecture: .x86_64, module: { ($0 & ~0xfff) == Self.code ? 1 : nil },
                isProgram: { $0 >= Self.program },
                read: { address, count in
                    if address == 0x9000 {
                        return stack.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
                    }
                    let bytes = calls[address + 7] ?? []
                    return [UInt8](repeating: 0x90, count: 7 - bytes.count) + bytes
                }))
    }

    /// A call that returns to an address.
    private func call(from address: UInt64, to target: UInt64) -> [UInt8] {
        let distance = UInt32(truncatingIfNeeded: target &- address)
        return [0xe8] + (0..<4).map { UInt8(truncatingIfNeeded: distance >> ($0 * 8)) }
    }

    @Test("the module in whose code the thread was") func programCounter() {
        #expect(place(at: Self.code + 4) == FaultPlace(module: 1, address: Self.code + 4))
    }

    @Test("the module that called the space's code, and not one that a word looks like which is no return address")
    func caller() {
        let back = Self.code + 0x40
        let calls = [back: call(from: back, to: Self.program + 0x10)]
        #expect(place(at: Self.program, stack: [0, 5, Self.code + 8, back], calls: calls)?.address == back)
        #expect(place(at: Self.program, stack: [0, 5, Self.code + 8], calls: calls) == nil)
    }

    @Test("a call that leads to the space's code comes before one that leads elsewhere") func preference() {
        let (old, back) = (Self.code + 0x20, Self.code + 0x40)
        let calls = [old: call(from: old, to: Self.code), back: call(from: back, to: Self.program + 0x10)]
        #expect(place(at: Self.program, stack: [old, back], calls: calls)?.address == back)
        #expect(place(at: Self.program, stack: [old], calls: calls)?.address == old)
    }

    @Test("where nothing else is known, the module of the thread's first function") func start() {
        #expect(place(at: 0, start: Self.code)?.module == 1)
        #expect(place(at: 0, start: Self.program) == nil)
        #expect(place(at: 0) == nil)
    }

    @Test("an address is in the code of the module whose range has it, up to its last byte") func code() {
        #expect(ModuleCode([]).module(at: 0) == nil)
        let code = ModuleCode([(0x3000..<0x4000, 3), (0x1000..<0x2000, 1), (0x2000..<0x2001, 2)])
        for (address, module) in [
            (0xfff, nil), (0x1000, 1), (0x1fff, 1), (0x2000, 2), (0x2001, nil), (0x2fff, nil), (0x3000, 3), (0x3fff, 3),
            (0x4000, nil), (.max, nil),
        ] as [(UInt64, Int?)] {
            #expect(code.module(at: address) == module, "\(address)")
        }
    }

    @Test(
        "all forms of calls by register and by memory",
        arguments: [
            [0xff, 0xd0], [0xff, 0x10], [0x41, 0xff, 0xd7], [0xff, 0x50, 8], [0xff, 0x14, 0x24], [0xff, 0x54, 0x24, 8],
            [0xff, 0x15, 1, 2, 3, 4], [0xff, 0x90, 1, 2, 3, 4], [0xff, 0x94, 0x24, 1, 2, 3, 4],
            [0xff, 0x14, 0x25, 1, 2, 3, 4],
        ] as [[UInt8]])
    func indirect(bytes: [UInt8]) {
        let whole = [UInt8](repeating: 0x90, count: 7 - bytes.count) + bytes
        #expect(FaultPlace.Call(whole, returnsTo: 0x1000, .x86_64)?.target == nil)
        #expect(FaultPlace.Call(whole, returnsTo: 0x1000, .x86_64) != nil)
        // A jump (FF /4) is none.
        let jump = whole.enumerated().map { index, byte in
            index > 0 && whole[index - 1] == 0xff && index >= 7 - bytes.count ? byte ^ 0x30 : byte
        }
        #expect(FaultPlace.Call(jump, returnsTo: 0x1000, .x86_64) == nil)
    }
}
