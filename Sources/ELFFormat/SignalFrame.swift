import ObjectModel

/// The registers of the floating-point unit as Linux puts them on the stack for a signal's handler (`struct _fpstate`,
/// asm/sigcontext.h): on i386 those of FSAVE stand before what FXSAVE stores; then, where the processor has it, the rest of XSAVE.
public enum SignalFrame {
    /// Those of i386 before FXSAVE's, in bytes.
    private static let saveSize = 112
    /// What FXSAVE stores.
    private static let fxsaveSize = 512
    /// In what FXSAVE stores, bytes that it leaves to software: here the kernel says what follows (`struct _fpx_sw_bytes`).
    private static let softwareOffset = 464
    /// FP_XSTATE_MAGIC1.
    private static let magic: UInt32 = 0x4650_5853

    /// A set of registers as core files have it.
    ///
    /// - Parameters:
    ///   - set: its number: see ``CoreRegisterSet``.
    ///   - bytes: from the start of that structure on.
    /// - Returns: nil when it has no such set.
    public static func registers(_ set: UInt32, in bytes: [UInt8], architecture: Architecture) -> [UInt8]? {
        let start = architecture == .i386 ? saveSize : 0
        guard bytes.count >= start + fxsaveSize else { return nil }
        switch (set, architecture) {
        // struct user_i387_struct: without the two last fields of FSAVE's.
        case (CoreRegisterSet.floatingPoint, .i386): return Array(bytes[..<108])
        case (CoreRegisterSet.floatingPoint, .x86_64), (CoreRegisterSet.extended, _):
            return Array(bytes[start..<start + fxsaveSize])
        case (CoreRegisterSet.xstate, _): return extended(Array(bytes[start...]))
        default: return nil
        }
    }

    /// NT_X86_XSTATE: what XSAVE stores, and in software's bytes which of its parts there are.
    private static func extended(_ bytes: [UInt8]) -> [UInt8]? {
        let words = unsafe bytes.span.bytes
        let place = UInt64(softwareOffset)
        guard words.integer(at: place, as: UInt32.self) == magic,
            let size = words.integer(at: place + 16, as: UInt32.self).map(Int.init),
            size > fxsaveSize, size <= bytes.count
        else { return nil }
        var content = Array(bytes[..<size])
        content.replaceSubrange(
            softwareOffset..<softwareOffset + 8, with: bytes[softwareOffset + 8..<softwareOffset + 16])
        for index in softwareOffset + 8..<fxsaveSize { content[index] = 0 }
        return content
    }
}
