import CrashReport
import Demangling
import ELFFormat
import ModlinkInterface
import ObjectModel
import Posix

/// Makes a report of a crash's folder, first what is certain and cheap, then what libdw finds in files that nobody has checked.
struct ReportBuilder {
    private let folder: CrashFolder
    private let images: LinkedImages
    private let deadline: UInt64
    /// Names and lines of some calls are worth more than more calls.
    private let callDeadline: UInt64
    private(set) var report: CrashReport

    /// What is left of that for other threads than the first, in nanoseconds.
    private static let otherThreads: UInt64 = 500_000_000

    /// What can be said without looking into files that modules brought.
    init(_ folder: CrashFolder, deadline: UInt64) {
        self.folder = folder
        self.deadline = deadline
        let now = Clock.nanoseconds()
        callDeadline = now + (max(deadline, now) - now) / 4 * 3
        let architecture =
            folder.core?.file.architecture ?? folder.modules.architecture.flatMap(Architecture.init(name:)) ?? .native
        images = LinkedImages(folder, architecture)
        report = CrashReport(architecture: architecture, event: Self.event(folder))
        report.number = folder.number
        report.time = folder.modules.time.flatMap { Int64(exactly: $0.rounded(.down)) }
        report.space = folder.modules.space?.process
        report.activity = folder.fault.activity
        report.request = folder.fault.request.map {
            CrashReport.Request(
                method: $0.method ?? "?", module: $0.module, program: $0.program, process: $0.process,
                user: $0.userIdentifier)
        }
        report.modules = (folder.modules.modules ?? []).map {
            CrashReport.Module($0.name, isFaulty: $0.isFaulty == true || $0.name == folder.fault.module)
        }
        report.lastUnloaded = folder.modules.lastUnloaded
        if let address = report.event.address { report.event.addressPast = past(address) }
        report.notes = folder.notes
        addRegisters()
        addFirstFrames()
    }

    private static func event(_ folder: CrashFolder) -> CrashReport.Event {
        let fault = folder.fault
        let signal = folder.core?.file.signal
        let number = fault.signal ?? signal?.number ?? 0
        let kind = fault.kind.flatMap(CrashReport.Event.Kind.init(rawValue:)) ?? .fault
        return CrashReport.Event(
            kind, signal: number, code: fault.code ?? signal?.code ?? 0,
            address: [7, 11].contains(number) ? fault.address?.value ?? signal?.address : nil)
    }

    /// The threads, the one that it happened to first.
    private var threads: [StoppedThread] {
        let all = folder.core?.file.threads ?? []
        guard let number = folder.fault.thread, let first = all.first(where: { $0.number == number }) else {
            return all
        }
        return [first] + all.filter { $0.number != number }
    }

    private func registers(_ thread: StoppedThread) -> FrameRegisters {
        RegisterConvention(report.architecture).registers(thread.registers)
    }

    private mutating func addRegisters() {
        let convention = RegisterConvention(report.architecture)
        guard let first = threads.first else {
            report.registers = convention.shown(folder.fault.registers?.mapValues(\.value) ?? [:])
            return
        }
        report.registers = convention.shown(first.registers)
        detectOverflow(first)
    }

    /// What the thread was about to do, and nothing of who called it.
    private mutating func addFirstFrames() {
        let convention = RegisterConvention(report.architecture)
        report.threads = threads.map { thread in
            let pointer = registers(thread)[convention.instructionPointer] ?? 0
            return CrashReport.ThreadTrace(
                thread: thread.number, frames: [CrashReport.Frame(pointer)], isComplete: false)
        }
        if report.threads.isEmpty, let pointer = folder.fault.programCounter?.value {
            report.threads = [
                CrashReport.ThreadTrace(
                    thread: folder.fault.thread ?? 0, frames: [CrashReport.Frame(pointer)], isComplete: false)
            ]
        }
    }

    /// A stack has no room left when what lies below it was touched.
    private mutating func detectOverflow(_ thread: StoppedThread) {
        let convention = RegisterConvention(report.architecture)
        guard report.event.signal == 11, report.event.code > 0, let address = report.event.address,
            let core = folder.core?.file,
            let stack = registers(thread)[convention.stackPointer]
        else { return }
        // A function's frame is larger than this only with large variables; then they are touched page by page, or not from its end.
        let reach: UInt64 = 256 << 10
        let isNear = address < stack ? stack - address <= reach : address - stack <= reach
        let isForbidden = core.segment(at: address).map { !$0.protection.contains(.write) } ?? true
        // Above what was touched lies the stack.
        let above = core.segments.first { $0.address > address && $0.protection.contains(.write) }
        report.event.isStackOverflow = isNear && isForbidden && above.map { $0.address - address <= reach } == true
    }

    // MARK: Names and calls

    /// Names of what was found so far.
    mutating func addNames() {
        if let address = report.event.address, isMapped(address) {
            report.event.addressPlace = images.place(address)
        }
        name()
        addCode()
    }

    /// Follows the calls of all threads by what the images say.
    mutating func addCalls() {
        images.readsObjects = false
        followCalls()
        images.readsObjects = true
    }

    /// Follows them by what debug information says, too, if there was something that the images did not say.
    mutating func addCallsOfDebugInformation() {
        if images.missesObjects { followCalls() }
    }

    private mutating func followCalls() {
        guard let core = folder.core else { return }
        let space = CrashedSpace(core, images)
        for (index, thread) in threads.enumerated() {
            // An endless recursion leaves time for the other threads.
            let end = index == 0 ? callDeadline - min(callDeadline, Self.otherThreads) : callDeadline
            guard Clock.nanoseconds() < callDeadline else { break }
            let unwinder = Unwinder(space, report.architecture) { Clock.nanoseconds() < end }
            let first = index == 0 ? atInstruction(registers(thread)) : registers(thread)
            report.threads[index] = unwinder.trace(thread: thread.number, first)
        }
        name()
        addCode()
    }

    /// A breakpoint instruction has been executed when it is told: what is meant is the instruction itself.
    private func atInstruction(_ registers: FrameRegisters) -> FrameRegisters {
        let convention = RegisterConvention(report.architecture)
        let trap = 5
        guard report.event.signal == trap, report.event.code > 0,
            let pointer = registers[convention.instructionPointer],
            pointer > 0, byte(pointer - 1) == 0xcc
        else { return registers }
        var registers = registers
        registers[convention.instructionPointer] = pointer - 1
        return registers
    }

    private func byte(_ address: UInt64) -> UInt8? {
        folder.core?.byte(at: address) ?? images.byte(at: address)
    }

    private mutating func name() {
        for thread in report.threads.indices {
            for index in report.threads[thread].frames.indices {
                let frame = report.threads[thread].frames[index]
                let instruction = frame.instruction(isFirst: index == 0)
                // A call that never returns may be a function's last instruction: the name is that of the call.
                guard var place = images.place(instruction) else {
                    report.threads[thread].frames[index].past = past(frame.address)
                    continue
                }
                place.offset += frame.address - instruction
                report.threads[thread].frames[index].place = place
            }
        }
    }

    /// Whether there is memory at the address that was touched. What is only read from a file may be left out of a core file.
    private func isMapped(_ address: UInt64) -> Bool {
        let notPermitted = 2
        return report.event.code == notPermitted || folder.core?.file.segment(at: address) != nil
    }

    /// What an address was in a module that has been unloaded.
    private func past(_ address: UInt64) -> String? {
        folder.fault.departed?.first { $0.address.value == address }.map { place in
            // The name stands first.
            let end = place.text.firstRange(of: "+0x")?.lowerBound ?? place.text.startIndex
            return demangled(String(place.text[..<end])) + place.text[end...]
        }
    }

    /// As many bytes before and after as Linux has (arch/x86/kernel/dumpstack.c).
    private mutating func addCode() {
        guard let pointer = report.threads.first?.frames.first?.address else { return }
        let before: UInt64 = 43
        let count: UInt64 = 64
        report.code = CrashReport.Code(
            bytes: (0..<count).map { index in
                let address = pointer &- before &+ index
                return (address > pointer) == (index > before) ? byte(address) : nil
            }, marked: Int(before))
    }

    // MARK: Source lines

    /// Adds source lines out of the objects' debug information.
    mutating func addLines() {
        for thread in report.threads.indices {
            for index in report.threads[thread].frames.indices {
                guard Clock.nanoseconds() < deadline else {
                    report.notes.append("source lines: not all were found in time")
                    return
                }
                let frame = report.threads[thread].frames[index]
                let instruction = frame.instruction(isFirst: index == 0)
                images.object(at: instruction)?.describe(instruction, in: &report.threads[thread].frames[index])
            }
        }
    }
}

extension Architecture {
    /// That of this program.
    fileprivate static var native: Architecture { .x86_64 }
}
