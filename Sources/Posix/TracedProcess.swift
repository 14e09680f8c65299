import CPosix

/// A process that stands still, all its threads, while it is looked at (ptrace(2)). It goes on when this value goes.
///
/// The kernel knows the thread that stopped it: that thread alone may use this value, and let go of it. A thread of the process that
/// cannot stand still just now (one that waits for vfork(2)) is left out.
public struct TracedProcess: ~Copyable {
    /// A thread that stands still.
    private struct Thread {
        let number: Int32
        /// What it was just to be given.
        let signal: Int32
    }

    /// The process's number.
    public let process: Int32
    private let stopped: [Thread]

    /// The numbers of its threads, in ascending order.
    public var threads: [Int32] { stopped.map(\.number) }

    /// How long one thread may take to stand still, in milliseconds.
    private static let patience: Int32 = 1000

    /// Stops all threads. EPERM where the system does not let this process look at that one (ptrace(2), "Ptrace access mode checking").
    public init(stopping process: Int32) throws(SystemError) {
        self.process = process
        var stopped: [Thread] = []
        var known = Set<Int32>()
        do throws(SystemError) {
            while true {
                // Those that run may have made others meanwhile.
                let new = try ProcessFiles.threads(of: process).filter { known.insert($0).inserted }
                if new.isEmpty { break }
                try Self.stop(new, &stopped)
            }
        } catch {
            for thread in stopped { cposix_trace_release(thread.number, thread.signal) }
            throw error
        }
        self.stopped = stopped.sorted { $0.number < $1.number }
    }

    /// All are told first, and then waited for.
    private static func stop(_ threads: [Int32], _ stopped: inout [Thread]) throws(SystemError) {
        var refusal: SystemError?
        var told: [Int32] = []
        for thread in threads {
            do throws(SystemError) {
                _ = try systemCall("ptrace", on: "thread \(thread)") { cposix_trace_seize(thread) }
                told.append(thread)
            } catch {
                // One that has ended meanwhile is no matter.
                if error.code != ErrorCode.noSuchProcess { refusal = error }
            }
        }
        for thread in told {
            var signal: Int32 = 0
            if cposix_trace_wait(thread, patience, &signal) == 1 {
                stopped.append(Thread(number: thread, signal: signal))
            }
        }
        if let refusal { throw refusal }
    }

    deinit {
        for thread in stopped { cposix_trace_release(thread.number, thread.signal) }
    }

    /// A set of registers of a thread, as the kernel gives it (PTRACE_GETREGSET): that is how a core file has it.
    ///
    /// - Parameter set: its number, such as NT_PRSTATUS, 1 (elf.h).
    /// - Returns: nil when the machine has no such set, or the thread has gone.
    public borrowing func registers(of thread: Int32, set: UInt32) -> [UInt8]? {
        // The largest set, with AMX, has about 11 KiB.
        let bytes = try? filled(capacity: 16384) { (buffer) throws(SystemError) in
            try systemCall("ptrace", on: "thread \(thread)") {
                cposix_trace_registers(thread, set, buffer.baseAddress, buffer.count)
            }
        }
        return bytes?.isEmpty == true ? nil : bytes
    }
}

/// Memory of other processes: those that ptrace(2) would let this one look at.
public enum ProcessMemory {
    /// Bytes of a process's memory (process_vm_readv(2)); fewer where not all can be read.
    public static func read(_ process: Int32, at address: UInt64, count: Int) throws(SystemError) -> [UInt8] {
        try filled(capacity: count) { (buffer) throws(SystemError) in
            do throws(SystemError) {
                return try systemCall("process_vm_readv", on: "process \(process)") {
                    cposix_read_memory(process, address, buffer.baseAddress, buffer.count)
                }
            } catch {
                guard error.code == ErrorCode.badAddress else { throw error }
                return 0
            }
        }
    }

    /// Memory that is copied to a file.
    public struct Range: Sendable, Equatable {
        /// Where it begins: a multiple of 4096.
        public var address: UInt64
        /// How many bytes it has: a multiple of 4096.
        public var size: UInt64
        /// Where its first byte goes in the file.
        public var offset: UInt64
        /// Whether no file is behind it: what has never been touched is zero.
        public var isAnonymous: Bool

        /// A range of the given parts.
        public init(address: UInt64, size: UInt64, offset: UInt64, isAnonymous: Bool) {
            self.address = address
            self.size = size
            self.offset = offset
            self.isAnonymous = isAnonymous
        }
    }

    /// What goes through the processor's caches from the one process to the file.
    private static let bufferSize = 64 << 10

    /// Copies memory of a process to a file, in which pages of zeros become holes; so does what cannot be read.
    ///
    /// - Returns: how many bytes were written.
    public static func copy(
        _ process: Int32, _ ranges: [Range], to file: borrowing Descriptor, name: String? = nil
    ) throws(SystemError) -> UInt64 {
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: bufferSize, alignment: 4096)
        defer { buffer.deallocate() }
        // Without it all pages are read.
        let pages: SharedDescriptor?
        do throws(SystemError) {
            pages = SharedDescriptor(try File.open("/proc/\(process)/pagemap", .read))
        } catch {
            pages = nil
        }
        let number = file.number
        let subject = nameOf(file, name)
        var copied: UInt64 = 0
        for range in ranges {
            var packed = cposix_memory_range(
                address: range.address, size: range.size, offset: range.offset, is_anonymous: range.isAnonymous ? 1 : 0)
            _ = try systemCall("pwrite", on: subject) {
                cposix_copy_memory(process, pages?.number ?? -1, &packed, number, buffer, bufferSize, &copied)
            }
        }
        return copied
    }
}
