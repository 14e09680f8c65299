/// How to find a caller's registers at one instruction (DWARF 5, 6.4.1), made of the call frame information for it.
public struct FrameRules: Sendable, Equatable {
    /// An operation of a DWARF expression (DWARF 5, 2.5): its number and operands.
    public struct Operation: Sendable, Equatable {
        /// Its number, `DW_OP_…`.
        public var code: UInt8
        /// Its first operand, as 64 bits.
        public var first: UInt64
        /// Its second operand.
        public var second: UInt64

        /// Makes an operation.
        public init(_ code: UInt8, _ first: UInt64 = 0, _ second: UInt64 = 0) {
            self.code = code
            self.first = first
            self.second = second
        }
    }

    /// How to find a register's value.
    public enum Rule: Sendable, Equatable {
        /// It is lost; of the return address: there is no caller.
        case undefined
        /// It is as it is.
        case same
        /// It was saved that many bytes after the canonical frame address.
        case saved(Int64)
        /// By an expression.
        case expression([Operation])
    }

    /// The canonical frame address: the stack pointer before the call.
    public let frameAddress: [Operation]
    /// By the registers' numbers.
    public let registers: [Rule]
    /// The number of the register that the return address is in.
    public let returnAddress: Int
    /// Whether a signal's handler was called here, at any instruction.
    public let isSignalFrame: Bool

    /// A register that was saved, and how many bytes after the canonical frame address.
    private struct Saved: Sendable, Equatable {
        var register: Int
        var offset: UInt64
    }

    // The same once more, as it is needed for the hundred thousand calls of an endless recursion.
    private let saved: [Saved]
    private let computed: [Int]
    private let lost: UInt64

    /// Makes rules.
    public init(frameAddress: [Operation], registers: [Rule], returnAddress: Int, isSignalFrame: Bool = false) {
        self.frameAddress = frameAddress
        self.registers = registers
        self.returnAddress = returnAddress
        self.isSignalFrame = isSignalFrame
        var saved: [Saved] = []
        var computed: [Int] = []
        var lost: UInt64 = 0
        for (number, rule) in registers.enumerated().prefix(64) {
            switch rule {
            case .undefined: lost |= 1 << UInt64(number)
            case .same: break
            case .saved(let offset): saved.append(Saved(register: number, offset: UInt64(bitPattern: offset)))
            case .expression: computed.append(number)
            }
        }
        (self.saved, self.computed, self.lost) = (saved, computed, lost)
    }

    /// Whether there is a caller.
    var hasCaller: Bool { returnAddress < 64 && lost & 1 << UInt64(max(returnAddress, 0)) == 0 }

    /// Makes a function's registers those of its caller, with the instruction pointer in the place of the return address.
    ///
    /// - Returns: false when something that is needed is not known; then the registers are of no use.
    public func unwind(
        _ registers: inout FrameRegisters, _ convention: RegisterConvention, in memory: some ReadableMemory
    ) -> Bool {
        let mask = convention.mask
        guard let frame = value(frameAddress, registers, frame: nil, mask, memory) else { return false }
        if !computed.isEmpty {
            let before = registers
            for number in computed {
                guard case .expression(let operations) = self.registers[number] else { continue }
                registers[number] = savedValue(operations, before, frame: frame, mask, memory)
            }
        }
        for rule in saved { registers[rule.register] = memory.word(at: (frame &+ rule.offset) & mask) }
        registers.forget(lost)
        // By convention, where nothing else is said.
        if !self.registers.indices.contains(convention.stackPointer)
            || [.undefined, .same].contains(self.registers[convention.stackPointer])
        {
            registers[convention.stackPointer] = frame
        }
        guard let pointer = registers[returnAddress] else { return false }
        registers[convention.instructionPointer] = pointer
        return true
    }
}

/// Memory of a process that is read word by word.
public protocol ReadableMemory {
    /// A word, as wide as an address of the machine; nil where nothing is known.
    func word(at address: UInt64) -> UInt64?
    /// A byte; nil where nothing is known.
    func byte(at address: UInt64) -> UInt8?
}

extension ReadableMemory {
    /// A word of that many bytes, eight at the most, read byte by byte; nil where not all of them are known. Little-endian.
    public func word(at address: UInt64, bytes width: UInt64) -> UInt64? {
        var value: UInt64 = 0
        for index in 0..<min(width, 8) {
            guard let byte = byte(at: address &+ index) else { return nil }
            value |= UInt64(byte) << (8 * index)
        }
        return value
    }
}

// The numbers of operations (DWARF 5, 7.7.1).
private enum Code {
    static let address: UInt8 = 0x03, dereference: UInt8 = 0x06
    static let constants: ClosedRange<UInt8> = 0x08...0x11
    static let duplicate: UInt8 = 0x12, drop: UInt8 = 0x13, over: UInt8 = 0x14, swap: UInt8 = 0x16
    static let and: UInt8 = 0x1a, minus: UInt8 = 0x1c, negate: UInt8 = 0x1f, not: UInt8 = 0x20, or: UInt8 = 0x21
    static let plus: UInt8 = 0x22, plusConstant: UInt8 = 0x23, shiftLeft: UInt8 = 0x24, shiftRight: UInt8 = 0x25
    static let xor: UInt8 = 0x27, equal: UInt8 = 0x29, notLess: UInt8 = 0x2a, greater: UInt8 = 0x2b
    static let notGreater: UInt8 = 0x2c, less: UInt8 = 0x2d, notEqual: UInt8 = 0x2e
    static let literals: ClosedRange<UInt8> = 0x30...0x4f
    static let registers: ClosedRange<UInt8> = 0x50...0x6f
    static let baseRegisters: ClosedRange<UInt8> = 0x70...0x8f
    static let register: UInt8 = 0x90, baseRegister: UInt8 = 0x92, nothing: UInt8 = 0x96
    static let frameAddress: UInt8 = 0x9c, value: UInt8 = 0x9f
}

/// What an expression says that a register was: a value, another register, or where in memory it is.
private func savedValue(
    _ operations: [FrameRules.Operation], _ registers: FrameRegisters, frame: UInt64, _ mask: UInt64,
    _ memory: some ReadableMemory
) -> UInt64? {
    guard let last = operations.last else { return nil }
    if Code.registers.contains(last.code) { return registers[Int(last.code - Code.registers.lowerBound)] }
    if last.code == Code.register { return registers[Int(truncatingIfNeeded: last.first)] }
    let result = value(operations, registers, frame: frame, mask, memory)
    return last.code == Code.value ? result : result.flatMap { memory.word(at: $0) }
}

/// The value of an expression; nil when it needs something that is not known, or has an operation that no call frame information has.
private func value(
    _ operations: [FrameRules.Operation], _ registers: FrameRegisters, frame: UInt64?, _ mask: UInt64,
    _ memory: some ReadableMemory
) -> UInt64? {
    // By far the most frequent: a register and a distance.
    if operations.count == 1, let only = operations.first, Code.baseRegisters.contains(only.code) {
        return registers[Int(only.code - Code.baseRegisters.lowerBound)].map { ($0 &+ only.first) & mask }
    }
    var stack = ExpressionStack()
    for operation in operations {
        switch operation.code {
        case Code.nothing, Code.value: break
        case Code.literals: stack.push(UInt64(operation.code - Code.literals.lowerBound))
        case Code.address, Code.constants: stack.push(operation.first)
        case Code.baseRegisters:
            stack.push(registers[Int(operation.code - Code.baseRegisters.lowerBound)].map { $0 &+ operation.first })
        case Code.baseRegister:
            stack.push(registers[Int(truncatingIfNeeded: operation.first)].map { $0 &+ operation.second })
        case Code.frameAddress: stack.push(frame)
        case Code.dereference: stack.push(stack.pop().flatMap { memory.word(at: $0 & mask) })
        case Code.plusConstant: stack.push(stack.pop().map { $0 &+ operation.first })
        case Code.negate: stack.push(stack.pop().map { 0 &- $0 })
        case Code.not: stack.push(stack.pop().map { ~$0 })
        case Code.drop: _ = stack.pop()
        case Code.duplicate: stack.copy(0)
        case Code.over: stack.copy(1)
        default: stack.combine(operation.code, mask)
        }
        if stack.hasFailed { return nil }
    }
    return stack.pop().map { $0 & mask }
}

/// The stack of an expression; nothing comes of it once something was not known.
private struct ExpressionStack {
    private var values: [UInt64] = []
    private(set) var hasFailed = false

    mutating func push(_ value: UInt64?) {
        guard let value, values.count < 64 else {
            hasFailed = true
            return
        }
        values.append(value)
    }

    mutating func pop() -> UInt64? {
        if values.isEmpty { hasFailed = true }
        return values.popLast()
    }

    mutating func copy(_ depth: Int) {
        push(depth < values.count ? values[values.count - 1 - depth] : nil)
    }

    /// Does an operation that takes two.
    mutating func combine(_ code: UInt8, _ mask: UInt64) {
        guard let right = pop(), let left = pop() else { return }
        // Comparisons are of numbers with a sign, as wide as an address.
        let shift = mask == UInt64.max ? 0 : 32
        let (signedLeft, signedRight) = (Int64(bitPattern: left << shift), Int64(bitPattern: right << shift))
        switch code {
        case Code.swap:
            push(right)
            push(left)
        case Code.and: push(left & right)
        case Code.or: push(left | right)
        case Code.xor: push(left ^ right)
        case Code.plus: push(left &+ right)
        case Code.minus: push(left &- right)
        case Code.shiftLeft: push(right < 64 ? left << right : 0)
        case Code.shiftRight: push(right < 64 ? (left & mask) >> right : 0)
        case Code.equal: push(signedLeft == signedRight ? 1 : 0)
        case Code.notEqual: push(signedLeft != signedRight ? 1 : 0)
        case Code.notLess: push(signedLeft >= signedRight ? 1 : 0)
        case Code.greater: push(signedLeft > signedRight ? 1 : 0)
        case Code.notGreater: push(signedLeft <= signedRight ? 1 : 0)
        case Code.less: push(signedLeft < signedRight ? 1 : 0)
        default: push(nil)
        }
    }
}
