import ObjectModel

/// What a core file says of a process: values that the system gave, each in the layout of the process's machine where it is bytes.
public struct CoreContents: Sendable {
    /// The machine that the process's code is for.
    public var architecture: Architecture
    /// The process.
    public var process: CoreProcess
    /// Its threads, the one that the file is about first.
    public var threads: [CoreThread]
    /// What stopped that thread.
    public var signal: CoreSignal
    /// The auxiliary vector: words of the machine.
    public var auxiliaryVector: [UInt8]
    /// Its memory, in ascending order.
    public var mappings: [CoreMapping]
    /// Notes of our own, by type; their name is `modlink`.
    public var notes: [(type: UInt32, content: [UInt8])]

    /// The contents of the given parts.
    public init(
        architecture: Architecture, process: CoreProcess, threads: [CoreThread], signal: CoreSignal,
        auxiliaryVector: [UInt8], mappings: [CoreMapping], notes: [(type: UInt32, content: [UInt8])]
    ) {
        self.architecture = architecture
        self.process = process
        self.threads = threads
        self.signal = signal
        self.auxiliaryVector = auxiliaryVector
        self.mappings = mappings
        self.notes = notes
    }
}

/// A process as NT_PRPSINFO has it.
public struct CoreProcess: Sendable {
    /// Its number.
    public var number: Int32
    /// The number of the process that started it.
    public var parent: Int32
    /// The number of its user.
    public var user: UInt32
    /// The name of its program; 15 bytes are kept.
    public var program: String
    /// Its arguments, with blanks between them; 79 bytes are kept.
    public var arguments: String
    /// The build ID of its program (NT_GNU_BUILD_ID); empty when it has none.
    public var buildID: [UInt8]

    /// A process of the given parts.
    public init(
        number: Int32, parent: Int32, user: UInt32, program: String, arguments: String, buildID: [UInt8] = []
    ) {
        self.buildID = buildID
        self.number = number
        self.parent = parent
        self.user = user
        self.program = program
        self.arguments = arguments
    }
}

/// A thread and its registers.
public struct CoreThread: Sendable {
    /// Its number (gettid(2)).
    public var number: Int32
    /// Its general registers, in the layout of `elf_gregset_t`: PTRACE_GETREGSET of NT_PRSTATUS.
    public var registers: [UInt8]
    /// Its other sets of registers by their numbers in elf.h, such as NT_FPREGSET.
    public var more: [(set: UInt32, content: [UInt8])]

    /// A thread of the given parts.
    public init(number: Int32, registers: [UInt8], more: [(set: UInt32, content: [UInt8])] = []) {
        self.number = number
        self.registers = registers
        self.more = more
    }
}

/// What stopped a thread: the first fields of `siginfo_t` (sigaction(2)).
public struct CoreSignal: Sendable {
    /// The signal's number; 0 for none.
    public var number: Int32
    /// `si_code`.
    public var code: Int32
    /// `si_addr`, or 0.
    public var address: UInt64

    /// A signal of the given parts.
    public init(number: Int32, code: Int32, address: UInt64) {
        self.number = number
        self.code = code
        self.address = address
    }
}

/// A range of memory.
public struct CoreMapping: Sendable {
    /// Its addresses, whole pages.
    public var range: Range<UInt64>
    /// What it may be used for.
    public var protection: Protection
    /// Whether its content is part of the file.
    public var isKept: Bool
    /// The file that it was mapped from, and where it begins there in bytes; nil for none.
    public var file: (path: String, offset: UInt64)?

    /// A range of the given properties.
    public init(range: Range<UInt64>, protection: Protection, isKept: Bool, file: (path: String, offset: UInt64)?) {
        self.range = range
        self.protection = protection
        self.isKept = isKept
        self.file = file
    }
}

/// The set numbers of elf.h that core files have beside NT_PRSTATUS.
public enum CoreRegisterSet {
    /// NT_FPREGSET (NT_PRFPREG): those of the floating-point unit.
    public static let floatingPoint: UInt32 = 2
    /// NT_PRXFPREG: those of SSE too, on i386.
    public static let extended: UInt32 = 0x46e6_2b7f
    /// NT_X86_XSTATE: all that XSAVE stores.
    public static let xstate: UInt32 = 0x202
    /// NT_386_TLS: the descriptors of thread-local storage, on i386.
    public static let threadDescriptors: UInt32 = 0x200

    /// The sets that a machine's threads have, in the order in which the kernel writes them.
    public static func all(of architecture: Architecture) -> [UInt32] {
        switch architecture {
        case .x86_64: [floatingPoint, xstate]
        case .i386: [floatingPoint, extended, xstate, threadDescriptors]
        }
    }
}
