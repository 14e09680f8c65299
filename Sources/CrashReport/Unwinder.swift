import ObjectModel

/// What is to be known of a process to follow its calls.
public protocol UnwindingSource: ReadableMemory {
    /// How to find the caller's registers at an instruction; nil where nobody says.
    func rules(at instruction: UInt64) -> FrameRules?
    /// Whether an address is in code.
    func isCode(_ address: UInt64) -> Bool
    /// How far a function has set up its frame at an instruction, as its first instructions say.
    func frameState(at instruction: UInt64) -> FrameState
}

/// How far a function has set up its frame.
public enum FrameState: Sendable {
    /// Nothing is known.
    case unknown
    /// It has not done anything: the return address is on top of the stack.
    case entered
    /// The caller's frame pointer is on top of the stack, and the return address behind it.
    case pushed
    /// The frame pointer points to the caller's one, and the return address stands behind that.
    case complete
}

/// The calls of a thread, found one after the other from the innermost on.
///
/// By call frame information where there is some. In functions without it the frame pointer is followed if they keep one; else the
/// nearest word on the stack is taken that is an address behind a call instruction, and the frame is a guess.
public struct Unwinder<Source: UnwindingSource> {
    private let source: Source
    private let convention: RegisterConvention
    /// Asked now and then: false ends the trace.
    private let goesOn: () -> Bool

    /// No stack has more calls.
    private static var frameLimit: Int { 10_000_000 }
    /// How many words of the stack are looked at for the next call.
    private static var scanLimit: UInt64 { 1024 }

    /// Follows calls in that process.
    public init(
        _ source: Source, _ architecture: Architecture, while goesOn: @escaping () -> Bool = { true }
    ) {
        self.source = source
        self.convention = RegisterConvention(architecture)
        self.goesOn = goesOn
    }

    /// The calls of a thread with these registers.
    public func trace(thread: Int, _ registers: FrameRegisters) -> CrashReport.ThreadTrace {
        var collector = FrameCollector()
        let step = follow(registers) { pointer, step, _ in
            collector.add(FrameCollector.Entry(pointer, isInterrupted: step == .signal, isGuess: step == .guess))
            return true
        }
        return collector.trace(thread, isComplete: step == .end)
    }

    /// Visits the calls of a thread with these registers, from the innermost on.
    ///
    /// - Parameter visit: gets the address of the instruction that goes on in a call, how the call was come to, and the stack pointer
    ///   there; false ends the visits.
    /// - Returns: how the last call was left; that it was visited last, by ``Step/call``, where the visits were ended.
    public func follow(
        _ registers: FrameRegisters, _ visit: (_ pointer: UInt64, _ step: Step, _ stackPointer: UInt64?) -> Bool
    ) -> Step {
        var registers = registers
        var step = Step.call
        var count = 0
        while count < Self.frameLimit, let pointer = registers[convention.instructionPointer] {
            guard visit(pointer, step, registers[convention.stackPointer]) else { return .call }
            count += 1
            if count % 1024 == 0, !goesOn() { break }
            let isExact = count == 1 || step == .signal || pointer == 0
            step = leave(&registers, isExact ? pointer : pointer - 1, isFirst: count == 1)
            if step == .end || step == .unknown { break }
        }
        return step
    }

    /// How a frame was left.
    public enum Step: Sendable {
        /// For the one that called it.
        case call
        /// For the one that a signal interrupted.
        case signal
        /// For one that may have called it.
        case guess
        /// For none: it is the first of the thread.
        case end
        /// For one that is not known.
        case unknown
    }

    /// Makes registers those of the caller.
    private func leave(_ registers: inout FrameRegisters, _ instruction: UInt64, isFirst: Bool) -> Step {
        guard let stack = registers[convention.stackPointer] else { return .unknown }
        if let rules = source.rules(at: instruction) {
            guard rules.hasCaller else { return .end }
            guard rules.unwind(&registers, convention, in: source) else { return .unknown }
            guard registers[convention.instructionPointer] != 0 else { return .end }
            if rules.isSignalFrame { return .signal }
            // The stack shrinks with each return.
            guard let next = registers[convention.stackPointer], next > stack else { return .unknown }
            return .call
        }
        let state = source.isCode(instruction) ? source.frameState(at: instruction) : .entered
        let framePointer = registers[convention.framePointer]
        let found: FrameRegisters? =
            switch state {
            case .entered where isFirst: follow(stack, framePointer: framePointer)
            case .pushed where isFirst: follow(stack &+ convention.width, framePointer: source.word(at: stack))
            case .complete: followFramePointer(registers, stack)
            default: nil
            }
        if let found {
            registers = found
            return .call
        }
        guard let guess = searchStack(registers, stack) else { return .unknown }
        registers = guess
        return .guess
    }

    /// By a return address at a place of the stack.
    private func follow(_ place: UInt64, framePointer: UInt64?) -> FrameRegisters? {
        guard let pointer = source.word(at: place & convention.mask), isBehindCall(pointer) else { return nil }
        return returned(to: pointer, stack: place &+ convention.width, framePointer: framePointer)
    }

    private func followFramePointer(_ registers: FrameRegisters, _ stack: UInt64) -> FrameRegisters? {
        guard let frame = registers[convention.framePointer], frame >= stack, frame % convention.width == 0 else {
            return nil
        }
        return follow(frame &+ convention.width, framePointer: source.word(at: frame))
    }

    /// By the nearest return address on the stack.
    private func searchStack(_ registers: FrameRegisters, _ stack: UInt64) -> FrameRegisters? {
        let start = stack & ~(convention.width - 1)
        for index in 0..<Self.scanLimit {
            let place = (start &+ index &* convention.width) & convention.mask
            guard place >= start, let pointer = source.word(at: place) else { return nil }
            if isBehindCall(pointer) {
                return returned(
                    to: pointer, stack: place &+ convention.width, framePointer: registers[convention.framePointer])
            }
        }
        return nil
    }

    /// The registers after a return, as far as they are known.
    private func returned(to pointer: UInt64, stack: UInt64, framePointer: UInt64?) -> FrameRegisters {
        var result = FrameRegisters(Array(repeating: nil, count: convention.names.count))
        result[convention.instructionPointer] = pointer
        result[convention.stackPointer] = stack & convention.mask
        result[convention.framePointer] = framePointer
        return result
    }

    /// Whether an address is in code, behind a call instruction: `call rel32` (E8), or `call r/m` (FF /2) of 2 to 7 bytes.
    private func isBehindCall(_ address: UInt64) -> Bool {
        guard address > 7, source.isCode(address - 1) else { return false }
        if source.byte(at: address - 5) == 0xe8 { return true }
        return (2...7).contains { length in
            source.byte(at: address - UInt64(length)) == 0xff
                && source.byte(at: address - UInt64(length) + 1).map { $0 >> 3 & 7 == 2 } == true
        }
    }
}

/// The frames of a trace: all, or the innermost and the outermost.
private struct FrameCollector {
    /// A frame, and nothing but numbers.
    struct Entry {
        let pointer: UInt64
        let isInterrupted: Bool
        let isGuess: Bool

        init(_ pointer: UInt64, isInterrupted: Bool, isGuess: Bool) {
            self.pointer = pointer
            self.isInterrupted = isInterrupted
            self.isGuess = isGuess
        }

        var frame: CrashReport.Frame {
            var frame = CrashReport.Frame(pointer)
            frame.isInterrupted = isInterrupted
            frame.isGuess = isGuess
            return frame
        }
    }

    private(set) var count = 0
    private var first: [Entry] = []
    private var last: [Entry] = []

    /// Traces with this many calls are shown whole.
    private static let wholeLimit = 64
    /// How many of the innermost, and of the outermost, are shown of a longer trace.
    private static let endCount = 16

    mutating func add(_ frame: Entry) {
        if count < Self.wholeLimit {
            first.append(frame)
        } else if last.count < Self.endCount {
            last.append(frame)
        } else {
            // A ring: the oldest of it goes.
            last[(count - Self.wholeLimit) % Self.endCount] = frame
        }
        count += 1
    }

    func trace(_ thread: Int, isComplete: Bool) -> CrashReport.ThreadTrace {
        guard count > Self.wholeLimit else {
            return CrashReport.ThreadTrace(thread: thread, frames: first.map(\.frame), isComplete: isComplete)
        }
        let oldest = last.count < Self.endCount ? 0 : (count - Self.wholeLimit) % Self.endCount
        let end = (first + last[oldest...] + last[..<oldest]).suffix(Self.endCount)
        return CrashReport.ThreadTrace(
            thread: thread, frames: (first.prefix(Self.endCount) + end).map(\.frame),
            omitted: CrashReport.Omission(position: Self.endCount, count: count - 2 * Self.endCount),
            isComplete: isComplete)
    }
}
