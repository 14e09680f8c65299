import CPosix

/// Where a thread of another process is (proc(5), /proc/PID/task/TID/syscall; ptrace(2)).
public struct ThreadPlace: Equatable, Sendable {
    /// The instruction that it goes on with.
    public let programCounter: UInt64
    /// Its stack pointer.
    public let stackPointer: UInt64
    /// The arguments of the system call that it waits in; empty when it waits in none. One of vfork(2) is where that returns to: what is on
    /// the stack there is the child's.
    public let arguments: [UInt64]

    /// A place of the given parts.
    public init(programCounter: UInt64, stackPointer: UInt64, arguments: [UInt64] = []) {
        self.programCounter = programCounter
        self.stackPointer = stackPointer
        self.arguments = arguments
    }

    /// Looks where a thread is: nil when it has gone. One that waits in the kernel, as most do, is not disturbed, and none of its
    /// system calls interrupted; one that runs stands still for an instant.
    ///
    /// - Throws: EPERM where the system does not let this process look at that one.
    public static func look(at thread: Int32, of process: Int32) throws(SystemError) -> ThreadPlace? {
        do throws(SystemError) {
            // It may have just begun to run, or to wait.
            for _ in 0..<2 {
                let text = try File.read(path: "/proc/\(process)/task/\(thread)/syscall", limit: 4096)
                if let place = ThreadPlace(waiting: String(decoding: text, as: UTF8.self)) { return place }
            }
            return try standing(thread, of: process) { ThreadPlace(registers: $0) }
        } catch {
            guard ![ErrorCode.noSuchFile, ErrorCode.noSuchProcess].contains(error.code) else { return nil }
            throw error
        }
    }

    /// What the file says of a thread that waits: `NUMBER [ARGUMENTS] STACK-POINTER PROGRAM-COUNTER`; nil for one that runs.
    init?(waiting text: String) {
        let fields = text.split(whereSeparator: \.isWhitespace)
        guard fields.count >= 3, let stack = Self.number(fields[fields.count - 2]),
            let counter = Self.number(fields[fields.count - 1])
        else { return nil }
        let arguments = fields.dropFirst().dropLast(2).compactMap(Self.number)
        self.init(programCounter: counter, stackPointer: stack, arguments: arguments)
    }

    private static func number(_ text: Substring) -> UInt64? {
        text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : nil
    }

    /// Does something while a thread stands still. A system call that it waits in goes on afterwards, but for the few that do not
    /// (signal(7), "Interruption of system calls and library functions by stop signals").
    ///
    /// - Parameter body: gets its registers: `struct user_regs_struct` (sys/user.h), which is of another size on each machine. It runs
    ///   on a thread of its own, which is waited for.
    /// - Returns: nil when it cannot stand still just now.
    /// - Throws: EPERM where the system does not let this process look at that one, ESRCH when the thread has gone.
    public static func standing<Result: Sendable>(
        _ thread: Int32, of process: Int32, _ body: @escaping @Sendable (_ registers: [UInt8]) -> Result?
    ) throws(SystemError) -> Result? {
        // It would stand still, as after vfork(2), when nobody expects it any more.
        guard try !isUninterruptible(thread, of: process) else { return nil }
        let done = Promise<Swift.Result<Result?, SystemError>>()
        // Should it stand still too late all the same, it goes on when the thread ends that has asked for it.
        try Threads.start(name: "tracer") {
            do throws(SystemError) {
                done.fulfil(.success(try stopping(thread, body)))
            } catch {
                done.fulfil(.failure(error))
            }
        }
        return try done.wait().get()
    }

    private static func isUninterruptible(_ thread: Int32, of process: Int32) throws(SystemError) -> Bool {
        let status = try File.read(path: "/proc/\(process)/task/\(thread)/status", limit: 1 << 16)
        return String(decoding: status, as: UTF8.self).contains("\nState:\tD")
    }

    private static func stopping<Result>(
        _ thread: Int32, _ body: (_ registers: [UInt8]) -> Result?
    ) throws(SystemError) -> Result? {
        _ = try systemCall("ptrace", on: "thread \(thread)") { cposix_trace_seize(thread) }
        var signal: Int32 = 0
        guard cposix_trace_wait(thread, 1000, &signal) == 1 else { return nil }
        defer { _ = cposix_trace_release(thread, signal) }
        let bytes = try filled(capacity: 1024) { (buffer) throws(SystemError) in
            try systemCall("ptrace", on: "thread \(thread)") {
                cposix_trace_registers(thread, 1, buffer.baseAddress, buffer.count)
            }
        }
        return body(bytes)
    }

    /// The places in `struct user_regs_struct` (sys/user.h), which is of another size on each machine.
    init?(registers bytes: [UInt8]) {
        let (size, counter, stack): (Int, Int, Int)
        switch bytes.count {
        case 27 * 8: (size, counter, stack) = (8, 16, 19)
        case 17 * 4: (size, counter, stack) = (4, 12, 15)
        default: return nil
        }
        let word = { (index: Int) in
            bytes[index * size..<(index + 1) * size].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        self.init(programCounter: word(counter), stackPointer: word(stack))
    }
}
