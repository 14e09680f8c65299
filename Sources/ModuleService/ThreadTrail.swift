import ObjectModel
import Posix

/// Where a thread's way leads through code of modules: found from the words on its stack, without debug information and without its
/// standing still. A word that points behind a call instruction counts; one that an earlier, deeper call has left there can look the same.
///
/// Most such words are left where functions of the space now have their frames, which do not write to all of their bytes. A thread that is in
/// code of the space was led there by a call of a module. So words that lie deeper than the first one behind such a call are old ones,
/// unless there is no such call.
struct ThreadTrail: Sendable {
    /// The innermost place in code of the module that is asked for: an instruction, or the one behind a call.
    private(set) var address: UInt64?
    /// Whether that is behind a call.
    private(set) var isBehindCall = false
    /// The module of the outermost place in code of any module: it has made the thread, or is called by who has.
    private(set) var outermost: Int?

    /// Whether a call is still looked for that leads into the space's code; and what was found before it.
    private var isBeforeEntry = false
    private var doubtful: (address: UInt64?, outermost: Int?) = (nil, nil)

    /// How much of the stack is read at once, and at the most, in bytes.
    private static let pieceSize = 64 << 10
    private static let limit: UInt64 = 64 << 20

    /// - Parameters:
    ///   - module: the number of the module that is asked for.
    ///   - stackEnd: where the thread's stack ends; nil: where its memory does.
    init(_ place: ThreadPlace, stackEnd: UInt64?, through module: Int, in space: FaultPlace.Surroundings) {
        let stackPointer = place.stackPointer
        note(place.programCounter, isBehindCall: false, space.module(place.programCounter), module)
        for word in place.arguments { noteReturn(word, module, space) }
        isBeforeEntry = outermost == nil
        defer { if isBeforeEntry { settle() } }
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
        guard word > UInt64(length), let found = space.module(word) else { return }
        let before = space.read(word - UInt64(length), length)
        guard let call = FaultPlace.Call(before, returnsTo: word, space.architecture),
            !Self.isThunk(call.target, space)
        else { return }
        if isBeforeEntry {
            guard call.target.map(space.isProgram) == true else {
                doubtful.outermost = found
                if found == wanted, doubtful.address == nil { doubtful.address = word }
                return
            }
            isBeforeEntry = false
        }
        note(word, isBehindCall: true, found, wanted)
    }

    /// No call leads into the space's code: what was found counts.
    private mutating func settle() {
        isBeforeEntry = false
        (address, isBehindCall, outermost) = (doubtful.address, doubtful.address != nil, doubtful.outermost)
    }

    private mutating func note(_ address: UInt64, isBehindCall: Bool, _ found: Int?, _ wanted: Int) {
        guard let found else { return }
        outermost = found
        guard found == wanted, self.address == nil else { return }
        self.address = address
        self.isBehindCall = isBehindCall
    }
}
