import ObjectModel

/// A thread of a core file (`NT_PRSTATUS`: struct elf_prstatus of sys/procfs.h).
public struct StoppedThread: Sendable, Equatable {
    /// Its number (gettid(2)).
    public let number: Int
    /// The signal that it was stopped by; 0 when it was by none.
    public let signal: Int
    /// Its registers in the order of the kernel's struct user_regs_struct.
    public let registers: [UInt64]

    /// Reads a note; nil when it is too short.
    init?(_ note: [UInt8], _ architecture: Architecture) {
        let raw = unsafe note.span.bytes
        // Where in the structure number and registers are, in bytes, and how many registers there are.
        let (thread, first, count): (UInt64, UInt64, UInt64) =
            switch architecture {
            case .x86_64: (32, 112, 27)
            case .i386: (24, 72, 17)
            }
        guard let number: Int32 = raw.integer(at: thread), let signal: Int16 = raw.integer(at: 12) else { return nil }
        var registers: [UInt64] = []
        for index in 0..<count {
            guard let value = raw.word(at: first + index * architecture.pointerSize, ELFClass(architecture)) else {
                return nil
            }
            registers.append(value)
        }
        self.number = Int(number)
        self.signal = Int(signal)
        self.registers = registers
    }
}

/// What a signal said of itself (`NT_SIGINFO`: siginfo_t).
public struct SignalDetails: Sendable, Equatable {
    /// Its number.
    public let number: Int
    /// `si_code`.
    public let code: Int
    /// `si_addr`, where the signal has one.
    public let address: UInt64

    /// Reads a note; nil when it is too short.
    init?(_ note: [UInt8], _ architecture: Architecture) {
        let raw = unsafe note.span.bytes
        guard let number: Int32 = raw.integer(at: 0), let code: Int32 = raw.integer(at: 8),
            let address = raw.word(at: architecture == .i386 ? 12 : 16, ELFClass(architecture))
        else { return nil }
        self.number = Int(number)
        self.code = Int(code)
        self.address = address
    }
}
