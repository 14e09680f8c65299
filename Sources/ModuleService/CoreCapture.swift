import ELFFormat
import ObjectModel
import Posix
import SpaceControl

/// Makes core files of spaces: stops all threads, looks, copies, and lets them go on.
struct CoreCapture {
    let process: Int32
    let architecture: Architecture
    let executable: String
    /// That of the executable; empty for none.
    let buildID: [UInt8]
    /// The thread that it is about, and where it was when it was stopped.
    let fault: Fault
    /// Other names of mapped files, under which they are found later.
    let keptFiles: [String: String]
    /// Notes of our own for the file.
    let notes: [(type: UInt32, content: [UInt8])]

    /// NT_PRSTATUS.
    private static let general: UInt32 = 1

    /// Writes the file. On a thread that does nothing else and ends then: what it could not let go goes on then at the latest.
    ///
    /// - Returns: how many bytes of memory the file has.
    func write(to path: String) throws(SystemError) -> UInt64 {
        let file = try File.open(path, .readWrite, create: File.CreateMode(permissions: 0o600, exclusive: true))
        let traced = try TracedProcess(stopping: process)
        let mappings = try ProcessFiles.mappings(of: process)
        let contents = CoreContents(
            architecture: architecture,
            process: CoreProcess(
                number: process, parent: CurrentProcess.number, user: User.effective,
                program: ProcessFiles.programName(of: process) ?? "modspace", arguments: executable, buildID: buildID),
            threads: threads(traced),
            signal: CoreSignal(number: fault.signal, code: fault.code, address: fault.address),
            auxiliaryVector: (try? ProcessFiles.auxiliaryVector(of: process)) ?? [],
            mappings: mappings.map(mapping), notes: notes)
        let core = CorePlan(contents)
        try File.truncate(file, size: core.size, name: path)
        try File.write(file, core.header, at: 0, name: path)
        let ranges = core.pieces.map { piece in
            ProcessMemory.Range(
                address: piece.range.lowerBound, size: piece.range.upperBound - piece.range.lowerBound,
                offset: piece.offset, isAnonymous: Self.isZero(mappings[piece.mapping]))
        }
        return try ProcessMemory.copy(process, ranges, to: file, name: path)
    }

    /// All threads; first the one that it is about, with the registers that its handler was told of.
    private func threads(_ traced: borrowing TracedProcess) -> [CoreThread] {
        var threads: [CoreThread] = []
        for number in traced.threads {
            guard let registers = traced.registers(of: number, set: Self.general) else { continue }
            var thread = CoreThread(number: number, registers: registers)
            for set in CoreRegisterSet.all(of: architecture) {
                if let content = traced.registers(of: number, set: set) { thread.more.append((set, content)) }
            }
            if number == fault.thread {
                thread = thread.with(fault.registers, architecture: architecture)
                restoreFloatingPoint(&thread)
                threads.insert(thread, at: 0)
            } else {
                threads.append(thread)
            }
        }
        return threads
    }

    /// Since the signal, the handler has used those of the floating-point unit: the kernel put the thread's own on its stack.
    private func restoreFloatingPoint(_ thread: inout CoreThread) {
        guard let address = fault.floatingState,
            let bytes = try? ProcessMemory.read(process, at: address, count: 16384)
        else { return }
        for index in thread.more.indices {
            if let content = SignalFrame.registers(thread.more[index].set, in: bytes, architecture: architecture) {
                thread.more[index].content = content
            }
        }
    }

    /// Whether what has not been touched is zero: the kernel's own code, `[vdso]`, is there all the same.
    private static func isZero(_ mapping: MemoryMapping) -> Bool {
        mapping.inode == 0 && (mapping.name.isEmpty || ["[heap]", "[stack]"].contains(mapping.name))
    }

    /// What can be read is kept, but for pages that belong to the kernel.
    private func mapping(_ mapping: MemoryMapping) -> CoreMapping {
        var protection: Protection = []
        if mapping.isReadable { protection.insert(.read) }
        if mapping.isWritable { protection.insert(.write) }
        if mapping.isExecutable { protection.insert(.execute) }
        let isKernels = ["[vvar]", "[vvar_vclock]", "[vsyscall]"].contains(mapping.name)
        // One that has no name any more cannot be looked into.
        let isThere = mapping.name.hasPrefix("/") && !mapping.name.hasSuffix(" (deleted)")
        let file = isThere ? (path: keptFiles[mapping.name] ?? mapping.name, offset: mapping.fileOffset) : nil
        return CoreMapping(
            range: mapping.range, protection: protection, isKept: mapping.isReadable && !isKernels, file: file)
    }
}
