import CrashReport
import ObjectModel
import Testing

/// Following calls, in memory that is made up: what real crashes seldom show.
@Suite struct UnwinderTests {
    /// Memory by words, and rules by address.
    private struct Process: UnwindingSource {
        var words: [UInt64: UInt64] = [:]
        var rules: [UInt64: FrameRules] = [:]
        var bytes: [UInt64: UInt8] = [:]
        var code: Range<UInt64> = 0x1000..<0x2000
        var state = FrameState.unknown

        func word(at address: UInt64) -> UInt64? { words[address] }
        func byte(at address: UInt64) -> UInt8? { bytes[address] }
        func rules(at instruction: UInt64) -> FrameRules? { rules[instruction] }
        func isCode(_ address: UInt64) -> Bool { code.contains(address) }
        func frameState(at instruction: UInt64) -> FrameState { state }

        /// Makes an address look as if a call were before it.
        mutating func addCall(before address: UInt64) { bytes[address - 5] = 0xe8 }
    }

    private static let stackPointer: UInt8 = 0x70 + 7

    /// As at a function's first instruction: the return address is on top of the stack.
    private func plain(_ distance: UInt64 = 8) -> FrameRules {
        var registers = [FrameRules.Rule](repeating: .same, count: 17)
        registers[16] = .saved(-8)
        return FrameRules(
            frameAddress: [.init(Self.stackPointer, distance)], registers: registers, returnAddress: 16)
    }

    private func registers(_ pointer: UInt64, stack: UInt64) -> FrameRegisters {
        var values = [UInt64?](repeating: 0, count: 17)
        values[16] = pointer
        values[7] = stack
        return FrameRegisters(values)
    }

    private func trace(_ process: Process, _ pointer: UInt64 = 0x1000) -> CrashReport.ThreadTrace {
        Unwinder(process, .x86_64).trace(thread: 1, registers(pointer, stack: 0x8000))
    }

    @Test("calls are followed until a return address that is no longer there")
    func calls() {
        var process = Process()
        process.rules = [0x1000: plain(), 0x10ff: plain(16)]
        process.words = [0x8000: 0x1100, 0x8010: 0x1200]
        process.rules[0x11ff] = FrameRules(
            frameAddress: [.init(Self.stackPointer, 8)],
            registers: [FrameRules.Rule](repeating: .undefined, count: 17), returnAddress: 16)
        let trace = trace(process)
        #expect(trace.frames.map(\.address) == [0x1000, 0x1100, 0x1200])
        #expect(trace.isComplete)
    }

    @Test("a stack that does not shrink ends the trace")
    func loop() {
        var process = Process()
        process.rules = [0x1000: plain(), 0x10ff: plain(0)]
        process.words = [0x8000: 0x1100]
        let trace = trace(process)
        #expect(trace.frames.count == 2 && !trace.isComplete)
    }

    @Test("memory that is not there ends the trace")
    func missingMemory() {
        var process = Process()
        process.rules = [0x1000: plain()]
        process.code = 0..<0
        #expect(trace(process) == CrashReport.ThreadTrace(thread: 1, frames: [.init(0x1000)], isComplete: false))
    }

    @Test("64 calls are shown whole; of 65, the first and last 16")
    func omission() {
        for (count, shown) in [(64, 64), (65, 32), (80, 32), (81, 32), (1000, 32)] {
            var process = Process()
            process.rules[0x1000] = plain()
            for number in 1..<count {
                process.words[0x8000 + UInt64(number - 1) * 8] = 0x1000 + UInt64(number)
                process.rules[0x1000 + UInt64(number) - 1] = plain()
            }
            process.words[0x8000 + UInt64(count - 1) * 8] = 0
            process.rules[0x1000 + UInt64(count) - 1] = plain()
            let trace = trace(process)
            #expect(trace.frames.count == shown && trace.isComplete)
            #expect(trace.omitted == (shown == count ? nil : .init(position: 16, count: count - 32)))
            let numbers = Array(0..<count)
            let expected = shown == count ? numbers : numbers.prefix(16) + numbers.suffix(16)
            #expect(trace.frames.map(\.address) == expected.map { 0x1000 + UInt64($0) }, "\(count)")
        }
    }

    @Test("an endless trace ends when it is told to")
    func deadline() {
        /// A thread whose stack goes on for ever.
        struct Endless: UnwindingSource {
            let rule: FrameRules
            func word(at address: UInt64) -> UInt64? { 0x1001 }
            func byte(at address: UInt64) -> UInt8? { nil }
            func rules(at instruction: UInt64) -> FrameRules? { rule }
            func isCode(_ address: UInt64) -> Bool { true }
            func frameState(at instruction: UInt64) -> FrameState { .unknown }
        }
        let trace = Unwinder(Endless(rule: plain()), .x86_64, while: { false })
            .trace(thread: 1, registers(0x1000, stack: 0x8000))
        #expect(trace.omitted?.count == 1024 - 32 && !trace.isComplete)
    }

    @Test("the frame after a signal's is one that was interrupted")
    func signalFrame() {
        var process = Process()
        let rules = FrameRules(
            frameAddress: plain().frameAddress, registers: plain().registers, returnAddress: 16, isSignalFrame: true)
        process.rules = [0x1000: rules, 0x1100: plain()]
        process.words = [0x8000: 0x1100, 0x8008: 0]
        let trace = trace(process)
        #expect(trace.frames.map(\.isInterrupted) == [false, true])
        // Its own address is looked up, not that of a call before it.
        #expect(trace.frames[1].instruction(isFirst: false) == 0x1100 && trace.isComplete)
    }

    // MARK: Without rules

    @Test("a frame pointer is followed where a function keeps one, and not where it points below the stack")
    func framePointer() {
        var process = Process()
        process.state = .complete
        process.addCall(before: 0x1100)
        process.words = [0x8020: 0x8040, 0x8028: 0x1100]
        var start = registers(0x1000, stack: 0x8000)
        start[6] = 0x8020
        let unwinder = Unwinder(process, .x86_64)
        let trace = unwinder.trace(thread: 1, start)
        #expect(trace.frames.map(\.address) == [0x1000, 0x1100] && !trace.frames[1].isGuess)
        start[7] = 0x8028
        #expect(unwinder.trace(thread: 1, start).frames.map(\.isGuess) == [false, true])
    }

    @Test("on the stack, only what stands behind a call instruction is taken")
    func search() {
        var process = Process()
        process.words = [0x8000: 0x1100, 0x8008: 7, 0x8010: 0x1200, 0x8018: 0x9999]
        process.bytes = [0x11fe: 0xff, 0x11ff: 0xd0]
        let trace = trace(process)
        #expect(trace.frames.map(\.address) == [0x1000, 0x1200])
        #expect(trace.frames[1].isGuess && !trace.isComplete)
    }

    // MARK: Expressions

    private func evaluate(_ operations: [FrameRules.Operation], _ words: [UInt64: UInt64] = [:]) -> UInt64? {
        var list = plain().registers
        list[3] = .expression(operations)
        let rules = FrameRules(frameAddress: plain().frameAddress, registers: list, returnAddress: 16)
        var process = Process()
        process.words = words.merging([0x8000: 1]) { $1 }
        var registers = registers(0x1000, stack: 0x8000)
        return rules.unwind(&registers, RegisterConvention(.x86_64), in: process) ? registers[3] : nil
    }

    @Test("expressions are evaluated as DWARF has it")
    func expressions() {
        // DW_OP_breg7 8, DW_OP_deref, DW_OP_stack_value.
        #expect(evaluate([.init(0x77, 8), .init(0x06), .init(0x9f)], [0x8008: 0x42]) == 0x42)
        // DW_OP_breg7 8: where the value is.
        #expect(evaluate([.init(0x77, 8)], [0x8008: 0x43]) == 0x43)
        // DW_OP_call_frame_cfa, DW_OP_lit3, DW_OP_shl, DW_OP_stack_value.
        #expect(evaluate([.init(0x9c), .init(0x33), .init(0x24), .init(0x9f)]) == 0x8008 << 3)
        // DW_OP_const1s -1, DW_OP_lit0, DW_OP_lt, DW_OP_stack_value.
        #expect(evaluate([.init(0x09, UInt64(bitPattern: -1)), .init(0x30), .init(0x2d), .init(0x9f)]) == 1)
        // DW_OP_bregx 7 16, DW_OP_lit8, DW_OP_minus, DW_OP_stack_value.
        #expect(evaluate([.init(0x92, 7, 16), .init(0x38), .init(0x1c), .init(0x9f)]) == 0x8008)
        // DW_OP_reg7.
        #expect(evaluate([.init(0x57)]) == 0x8000)
    }

    @Test("what cannot be evaluated is not known")
    func badExpressions() {
        #expect(evaluate([]) == nil)
        #expect(evaluate([.init(0x22), .init(0x9f)]) == nil)
        #expect(evaluate([.init(0xe0), .init(0x9f)]) == nil)
        #expect(evaluate([.init(0x92, UInt64.max, 0), .init(0x9f)]) == nil)
        #expect(evaluate([.init(0x77, 0x100)]) == nil)
        #expect(evaluate(Array(repeating: .init(0x31), count: 65) + [.init(0x9f)]) == nil)
    }
}
