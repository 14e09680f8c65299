import CrashReport
import ObjectModel

/// The space as it was: its memory from the core file, and what its code is from the images.
final class CrashedSpace: UnwindingSource {
    private let core: CoreMemory
    private let images: LinkedImages
    private let width: UInt64
    /// Deep recursion comes by the same instructions again and again.
    private var known: [UInt64: FrameRules?] = [:]
    private var code: [UInt64: Bool] = [:]

    init(_ core: CoreMemory, _ images: LinkedImages) {
        self.core = core
        self.images = images
        width = core.file.architecture.pointerSize
    }

    func word(at address: UInt64) -> UInt64? {
        core.word(at: address) ?? word(at: address, bytes: width)
    }

    func byte(at address: UInt64) -> UInt8? {
        core.byte(at: address) ?? images.byte(at: address)
    }

    func rules(at instruction: UInt64) -> FrameRules? {
        if let rules = known[instruction] { return rules }
        let rules = images.rules(at: instruction)
        known[instruction] = .some(rules)
        return rules
    }

    func isCode(_ address: UInt64) -> Bool {
        if let isCode = code[address] { return isCode }
        let isCode = images.isCode(address) ?? (core.file.segment(at: address)?.protection.contains(.execute) == true)
        code[address] = isCode
        return isCode
    }

    func frameState(at instruction: UInt64) -> FrameState {
        guard let start = images.start(ofFunctionAt: instruction) else { return .unknown }
        if instruction == start { return .entered }
        var at = start
        // endbr64, endbr32.
        if matches(at, [0xf3, 0x0f, 0x1e, 0xfa]) || matches(at, [0xf3, 0x0f, 0x1e, 0xfb]) { at &+= 4 }
        if instruction <= at { return .entered }
        // push %rbp; mov %rsp,%rbp, in both forms that assemblers choose.
        guard matches(at, [0x55]) else { return .unknown }
        let move: [UInt8] = width == 8 ? [0x48] : []
        guard matches(at &+ 1, move + [0x89, 0xe5]) || matches(at &+ 1, move + [0x8b, 0xec]) else { return .unknown }
        return instruction <= at &+ 1 ? .pushed : .complete
    }

    private func matches(_ address: UInt64, _ bytes: [UInt8]) -> Bool {
        bytes.enumerated().allSatisfy { byte(at: address &+ UInt64($0)) == $1 }
    }
}
