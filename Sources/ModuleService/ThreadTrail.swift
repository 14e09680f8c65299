import ObjectModel
import Posix

/// The places in code of modules that a thread runs, or is to return to.
///
/// They are found from the words on the thread's stack, and the thread goes on meanwhile: a word that points behind a call instruction
/// counts. A word that an earlier, deeper call has left there can look the same. So places in a module are looked for a second time, by
/// call frame information, while the thread stands still.
struct ThreadTrail: Equatable, Sendable {
    /// The innermost place in code of the module that is asked for: an instruction, or the one behind a call.
    private(set) var address: UInt64?
    /// Whether that is behind a call.
    private(set) var isBehindCall = false
    /// The module of the outermost place in code of any module: it has made the thread, or is called by who has.
    private(set) var outermost: Int?

    /// How much of the stack is read at once, and at the most, in bytes.
    private static let pieceSize = 64 << 10
    private static let limit: UInt64 = 64 << 20

    /// - Parameters:
    ///   - module: the number of the module that is asked for.
    ///   - stackEnd: where the thread's stack ends; nil: where its memory does.
    init(_ place: ThreadPlace, stackEnd: UInt64?, through module: Int, in space: FaultPlace.Surroundings) {
        note(place.programCounter, isBehindCall: false, space.module(place.programCounter), module)
        for word in place.arguments { noteReturn(word, module, space) }
        search(from: place.stackPointer, to: stackEnd, module, space)
    }

    /// By call frame information, as far as there is some; the words on the rest of the stack count as above.
    ///
    /// - Parameters:
    ///   - registers: those of the thread, which stands still: `struct user_regs_struct`.
    ///   - stackEnd: as above.
    init(
        _ registers: [UInt8], _ frames: ThreadFrames, stackEnd: UInt64?, through module: Int,
        in space: FaultPlace.Surroundings
    ) {
        let rest = frames.follow(registers) { pointer, isBehindCall in
            note(pointer, isBehindCall: isBehindCall, space.module(isBehindCall ? pointer &- 1 : pointer), module)
        }
        if let rest { search(from: rest, to: stackEnd, module, space) }
    }

    private mutating func search(
        from stackPointer: UInt64, to stackEnd: UInt64?, _ module: Int, _ space: FaultPlace.Surroundings
    ) {
        let wordSize = Int(space.architecture.pointerSize)
        let (furthest, overflows) = stackPointer.addingReportingOverflow(Self.limit)
        let end = min(stackEnd ?? .max, overflows ? .max : furthest)
        var address = stackPointer
        while address < end {
            let piece = space.read(address, Int(min(UInt64(Self.pieceSize), end - address)))
            for start in stride(from: 0, to: piece.count - wordSize + 1, by: wordSize) {
                let word = piece[start..<start + wordSize].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                noteReturn(word, module, space)
            }
            guard piece.count == Self.pieceSize else { return }
            address += UInt64(piece.count)
        }
    }

    /// Whether a call leads to a function that only says where it was called from, which position-independent code of i386 does all the
    /// time, and where no thread waits: `mov (%esp), %reg; ret`.
    private static func isThunk(_ target: UInt64?, _ space: FaultPlace.Surroundings) -> Bool {
        guard space.architecture == .i386, let target, space.module(target) != nil else { return false }
        let code = space.read(target, 4)
        return code.count == 4 && code[0] == 0x8b && code[1] & 0xc7 == 0x04 && code[2] == 0x24 && code[3] == 0xc3
    }

    /// Notes a word if a call returns there.
    private mutating func noteReturn(_ word: UInt64, _ wanted: Int, _ space: FaultPlace.Surroundings) {
        let length = FaultPlace.longestCall
        guard word > UInt64(length), let found = space.module(word - 1) else { return }
        let before = space.read(word - UInt64(length), length)
        guard let call = FaultPlace.Call(before, returnsTo: word, space.architecture),
            !Self.isThunk(call.target, space)
        else { return }
        note(word, isBehindCall: true, found, wanted)
    }

    private mutating func note(_ address: UInt64, isBehindCall: Bool, _ found: Int?, _ wanted: Int) {
        guard let found else { return }
        outermost = found
        guard found == wanted, self.address == nil else { return }
        self.address = address
        self.isBehindCall = isBehindCall
    }
}
