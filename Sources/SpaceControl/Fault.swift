import ObjectModel
import Posix
import SpaceProtocol

/// Where a thread of a space was when a signal, or the deadline of its call, stopped it.
public struct Fault: Equatable, Sendable, CustomStringConvertible {
    /// What stopped it.
    public enum Kind: Sendable {
        /// A signal for which the kernel would kill the process.
        case signal
        /// The deadline of its call.
        case deadline
        /// Whoever asked did not want to wait any longer.
        case interrupt
        /// It called exit(3), _exit(2) or quick_exit(3).
        case exit
        /// It called execve(2) or the like: another program would have taken the place of the space.
        case execute
    }

    /// What stopped it.
    public private(set) var kind: Kind
    /// The signal's number; 0 when it was none.
    public let signal: Int32
    /// `si_code` of sigaction(2); of an exit the status.
    public let code: Int32
    /// `si_addr` of sigaction(2): the address that was touched; of SIGFPE, SIGILL and SIGTRAP, the instruction's.
    /// 0 for SIGABRT and for signals that somebody sent.
    public let address: UInt64
    /// The instruction that was to be executed next; of a fault, the one that faulted.
    public let instructionPointer: UInt64
    /// The stack pointer.
    public let stackPointer: UInt64
    /// The frame pointer, for code that keeps one.
    public let framePointer: UInt64
    /// The thread's stack, in the space's memory; empty for a thread that a module made.
    public let stack: Range<UInt64>
    /// General registers, in the machine's own order: that of ``registerNames(on:)``.
    public let registers: [UInt64]
    /// Which element of an array, or which resolver, was being called; nil where there was one function only.
    public private(set) var index: Int?
    /// The thread's number (gettid(2)).
    public let thread: Int32
    /// Where the registers of the floating-point unit are in the space's memory, as the kernel saved them for the signal's handler;
    /// nil when the thread still has them.
    public let floatingState: UInt64?
    /// The function that a thread of a module began with; of the initial thread, the place where a module asked for the signal, if that
    /// is known. Nil in a call.
    public let startRoutine: UInt64?
    /// Whether the call was late because a signal had stopped the space: SIGSTOP and its like.
    public private(set) var stoppedSpace = false

    /// The names of ``registers``: in the order of the psABI's numbers (x86-64: figure 3.36; Intel386: table 2.14), then the flags
    /// and the thread pointer.
    public static func registerNames(on architecture: Architecture) -> [String] {
        switch architecture {
        case .x86_64:
            [
                "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                "r15", "rip", "rflags", "fs_base",
            ]
        case .i386: ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip", "eflags", "gs_base"]
        }
    }

    /// The signal as signal(7) names it: `SIGSEGV`; else `deadline`, `interrupt`, `exit(3)` or `execve`.
    public var signalName: String {
        switch kind {
        case .signal: Posix.signalName(signal)
        case .deadline: "deadline"
        case .interrupt: "interrupt"
        case .exit: "exit(\(code))"
        case .execute: "execve"
        }
    }

    /// `SIGSEGV at 0x10000040, address 0x0, element 3`.
    public var description: String {
        let address = kind == .signal ? ", address \(hexadecimal(self.address))" : ""
        let element = index.map { ", element \($0)" } ?? ""
        return "\(signalName) at \(hexadecimal(instructionPointer))\(address)\(element)"
    }

    /// Of a function that was not back in time, and stays in a system call that no signal ends: nothing is known.
    public static let leftRunning = Fault()

    private init() {
        (kind, signal, code, address, instructionPointer, stackPointer, framePointer) = (.deadline, 0, 0, 0, 0, 0, 0)
        (stack, registers, index, thread, floatingState, startRoutine) = (0..<0, [], nil, 0, nil, nil)
    }

    /// Nil when the packet says what cannot be.
    init?(_ packed: space_fault) {
        guard packed.register_count <= UInt32(SPACE_REGISTER_LIMIT), packed.stack_start <= packed.stack_end,
            let signal = Int32(exactly: packed.signal), let thread = Int32(exactly: packed.thread)
        else { return nil }
        switch packed.kind {
        case SPACE_FAULT_SIGNAL.rawValue: kind = .signal
        case SPACE_FAULT_DEADLINE.rawValue: kind = .deadline
        case SPACE_FAULT_INTERRUPT.rawValue: kind = .interrupt
        case SPACE_FAULT_EXIT.rawValue: kind = .exit
        case SPACE_FAULT_EXECUTE.rawValue: kind = .execute
        default: return nil
        }
        floatingState = packed.floating_state == 0 ? nil : packed.floating_state
        startRoutine = packed.start_routine == 0 ? nil : packed.start_routine
        self.signal = signal
        code = packed.code
        address = packed.address
        instructionPointer = packed.instruction_pointer
        stackPointer = packed.stack_pointer
        framePointer = packed.frame_pointer
        stack = packed.stack_start..<packed.stack_end
        registers = Array(words(packed.registers).prefix(Int(packed.register_count)))
        index = packed.index == UInt32.max ? nil : Int(packed.index)
        self.thread = thread
    }

    /// The same, of a call that had stopped the space, and was not back in time.
    var ofStoppedSpace: Fault {
        var fault = self
        (fault.kind, fault.stoppedSpace) = (.deadline, true)
        return fault
    }

    /// The same fault, of a call that was one of several.
    func shifted(by offset: Int) -> Fault {
        var fault = self
        fault.index = index.map { $0 + offset }
        return fault
    }
}

/// `0x10000040`.
func hexadecimal(_ number: UInt64) -> String {
    "0x" + String(number, radix: 16)
}
