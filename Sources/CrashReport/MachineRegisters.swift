import ObjectModel

/// The registers of a thread by the numbers that call frame information has for them (psABI x86-64, figure 3.36; Intel386, table 2.14).
public struct FrameRegisters: Sendable, Equatable {
    private var values: [UInt64]
    /// A bit for each that is known.
    private var known: UInt64 = 0

    /// Makes registers of these values, 64 at the most; nil is not known.
    public init(_ values: [UInt64?]) {
        self.values = values.prefix(64).map { $0 ?? 0 }
        for index in self.values.indices where values[index] != nil { known |= 1 << UInt64(index) }
    }

    /// A register; nil when its value is not known, or there is none of that number.
    public subscript(number: Int) -> UInt64? {
        get { values.indices.contains(number) && known & 1 << UInt64(number) != 0 ? values[number] : nil }
        set {
            guard values.indices.contains(number) else { return }
            values[number] = newValue ?? 0
            if newValue == nil { known &= ~(1 << UInt64(number)) } else { known |= 1 << UInt64(number) }
        }
    }

    /// Makes registers unknown: those whose bits are set.
    mutating func forget(_ lost: UInt64) { known &= ~lost }

    /// How many there are.
    var count: Int { values.count }
}

/// What the machine's conventions say of its registers.
public struct RegisterConvention: Sendable {
    /// The number of the stack pointer.
    public let stackPointer: Int
    /// The number of the frame pointer, for code that keeps one.
    public let framePointer: Int
    /// The number that stands for the instruction pointer, and for the return address.
    public let instructionPointer: Int
    /// How wide an address is, in bytes.
    public let width: UInt64
    /// The bits that an address has.
    public var mask: UInt64 { width == 4 ? 0xffff_ffff : .max }
    /// Names, in the order of the numbers.
    public let names: [String]
    /// Where they are in the kernel's struct user_regs_struct, in the order of the numbers.
    private let places: [Int]
    /// What a report has beside them: names, and where they are there.
    private let others: [(name: String, place: Int)]

    /// The conventions of a machine.
    public init(_ architecture: Architecture) {
        switch architecture {
        case .x86_64:
            (stackPointer, framePointer, instructionPointer, width) = (7, 6, 16, 8)
            names = [
                "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                "r15", "rip",
            ]
            places = [10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16]
            others = [("rflags", 18), ("fs_base", 21)]
        case .i386:
            (stackPointer, framePointer, instructionPointer, width) = (4, 5, 8, 4)
            names = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip"]
            places = [6, 1, 2, 0, 15, 5, 3, 4, 12]
            others = [("eflags", 14)]
        }
    }

    /// The registers of a thread.
    ///
    /// - Parameter general: in the order of struct user_regs_struct, as NT_PRSTATUS has them.
    public func registers(_ general: [UInt64]) -> FrameRegisters {
        FrameRegisters(places.map { general.indices.contains($0) ? general[$0] : nil })
    }

    /// What a report shows of them.
    ///
    /// - Parameter general: as of ``registers(_:)``: where the others are.
    public func shown(_ general: [UInt64]) -> [CrashReport.Register] {
        let registers = registers(general)
        return names.enumerated().map { CrashReport.Register($1, registers[$0]) }
            + others.compactMap { name, place in
                general.indices.contains(place) ? CrashReport.Register(name, general[place]) : nil
            }
    }

    /// The same of those that are known by their names; none where none is.
    public func shown(_ known: [String: UInt64]) -> [CrashReport.Register] {
        known.isEmpty ? [] : (names + others.map(\.name)).map { CrashReport.Register($0, known[$0]) }
    }
}
